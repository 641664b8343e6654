"""
The line in which filters are typed: for the list, or to find the next match in it.

What is wrong stands under the word it concerns; what may stand there is listed below.
"""

import re

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from wsproxy.decoders.text import columns, printable
from wsproxy.errors import FilterError, WsproxyError
from wsproxy.filters import saved
from wsproxy.filters.completion import Completion, complete
from wsproxy.filters.content import Body
from wsproxy.filters.nodes import And, Filter, Or
from wsproxy.filters.parser import parse
from wsproxy.tui.actions import Action, bindings, register
from wsproxy.tui.history import History

register(
    *(
        Action(name, key, label, text, "filter", palette=False)
        for name, key, label, text in (
            ("complete", "tab", "Complete", "Take what is marked in the list below"),
            ("before", "up", "Before", "The entry above, or the filter used before"),
            ("after", "down", "After", "The entry below, or the filter used after"),
            ("save", "ctrl+s", "Save", "Keep the filter under a name, for @NAME"),
            ("cancel", "escape", "Cancel", "Back to the frames, with the filter as it was"),
        )
    ),
)

FILTER, FIND = "filter", "find"


def read(text: str) -> Filter | None:
    """
    The filter somebody typed, or `@NAME`; None for an empty one.

    Raises:
        FilterError: it cannot be understood.
        WsproxyError: there is no saved filter of that name.
    """
    text = text.strip()
    if not text:
        return None
    return parse(saved.get(text[1:]) if text.startswith("@") else text)


def searched(wanted: Filter | None) -> re.Pattern[str] | None:
    """What a filter looks for in contents, to make it stand out."""
    patterns = [f"(?:{body.pattern})" for body in _bodies(wanted)]
    if not patterns:
        return None
    try:
        return re.compile("|".join(patterns), re.IGNORECASE | re.DOTALL)
    except re.error:
        # Flags at the beginning of one that is no longer the beginning, or a name used twice.
        return re.compile(patterns[0][3:-1], re.IGNORECASE | re.DOTALL)


def words_searched(wanted: Filter | None) -> list[str]:
    """The same where it is plain words, without what a regex is more than that."""
    patterns = [body.pattern for body in _bodies(wanted)]
    return [pattern for pattern in patterns if not set(pattern) & set(r"\.^$*+?{}[]|()")]


def _bodies(wanted: Filter | None) -> list[Body]:
    if isinstance(wanted, Body):
        return [wanted]
    if isinstance(wanted, And | Or):
        return [body for part in wanted.parts for body in _bodies(part)]
    return []


class FilterInput(Input):
    """Where it is typed; its keys are those of the bar."""

    WHERE = "filter"
    BINDINGS = bindings("filter")

    def _bar(self) -> "FilterBar":
        return next(node for node in self.ancestors if isinstance(node, FilterBar))

    def action_complete(self) -> None:
        """Take what is marked."""
        self._bar().take()

    def action_before(self) -> None:
        """Up."""
        self._bar().step(-1)

    def action_after(self) -> None:
        """Down."""
        self._bar().step(1)

    def action_save(self) -> None:
        """Keep it under a name."""
        self._bar().save()

    def action_cancel(self) -> None:
        """As it was."""
        self._bar().cancel()


class FilterBar(Vertical):
    """The filter of the list, or what is to be found in it."""

    DEFAULT_CSS = """
    FilterBar {
        height: auto; background: $panel;
        & > Horizontal { height: 1; }
        .what { width: auto; padding: 0 1; color: $text-muted; }
        .what.-used { color: $text-warning; text-style: bold; }
        FilterInput { width: 1fr; height: 1; border: none; padding: 0; background: $panel; }
        FilterInput:focus { background: $boost; border: none; height: 1; }
        .wrong { height: 1; color: $text-error; display: none; }
        .wrong.-shown { display: block; }
        OptionList {
            overlay: screen; display: none; height: auto; max-height: 9; width: 100%;
            border: none; padding: 0 0 0 9; background: $surface-lighten-1;
            text-wrap: nowrap; text-overflow: ellipsis;
        }
        OptionList.-shown { display: block; }
        &:ansi { background: ansi_default; }
        &:ansi FilterInput { background: ansi_default; }
        &:ansi OptionList { background: ansi_black; }
    }
    """

    class Changed(Message):
        """Another filter for the list."""

        def __init__(self, text: str, wanted: Filter | None) -> None:
            super().__init__()
            self.text = text
            self.wanted = wanted

    class Find(Changed):
        """Go to the next match."""

    class Left(Message):
        """Back to the list."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.mode = FILTER
        self.texts = {FILTER: "", FIND: ""}
        """What is in force."""
        self._history = History()
        self._completions: list[Completion] = []
        self._quiet = ""
        """A text that nobody typed: nothing is listed for it."""

    def compose(self) -> ComposeResult:
        """Textual's."""
        with Horizontal():
            yield Static(FILTER, classes="what", markup=False)
            yield FilterInput(placeholder="f filter  / find", select_on_focus=False)
        yield Static("", classes="wrong", markup=False)
        yield OptionList()

    @property
    def input(self) -> FilterInput:
        """Where it is typed."""
        return self.query_one(FilterInput)

    @property
    def _list(self) -> OptionList:
        return self.query_one(OptionList)

    def on_mount(self) -> None:
        """Textual's."""
        # The list takes no focus: it belongs to what is typed.
        self._list.can_focus = False

    def edit(self, mode: str) -> None:
        """Type a filter, or what to find."""
        self.mode = mode
        self._put(self.texts[mode])
        # At once, not after what else is waiting: the next key may be there already.
        self.screen.set_focus(self.input)

    def use(self, text: str) -> None:
        """Put a filter in force that nobody typed."""
        self.mode = FILTER
        self._put(text)
        self._apply(text)

    def _put(self, text: str) -> None:
        self._quiet = text
        self.input.value = text
        self.input.cursor_position = len(text)
        self._say("")
        self._hide()
        self._label()

    def _label(self) -> None:
        label = self.query_one(".what", Static)
        label.update(self.mode)
        label.set_class(bool(self.texts[self.mode]), "-used")

    # While it is typed.

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.value == self._quiet or not self.input.has_focus:
            return
        self._quiet = ""
        self._check(event.value, whole=False)
        self._offer()

    def _check(self, text: str, whole: bool) -> bool:
        """Whether it is a filter; what is wrong is shown, but not what is only missing yet."""
        try:
            read(text)
        except FilterError as error:
            place = error.column - 1
            if whole or place < len(text.rstrip()) - len(_last_word(text)):
                self._say(error.problem, columns(printable(error.text[:place])), error.hint)
            else:
                self._say("")
            return False
        except WsproxyError as error:
            if whole:
                self._say(str(error))
            return False
        self._say("")
        return True

    def _say(self, problem: str, place: int = 0, hint: str = "") -> None:
        line = self.query_one(".wrong", Static)
        line.set_class(bool(problem), "-shown")
        if not problem:
            return
        lead = len(self.mode) + 2 + place - round(self.input.scroll_offset.x)
        room = self.size.width - lead - 2
        words = printable(f"{problem}. {hint}" if hint and columns(problem) + len(hint) < room else problem)
        if columns(words) <= room:
            text = f"{' ' * lead}^ {words}"
        else:
            text = f"{printable(words, max(lead - 1, 10)):>{max(lead - 1, 10)}} ^"
        line.update(Text(text, no_wrap=True, overflow="ellipsis"))

    def _offer(self) -> None:
        """List what may stand here."""
        text = self.input.value
        before = text[: self.input.cursor_position]
        self._completions = complete(before) if before else []
        words = [found.word for found in self._completions]
        if not words or words == [_last_word(before)]:
            self._hide()
            return
        wide = max(len(f"{found.word} {found.argument}") for found in self._completions)
        options = []
        for found in self._completions:
            prompt = Text(no_wrap=True, overflow="ellipsis")
            prompt.append(f"{printable(f'{found.word} {found.argument}'):<{min(wide, 24)}}  ", "bold")
            prompt.append(printable(found.help, 200), "dim")
            options.append(Option(prompt))
        self._list.clear_options().add_options(options)
        self._list.highlighted = 0
        self._list.add_class("-shown")

    def _hide(self) -> None:
        self._completions = []
        self._list.remove_class("-shown")

    def take(self, row: int | None = None) -> None:
        """Put what is marked in the list into the line."""
        if not self._completions:
            self._offer_all()
            return
        found = self._completions[self._list.highlighted or 0 if row is None else row]
        after = self.input.value[self.input.cursor_position :]
        text = found.text + (" " if found.argument and not after.startswith(" ") else "")
        self._quiet = text + after
        self.input.value = text + after
        self.input.cursor_position = len(text)
        self._hide()
        self._check(self.input.value, whole=False)

    def _offer_all(self) -> None:
        """Begin an operator, and list all."""
        before = self.input.value[: self.input.cursor_position]
        if not before or before[-1] in " (!&|":
            self.input.insert_text_at_cursor("~")

    @on(OptionList.OptionSelected)
    def _picked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.take(event.option_index)
        self.screen.set_focus(self.input)

    def step(self, step: int) -> None:
        """Up and down: in the list below, or among the filters used before."""
        if self._completions:
            marked = (self._list.highlighted or 0) + step
            self._list.highlighted = max(0, min(marked, len(self._completions) - 1))
            return
        line = self._history.back() if step < 0 else self._history.forward()
        if line is not None:
            self._put(line)

    # When it is done.

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._hide()
        if self._apply(event.value):
            self._history.add(event.value.strip())
            self.post_message(self.Left())

    def _apply(self, text: str) -> bool:
        if not self._check(text, whole=True):
            return False
        wanted = read(text)
        self.texts[self.mode] = text.strip()
        message = self.Changed if self.mode == FILTER else self.Find
        self.post_message(message(text.strip(), wanted))
        if self.mode == FIND:
            # The line goes back to what the list shows.
            self.mode = FILTER
            self._put(self.texts[FILTER])
        self._label()
        return True

    def cancel(self) -> None:
        """As it was."""
        if self._completions:
            self._hide()
            return
        self.mode = FILTER
        self._put(self.texts[FILTER])
        self.post_message(self.Left())

    def on_descendant_blur(self) -> None:
        """Textual's: the list below is over."""
        self._hide()

    def save(self) -> None:
        """Keep the filter under a name."""
        text = self.input.value.strip()
        if not text or text.startswith("@") or not self._check(text, whole=True):
            return
        from wsproxy.tui.screens.dialogs import Question

        def keep(name: str | None) -> None:
            if name is None:
                return
            try:
                replaced = saved.save(name, text)
            except WsproxyError as error:
                self.notify(str(error), severity="error", markup=False)
                return
            self.notify(f"@{name} is that filter now" if replaced else f"Saved: type @{name}", markup=False)

        def check(name: str) -> str:
            return "" if saved.NAME.fullmatch(name) else "Take letters, digits, - and _, 64 at most"

        hint = f"for @NAME, also after -f: {printable(text)}"
        self.app.push_screen(Question("Save the filter as", hint, check=check), keep)


def _last_word(text: str) -> str:
    return re.split(r"[\s(!&|]", text)[-1]

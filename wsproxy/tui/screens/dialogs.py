"""Small questions: one line to type, or one of several things to choose."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from wsproxy.decoders.text import printable
from wsproxy.tui.actions import Action, bindings, register
from wsproxy.tui.widgets.bars import KeyLine

T = TypeVar("T")

register(Action("cancel", "escape", "Cancel", "Leave everything as it is", "dialog", palette=False))


class Dialog(ModalScreen[T], Generic[T]):
    """A box in the middle of the screen."""

    WHERE = "dialog"
    BINDINGS = bindings("dialog")
    DEFAULT_CSS = """
    Dialog { align: center middle; }
    Dialog > Vertical {
        width: 90%; max-width: 76; height: auto; max-height: 90%;
        background: $surface; border: round $primary; padding: 0 1;
    }
    Dialog:ansi > Vertical { background: ansi_default; border: round ansi_blue; }
    Dialog .hint { color: $text-muted; }
    Dialog .wrong { color: $text-error; }
    Dialog Input { border: none; height: 1; padding: 0; background: $boost; }
    Dialog Input:focus { border: none; height: 1; }
    Dialog OptionList:focus { border: none; }
    Dialog OptionList { border: none; padding: 0; height: auto; max-height: 16; background: $surface; }
    Dialog:ansi OptionList { background: ansi_default; }
    """

    def __init__(self, then: "Then[T] | None" = None) -> None:
        super().__init__()
        self._then = then

    def give(self, answer: T) -> None:
        """That is the answer: leave, or put the next question in the place of this one."""
        following = self._then(answer) if self._then else None
        if following is None:
            self.dismiss(answer)
        else:
            # Nothing is between the two: a key never reaches what is behind them.
            self.app.switch_screen(following)

    def action_cancel(self) -> None:
        """Leave everything as it is."""
        self.dismiss(None)


Then: TypeAlias = Callable[[T], "Dialog[Any] | None"]
"""What becomes of an answer: another question, or nothing."""


class Question(Dialog[str]):
    """
    One line to type.

    Args:
        title: of the box, in words of ours.
        hint: what may be typed.
        value: what stands there at first.
        check: says what is wrong with what was typed, or nothing.
        then: what is asked next.
    """

    def __init__(
        self,
        title: str,
        hint: str = "",
        value: str = "",
        check: Callable[[str], str] = lambda text: "",
        then: Then[str] | None = None,
    ) -> None:
        super().__init__(then)
        self._title = title
        self._hint = hint
        self._value = value
        self._check = check

    def compose(self) -> ComposeResult:
        """Textual's."""
        with Vertical() as box:
            box.border_title = self._title
            yield Input(self._value, select_on_focus=False)
            yield Static(Text(self._hint), classes="hint", markup=False)
            yield Static("", classes="wrong", markup=False)
        yield KeyLine()

    @on(Input.Submitted)
    def _done(self, event: Input.Submitted) -> None:
        wrong = self._check(event.value)
        if wrong:
            self.query_one(".wrong", Static).update(Text(printable(wrong)))
        else:
            self.give(event.value)


@dataclass(frozen=True)
class Choice:
    """One thing to choose."""

    label: str
    """Anybody's text."""
    value: Any
    hint: str = ""


class Choose(Dialog[Any]):
    """
    One of several things; gives its value.

    Args:
        title: of the box, in words of ours.
        choices: in order.
        text: said above them.
        then: what is asked next.
    """

    SAFE: ClassVar[int] = 300
    """Columns of a label."""

    def __init__(
        self, title: str, choices: Sequence[Choice], text: str = "", then: Then[Any] | None = None
    ) -> None:
        super().__init__(then)
        self._title = title
        self._choices = choices
        self._text = text

    def compose(self) -> ComposeResult:
        """Textual's."""
        with Vertical() as box:
            box.border_title = self._title
            if self._text:
                yield Static(Text(self._text), markup=False)
            options = []
            for choice in self._choices:
                prompt = Text(printable(choice.label, self.SAFE), no_wrap=True, overflow="ellipsis")
                if choice.hint:
                    prompt.append(f"  {printable(choice.hint, self.SAFE)}", "dim")
                options.append(Option(prompt))
            yield OptionList(*options)
        yield KeyLine()

    def on_mount(self) -> None:
        """Textual's."""
        options = self.query_one(OptionList)
        self.set_focus(options)
        # Enter may be there already.
        options.highlighted = 0 if self._choices else None

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.give(self._choices[event.option_index].value)

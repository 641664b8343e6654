"""Browse: connections, their frames, and one of them looked at closely."""

from collections.abc import Iterable

from textual import on
from textual.containers import Container
from textual.widget import Widget
from textual.widgets import Input, TextArea

from wsproxy.decoders.text import printable
from wsproxy.errors import CaptureError
from wsproxy.filters.connections import Number
from wsproxy.filters.nodes import And, Filter
from wsproxy.store.marks import Marks
from wsproxy.tui import quick
from wsproxy.tui.actions import Action, bindings, register
from wsproxy.tui.background import in_background
from wsproxy.tui.capture.jumps import partner, target
from wsproxy.tui.capture.view import FrameView, find
from wsproxy.tui.inspector import Inspector
from wsproxy.tui.inspector.shown import load
from wsproxy.tui.messages import Grew
from wsproxy.tui.screens.base import TaskScreen
from wsproxy.tui.screens.dialogs import Choose, Question
from wsproxy.tui.widgets.bars import StatusLine
from wsproxy.tui.widgets.connections import ConnectionList
from wsproxy.tui.widgets.filter_bar import FILTER, FIND, FilterBar, searched, words_searched
from wsproxy.tui.widgets.frames import FrameLog
from wsproxy.words import count, unrecorded

register(
    # Before all others, so that what is typed behind these keys, however fast, is typed into the bar.
    Action("filter", "f", "Filter", "Show only frames that match a filter", "browse", priority=True),
    Action(
        "find", "slash", "Find", "Go to the next frame that matches, and hide none", "browse", priority=True
    ),
    Action("clear", "x", "Clear", "Clear the view; the capture keeps everything", "browse"),
    *(
        Action(name, key, label, text, "browse", footer=False)
        for name, key, label, text in (
            ("next", "n", "Next", "To the next match"),
            ("previous", "N", "Previous", "To the match before"),
            ("quick", "equals_sign", "Quick filter", "Filters made from the selected frame"),
            ("no_filter", "backspace", "No filter", "Show all frames again, of all connections"),
            ("messages", "r", "Raw or whole", "Raw frames, or messages put together"),
            ("restore", "X", "Restore", "Bring back what was cleared from the view"),
            ("inspector", "i", "Inspector", "Show or hide the inspector"),
            ("connections", "c", "Connections", "Show or hide the connections"),
            ("zoom", "z", "Zoom", "Give the whole screen to where you are, and take it back"),
            ("resend", "e", "Edit and resend", "Take the selected frame to Compose, to be sent again"),
            ("hold", "h", "Hold such", "Hold messages like the selected one, from now on"),
            ("go_to", "g", "Go to", "To a frame by its number, or to a time"),
            ("partner", "p", "Pair", "From a call to its reply, and back"),
            ("mark", "m", "Mark", "Mark the selected frame, or unmark it"),
            ("comment", "semicolon", "Comment", "Say something about the selected frame"),
            ("next_mark", "right_square_bracket", "Next mark", "To the next marked frame"),
            ("previous_mark", "left_square_bracket", "Mark before", "To the marked frame before"),
            ("deltas", "d", "Time or delta", "Time of day, or since the row before"),
            ("colours", "o", "Colours", "Colour by connection, or by direction"),
        )
    ),
)

_WIDE = 120
"""Columns from which the inspector stands beside the frames."""


class BrowseScreen(TaskScreen):
    """Where people spend their day."""

    WHERE = "browse"
    BINDINGS = bindings("browse")
    AUTO_FOCUS = "#frames"
    DEFAULT_CSS = """
    BrowseScreen {
        #connections { height: 25%; min-height: 4; max-height: 12; }
        #below { height: 1fr; layout: vertical; }
        #frames { height: 1fr; width: 1fr; }
        #inspector { height: 1fr; width: 1fr; display: none; border-top: solid $primary; }
        &.-inspecting #inspector { display: block; }
        &.-without-connections #connections { display: none; }
        &.-wide #below { layout: horizontal; }
        &.-wide #inspector { width: 45%; border-top: none; border-left: solid $primary; }
        &:ansi #inspector { border-top: solid ansi_blue; }
        &.-wide:ansi #inspector { border-top: none; border-left: solid ansi_blue; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._only: int | None = None
        self._found: Filter | None = None
        self._typed: Filter | None = None
        self._marks: Marks | None = None
        self._shown: int | None = None
        """The frame in the inspector."""
        self._searching = False

    def compose_task(self) -> Iterable[Widget]:
        """The lists, and the inspector."""
        yield ConnectionList(self.app.capture, id="connections")
        yield FilterBar(id="filter")
        with Container(id="below"):
            yield FrameLog(self.app.capture, id="frames")
            yield Inspector(id="inspector")
        yield StatusLine(id="status")

    @property
    def frames(self) -> FrameLog:
        """The list of frames."""
        return self.query_one("#frames", FrameLog)

    @property
    def connections(self) -> ConnectionList:
        """The list of connections."""
        return self.query_one("#connections", ConnectionList)

    @property
    def bar(self) -> FilterBar:
        """Where filters are typed."""
        return self.query_one(FilterBar)

    def on_mount(self) -> None:
        """Textual's."""
        self.frames.marked = self._mark_of
        in_background(self, "marks", self._load_marks)
        if self.app.wanted:
            self.bar.use(self.app.wanted)

    def on_resize(self) -> None:
        """Textual's."""
        self.set_class(self.size.width >= _WIDE, "-wide")

    def on_grew(self, message: Grew) -> None:
        """There is more in the capture."""
        self.frames.grown()
        self.connections.grown()
        self.say_subject()
        self.say_status()

    @on(FrameLog.Moved)
    def say_status(self) -> None:
        """Say how it stands."""
        frames, now = self.frames, self.app.capture.now
        view = frames.view
        total = now.last_frame - view.first + 1
        shown = count(frames.count, "frame")
        if view.wanted is not None or view.messages:
            shown = f"{frames.count:,} of {total:,} frames"
        if not view.searched:
            shown += f" ({view.share:.0%} searched)"
        place = ""
        if frames.selected is not None:
            place = f"at {frames.selected:,}"
            if self._marks and (said := self._marks.comment(frames.selected)):
                place += f" “{printable(said, 60)}”"
        new = frames.new
        self.query_one("#status", StatusLine).say(
            ("following", "bold")
            if frames.following
            else (f"▼ {new:,} new", "bold reverse")
            if new
            else "paused",
            shown,
            place,
            "messages" if view.messages else "",
            f"only #{self._only}" if self._only else "",
            f"cleared up to {view.first - 1:,}" if view.first > 1 else "",
            "finding …" if self._searching else "",
            (unrecorded(now.unrecorded_since), "bold red") if now.unrecorded_since else "",
        )

    # What is in the list.

    def _view(self, *, messages: bool | None = None, first: int | None = None) -> None:
        """Show other frames."""
        view = self.frames.view
        parts = [
            part for part in (self._typed, Number(self._only, self._only) if self._only else None) if part
        ]
        wanted = And(tuple(parts)) if len(parts) > 1 else parts[0] if parts else None
        self.frames.use(
            FrameView(
                self.app.capture,
                wanted,
                view.messages if messages is None else messages,
                view.first if first is None else first,
            )
        )

    @on(FilterBar.Changed)
    def _filter(self, event: FilterBar.Changed) -> None:
        if isinstance(event, FilterBar.Find):
            return
        self._typed = event.wanted
        self._light()
        self._view()

    @on(FilterBar.Find)
    def _find(self, event: FilterBar.Find) -> None:
        self._found = event.wanted
        self._light()
        if self._found is not None:
            self._step(backward=False)

    def _light(self) -> None:
        """What is searched for stands out."""
        wanted = self._found or self._typed
        self.frames.highlight = searched(wanted)
        self.frames.refresh()
        self.query_one(Inspector).highlight(words_searched(wanted))

    @on(FilterBar.Left)
    def _back(self) -> None:
        self.frames.focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Textual's: where text is typed, these keys are letters."""
        return not (action in ("filter", "find") and isinstance(self.focused, Input | TextArea))

    def action_filter(self) -> None:
        """Type a filter."""
        self.bar.edit(FILTER)

    def action_find(self) -> None:
        """Type what to find."""
        self.bar.edit(FIND)

    def action_no_filter(self) -> None:
        """All frames again, of all connections."""
        self._only = self.connections.only = None
        self.connections.refresh()
        self.bar.use("")

    def action_messages(self) -> None:
        """Raw frames, or messages put together."""
        self._view(messages=not self.frames.view.messages)

    def action_clear(self) -> None:
        """An empty view; the capture keeps everything."""
        self._view(first=self.app.capture.now.last_frame + 1)
        self.frames.following = True
        self.notify("The view is cleared, the capture is not: X brings everything back.", markup=False)

    def action_restore(self) -> None:
        """All of the capture."""
        self._view(first=1)

    @on(ConnectionList.Chosen)
    def _choose(self, event: ConnectionList.Chosen) -> None:
        if event.rows is not self.connections:
            return
        self._only = None if self._only == event.key else event.key
        self.connections.only = self._only
        self.connections.refresh()
        self._view()

    async def action_resend(self) -> None:
        """Compose takes it from here."""
        await self.app.switch_mode("compose")
        await self.app.run_action("take", self.app.screen)

    async def action_hold(self) -> None:
        """Hold asks the rest."""
        await self.app.switch_mode("hold")
        await self.app.run_action("add_rule", self.app.screen)

    def action_quick(self) -> None:
        """Filters made from the selected frame."""
        row = self.frames.row(self.frames.selected) if self.frames.selected else None
        if row is None:
            self.notify("Select a frame first", severity="warning")
            return

        def use(more: str | None) -> None:
            if more:
                self.bar.use(quick.added(self.bar.texts[FILTER], more))

        self.app.push_screen(Choose(f"From frame {row.id}", quick.choices(row)), use)

    # Looking closely.

    @on(FrameLog.Selected)
    def _select(self, event: FrameLog.Selected) -> None:
        if event.rows is not self.frames:
            return
        self.app.selected = event.key
        self.say_status()
        if self.has_class("-inspecting"):
            self._inspect()

    @on(FrameLog.Chosen)
    def _look_closely(self, event: FrameLog.Chosen) -> None:
        if event.rows is self.frames:
            self.add_class("-inspecting")
            self._inspect()

    def action_inspector(self) -> None:
        """Show or hide it."""
        if self.toggle_class("-inspecting").has_class("-inspecting"):
            self._inspect()
        else:
            self.frames.focus()

    def _inspect(self) -> None:
        number = self.frames.selected
        if number is not None:
            in_background(self, "inspect", self._show, number)

    async def _show(self, number: int) -> None:
        factory = self.app.factory
        try:
            shown = await self.app.capture.ask(lambda reader: load(reader, number, factory))
        except CaptureError as error:
            self.app.complain(error)
            return
        self._shown = number
        self.query_one(Inspector).show(shown)

    def action_connections(self) -> None:
        """Show or hide them."""
        self.toggle_class("-without-connections")
        if self.connections.has_focus:
            self.frames.focus()

    def action_zoom(self) -> None:
        """The whole screen for what has the focus."""
        if self.maximized:
            self.minimize()
        elif self.focused is not None:
            part: Widget = self.focused
            for node in self.focused.ancestors_with_self:
                if isinstance(node, Inspector | FrameLog | ConnectionList):
                    part = node
            self.maximize(part, container=False)

    # Moving about.

    def _go(self, number: int) -> None:
        """Select a frame, wherever it is."""
        frames = self.frames
        if number not in frames.view.index:
            if number < frames.view.first:
                self.notify(f"Frame {number:,} was cleared from the view: X brings it back", markup=False)
                return
            if frames.view.wanted is not None or frames.view.messages:
                self.notify(f"Frame {number:,} is hidden by the filter", severity="warning", markup=False)
                return
        frames.select(number, center=True)

    def action_next(self) -> None:
        """To the next match."""
        self._step(backward=False)

    def action_previous(self) -> None:
        """To the match before."""
        self._step(backward=True)

    def _step(self, backward: bool) -> None:
        if self._found is None:
            self.bar.edit(FIND)
            return
        in_background(self, "find", self._step_to, backward)

    async def _step_to(self, backward: bool) -> None:
        frames, view = self.frames, self.frames.view
        assert self._found is not None
        wanted = And((view.wanted, self._found)) if view.wanted else self._found
        start = frames.selected
        if start is None:
            start = frames.key_at(frames.top) - 1 if frames.count and not frames.following else 0
        self._searching = True
        self.say_status()
        try:
            number = await find(self.app.capture, wanted, start, backward, view.first, view.messages)
        except CaptureError as error:
            self.app.complain(error)
            return
        finally:
            self._searching = False
            self.say_status()
        if number is None:
            self.notify(
                f"No match {'before' if backward else 'after'} this", severity="warning", markup=False
            )
        else:
            self._go(number)

    def action_go_to(self) -> None:
        """To a frame, or a time."""
        hint = (
            "A frame's number, a time (12:30:05), a date and time (2026-11-21T12:30), or how long ago (-5m)"
        )
        self.app.push_screen(Question("Go to", hint), self._went)

    def _went(self, text: str | None) -> None:
        if text and text.strip():
            in_background(self, "find", self._go_to, text)

    async def _go_to(self, text: str) -> None:
        near = self.frames.selected
        try:
            number = await self.app.capture.ask(lambda reader: target(reader, text, near))
        except ValueError as error:
            self.notify(". ".join(map(str, error.args)), severity="warning", markup=False)
        except CaptureError as error:
            self.app.complain(error)
        else:
            view = self.frames.view
            row = view.index.row_of(max(number, view.first))
            if row < len(view.index):
                # What the filter hides is not gone to, but what comes next.
                self.frames.select(view.index.id_at(row), center=True)
            else:
                self.frames.action_last()

    def action_partner(self) -> None:
        """From a call to its reply, and back."""
        if self.frames.selected is not None:
            in_background(self, "find", self._pair, self.frames.selected)

    async def _pair(self, number: int) -> None:
        factory = self.app.factory
        try:
            other = await self.app.capture.ask(lambda reader: partner(reader, factory, number))
        except CaptureError as error:
            self.app.complain(error)
            return
        if other is None:
            self.notify("This is no call with a reply, and no reply to a call", severity="warning")
        else:
            self._go(other)

    # Marks.

    async def _load_marks(self) -> None:
        try:
            created = await self.app.capture.ask(lambda reader: reader.info().created)
            self._marks = Marks(self.app.capture.path, created)
            self._marks.load()
        except CaptureError as error:
            if not self.app.capture.closed:
                self.app.complain(error)
        self.frames.refresh()

    def _mark_of(self, number: int) -> str:
        if self._marks is None or number not in self._marks:
            return " "
        return "✎" if self._marks.comment(number) else "◆"

    def _set_mark(self, number: int, comment: str, keep: bool) -> None:
        assert self._marks is not None
        try:
            if keep:
                self._marks.set(number, comment)
            else:
                self._marks.remove(number)
        except CaptureError as error:
            self.app.complain(error)
        self.frames.refresh()
        self.say_status()

    def action_mark(self) -> None:
        """Mark the selected frame, or unmark it."""
        number = self.frames.selected
        if number is None or self._marks is None:
            self.notify("Select a frame first", severity="warning")
            return
        self._set_mark(number, "", number not in self._marks)

    def action_comment(self) -> None:
        """Say something about the selected frame."""
        number, marks = self.frames.selected, self._marks
        if number is None or marks is None:
            self.notify("Select a frame first", severity="warning")
            return

        def keep(text: str | None) -> None:
            if text is not None:
                self._set_mark(number, text.strip(), True)

        self.app.push_screen(Question(f"About frame {number}", "", marks.comment(number)), keep)

    def action_next_mark(self) -> None:
        """To the next marked frame."""
        self._to_mark(backward=False)

    def action_previous_mark(self) -> None:
        """To the marked frame before."""
        self._to_mark(backward=True)

    def _to_mark(self, backward: bool) -> None:
        frames = self.frames
        start = frames.selected or (self.app.capture.now.last_frame + 1 if backward else 0)
        number = self._marks.next(start, backward) if self._marks else None
        if number is None:
            self.notify(f"No mark {'before' if backward else 'after'} this", severity="warning")
        else:
            self._go(number)

    # How it looks.

    def action_deltas(self) -> None:
        """Time of day, or since the row before."""
        self.frames.deltas = not self.frames.deltas

    def action_colours(self) -> None:
        """By connection, or by direction."""
        self.frames.by_connection = not self.frames.by_connection

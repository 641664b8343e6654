"""Browse: connections, their frames, and one of them looked at closely."""

from collections.abc import Iterable

from textual import on
from textual.containers import Container
from textual.widget import Widget

from wsproxy.decoders.text import printable
from wsproxy.errors import CaptureError
from wsproxy.filters.connections import Number
from wsproxy.filters.nodes import And, Filter
from wsproxy.tui import quick
from wsproxy.tui.actions import Action, bindings, register
from wsproxy.tui.background import in_background
from wsproxy.tui.capture.model import LIVE
from wsproxy.tui.capture.view import FrameView
from wsproxy.tui.inspector import Inspector
from wsproxy.tui.inspector.shown import load
from wsproxy.tui.messages import EngineSaid, Grew
from wsproxy.tui.screens.dialogs import Choose
from wsproxy.tui.screens.frames_screen import FramesScreen
from wsproxy.tui.widgets.bars import StatusLine
from wsproxy.tui.widgets.connections import ConnectionList
from wsproxy.tui.widgets.filter_bar import FILTER, FIND, FilterBar, searched, words_searched
from wsproxy.tui.widgets.frames import FrameLog
from wsproxy.words import count, unrecorded

register(
    Action("filter", "f", "Filter", "Show only frames that match a filter", "browse"),
    Action("find", "slash", "Find", "Go to the next frame that matches, and hide none", "browse"),
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


class BrowseScreen(FramesScreen):
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
        self._typed: Filter | None = None
        self._shown: int | None = None
        """The frame in the inspector."""

    def compose_task(self) -> Iterable[Widget]:
        """The lists, and the inspector."""
        yield ConnectionList(self.app.capture, self._hint, id="connections")
        yield FilterBar(id="filter")
        with Container(id="below"):
            yield FrameLog(self.app.capture, id="frames")
            yield Inspector(id="inspector")
        yield StatusLine(id="status")

    @property
    def connections(self) -> ConnectionList:
        """The list of connections."""
        return self.query_one("#connections", ConnectionList)

    def on_mount(self) -> None:
        """Textual's."""
        self.load_marks()
        if self.app.wanted:
            self.bar.use(self.app.wanted)

    def on_resize(self) -> None:
        """Textual's."""
        self.set_class(self.size.width >= _WIDE, "-wide")

    def on_grew(self, message: Grew) -> None:
        """There is more in the capture."""
        if self not in self.app.screen_stack:
            # Nobody sees it. What came meanwhile is drawn when somebody does.
            return
        self.frames.grown()
        self.connections.grown()
        self.say_subject()

    def on_engine_said(self, message: EngineSaid) -> None:
        """The proxy said something that somebody should read."""
        if message.event["event"] == "told":
            self.connections.refresh()
            self.say_status()

    def on_screen_resume(self) -> None:
        """Textual's: it is shown again."""
        super().on_screen_resume()
        self.say_status()
        self.frames.grown()
        self.connections.grown()

    @on(FrameLog.Moved)
    def say_status(self) -> None:
        """Say how it stands."""
        frames, now, unread = self.frames, self.app.capture.now, self.app.said.unread
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
            if said := self.comment_on(frames.selected):
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
            "finding …" if self.searching else "",
            (unrecorded(now.unrecorded_since), "bold red") if now.unrecorded_since else "",
            (f"! the proxy said {count(unread, 'thing')} (l)", "bold yellow") if unread else "",
        )

    def _hint(self) -> str:
        """What somebody wants to know who waits for connections."""
        if self.app.engine is None or self.app.capture.now.state != LIVE:
            return ""
        return self.app.said.last or (
            f"Make {self.app.engine.address} the proxy of a browser or an app. `wsproxy browser`, in another "
            "terminal, opens one that has it and trusts it; `wsproxy ca guide` tells how others learn to."
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
        self.found = event.wanted
        self._light()
        if self.found is not None:
            self.action_next()

    def _light(self) -> None:
        """What is searched for stands out."""
        wanted = self.found or self._typed
        self.frames.highlight = searched(wanted)
        self.frames.refresh()
        self.query_one(Inspector).highlight(words_searched(wanted))

    @on(FilterBar.Left)
    def _back(self) -> None:
        self.set_focus(self.frames)

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
            self.set_focus(self.frames)

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
            self.set_focus(self.frames)

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

    # How it looks.

    def action_deltas(self) -> None:
        """Time of day, or since the row before."""
        self.frames.deltas = not self.frames.deltas

    def action_colours(self) -> None:
        """By connection, or by direction."""
        self.frames.by_connection = not self.frames.by_connection

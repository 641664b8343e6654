"""Compose: say something in place of a peer, on a socket that is open."""

import asyncio
import time

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Checkbox, DataTable, Input, Label, Select

from wsproxy.control.messages import ConnectionInfo
from wsproxy.control.sendable import RAW, from_hex
from wsproxy.decoders.text import preview, printable
from wsproxy.errors import UsageError
from wsproxy.tui import sending
from wsproxy.tui.actions import Action, bindings, register
from wsproxy.tui.inspector.shown import Shown, load
from wsproxy.tui.screens.editor_screen import EditorScreen
from wsproxy.tui.sending import Composed
from wsproxy.tui.widgets.payload import PayloadEditor
from wsproxy.tui.widgets.table import Cell, Table
from wsproxy.tui.work import work
from wsproxy.wire.closing import Close
from wsproxy.wire.frames import Opcode
from wsproxy.words import RECEIVED, SENT, count

register(
    Action("send", "ctrl+s", "Send", "Send it, as often as it says", "compose", priority=True),
    Action("stop", "ctrl+x", "Stop", "Stop repeating", "compose", priority=True),
    Action(
        "take",
        "ctrl+l",
        "Selected frame",
        "Take the frame that is selected in Browse, to edit and resend it",
        "compose",
        priority=True,
    ),
    Action("toggle_hex", "ctrl+t", "Text or hex", "Edit as text or as bytes", "compose", priority=True),
    Action("from_file", "ctrl+o", "From a file", "Take the content from a file", "compose", priority=True),
    Action(
        "again",
        "ctrl+r",
        "Once more",
        "Send what was sent last once more",
        "compose",
        priority=True,
        footer=False,
    ),
)

KEPT = 200
"""Things in the history."""
MOST = 100_000
"""Times that something is repeated."""


class ComposeScreen(EditorScreen):
    """Whom, what, how often; and what was sent."""

    WHERE = "compose"
    BINDINGS = bindings("compose")
    AUTO_FOCUS = "ContentArea"
    HEARS = frozenset({"open", "close"})
    EVERY = 3.0
    DEFAULT_CSS = """
    ComposeScreen {
        .row { height: 1; }
        .row Label { padding: 0 1; color: $text-muted; }
        #connection { width: 1fr; }
        #to { width: 12; }
        #type { width: 22; }
        #times, #every { width: 9; border: none; height: 1; padding: 0; background: $boost; }
        #force { border: none; height: 1; padding: 0 1; background: transparent; }
        #editor { height: 1fr; border-top: solid $primary; }
        #history { height: 30%; min-height: 4; border-top: solid $primary; }
        &:ansi #editor, &:ansi #history { border-top: solid ansi_blue; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._open: dict[int, ConnectionInfo] = {}
        self._history: list[tuple[float, Composed]] = []
        """When, and what; the newest first."""
        self._wanted: int | None = None
        """The connection that what was taken came from."""

    def compose_engine(self) -> ComposeResult:
        """Two rows of choices, the content, the history."""
        with Horizontal(classes="row"):
            yield Label("on")
            yield Select[int]([], prompt="no WebSocket is open", id="connection", compact=True)
            yield Label("to the")
            yield Select(
                [("server", "server"), ("client", "client")],
                value="server",
                allow_blank=False,
                id="to",
                compact=True,
            )
            yield Label("as")
            yield Select(sending.TYPES, value="text", allow_blank=False, id="type", compact=True)
        with Horizontal(classes="row"):
            yield Label("times")
            yield Input("1", id="times", type="integer", select_on_focus=True)
            yield Label("every (s)")
            yield Input("1.0", id="every", type="number", select_on_focus=True)
            yield Checkbox("even if it breaks the protocol", id="force", compact=True)
        yield PayloadEditor(id="editor")
        yield Table(
            "TIME", "CONN", "", "TYPE", ">SIZE", "CONTENT", empty="Nothing was sent yet.", id="history"
        )

    @property
    def history(self) -> Table:
        """What was sent."""
        return self.query_one("#history", Table)

    @property
    def connection(self) -> Select[int]:
        """The socket."""
        return self.query_one("#connection", Select)

    async def look(self) -> None:
        """Which sockets are open."""
        found = await self.ask(lambda client: list(client.connections()), quietly=True)
        if found is None:
            return
        now = {one["id"]: one for one in found}
        if list(now) == list(self._open):
            return
        self._open = now
        select = self.connection
        before = self._wanted or select.value
        select.set_options([(_label(one), number) for number, one in now.items()])
        if before in now:
            select.value = before
            self._wanted = None
        elif now:
            select.value = next(iter(now))

    def take(self, shown: Shown) -> None:
        """
        Put a captured message into the editor, to be sent once more, changed or not.

        Args:
            shown: the frame, and the message it belongs to.
        """
        frame = shown.frame
        self.query_one("#to", Select).value = "server" if frame.from_client else "client"
        self.query_one("#type", Select).value = sending.kind_of(shown.opcode)
        content = shown.content
        if shown.opcode == Opcode.CLOSE:
            close = Close.parse(content)
            content = f"{close.code} {close.reason}".rstrip().encode() if close.code is not None else b""
        self.editor.load(content, shown.opcode != Opcode.BINARY)
        if shown.length > len(shown.content):
            self.notify(
                f"Only {len(shown.content):,} of {shown.length:,} B are in the capture.", severity="warning"
            )
        self._wanted = frame.connection
        if frame.connection in self._open:
            self.connection.value = frame.connection
            self._wanted = None
        elif self._open:
            self.notify(f"Connection #{frame.connection} is closed: choose another.", severity="warning")
        self.editor.area.focus()

    # What a person does.

    async def action_take(self) -> None:
        """Take the frame that is selected."""
        selected, factory = self.app.selected, self.app.factory
        if selected is None:
            self.notify("No frame is selected in Browse.", severity="warning")
            return
        shown = await self.app.capture.ask(lambda reader: load(reader, selected, factory))
        if shown:
            self.take(shown)

    def action_send(self) -> None:
        """Send it."""
        try:
            composed = self._composed()
            times = _number(self.query_one("#times", Input).value, "times", 1, MOST)
            every = _number(self.query_one("#every", Input).value, "seconds", 0, 86_400)
        except UsageError as error:
            self.app.complain(error)
            return
        self._begin(composed, int(times), every)

    def action_again(self) -> None:
        """The last one once more."""
        if self._history:
            self._begin(self._history[0][1], 1, 0)

    def action_stop(self) -> None:
        """Repeat no more."""
        self.workers.cancel_group(self, "send")

    def _begin(self, composed: Composed, times: int, every: float) -> None:
        work(self, "send", self._send, composed, times, every)

    async def _send(self, composed: Composed, times: int, every: float) -> None:
        self._remember(composed)
        done = 0
        try:
            while done < times:
                length = await self.ask(composed.send)
                if length is None:
                    return
                done += 1
                if done < times:
                    await asyncio.sleep(every)
        finally:
            if done:
                what = f"{composed.words} ({len(composed.content):,} B)"
                often = f", {count(done, 'time')}" if times > 1 else ""
                self.notify(f"Sent {what} to the {composed.to} of #{composed.connection}{often}.")

    def _composed(self) -> Composed:
        number = self.connection.value
        if not isinstance(number, int):
            raise UsageError("no WebSocket is open to send on")
        kind = str(self.query_one("#type", Select).value)
        if kind == RAW and not self.editor.hex:
            # Frames are typed as hex digits, whatever the editor was for.
            content = from_hex(self.editor.content().decode("utf-8", "replace"))
        else:
            content = self.editor.content()
        to = str(self.query_one("#to", Select).value)
        return Composed(number, to, kind, content, self.query_one("#force", Checkbox).value)

    # History.

    def _remember(self, composed: Composed) -> None:
        if self._history and self._history[0][1] == composed:
            del self._history[0]
        self._history.insert(0, (time.time(), composed))
        del self._history[KEPT:]
        self.history.fill([(number, _cells(*past)) for number, past in enumerate(self._history)])

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Enter in the history: take it up again."""
        event.stop()
        key = self.history.key
        if key is None:
            return
        _, composed = self._history[key]
        self.query_one("#to", Select).value = composed.to
        self.query_one("#type", Select).value = composed.kind
        self.query_one("#force", Checkbox).value = composed.force
        if composed.connection in self._open:
            self.connection.value = composed.connection
        self.editor.load(composed.content, composed.kind not in ("binary", RAW))
        self.editor.area.focus()


def _label(one: ConnectionInfo) -> str:
    words = printable(f"#{one['id']} {one['url']} {one['subprotocol'] or ''}".rstrip(), 200)
    # Of a list that is narrow the first line is seen, so there is only one.
    return words.replace(" ", "\u00a0")


def _cells(when: float, composed: Composed) -> list[Cell]:
    to_server = composed.to == "server"
    return [
        (time.strftime("%H:%M:%S", time.localtime(when)), "dim"),
        (f"#{composed.connection}", ""),
        (SENT if to_server else RECEIVED, "green" if to_server else "blue"),
        (composed.words, ""),
        (f"{len(composed.content):,} B", ""),
        (preview(composed.content, composed.kind not in ("binary", RAW), 200), ""),
    ]


def _number(text: str, what: str, least: float, most: float) -> float:
    try:
        value = float(text)
    except ValueError:
        raise UsageError(f"{text!r} is no number of {what}") from None
    if not least <= value <= most:
        raise UsageError(f"{text} {what} is not between {least:,} and {most:,}")
    return value

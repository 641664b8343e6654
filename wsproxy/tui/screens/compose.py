"""Compose: say something in place of a peer, on a socket that is open."""

import asyncio
import contextlib

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Checkbox, DataTable, Input, Label, Select

from wsproxy.control.messages import ConnectionInfo
from wsproxy.control.sendable import RAW, from_hex
from wsproxy.decoders.text import preview, printable
from wsproxy.errors import CaptureError, UsageError, WsproxyError
from wsproxy.store.reader import Reader
from wsproxy.store.records import ConnectionRecord
from wsproxy.tui import sending
from wsproxy.tui.actions import Action, bindings, register
from wsproxy.tui.inspector.shown import Shown
from wsproxy.tui.screens.dialogs import Choice, Choose
from wsproxy.tui.screens.editor_screen import EditorScreen
from wsproxy.tui.sending import Composed
from wsproxy.tui.sent import Sent, SentHistory
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
        "Take frame",
        "Take the frame that is selected in Browse, to edit and resend it",
        "compose",
        priority=True,
    ),
    Action(
        "open",
        "ctrl+n",
        "New socket",
        "Open a socket through the proxy, as a captured one was opened",
        "compose",
        priority=True,
    ),
    Action("toggle_hex", "ctrl+t", "Text/hex", "Edit as text or as bytes", "compose", priority=True),
    Action(
        "from_file",
        "ctrl+o",
        "From a file",
        "Take the content from a file",
        "compose",
        priority=True,
        footer=False,
    ),
    Action(
        "leave_editor",
        "escape",
        "Leave the text",
        "Go from the text to what was sent, where letters are keys again",
        "compose",
        footer=False,
    ),
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

MOST = 100_000
"""Times that something is repeated."""
OFFERED = 100
"""Captured handshakes that one can choose from, the newest."""


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
        SelectCurrent #label, SelectOverlay { text-wrap: nowrap; text-overflow: ellipsis; }
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
        self._sent = SentHistory()
        self._stopped = asyncio.Event()
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
        yield PayloadEditor("Esc leaves the text", id="editor")
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
        self.set_focus(self.editor.area)

    # What a person does.

    async def action_take(self) -> None:
        """Take the frame that is selected."""
        if self.app.selected is None:
            self.notify("No frame is selected in Browse.", severity="warning")
        elif shown := await self.selected():
            self.take(shown)

    async def action_open(self) -> None:
        """Ask which handshake, and open a socket by it."""
        selected = self.app.selected

        def recent(reader: Reader) -> list[ConnectionRecord]:
            (last,) = reader.db.execute("SELECT coalesce(max(id), 0) FROM connection").fetchone()
            found = reader.connections(last - OFFERED)[::-1]
            frame = reader.frame(selected) if selected is not None else None
            first = reader.connection(frame.connection) if frame else None
            return [first, *(one for one in found if one.id != first.id)] if first else found

        try:
            records = await self.app.capture.ask(recent)
        except CaptureError as error:
            self.app.complain(error)
            return
        if not records:
            self.notify("No handshake has been captured yet.", severity="warning")
            return

        def chosen(record: ConnectionRecord | None) -> None:
            if record is not None:
                work(self, "open", self._open_as, record)

        self.app.push_screen(
            Choose("A new socket, opened as", [_offer(record) for record in records]), chosen
        )

    async def _open_as(self, record: ConnectionRecord) -> None:
        engine = self.app.engine
        if engine is None:
            return
        try:
            number = await self.app.sockets.open(engine.run, record)
        except WsproxyError as error:
            self.app.complain(error)
            return
        self._wanted = number
        self.notify(f"Connection #{number} is open, and stays so until you leave.")
        self.refresh_soon()

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

    def action_leave_editor(self) -> None:
        """Out of the text."""
        self.set_focus(self.history)

    def action_again(self) -> None:
        """The last one once more."""
        if len(self._sent) and self._sent[0].composed.connection:
            self._begin(self._sent[0].composed, 1, 0)
        else:
            self.notify("Nothing was sent yet in this session.", severity="warning")

    def action_stop(self) -> None:
        """Repeat no more; what is on its way counts."""
        self._stopped.set()

    def _begin(self, composed: Composed, times: int, every: float) -> None:
        work(self, "send", self._send, composed, times, every)

    async def _send(self, composed: Composed, times: int, every: float) -> None:
        self._remember(composed)
        self._stopped.clear()
        done = 0
        try:
            while done < times and not self._stopped.is_set():
                length = await self.ask(composed.send)
                if length is None:
                    return
                done += 1
                if done < times:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._stopped.wait(), every)
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

    def on_mount(self) -> None:
        """Textual's."""
        if self.app.engine is not None:
            self._list()

    def _remember(self, composed: Composed) -> None:
        self._sent.add(composed)
        self._list()

    def _list(self) -> None:
        self.history.fill([(number, _cells(self._sent[number])) for number in range(len(self._sent))])

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Enter in the history: take it up again."""
        event.stop()
        key = self.history.key
        if key is None:
            return
        composed = self._sent[key].composed
        self.query_one("#to", Select).value = composed.to
        self.query_one("#type", Select).value = composed.kind
        self.query_one("#force", Checkbox).value = composed.force
        if composed.connection in self._open:
            self.connection.value = composed.connection
        self.editor.load(composed.content, composed.kind not in ("binary", RAW))
        self.set_focus(self.editor.area)


def _label(one: ConnectionInfo) -> str:
    words = printable(f"#{one['id']} {one['url']} {one['subprotocol'] or ''}".rstrip(), 200)
    # Of a list that is narrow the first line is seen, so there is only one.
    return words.replace(" ", "\u00a0")


def _offer(record: ConnectionRecord) -> Choice:
    status = "" if record.status == 101 else f"{record.status or 'failed'} "
    return Choice(f"#{record.id} {record.url}", record, f"{status}{record.subprotocol or ''}")


def _cells(sent: Sent) -> list[Cell]:
    composed = sent.composed
    to_server = composed.to == "server"
    return [
        (sent.when, "dim"),
        (f"#{composed.connection}" if composed.connection else "", ""),
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

"""
What the proxy does with the bytes of one WebSocket, whichever shell carries them.

The engine has shells that move bytes between two sockets. They drive one `Relay` per connection,
in this order and for every read:

    out = relay.receive(from_client, data)     what to write to the other side, now
    (the shell writes `out`)
    relay.record(from_client, data, now)       only then are the frames looked at

Each direction is in one of two states. In the *pass* state, where all begin, what comes in goes
out, the same object, whatever it is, half a frame included. Recording cannot fail, cannot wait and
cannot change a byte; it finds the frame boundaries and hands them to the sink, which takes them to
the recorder's thread. In the *edit* state (`wsproxy.wire.editing`) messages are put together and
offered to whoever asked with `edit()`, or something is sent that nobody sent. A direction changes
its state only between two messages.

A relay may be told to leave frames out of the record (`omit()`, `wsproxy.wire.omission`); they are
relayed all the same.

The end of a socket is data too. A shell reports each side's end with `ended()` as it was (a FIN,
a reset), passes it on in kind once the direction `is_drained()`, and asks for the `closure()` when
both sides are done.
"""

from collections.abc import Callable
from typing import TypeAlias

from wsproxy.wire.closing import ABNORMAL, NO_STATUS, Close, Closure
from wsproxy.wire.direction import Direction
from wsproxy.wire.editing import Editor
from wsproxy.wire.frames import HEADER_CUT, OMITTED, Batch, FrameScanner, Opcode, Piece
from wsproxy.wire.omission import Omission
from wsproxy.wire.port import Offer, Port, Record
from wsproxy.wire.transit import Arrival, Decided, Transit, Withheld

Sink: TypeAlias = Callable[[Batch], None]
"""Takes a batch. Must neither block nor raise."""


class Relay:
    """
    One connection, both directions.

    Args:
        connection: its id in the capture.
        sink: where what was found goes.
    """

    __slots__ = (
        "_client",
        "_first_close",
        "_first_end",
        "_is_busy",
        "_is_recorded",
        "_omitted",
        "_port",
        "_proxy_close",
        "_record_edited",
        "_server",
        "_sink",
        "connection",
    )

    def __init__(self, connection: int, sink: Sink) -> None:
        self.connection = connection
        self._sink = sink
        self._client = Direction(FrameScanner())
        self._server = Direction(FrameScanner())
        self._first_close: str | None = None
        self._first_end: str | None = None
        self._proxy_close: Close | None = None
        self._port: Port | None = None
        self._record_edited: Callable[[Record], None] = _forget
        self._is_busy = False
        """Some direction is in the edit state, or is to be."""
        self._is_recorded = False
        """The read in progress was recorded by an editor."""
        self._omitted = (0, 0)
        """Frames and bytes left out by omissions that are over."""

    def receive(self, from_client: bool, data: bytes) -> bytes:
        """What to write to the other side for `data`: in the pass state, `data` itself."""
        if self._is_busy:
            return self._receive(from_client, data)
        return data

    def record(self, from_client: bool, data: bytes, now: int) -> None:
        """
        Look at what has been written on.

        Args:
            from_client: which way it went.
            data: what was read.
            now: when, in ns since the epoch.
        """
        if self._is_recorded:
            self._is_recorded = False
            return
        direction = self._client if from_client else self._server
        if direction.omission is not None:
            self._omit(direction, direction.omission, from_client, data, now)
            return
        scanner = direction.scanner
        pieces = scanner.feed(data)
        if pieces:
            self._sink((self.connection, from_client, now, pieces, len(data)))
            direction.untouched = False
            if scanner.uncommon or direction.in_message:
                self._look_closer(direction, from_client, pieces)

    def omit(self) -> None:
        """Record no frames from now on."""
        for direction in (self._client, self._server):
            if direction.omission is None:
                direction.omission = Omission(direction.scanner.left > 0)
            else:
                direction.omission.ending = False

    def resume(self) -> None:
        """Record frames again, in each direction from the next message on."""
        for direction in (self._client, self._server):
            if direction.omission is not None and direction.omission.begun:
                direction.omission.ending = True
                self._end_omission(direction, direction is self._client)
            else:
                direction.omission = None

    def take_omitted(self) -> tuple[int, int]:
        """How many frames and bytes were left out of the record since this was asked before."""
        frames, size = self._omitted
        for direction in (self._client, self._server):
            if direction.omission is not None:
                frames += direction.omission.frames
                size += direction.omission.bytes
                direction.omission.frames = direction.omission.bytes = 0
        self._omitted = (0, 0)
        return frames, size

    def ended(self, from_client: bool, how: str, now: int) -> None:
        """
        One side's TCP stream is over. Only the first report of each side counts.

        Args:
            from_client: whose.
            how: `eof`, `reset`, `error` or `stopped`.
            now: when, in ns since the epoch.
        """
        direction = self._client if from_client else self._server
        if direction.how is not None:
            return
        direction.how = how
        if self._first_end is None:
            self._first_end = "client" if from_client else "server"
        head = direction.scanner.head
        if direction.editor:
            direction.editor.ended()
        if direction.omission is not None:
            direction.omission.ended(direction.scanner)
        elif head:
            # Relayed like all other bytes, so recorded like them.
            self._sink((self.connection, from_client, now, [(head, b"", HEADER_CUT)], len(head)))

    @property
    def is_over(self) -> bool:
        """Both sides' TCP streams have ended."""
        return self._client.how is not None and self._server.how is not None

    def closure(self) -> Closure:
        """How the connection ended, as far as it has."""
        client, server = self._client, self._server
        first = {"client": client.close, "server": server.close, "proxy": self._proxy_close, None: None}[
            self._first_close
        ]
        ended = {"client": client, "server": server, "proxy": client, None: None}[self._first_end]
        how = (ended.how if ended else None) or "stopped"
        if how == "stopped":
            by: str | None = self._first_close or "proxy"
        else:
            by = self._first_close or self._first_end
        if first is None:
            return Closure(by, ABNORMAL, "", False, how)
        code = NO_STATUS if first.code is None else first.code
        clean = client.close is not None and server.close is not None
        return Closure(by, code, first.reason, clean, how)

    # Taking part.

    def prepare(self, port: Port) -> None:
        """Make `edit()` and `inject()` possible."""
        port.look = self._look
        self._record_edited, port.record = port.record, self._edited
        self._port = port

    def edit(self, from_client: bool, offer: Offer | None) -> None:
        """
        Offer the messages and control frames of one direction, from the next message on.

        Args:
            from_client: which.
            offer: gets them; None: nobody does, and the direction passes again as soon as it can.
        """
        direction = self._client if from_client else self._server
        direction.offer = offer
        if direction.editor:
            direction.editor.set_offer(offer)
        self._settle(direction)

    def inject(self, from_client: bool, opcode: int, content: bytes, by: str, raw: bool = False) -> None:
        """
        Send something as if it came from one side, when the message in flight that way is over.

        Args:
            from_client: whether the server gets it, or the client.
            opcode: of the message or control frame.
            content: its payload.
            by: who wants that; for the record.
            raw: `content` are frames, to be sent as they are.
        """
        direction = self._client if from_client else self._server
        if opcode == Opcode.CLOSE and not raw and self._first_close is None:
            self._first_close = "proxy"
            self._proxy_close = Close.parse(content)
        if direction.editor:
            direction.editor.inject(opcode, content, by, raw)
        elif direction.is_between:
            self._enter(direction, from_client)
            assert direction.editor
            direction.editor.inject(opcode, content, by, raw)
        elif 8 < opcode < 16 and not (raw or direction.scanner.left or direction.scanner.head):
            # Control frames may stand between the fragments of a message (RFC 6455 section 5.4).
            assert self._port
            Editor(from_client, direction.scanner, self._port, None).inject(opcode, content, by)
        else:
            direction.injected.append((opcode, content, by, raw))
        self._settle(direction)

    def is_drained(self, from_client: bool) -> bool:
        """Everything that came from that side has gone on."""
        editor = (self._client if from_client else self._server).editor
        return editor is None or editor.is_drained

    def let_go(self, by: str, note: str) -> None:
        """Send everything that is held, in both directions."""
        for direction in (self._client, self._server):
            if direction.editor:
                direction.editor.let_go(by, note)

    def abandon(self, note: str) -> None:
        """The connection is over: what is still held is recorded as not sent."""
        for direction in (self._client, self._server):
            if direction.editor:
                direction.editor.abandon(note)

    def detach(self) -> None:
        """The connection is over, and so is taking part in it."""
        self._port = None
        self._record_edited = _forget
        self._is_busy = False
        for direction in (self._client, self._server):
            direction.editor = None
            direction.offer = None

    def cut(self, by: str) -> None:
        """The proxy breaks the connection: no Close frame, no end of TCP in order."""
        assert self._port
        now = self._port.clock()
        self._port.record(Decided(self.connection, True, now, "cut", by))
        self._first_end = self._first_end or "proxy"
        self.ended(True, "reset", now)
        self.ended(False, "reset", now)

    def is_editing(self, from_client: bool) -> bool:
        """That direction is in the edit state."""
        return (self._client if from_client else self._server).editor is not None

    def waiting(self, from_client: bool) -> list[tuple[Transit | None, int]]:
        """What came from one side and was not sent on yet, in its order, with its bytes on the wire."""
        editor = (self._client if from_client else self._server).editor
        return editor.waiting() if editor else []

    def has_closed(self, from_client: bool) -> bool:
        """That direction is over: a Close frame or the end of TCP has gone that way."""
        direction = self._client if from_client else self._server
        if direction.editor and direction.editor.has_closed:
            return True
        ended = direction.close is not None or direction.how is not None
        return ended and self.is_drained(from_client)

    def _receive(self, from_client: bool, data: bytes) -> bytes:
        direction = self._client if from_client else self._server
        if direction.editor is None:
            if not (direction.offer or direction.injected):
                return data
            passed = direction.until_between(data)
            if passed is None:
                return data
            assert self._port
            if passed:
                # It leaves before anything the edit state sends.
                self._port.write(from_client, data[:passed])
                self.record(from_client, data[:passed], self._port.clock())
                data = data[passed:]
            self._enter(direction, from_client)
        editor = direction.editor
        assert editor
        self._is_recorded = True
        out = editor.receive(data) if data else b""
        self._end_omission(direction, from_client)
        self._settle(direction)
        return out

    def _enter(self, direction: Direction, from_client: bool) -> None:
        """Into the edit state."""
        assert self._port
        omission = direction.omission
        untouched = direction.untouched and not (omission and omission.begun)
        editor = Editor(
            from_client,
            direction.scanner,
            self._port,
            direction.offer,
            untouched=untouched,
            followed=omission is None,
        )
        direction.editor = editor
        direction.untouched = False
        waiting, direction.injected = direction.injected, []
        for arguments in waiting:
            editor.inject(*arguments)

    def _settle(self, direction: Direction) -> None:
        """Back to the pass state, if nothing speaks against it."""
        editor = direction.editor
        if editor and direction.offer is None and editor.is_idle:
            direction.editor = None
        self._is_busy = any(
            d.editor is not None or d.offer is not None or d.injected for d in (self._client, self._server)
        )

    def _omit(
        self, direction: Direction, omission: Omission, from_client: bool, data: bytes, now: int
    ) -> None:
        pieces, start, stop = omission.feed(direction.scanner, data)
        if direction.scanner.uncommon or direction.in_message:
            self._look_closer(direction, from_client, pieces)
        if omission.is_over:
            direction.omission = None
            frames, size = self._omitted
            self._omitted = (frames + omission.frames, size + omission.bytes)
            pieces[start:stop] = [(None, b"", OMITTED)]
        else:
            del pieces[start:]
        if pieces:
            size = sum(len(header or b"") + len(payload) for header, payload, _ in pieces)
            self._sink((self.connection, from_client, now, pieces, size))

    def _look_closer(self, direction: Direction, from_client: bool, pieces: list[Piece]) -> None:
        if direction.look_closer(pieces) and self._first_close is None:
            self._first_close = "client" if from_client else "server"

    def _edited(self, record: Record) -> None:
        """What an editor wants recorded, unless the direction is left out."""
        if isinstance(record, Decided):
            from_client, batches = record.from_client, []
        elif isinstance(record, Arrival):
            from_client, batches = record.transit.from_client, record.batches
        else:
            batches = [record.batch if isinstance(record, Withheld) else record]
            from_client = batches[0][1]
        omission = (self._client if from_client else self._server).omission
        if omission is None:
            self._record_edited(record)
            return
        for batch in batches:
            omission.leave_out(sum(header is not None for header, _, _ in batch[3]), batch[4])

    def _end_omission(self, direction: Direction, from_client: bool) -> None:
        """In the edit state an omission that is to end does so between two reads."""
        omission, editor = direction.omission, direction.editor
        if omission and omission.ending and editor and editor.is_between:
            assert self._port
            direction.omission = None
            self._omitted = (self._omitted[0] + omission.frames, self._omitted[1] + omission.bytes)
            self._sink((self.connection, from_client, self._port.clock(), [(None, b"", OMITTED)], 0))

    def _look(self, from_client: bool, pieces: list[Piece]) -> None:
        """What an editor has read."""
        direction = self._client if from_client else self._server
        if direction.scanner.uncommon or direction.in_message:
            self._look_closer(direction, from_client, pieces)


def _forget(record: Record) -> None:
    """Where records go of connections that nobody takes part in."""

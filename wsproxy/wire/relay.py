"""
What the proxy does with the bytes of one WebSocket, whichever shell carries them.

The engine has shells that move bytes between two sockets. They drive one `Relay` per connection,
in this order and for every read:

    out = relay.receive(from_client, data)     what to write to the other side, now
    (the shell writes `out`)
    relay.record(from_client, data, now)       only then are the frames looked at

Both directions are in the *pass* state: what comes in goes out, the same object, whatever it is,
half a frame included. Recording cannot fail, cannot wait and cannot change a byte; it finds the
frame boundaries and hands them to the sink, which takes them to the recorder's thread.

The end of a socket is data too. A shell reports each side's end with `ended()` as it was (a FIN,
a reset), passes it on in kind, and asks for the `closure()` when both sides are done.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from wsproxy.wire.closing import ABNORMAL, LONGEST, NO_STATUS, Close, Closure
from wsproxy.wire.frames import HEADER_CUT, FrameScanner, Opcode, Piece, header_mask
from wsproxy.wire.mask import apply_mask

Batch: TypeAlias = tuple[int, bool, int, list[Piece], int]
"""`(connection, from_client, time in ns, pieces, size)`: what one read of `size` bytes brought."""

Sink: TypeAlias = Callable[[Batch], None]
"""Takes a batch. Must neither block nor raise."""


@dataclass(slots=True)
class _Direction:
    scanner: FrameScanner
    close: Close | None = None
    """The first Close frame that went this way."""
    how: str | None = None
    """How this side's TCP stream ended."""
    closing_mask: bytes | None = None
    """The masking key of a Close frame whose payload is still arriving."""
    closing_payload: bytes = b""


class Relay:
    """
    One connection, both directions.

    Args:
        connection: its id in the capture.
        sink: where what was found goes.
    """

    __slots__ = ("_client", "_first_close", "_first_end", "_server", "_sink", "connection")

    def __init__(self, connection: int, sink: Sink) -> None:
        self.connection = connection
        self._sink = sink
        self._client = _Direction(FrameScanner())
        self._server = _Direction(FrameScanner())
        self._first_close: str | None = None
        self._first_end: str | None = None

    def receive(self, from_client: bool, data: bytes) -> bytes:
        """What to write to the other side for `data`: in the pass state, `data` itself."""
        return data

    def record(self, from_client: bool, data: bytes, now: int) -> None:
        """
        Look at what has been written on.

        Args:
            from_client: which way it went.
            data: what was read.
            now: when, in ns since the epoch.
        """
        direction = self._client if from_client else self._server
        scanner = direction.scanner
        pieces = scanner.feed(data)
        if pieces:
            self._sink((self.connection, from_client, now, pieces, len(data)))
            if scanner.uncommon and direction.close is None:
                self._look_for_close(direction, from_client, pieces)

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
        if head:
            # Relayed like all other bytes, so recorded like them.
            self._sink((self.connection, from_client, now, [(head, b"", HEADER_CUT)], len(head)))

    @property
    def is_over(self) -> bool:
        """Both sides' TCP streams have ended."""
        return self._client.how is not None and self._server.how is not None

    def closure(self) -> Closure:
        """How the connection ended, as far as it has."""
        client, server = self._client, self._server
        first = {"client": client, "server": server, None: None}[self._first_close]
        ended = {"client": client, "server": server, None: None}[self._first_end]
        how = (ended.how if ended else None) or "stopped"
        if how == "stopped":
            by: str | None = self._first_close or "proxy"
        else:
            by = self._first_close or self._first_end
        if first is None or first.close is None:
            return Closure(by, ABNORMAL, "", False, how)
        code = NO_STATUS if first.close.code is None else first.close.code
        clean = client.close is not None and server.close is not None
        return Closure(by, code, first.close.reason, clean, how)

    def _look_for_close(self, direction: _Direction, from_client: bool, pieces: list[Piece]) -> None:
        for header, payload, left in pieces:
            if header is not None:
                if header[0] & 0x0F != Opcode.CLOSE:
                    continue
                direction.closing_mask = header_mask(header)
                direction.closing_payload = b""
            elif direction.closing_mask is None:
                continue
            # One byte more shows that there was more.
            direction.closing_payload += payload[: LONGEST + 1 - len(direction.closing_payload)]
            if not left:
                mask = direction.closing_mask
                assert mask is not None
                payload = direction.closing_payload
                direction.close = Close.parse(apply_mask(payload, mask) if mask else payload)
                direction.closing_mask = None
                if self._first_close is None:
                    self._first_close = "client" if from_client else "server"
                return

"""
What a server says to a replay: frames to messages, on the event loop, as they come.

The recorder judges and keeps them all (`wsproxy.store.rows`); here they are only put together, for who
has to answer.
"""

from typing import NamedTuple

from wsproxy.wire.deflate import DeflateParameters, Inflater
from wsproxy.wire.frames import FIN, HEADER_CUT, RSV1, Piece, header_mask
from wsproxy.wire.mask import apply_mask, rotate_key

LIMIT = 1 << 24
"""Bytes of one message that are looked at."""


class Heard(NamedTuple):
    """A whole message, or a whole control frame."""

    place: int
    """Which of the pieces ended it."""
    opcode: int
    content: bytes
    """Unmasked, inflated, all fragments together; at most `LIMIT` bytes."""
    length: int
    """Of all of it, as far as it could be inflated."""

    @property
    def is_control(self) -> bool:
        """Close, ping, pong and the reserved control opcodes."""
        return self.opcode >= 8


class Ear:
    """
    Put together what one side says.

    Args:
        from_client: which side.
        deflate: as negotiated; None without compression.
    """

    def __init__(self, from_client: bool, deflate: DeflateParameters | None) -> None:
        self._inflater: Inflater | None = deflate.inflater(from_client, LIMIT) if deflate else None
        self._opcode = 0
        """Of the message in flight; 0 if there is none."""
        self._compressed = False
        self._parts: list[bytes] = []
        self._length = 0
        self._control: list[bytes] = []
        self._header = b""
        self._offset = 0

    def hear(self, pieces: list[Piece]) -> list[Heard]:
        """What these pieces of the stream complete, in order."""
        heard: list[Heard] = []
        for place, (header, payload, left) in enumerate(pieces):
            if left == HEADER_CUT:
                continue
            if header is not None:
                first = header[0]
                if not left and first in (0x81, 0x82) and not header[1] & 0x80:
                    # By far the most: a whole plain message.
                    self._opcode = 0
                    heard.append(Heard(place, first & 15, payload[:LIMIT], len(payload)))
                    continue
                self._begin(header)
            if mask := header_mask(self._header):
                payload = apply_mask(payload, rotate_key(mask, self._offset))
            self._offset += len(payload)
            self._take(payload)
            if not left and (whole := self._end(place)):
                heard.append(whole)
        return heard

    def _begin(self, header: bytes) -> None:
        self._header, self._offset = header, 0
        opcode = header[0] & 15
        if opcode >= 8:
            self._control = []
        elif opcode:
            if self._opcode and self._compressed and self._inflater:
                self._inflater.drop()
            self._opcode = opcode
            self._compressed = bool(self._inflater and header[0] & RSV1 and opcode < 3)
            self._parts, self._length = [], 0

    def _take(self, payload: bytes) -> None:
        if self._header[0] & 15 >= 8:
            self._control.append(payload)
        elif self._compressed and self._inflater:
            self._inflater.feed(payload)
        else:
            if self._length < LIMIT:
                self._parts.append(payload[: LIMIT - self._length])
            self._length += len(payload)

    def _end(self, place: int) -> Heard | None:
        opcode = self._header[0] & 15
        if opcode >= 8:
            content = b"".join(self._control)
            return Heard(place, opcode, content, len(content))
        if not self._header[0] & FIN or not self._opcode:
            return None
        opcode, self._opcode = self._opcode, 0
        if self._compressed and self._inflater:
            done = self._inflater.finish()
            return Heard(place, opcode, done.content, done.length)
        return Heard(place, opcode, b"".join(self._parts), self._length)

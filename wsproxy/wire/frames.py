"""
Find frame boundaries in a WebSocket byte stream, without changing a byte (RFC 6455 section 5.2).

First station in the life of a frame: the relay has already written the bytes on to the other
side when they come here to be looked at.

An endpoint must refuse what breaks the protocol. A debugging proxy must not: a malformed frame is
still traffic somebody wants to see. So nothing here raises on bytes; what is wrong with a frame is
recorded as an `Anomaly`, by `wsproxy.wire.messages`.

The scanner runs once per read of a socket and its loop once per frame, so it makes no object per
frame beyond one tuple and two slices, and it never holds payload back: a frame larger than a read
comes out in parts, counted down.
"""

import enum
from dataclasses import dataclass
from typing import TypeAlias

from wsproxy.wire.mask import apply_mask


class Opcode(enum.IntEnum):
    """RFC 6455 section 11.8."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


OPCODE_NAMES: tuple[str, ...] = tuple(
    Opcode(n).name.lower() if n in set(Opcode) else f"0x{n:x}" for n in range(16)
)
"""The name of each opcode in logs, JSON and filters; the reserved ones are `0x3` and so on."""

FIN = 0x80
RSV1 = 0x40
RSV2 = 0x20
RSV3 = 0x10
RSV = RSV1 | RSV2 | RSV3
MASK_BIT = 0x80

MAX_HEADER = 14
"""Bytes: 2, up to 8 of extended length, 4 of masking key."""


class Anomaly(enum.IntFlag):
    """
    Ways a frame can break RFC 6455 (or 7692) and still be relayed.

    The values are written to captures: new ones are added at the end, none is ever reused.
    """

    UNKNOWN_OPCODE = 1 << 0
    """A reserved opcode, 3-7 or 0xB-0xF (section 5.2)."""
    RSV_WITHOUT_EXTENSION = 1 << 1
    """A reserved bit that no negotiated extension gives a meaning (section 5.2)."""
    FRAGMENTED_CONTROL = 1 << 2
    """A control frame without FIN (section 5.5)."""
    OVERSIZED_CONTROL = 1 << 3
    """A control frame with more than 125 bytes of payload (section 5.5)."""
    CONTINUATION_WITHOUT_START = 1 << 4
    """A continuation frame while no message is open (section 5.4)."""
    INTERRUPTED_MESSAGE = 1 << 5
    """A new message before the fragmented one in flight was finished (section 5.4)."""
    LENGTH_NOT_MINIMAL = 1 << 6
    """A length written in more bytes than it needs (section 5.2)."""
    LENGTH_TOO_LARGE = 1 << 7
    """A 64-bit length whose top bit is set (section 5.2)."""
    MASKED_BY_SERVER = 1 << 8
    """A masked frame from the server (section 5.1)."""
    UNMASKED_BY_CLIENT = 1 << 9
    """An unmasked frame from the client (section 5.1)."""
    INVALID_UTF8 = 1 << 10
    """A text message or a close reason that is not UTF-8 (sections 5.6 and 7.1.6)."""
    INVALID_CLOSE_CODE = 1 << 11
    """A status code that must not be sent (section 7.4)."""
    CLOSE_TOO_SHORT = 1 << 12
    """A Close frame with a payload of one byte (section 5.5.1)."""
    DATA_AFTER_CLOSE = 1 << 13
    """A frame after this side's Close frame (section 5.5.1)."""
    INFLATE_FAILED = 1 << 14
    """A compressed message that is not valid deflate data (RFC 7692 section 7.2.2)."""
    INCOMPLETE = 1 << 15
    """The connection ended inside this frame."""

    @property
    def names(self) -> list[str]:
        """The names of all set flags, lower case, in the order above."""
        return [flag.name.lower() for flag in type(self) if flag in self and flag.name]


Piece: TypeAlias = tuple[bytes | None, bytes, int]
"""
What the scanner finds: `(header, payload, left)`.

`header` is the frame's header exactly as on the wire (2 to 14 bytes), or None where this is a
further part of the frame before; `payload` are the bytes of it present, still masked; `left` is
the number of payload bytes still to come, 0 where the frame ends here.
"""

Batch: TypeAlias = tuple[int, bool, int, list[Piece], int]
"""`(connection, from_client, time in ns, pieces, size)`: what one read of `size` bytes brought."""

HEADER_CUT = -1
"""In place of `left`: the stream ended inside this header (`wsproxy.wire.relay` adds that piece)."""

OMITTED = -2
"""Likewise, without a header: frames that are not in the record went before what follows."""

_COMMON = frozenset({FIN | 1, FIN | 2, FIN | RSV1 | 1, FIN | RSV1 | 2})
"""First bytes of whole data messages, plain or compressed: they change no state."""


class FrameScanner:
    """
    Cut one direction of a byte stream into frames, in whatever chunks it comes.

    Attributes:
        left: payload bytes still missing from the frame in progress.
        head: the bytes of a header that has not fully arrived (at most 13).
        uncommon: True if the last `feed` saw anything but whole text and binary messages. Whoever
            follows fragments or closing looks at the pieces only then.
    """

    __slots__ = ("_in_uncommon", "head", "left", "uncommon")

    def __init__(self) -> None:
        self.left = 0
        self.head = b""
        self.uncommon = False
        self._in_uncommon = False

    def copy(self) -> "FrameScanner":
        """Another one at the same place of the stream, to look ahead with."""
        twin = FrameScanner()
        twin.left = self.left
        twin.head = self.head
        twin._in_uncommon = self._in_uncommon
        return twin

    def feed(self, data: bytes) -> list[Piece]:
        """
        Take the next bytes of the stream.

        Returns:
            The pieces found, in order. Joined, their headers and payloads, and then `head`, are
            the stream so far.
        """
        pieces: list[Piece] = []
        pos = 0
        end = len(data)
        uncommon = False

        left = self.left
        if left:
            uncommon = self._in_uncommon
            if left >= end:
                self.left = left = left - end
                if end:
                    pieces.append((None, data, left))
                self.uncommon = uncommon
                return pieces
            pieces.append((None, data[:left], 0))
            pos = left
            self.left = 0
        elif self.head:
            data = self.head + data
            end = len(data)
            self.head = b""

        while end - pos >= 2:
            first = data[pos]
            length = data[pos + 1]
            body = pos + 2
            if length & 0x80:
                body += 4
                length &= 0x7F
            if length > 125:
                if length == 126:
                    body += 2
                    if body > end:
                        break
                    length = data[pos + 2] << 8 | data[pos + 3]
                else:
                    body += 8
                    if body > end:
                        break
                    length = int.from_bytes(data[pos + 2 : pos + 10], "big")
            elif body > end:
                break
            stop = body + length
            if first not in _COMMON:
                uncommon = True
            if stop <= end:
                pieces.append((data[pos:body], data[body:stop], 0))
                pos = stop
            else:
                self.left = stop - end
                self._in_uncommon = first not in _COMMON
                pieces.append((data[pos:body], data[body:], stop - end))
                self.uncommon = uncommon
                return pieces

        if pos < end:
            self.head = data[pos:]
        self.uncommon = uncommon
        return pieces

    def skip(self, data: bytes) -> tuple[int, bytes]:
        """
        Pass over whole data messages, without looking at more of them than their headers.

        Returns:
            How many of them began in `data`, and what is for `feed()`: the data from the first frame
            on that is anything else or whose header is cut.
        """
        pos = self.left
        if pos:
            if self._in_uncommon:
                return 0, data
            if pos >= len(data):
                self.left = pos - len(data)
                return 0, b""
            self.left = 0
        elif self.head:
            data = self.head + data
            self.head = b""
        end = len(data)
        count = 0
        while end - pos >= 2 and data[pos] in _COMMON:
            length = data[pos + 1]
            body = pos + 2
            if length & 0x80:
                body += 4
                length &= 0x7F
            if length > 125:
                size = 2 if length == 126 else 8
                body += size
                if body > end:
                    break
                length = int.from_bytes(data[pos + 2 : pos + 2 + size], "big")
            elif body > end:
                break
            count += 1
            pos = body + length
            if pos > end:
                self.left = pos - end
                self._in_uncommon = False
                return count, b""
        return count, data[pos:]


def header_length(header: bytes) -> int:
    """The payload length a complete header declares, in bytes, 0 to 2**64 - 1."""
    length = header[1] & 0x7F
    if length < 126:
        return length
    return int.from_bytes(header[2 : 4 if length == 126 else 10], "big")


def header_mask(header: bytes) -> bytes:
    """The masking key of a complete header: four bytes, or none if the frame is not masked."""
    return header[-4:] if header[1] & MASK_BIT else b""


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole frame exactly as it crossed the wire."""

    header: bytes
    """2 to 14 bytes."""
    payload: bytes
    """Still masked, still compressed."""

    @property
    def raw(self) -> bytes:
        """Header and payload: what was forwarded."""
        return self.header + self.payload

    @property
    def opcode(self) -> int:
        """0 to 15."""
        return self.header[0] & 0x0F

    @property
    def fin(self) -> bool:
        """Whether this is the last frame of its message."""
        return bool(self.header[0] & FIN)

    @property
    def rsv(self) -> int:
        """The three reserved bits as a number from 0 to 7, RSV1 being 4."""
        return (self.header[0] & RSV) >> 4

    @property
    def mask(self) -> bytes:
        """The masking key, empty if the frame was not masked."""
        return header_mask(self.header)

    @property
    def data(self) -> bytes:
        """The payload without its mask; still compressed if the message was."""
        mask = self.mask
        return apply_mask(self.payload, mask) if mask else self.payload

    @classmethod
    def parse(cls, raw: bytes) -> list["Frame"]:
        """All whole frames in `raw`; an unfinished one at its end is left out."""
        frames: list[Frame] = []
        for header, payload, left in FrameScanner().feed(raw):
            if header is not None and not left:
                frames.append(cls(header, payload))
        return frames

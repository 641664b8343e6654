"""
Frames made beforehand, and a counter of messages: what lets the peers keep up with any proxy.

A peer that encodes and decodes would cost more than the proxies it measures. So everything that is
sent is built once, and what arrives is counted by its headers alone.
"""

import json
import random
import zlib
from dataclasses import dataclass

from wsproxy.wire.encode import encode_frame
from wsproxy.wire.frames import Frame, Opcode

MASK = b"\x37\xfa\x21\x3d"
"""Of every frame of the client: RFC 6455 wants it unpredictable, a proxy does not care."""

MIB = 1024 * 1024


@dataclass(frozen=True)
class Block:
    """Some messages, ready to be sent over and over."""

    data: bytes
    ends: tuple[int, ...]
    """Where each message ends in `data`."""

    @classmethod
    def of(cls, frames: list[bytes]) -> "Block":
        """A block of these frames, each a message."""
        ends: list[int] = []
        for frame in frames:
            ends.append((ends[-1] if ends else 0) + len(frame))
        return cls(b"".join(frames), tuple(ends))

    def first(self, count: int) -> bytes:
        """Up to `count` messages."""
        return self.data if count >= len(self.ends) else self.data[: self.ends[count - 1]]


def masked(from_client: bool) -> bytes:
    """The masking key of that side."""
    return MASK if from_client else b""


def text(size: int, from_client: bool) -> bytes:
    """A frame of `size` ASCII characters."""
    return encode_frame(
        Opcode.TEXT, (b"0123456789abcdef" * (size // 16 + 1))[:size], mask=masked(from_client)
    )


def plain(size: int, from_client: bool, together: int) -> Block:
    """`together` text messages of `size` bytes."""
    return Block.of([text(size, from_client)] * together)


def records(from_client: bool, together: int, deflate: bool) -> Block:
    """
    `together` messages of 128 bytes of JSON, no two alike, as a server pushes them.

    Compressed, each but the first refers to those before it (context takeover). The first refers to
    nothing, so that the block may follow itself.
    """
    source = random.Random(together)
    compressor = zlib.compressobj(wbits=-15)
    frames: list[bytes] = []
    for number in range(together):
        record = {
            "type": "update",
            "seq": number,
            "id": f"{source.randrange(1 << 48):012x}",
            "price": round(source.uniform(10, 999), 2),
            "size": source.randrange(1000),
            "side": source.choice(["buy", "sell"]),
        }
        content = json.dumps(record).encode()
        content = content[:-1] + b', "pad": "' + b"x" * (128 - len(content) - 11) + b'"}'
        frames.append(_message(Opcode.TEXT, content, from_client, compressor if deflate else None))
    return Block.of(frames)


def large(from_client: bool, deflate: bool) -> Block:
    """One binary message of 1 MiB: noise, or compressed lines of numbers (about a third is left)."""
    source = random.Random(1)
    if not deflate:
        return Block.of([_message(Opcode.BINARY, source.randbytes(MIB), from_client, None)])
    lines = bytearray()
    while len(lines) < MIB:
        lines += f'{{"x": {source.random():.6f}, "y": {source.random():.6f}, "on": true}}\n'.encode()
    return Block.of([_message(Opcode.BINARY, bytes(lines[:MIB]), from_client, zlib.compressobj(wbits=-15))])


def _message(opcode: int, content: bytes, from_client: bool, compressor: "zlib._Compress | None") -> bytes:
    if compressor is None:
        return encode_frame(opcode, content, mask=masked(from_client))
    squeezed = compressor.compress(content) + compressor.flush(zlib.Z_SYNC_FLUSH)
    # RFC 7692 section 7.2.1: without the empty block at the end.
    return encode_frame(opcode, squeezed[:-4], rsv=4, mask=masked(from_client))


class FrameCounter:
    """
    Count the messages in one direction of a WebSocket.

    Attributes:
        closing: a Close frame has begun.
    """

    __slots__ = ("_ends", "_head", "_skip", "closing")

    def __init__(self) -> None:
        self._head = b""
        self._skip = 0
        self._ends = 0
        self.closing = False

    def feed(self, data: bytes) -> int:
        """How many messages end in the next bytes of the stream."""
        if self._head:
            data = self._head + data
            self._head = b""
        count = 0
        pos = self._skip
        end = len(data)
        if pos:
            if pos > end:
                self._skip = pos - end
                return 0
            self._skip = 0
            count = self._ends
        while end - pos >= 2:
            first = data[pos]
            second = data[pos + 1]
            length = second & 127
            body = pos + 6 if second & 128 else pos + 2
            if length > 125:
                size = 2 if length == 126 else 8
                if pos + 2 + size > end:
                    break
                length = int.from_bytes(data[pos + 2 : pos + 2 + size], "big")
                body += size
            ends = 1 if first & 0x88 == 0x80 else 0
            if first & 15 == Opcode.CLOSE:
                self.closing = True
            pos = body + length
            if pos > end:
                self._skip = pos - end
                self._ends = ends
                return count
            count += ends
        self._head = data[pos:]
        return count


class CommandReader:
    """Whole small messages and their content, compressed or not: what a client asks of the origin."""

    def __init__(self) -> None:
        self._buffer = b""
        self._inflater = zlib.decompressobj(wbits=-15)

    def feed(self, data: bytes) -> list[str]:
        """The messages that end in `data`, which ends with one or within one."""
        self._buffer += data
        found: list[str] = []
        for frame in Frame.parse(self._buffer):
            self._buffer = self._buffer[len(frame.raw) :]
            content = frame.data
            if frame.rsv & 4:
                content = self._inflater.decompress(content + b"\x00\x00\xff\xff")
            if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
                found.append(content.decode())
        return found

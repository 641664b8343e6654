"""
What two peers said to each other, as the capture tells it: frames put together to messages, every
frame held against its own header on the way.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass

from tests.support.proxy import Proxy, closures, connections, frames
from wsproxy.store.reader import Reader
from wsproxy.store.records import ClosureRecord, ConnectionRecord, FrameFlag, FrameRecord
from wsproxy.store.tail import Event, FrameEvent
from wsproxy.wire.frames import FIN, MASK_BIT, OPCODE_NAMES, RSV1, Anomaly, Opcode, header_length

Said = tuple[str, bytes]
"""The name of the opcode, and the content: unmasked, inflated, all fragments."""


def text(content: str) -> Said:
    return "text", content.encode()


def binary(content: bytes) -> Said:
    return "binary", content


def data(content: str | bytes) -> Said:
    return text(content) if isinstance(content, str) else binary(content)


def ping(content: bytes = b"") -> Said:
    return "ping", content


def pong(content: bytes = b"") -> Said:
    return "pong", content


def close(code: int, reason: str = "") -> Said:
    return "close", code.to_bytes(2, "big") + reason.encode()


def long_sequence(count: int, seed: int = 7) -> list[str]:
    """Texts that repeat words of the texts before: each compresses well only in their context."""
    rng = random.Random(seed)
    words = [
        "".join(rng.choices("abcdefghijklmnopqrstuvwxyzäöü€😀", k=rng.randint(3, 12))) for _ in range(400)
    ]
    return [" ".join(rng.choices(words, k=rng.choice((0, 1, 3, 30, 300)))) for _ in range(count)]


@dataclass(frozen=True)
class Account:
    """One connection of a capture."""

    opened: ConnectionRecord
    closure: ClosureRecord | None
    client: list[Said]
    """What the client said, messages and control frames in the order of their last frames."""
    server: list[Said]
    frames: list[FrameRecord]

    @property
    def ended(self) -> tuple[str | None, int | None, str, bool]:
        """By whom, code, reason, clean."""
        assert self.closure is not None
        return self.closure.by, self.closure.code, self.closure.reason, self.closure.clean

    def lengths(self, from_client: bool, *opcodes: int) -> list[int]:
        """Of the payloads of one direction's frames as on the wire, those with `opcodes` only."""
        return [f.length for f in self.frames if f.from_client is from_client and f.opcode in opcodes]

    def compressed(self, from_client: bool) -> list[bool]:
        """Of one direction's messages, in order."""
        return [
            FrameFlag.COMPRESSED in frame.flags
            for frame in self.frames
            if frame.from_client is from_client and frame.opcode in (Opcode.TEXT, Opcode.BINARY)
        ]


async def account(proxy: Proxy, connection: int = 1, timeout: float = 30) -> Account:
    """The account of a connection, as soon as it is over (and those before it are)."""
    events = await proxy.wait_for_closures(connection, timeout)
    return account_of(proxy, events, connection)


def account_of(proxy: Proxy, events: Iterable[Event], connection: int = 1) -> Account:
    """The account of a connection in `events`."""
    events = list(events)
    [opened] = [record for record in connections(events) if record.id == connection]
    ended = [record for record in closures(events) if record.connection == connection]
    # A large frame that was read while it arrived comes again when it is whole.
    found = list({event.frame.id: event for event in frames(events, connection)}.values())
    said: dict[bool, list[Said]] = {True: [], False: []}
    with proxy.reader() as reader:
        for from_client in (True, False):
            fragments: list[FrameRecord] = []
            for event in found:
                frame = event.frame
                if frame.from_client is not from_client:
                    continue
                _check(frame)
                if not frame.is_control:
                    fragments.append(frame)
                    if FrameFlag.FIN not in frame.flags:
                        continue
                name = OPCODE_NAMES[frame.opcode if frame.is_control else fragments[0].opcode]
                said[from_client].append((name, _content(reader, event, fragments)))
                if not frame.is_control:
                    fragments = []
            assert not fragments, "the last message was not finished"
    return Account(opened, ended[0] if ended else None, said[True], said[False], [e.frame for e in found])


def _check(frame: FrameRecord) -> None:
    """That a frame of well-behaved peers is recorded as its header says."""
    first, second = frame.header[:2]
    assert frame.anomalies == Anomaly(0)
    assert frame.opcode == first & 15
    assert (FrameFlag.FIN in frame.flags) == bool(first & FIN)
    assert (FrameFlag.RSV1 in frame.flags) == bool(first & RSV1)
    assert (FrameFlag.MASKED in frame.flags) == bool(second & MASK_BIT) == frame.from_client
    assert not frame.flags & (FrameFlag.RSV2 | FrameFlag.RSV3 | FrameFlag.FROM_PROXY | FrameFlag.TRUNCATED)
    assert frame.length == header_length(frame.header) == frame.stored


def _content(reader: Reader, event: FrameEvent, fragments: list[FrameRecord]) -> bytes:
    frame, message = event.frame, event.message
    if frame.is_control:
        assert message is None
        assert FrameFlag.COMPRESSED not in frame.flags
        return frame.payload
    first = fragments[0]
    assert all(FrameFlag.RSV1 not in later.flags for later in fragments[1:])
    compressed = FrameFlag.RSV1 in first.flags
    assert all((FrameFlag.COMPRESSED in part.flags) == compressed for part in fragments)
    wire = b"".join(b"".join(reader.payload(part.id)) for part in fragments)
    if not compressed and len(fragments) == 1:
        assert message is None
        return wire
    assert message is not None
    assert (message.first_frame, message.last_frame) == (first.id, frame.id)
    assert (message.opcode, message.frames) == (first.opcode, len(fragments))
    assert (message.compressed, message.truncated, message.anomalies) == (compressed, False, Anomaly(0))
    content = message.content if compressed else wire
    assert content is not None
    assert message.length == len(content)
    assert compressed or message.content is None
    return content

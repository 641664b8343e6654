"""
What a recorded server has to say on one connection, and when it waits for its client: its lines.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from wsproxy.replay.catalogue import Answer
from wsproxy.replay.mock_idle import Idle
from wsproxy.replay.recorded import End, Recorded
from wsproxy.replay.recorded_message import RecordedMessage
from wsproxy.replay.said import span
from wsproxy.store.reader import Reader
from wsproxy.store.records import ClosureRecord, ConnectionRecord, FrameFlag
from wsproxy.wire.compress import Deflater
from wsproxy.wire.encode import encode_frame
from wsproxy.wire.frames import FIN, Opcode


@dataclass(frozen=True, slots=True)
class Line:
    """One thing of the server's."""

    number: int
    """The id of its (last) frame."""
    time: int
    """When it was said in the recording, ns since the epoch."""
    wire: bytes
    """To be sent as it is."""
    opcode: int
    whole: bool
    """Something else may be sent behind it: no message is in flight."""


@dataclass(frozen=True, slots=True)
class Cue:
    """The client said something in the recording: what comes next waits for it."""

    number: int
    time: int
    closes: bool
    """It was its Close frame."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How the recorded connection ended."""

    time: int
    by: str | None
    how: str


class Wording:
    """
    Says what was recorded in terms of what was negotiated now.

    Args:
        answer: what was negotiated.
    """

    def __init__(self, answer: Answer) -> None:
        self._deflater = Deflater.negotiated(answer.deflate, False) if answer.deflate else None

    def wire(self, message: RecordedMessage, content: bytes | None = None) -> bytes:
        """
        A message as frames: in fragments of the recorded sizes, compressed if it was and may be.

        Args:
            message: of the recorded server.
            content: in place of its own.
        """
        data = message.content if content is None else content
        if message.is_control:
            return encode_frame(message.opcode, data)
        sizes = [fragment.size for fragment in message.fragments[:-1]]
        if self._deflater and message.compressed:
            payload = self._deflater.message(data)
            return b"".join(self._fragments(message.opcode, payload, sizes, 4))
        return b"".join(self._fragments(message.opcode, data, sizes, 0))

    def _fragments(self, opcode: int, payload: bytes, sizes: list[int], rsv: int) -> Iterator[bytes]:
        at = 0
        for size in sizes:
            yield encode_frame(opcode, payload[at : at + size], fin=False, rsv=rsv)
            at, opcode, rsv = at + size, 0, 0
        yield encode_frame(opcode, payload[at:], rsv=rsv)


def lines(
    reader: Reader, answer: Answer, wording: Wording, idle: Idle | None = None
) -> Iterator[Line | Cue | Exit]:
    """
    A connection from its opening to its end, in recorded order.

    Frame by frame with the bytes that were on the wire where those mean the same to this client, odd
    frames included; otherwise message by message. Pongs are left out: the client's pings of now are
    answered when they come. So are heartbeats that `idle` knows, if it is given.

    Raises:
        sqlite3.Error: the capture is damaged.
    """
    number = answer.record.id
    first, last = span(reader, number)
    recorded = Recorded(reader, End.CLIENT, connections={number}, first=first + 1, last=last)
    if idle is not None:
        idle.again()
    if answer.verbatim:
        yield from _verbatim(recorded, idle)
    else:
        yield from _anew(recorded, wording, idle)
    row = reader.db.execute("SELECT time, by, how FROM closure WHERE connection = ?", (number,)).fetchone()
    if row is not None:
        yield Exit(*row)


def _verbatim(recorded: Recorded, idle: Idle | None) -> Iterator[Line | Cue]:
    in_flight = False
    for step in recorded.frames():
        if isinstance(step, ConnectionRecord | ClosureRecord):
            continue
        fin, opcode = step.header[0] & FIN, step.opcode
        if idle is not None and fin and opcode <= 2 and idle.is_worth_it:
            message = recorded.message(step.id)
            # Without a compressed message those behind it would not be understood.
            may_be_missing = step.from_client or (opcode and not step.flags & FrameFlag.COMPRESSED)
            if message is not None and idle.leaves_out(message) and may_be_missing:
                continue
        if step.from_client:
            if opcode == Opcode.CLOSE or (opcode <= 2 and fin):
                yield Cue(step.id, step.time, opcode == Opcode.CLOSE)
        elif opcode != Opcode.PONG:
            if opcode <= 2:
                in_flight = not fin
            yield Line(step.id, step.time, recorded.raw(step), opcode, not in_flight)


def _anew(recorded: Recorded, wording: Wording, idle: Idle | None) -> Iterator[Line | Cue]:
    for step in recorded.messages():
        if not isinstance(step, RecordedMessage) or (idle is not None and idle.leaves_out(step)):
            continue
        if step.from_client:
            if step.opcode == Opcode.CLOSE or not step.is_control:
                yield Cue(step.number, step.time, step.opcode == Opcode.CLOSE)
        elif step.opcode != Opcode.PONG:
            yield Line(step.number, step.time, wording.wire(step), step.opcode, True)

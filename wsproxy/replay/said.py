"""What one side of a connection said, as `wsproxy.replay.diff` compares it: message by message, lazily."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any

from wsproxy.decoders.decoded import Decoded, Kind
from wsproxy.decoders.follow import Follower
from wsproxy.decoders.registry import DECODERS, Factory
from wsproxy.replay.recorded import End, Recorded
from wsproxy.replay.recorded_message import RecordedMessage
from wsproxy.replay.values import Rules, Value, differences, leaves
from wsproxy.store.reader import Reader
from wsproxy.store.records import ConnectionRecord
from wsproxy.store.tail import FrameEvent
from wsproxy.wire.frames import Opcode

_OVERHEAD = 500
"""Bytes a message takes besides its content."""
_VERBATIM = ("text", "hex")
"""Decoders that have no more to say than the content itself."""


class Said:
    """
    One message. What takes decoding is found out only when it is asked for, in the order of the stream.

    Attributes:
        message: as it was recorded.

    Args:
        is_late: the server says it to a client that has closed.
    """

    __slots__ = ("_decoded", "_digest", "_is_late", "_leaves", "_shape", "_side", "_value", "message")

    def __init__(self, message: RecordedMessage, side: "Side", is_late: bool = False) -> None:
        self.message = message
        self._is_late = is_late
        self._side = side
        self._decoded: Any = _UNKNOWN
        self._value: Any = _UNKNOWN
        self._digest: bytes | None = None
        self._shape: Hashable | None = None
        self._leaves: frozenset[int] | None = None

    @property
    def size(self) -> int:
        """Bytes it takes in memory, about."""
        return len(self.message.content) + _OVERHEAD

    @property
    def decoded(self) -> Decoded | None:
        """What it means."""
        if self._decoded is _UNKNOWN:
            self._decoded = self._side.decode(self.message)
        found: Decoded | None = self._decoded
        return found

    @property
    def event(self) -> str:
        """What it means, in one line; empty where that is only what it says."""
        decoded = self.decoded
        return decoded.event if decoded is not None and not decoded.verbatim else ""

    @property
    def is_idle(self) -> bool:
        """
        It only keeps the connection alive, and nobody wants to know; or the client had closed by then, and
        how much the server says after that is left to chance.
        """
        if self._is_late:
            return True
        return self._side.leave_idle_out and self.decoded is not None and self.decoded.heartbeat

    @property
    def value(self) -> Value:
        """What counts of its content: a structure, text, or bytes."""
        if self._value is _UNKNOWN:
            self._value = self._side.value(self)
        return self._value

    @property
    def digest(self) -> bytes:
        """Of the value and the opcode."""
        if self._digest is None:
            self._digest = bytes((self.message.opcode,)) + self._side.rules.digest(self.value)
        return self._digest

    @property
    def exact_digest(self) -> bytes:
        """Likewise, with numbers that may differ a little."""
        return bytes((self.message.opcode,)) + self._side.rules.digest(self.value, exact=True)

    def equals(self, other: "Said") -> bool:
        """Whether another says the same, as far as it counts."""
        if self.digest != other.digest:
            return False
        rules = self._side.rules
        return rules.within is None or not differences(self.value, other.value, rules)

    @property
    def shape(self) -> Hashable:
        """What kind of thing it says."""
        if self._shape is None:
            decoded = self.decoded
            if decoded is None:
                self._shape = (self.message.opcode,)
            else:
                self._shape = (self.message.opcode, decoded.decoder, decoded.kind, decoded.name)
        return self._shape

    @property
    def leaves(self) -> frozenset[int]:
        """To see how much it has in common with another."""
        if self._leaves is None:
            self._leaves = leaves(self.value)
        return self._leaves

    @property
    def answers(self) -> int | None:
        """The number of the call of the other direction that it answers, if it does and that was seen."""
        decoded = self.decoded
        if decoded is None or decoded.kind not in (Kind.REPLY, Kind.PARTIAL):
            return None
        return decoded.pairs_with


class Side:
    """
    One direction of one connection.

    Args:
        reader: its capture.
        record: the connection.
        from_client: the direction.
        rules: what does not count.
        factory: makes the session that decodes.
        leave_idle_out: what only keeps the connection alive does not count.
        passed: told the number of each message that was read.
    """

    def __init__(
        self,
        reader: Reader,
        record: ConnectionRecord,
        from_client: bool,
        rules: Rules,
        factory: Factory = DECODERS.session,
        leave_idle_out: bool = True,
        passed: Callable[[int], None] = lambda number: None,
    ) -> None:
        self.rules = rules
        self.leave_idle_out = leave_idle_out
        self._reader = reader
        self._record = record
        self._from_client = from_client
        self._factory = factory
        self._follower = Follower(reader, factory, gaps=True)
        self._passed = passed

    def __iter__(self) -> Iterator[Said]:
        """
        Its text and binary messages, in order.

        Raises:
            sqlite3.Error: the capture is damaged.
        """
        number = self._record.id
        first, last = span(self._reader, number)
        recorded = Recorded(
            self._reader, connections={number}, first=first + 1, last=last, side=self._from_client
        )
        is_late = False
        for step in recorded.messages():
            if not isinstance(step, RecordedMessage):
                continue
            if step.from_client is self._from_client:
                self._passed(step.number)
                if not step.is_control:
                    yield Said(step, self, is_late)
            elif step.from_client and step.opcode == Opcode.CLOSE:
                is_late = True

    def again(self, numbers: Iterable[int]) -> Iterator[Said]:
        """These messages once more, by the ids of the frames that ended them, in order."""
        self._follower = Follower(self._reader, self._factory, gaps=True)
        recorded = Recorded(self._reader, End.SERVER, connections={self._record.id})
        for number in numbers:
            message = recorded.message(number)
            if message is not None:
                yield Said(message, self)

    def decode(self, message: RecordedMessage) -> Decoded | None:
        """What a message means; ask in the order of the stream."""
        reader, number = self._reader, message.number
        frame = reader.frame(number)
        if frame is None:
            return None
        return self._follower.decoded(FrameEvent(frame, reader.messages(number, number).get(number)))

    def value(self, said: Said) -> Value:
        """What counts of the content of a message."""
        message, decoded = said.message, said.decoded
        if decoded is not None and decoded.decoder not in _VERBATIM and not message.truncated:
            return self.rules.value(decoded.tree)
        if message.opcode == 1:
            try:
                text = message.content.decode()
            except UnicodeDecodeError:
                return message.content
            return self.rules.text(text) if self.rules.ignored_text else text
        return message.content


def span(reader: Reader, connection: int) -> tuple[int, int | None]:
    """The frame recorded before a connection, and the last one before its end; None if it has not ended."""
    row = reader.db.execute(
        "SELECT connection.at_frame, closure.at_frame FROM connection"
        " LEFT JOIN closure ON closure.connection = connection.id WHERE connection.id = ?",
        (connection,),
    ).fetchone()
    return (row[0], row[1]) if row else (0, None)


_UNKNOWN = object()

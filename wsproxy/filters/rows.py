"""Rows of a capture as subjects of a filter. What has to be looked up is, once, when it is asked for."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property

from wsproxy.filters.subject import LOOKED_AT, NO_ANOMALY, Decoded
from wsproxy.store.reader import Reader, at_most
from wsproxy.store.records import (
    ClosureRecord,
    ConnectionRecord,
    DecisionRecord,
    ExchangeRecord,
    FrameFlag,
    FrameRecord,
    MessageRecord,
)
from wsproxy.wire.closing import Close
from wsproxy.wire.frames import Anomaly, Opcode


@dataclass(eq=False)
class FrameSubject:
    """
    A frame of a capture, with the message it ends.

    Args:
        reader: of the same capture.
        frame, message, connection: its rows; no message where it says no more than the frame.
        now: what relative times count from, ns.
        decode: says what the message means; without it nothing is decoded.
    """

    reader: Reader
    frame: FrameRecord
    message: MessageRecord | None
    connection: ConnectionRecord
    now: int
    decode: Callable[["FrameSubject"], Decoded | None] | None = None

    @property
    def time(self) -> int:
        """Of the frame."""
        return self.frame.time

    @property
    def from_client(self) -> bool:
        """Its direction."""
        return self.frame.from_client

    @property
    def opcode(self) -> int:
        """The frame's own."""
        return self.frame.opcode

    @property
    def kind(self) -> int:
        """The opcode of the message that it begins, ends or is."""
        return self.message.opcode if self.message else self.frame.opcode

    @property
    def size(self) -> int:
        """Bytes of the message where it ends, else of the frame as declared."""
        return self.message.length if self.message else self.frame.length

    @property
    def code(self) -> int | None:
        """Of a Close frame."""
        return Close.parse(self.frame.payload).code if self.frame.opcode == Opcode.CLOSE else None

    @property
    def fragmented(self) -> bool:
        """It does not make a message alone."""
        return not self.frame.flags & FrameFlag.FIN or self.frame.opcode == Opcode.CONTINUATION

    @property
    def compressed(self) -> bool:
        """On the wire."""
        return bool(self.frame.flags & FrameFlag.COMPRESSED)

    @property
    def anomalies(self) -> Anomaly:
        """Its own and those of its message."""
        return self.frame.anomalies | (self.message.anomalies if self.message else 0)

    @cached_property
    def _decisions(self) -> list[DecisionRecord]:
        return self.reader.decisions_about(self.frame)

    @property
    def actions(self) -> Collection[str]:
        """What was decided about its message."""
        return {decision.action for decision in self._decisions}

    @property
    def held(self) -> bool:
        """Its message was kept waiting."""
        return any(decision.held > 0 for decision in self._decisions)

    @cached_property
    def content(self) -> bytes:
        """Of the message where it ends, else the frame's payload; at most `LOOKED_AT` bytes."""
        frame, message = self.frame, self.message
        if message and message.content is not None:
            return message.content[:LOOKED_AT]
        if message and message.frames > 1:
            return self.reader.joined(message, LOOKED_AT)
        if frame.stored <= len(frame.payload):
            return frame.payload[:LOOKED_AT]
        return at_most(LOOKED_AT, self.reader.payload(frame.id))

    @cached_property
    def decoded(self) -> Decoded | None:
        """What `decode` says."""
        return self.decode(self) if self.decode else None


@dataclass(eq=False, slots=True)
class _Asked:
    """What is known of the connection of an exchange."""

    url: str
    id: int = 0
    request: bytes = b""
    response: bytes = b""
    subprotocol: None = None


@dataclass(eq=False)
class ExchangeSubject:
    """
    A body of long-polling: operators about frames do not match it.

    Args:
        exchange: its row.
        content: without what it is packed in.
        now: what relative times count from, ns.
        decode: says what it means.
    """

    exchange: ExchangeRecord
    content: bytes
    now: int
    decode: Callable[[ExchangeRecord], Decoded | None] | None = None
    opcode: None = None
    kind: None = None
    code: None = None
    fragmented: bool = False
    compressed: bool = False
    anomalies: Anomaly = NO_ANOMALY
    actions: Collection[str] = ()
    held: bool = False

    @property
    def connection(self) -> _Asked:
        """The URL is that of the request; there is no number, and no head."""
        return _Asked(self.exchange.url)

    @property
    def time(self) -> int:
        """When it was whole."""
        return self.exchange.time

    @property
    def from_client(self) -> bool:
        """Its direction."""
        return self.exchange.from_client

    @property
    def size(self) -> int:
        """Bytes of the content."""
        return len(self.content)

    @cached_property
    def decoded(self) -> Decoded | None:
        """What `decode` says."""
        return self.decode(self.exchange) if self.decode else None


@dataclass(eq=False, slots=True)
class EventSubject:
    """The opening or the end of a connection: operators about frames do not match it."""

    connection: ConnectionRecord
    now: int
    closure: ClosureRecord | None = None
    """None for the opening."""
    from_client: None = None
    opcode: None = None
    kind: None = None
    size: None = None
    fragmented: bool = False
    compressed: bool = False
    anomalies: Anomaly = NO_ANOMALY
    actions: Collection[str] = ()
    held: bool = False
    content: None = None
    decoded: None = None

    @property
    def time(self) -> int:
        """When it opened or ended."""
        return self.closure.time if self.closure else self.connection.opened

    @property
    def code(self) -> int | None:
        """With which it ended."""
        return self.closure.code if self.closure else None

"""
What a filter is asked about: a frame of a capture, a message on its way through the engine, or the
opening and end of a connection.

A frame of a capture becomes a subject in `wsproxy.filters.rows`; the engine makes a `LiveMessage`.
"""

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from wsproxy.wire.closing import Close
from wsproxy.wire.frames import Anomaly, Opcode
from wsproxy.wire.transit import Transit

NO_ANOMALY = Anomaly(0)

LOOKED_AT = 16 * 1024 * 1024
"""Bytes of content a filter looks at; what is behind them is not found."""


class ConnectionFacts(Protocol):
    """What a filter asks about a connection; a `ConnectionRecord` has it all."""

    @property
    def id(self) -> int:
        """Its number in the capture."""

    @property
    def url(self) -> str:
        """`ws://` or `wss://`."""

    @property
    def request(self) -> bytes:
        """The request head as it arrived."""

    @property
    def response(self) -> bytes:
        """The response head; empty if there was none."""

    @property
    def subprotocol(self) -> str | None:
        """As the server chose it."""


class Decoded(Protocol):
    """What a decoder made of a message."""

    @property
    def decoder(self) -> str:
        """The name of the decoder."""

    @property
    def event(self) -> str:
        """The meaning in one line."""

    @property
    def id(self) -> str | None:
        """The id by which calls and replies find each other."""

    @property
    def heartbeat(self) -> bool:
        """It only keeps the connection alive."""

    @property
    def replied(self) -> bool | None:
        """Whether this call was answered; None for what is no call, and while nobody knows."""

    def each(self) -> Iterable["Decoded"]:
        """The packets in the message; itself if it is only one."""


class Subject(Protocol):
    """One thing that a filter matches or does not."""

    @property
    def connection(self) -> ConnectionFacts:
        """Where it happened."""

    @property
    def time(self) -> int:
        """When, ns since the epoch."""

    @property
    def now(self) -> int:
        """What relative times count from: the end of a finished capture, else the present; ns."""

    @property
    def from_client(self) -> bool | None:
        """The direction it travels; None for what is no frame."""

    @property
    def opcode(self) -> int | None:
        """Of the frame, 0 to 15; of a live message 1 or 2, or its control frame's own."""

    @property
    def kind(self) -> int | None:
        """The opcode of the message that this frame begins, ends or is; else as `opcode`."""

    @property
    def size(self) -> int | None:
        """Bytes of the whole content, inflated, where a message ends; of any other frame its own."""

    @property
    def code(self) -> int | None:
        """The status code of a Close frame, or of the end of a connection."""

    @property
    def fragmented(self) -> bool:
        """Part of a message of several frames, or made of several."""

    @property
    def compressed(self) -> bool:
        """By permessage-deflate, on the wire."""

    @property
    def anomalies(self) -> Anomaly:
        """What breaks the protocol, of the frame and of the message it ends."""

    @property
    def actions(self) -> Collection[str]:
        """What was decided about it: `pass`, `recode`, `edit`, `drop`, `inject`, `cut`."""

    @property
    def held(self) -> bool:
        """It was kept waiting."""

    @property
    def content(self) -> bytes | None:
        """
        The whole content, inflated, where a message ends; of any other frame its own payload.

        At most `LOOKED_AT` bytes of it count. None for what is no frame.
        """

    @property
    def decoded(self) -> Decoded | None:
        """What a decoder says; None where there is none."""


@dataclass(slots=True)
class LiveMessage:
    """
    A message, or a control frame, that the engine asks about before it goes on.

    Cheap to make: nothing is looked up or decoded until an operator wants it.
    """

    connection: ConnectionFacts
    from_client: bool
    opcode: int
    content: bytes
    """All of it, inflated."""
    time: int = field(default_factory=time.time_ns)
    fragmented: bool = False
    compressed: bool = False
    anomalies: Anomaly = NO_ANOMALY
    actions: Collection[str] = ()
    held: bool = False
    decode: Callable[[], Decoded | None] | None = None
    """Called at most once."""
    _decoded: Decoded | None = field(default=None, init=False, repr=False)

    @classmethod
    def of(
        cls, connection: ConnectionFacts, transit: Transit, decode: Callable[[], Decoded | None] | None = None
    ) -> "LiveMessage":
        """A message in the edit state, as it is now: what will be sent, unless somebody changes it."""
        return cls(
            connection,
            transit.from_client,
            transit.sent_opcode,
            transit.content,
            time=transit.arrived,
            fragmented=len(transit.sizes) > 1,
            compressed=transit.compressed,
            actions=("edit",) if transit.is_changed else (),
            held=transit.was_held,
            decode=decode,
        )

    @property
    def now(self) -> int:
        """The present, ns."""
        return time.time_ns()

    @property
    def kind(self) -> int:
        """The opcode: a message is whole."""
        return self.opcode

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.content)

    @property
    def code(self) -> int | None:
        """Of a Close frame."""
        return Close.parse(self.content).code if self.opcode == Opcode.CLOSE else None

    @property
    def decoded(self) -> Decoded | None:
        """What `decode` says."""
        if self.decode is not None:
            self._decoded, self.decode = self.decode(), None
        return self._decoded

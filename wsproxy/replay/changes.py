"""What is made of messages on their way into a replay; the plain case: nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from wsproxy.decoders.decoded import Decoded
from wsproxy.replay.alike import alike
from wsproxy.replay.dial import Way
from wsproxy.replay.heard import Heard
from wsproxy.replay.part import Part
from wsproxy.replay.recorded_message import RecordedMessage
from wsproxy.replay.target import Opening
from wsproxy.store.reader import Reader
from wsproxy.store.records import ConnectionRecord, ExchangeRecord


@dataclass(frozen=True, slots=True)
class Prepared:
    """A connection that is about to be opened."""

    opening: Opening
    """With which handshake."""
    exchanges: Sequence[ExchangeRecord] = ()
    """What was said over HTTP to come that far, for the record."""
    heard: Sequence[Heard] = ()
    """What the server said there, and had said on the WebSocket."""
    differences: int = 0
    """In what it said there."""


class Changes:
    """Nothing is changed. `wsproxy.replay.session.Session` does more."""

    async def prepare(self, reader: Reader, record: ConnectionRecord, opening: Opening, way: Way) -> Prepared:
        """
        How a connection of a capture is to be opened.

        Raises:
            ReplayError: what comes before its handshake failed.
        """
        return Prepared(opening)

    def opening(self, opening: Opening) -> Opening:
        """How handshakes are to be."""
        return opening

    def saying_over_http(self, content: bytes) -> bytes:
        """What to say over long-polling in place of a packet of text of the client."""
        return content

    def heard_over_http(self, then: bytes, now: bytes) -> bool:
        """Whether the server says there what it had said."""
        return then == now

    def opened(self, part: Part) -> None:
        """A connection is open."""

    def closed(self, part: Part) -> None:
        """It is over."""

    def meaning(self, part: Part) -> Decoded | None:
        """What the last message that the server said means, as far as anybody decodes it."""
        return None

    def alike(self, recorded: RecordedMessage, heard: Heard) -> bool:
        """Whether the server said the same as in the original."""
        return alike(recorded, heard)

    def saying(self, part: Part, message: RecordedMessage) -> bytes | None:
        """What to say in place of a message of the client; None: nothing."""
        return message.content

    def leaves_alone(self, part: Part) -> bool:
        """
        What the client says next it says as it did, until the server says something: neither `is_heartbeat`
        nor `saying` need be asked, but `left_alone` be told.
        """
        return True

    def left_alone(self, part: Part, messages: Sequence[RecordedMessage]) -> None:
        """These messages are said as they were."""

    def heard(self, part: Part, expected: RecordedMessage | None, heard: Heard) -> None:
        """The server has said something, where in the original it said what was `expected`."""

    def is_heartbeat(self, part: Part, message: RecordedMessage) -> bool:
        """A message of the original only kept the connection alive: it is neither said nor expected."""
        return False

    def is_heartbeat_now(self, part: Part, heard: Heard) -> bool:
        """The same of a message of now: it does not count."""
        return False

"""What messages of a capture mean, for filters that ask (`~event`, `~noreply`, ...)."""

from collections.abc import Iterator

from wsproxy.decoders.decoded import Decoded, Kind
from wsproxy.decoders.follow import Follower, everything
from wsproxy.decoders.registry import Factory
from wsproxy.filters.rows import FrameSubject
from wsproxy.store.reader import Reader
from wsproxy.store.records import ExchangeRecord
from wsproxy.store.tail import FrameEvent


class Meanings:
    """
    Decodes for filters, which look at some messages and not at others.

    Args:
        reader: of the capture.
        factory: makes the session of a connection.
    """

    def __init__(self, reader: Reader, factory: Factory) -> None:
        self._reader = reader
        self._factory = factory
        self._follower = Follower(reader, factory, gaps=True)
        self._unanswered: set[tuple[int, str | None]] | None = None
        self._read = 0
        """The last message that was read to know them."""

    def exchange(self, record: ExchangeRecord) -> "Meaning | None":
        """What a body of long-polling means; None if there is nothing in it."""
        decoded = self._follower.decoded(record)
        return Meaning(decoded, -record.id, self) if decoded else None

    def __call__(self, subject: FrameSubject) -> "Meaning | None":
        """What the message of a frame means; None for what is none."""
        decoded = self._follower.decoded(FrameEvent(subject.frame, subject.message))
        return Meaning(decoded, subject.frame.id, self) if decoded else None

    def replied(self, number: int, call: str | None) -> bool | None:
        """
        Whether a call of a message was answered, as far as was written when this was first asked.

        None for calls that came later. Who wants to know of them makes new `Meanings`: that reads everything.
        """
        unanswered = self._unanswered_calls()
        return None if number > self._read else (number, call) not in unanswered

    def _unanswered_calls(self) -> set[tuple[int, str | None]]:
        if self._unanswered is None:
            calls: set[tuple[int, str | None]] = set()
            for event, decoded in everything(self._reader, Follower(self._reader, self._factory)):
                if isinstance(event, FrameEvent):
                    self._read = event.frame.id
                if decoded is None:
                    continue
                assert isinstance(event, FrameEvent | ExchangeRecord)
                number = event.frame.id if isinstance(event, FrameEvent) else -event.id
                for part in decoded.each():
                    if part.kind is Kind.CALL:
                        calls.add((number, part.id))
                    elif part.pairs_with is not None:
                        calls.discard((part.pairs_with, part.id))
            self._unanswered = calls
        return self._unanswered


class Meaning:
    """What a decoder says, as filters ask for it."""

    def __init__(self, decoded: Decoded, number: int, meanings: Meanings) -> None:
        self._decoded = decoded
        self._number = number
        self._meanings = meanings
        self.decoder = decoded.decoder
        self.event = decoded.event
        self.id = decoded.id
        self.heartbeat = decoded.heartbeat

    @property
    def replied(self) -> bool | None:
        """Whether this call was answered; None for what is no call, or came too late to know."""
        if self._decoded.kind is not Kind.CALL:
            return None
        return self._meanings.replied(self._number, self.id)

    def each(self) -> Iterator["Meaning"]:
        """The packets in the message; itself if it is only one."""
        return (Meaning(part, self._number, self._meanings) for part in self._decoded.each())

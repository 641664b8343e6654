"""
The events of a capture that a filter wants: what `log -f` and `dump -f` print.

Frames are found by `Search`. A connection's opening and end are told if the filter matches them (the
operators about frames do not), and with the first frame of the connection that is told, so that
nobody asks what connection that is. A decision is told with the frames it is about. A body of long-polling is
told if the filter matches it. What could not be recorded is always told.
"""

from collections.abc import Callable

from wsproxy.filters.search import Search
from wsproxy.store.reader import PAGE, Reader
from wsproxy.store.records import (
    ClosureRecord,
    ConnectionRecord,
    DecisionRecord,
    ExchangeRecord,
    GapRecord,
)
from wsproxy.store.tail import Event, FrameEvent, Tail

_REMEMBERED = 10_000
"""Frames that were told, in case something is decided about them."""


class FilteredTail(Tail):
    """
    Where one viewer is in a capture, of which it wants a part.

    Args:
        reader: the capture.
        search: the filter over it; it must know of `connection` too.
        after_frame, connection, since: as of every `Tail`.
        progress: told how far the search has come: frames, and of how many.

    Attributes:
        found: whether anything has matched so far.
    """

    def __init__(
        self,
        reader: Reader,
        search: Search,
        after_frame: int = 0,
        connection: int | None = None,
        since: int = 0,
        progress: Callable[[int, int], None] = lambda done, all_of_it: None,
    ) -> None:
        super().__init__(reader, after_frame, connection, since, picker=search, progress=progress)
        self.found = False
        self._search_of = search
        self._untold: set[int] = set()
        """Connections whose opening was passed over."""
        self._told: set[int] = set()
        """Connections whose end will be told."""
        self._frames: dict[int, None] = {}
        """The last that were told."""

    def read(self, limit: int = PAGE) -> list[Event]:
        """The next events that matter, in order; an empty list if there is nothing new."""
        while events := super().read(limit):
            if chosen := [told for event in events for told in self._choose(event)]:
                return chosen
        return []

    def unfinished(self) -> list[Event]:
        """As of every `Tail`."""
        return [told for event in super().unfinished() for told in self._choose(event)]

    def _choose(self, event: Event) -> list[Event]:
        if isinstance(event, GapRecord):
            return [event]
        if isinstance(event, FrameEvent):
            return self._frame_told(event)
        if isinstance(event, DecisionRecord):
            return self._decided(event)
        if isinstance(event, ExchangeRecord):
            matches = self._search_of.about_exchange(event)
            self.found = self.found or matches
            return [event] if matches else []
        if isinstance(event, ConnectionRecord):
            if self._search_of.about(event):
                self.found = True
                self._told.add(event.id)
                return [event]
            self._untold.add(event.id)
            return []
        return self._closed(event)

    def _frame_told(self, event: FrameEvent) -> list[Event]:
        self.found = True
        self._frames[event.frame.id] = None
        if len(self._frames) > _REMEMBERED:
            del self._frames[next(iter(self._frames))]
        number = event.frame.connection
        if number not in self._told:
            self._told.add(number)
            if number in self._untold:
                self._untold.remove(number)
                return [self._search_of.connection(number), event]
        return [event]

    def _decided(self, event: DecisionRecord) -> list[Event]:
        told: list[Event] = []
        if event.first_frame is None and event.first_sent is None:
            return [event] if event.connection in self._told else []
        if self._search_of.is_live and event.first_frame is not None and event.last_frame is not None:
            # It had not been decided when these frames were looked at.
            late = self._search_of.pick(event.first_frame - 1, event.last_frame)
            late = [number for number in late if number not in self._frames]
            messages = self._reader.messages_by_id(late)
            for frame in self._reader.frames_by_id(late):
                if (frame.connection, frame.from_client) == (event.connection, event.from_client):
                    told += self._frame_told(FrameEvent(frame, messages.get(frame.id)))
        ends = (event.last_frame, event.last_sent)
        return [*told, event] if any(number in self._frames for number in ends) else told

    def _closed(self, event: ClosureRecord) -> list[Event]:
        number = event.connection
        opening: list[Event] = []
        matches = self._search_of.about(self._search_of.connection(number), event)
        if matches and number in self._untold:
            opening = [self._search_of.connection(number)]
        told = matches or number in self._told
        self.found = self.found or matches
        self._untold.discard(number)
        self._told.discard(number)
        return [*opening, event] if told else []

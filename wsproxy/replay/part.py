"""
The part that one connection plays in a replay: what was said, what is expected, what came of it.
"""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from wsproxy.replay.heard import Heard
from wsproxy.replay.outcome import brief
from wsproxy.replay.recorded_message import RecordedMessage
from wsproxy.replay.voice import Voice
from wsproxy.store.records import ConnectionRecord

if TYPE_CHECKING:
    from wsproxy.replay.link import Link

_REMEMBERED = 16 << 20
"""Bytes of expected content that is kept for comparing; what is expected beyond them is only counted."""
_MOST = 100_000
"""Messages that may be expected at a time and still be paired."""
_PINGS = 1000
_OVERTAKEN = 32
"""Messages that another may overtake and still be known for what it is."""

Alike = Callable[[RecordedMessage, Heard], bool]
"""Whether a message of the server is what was recorded."""


class Part:
    """
    One connection.

    Args:
        record: the original.
        alike: compares.
    """

    def __init__(self, record: ConnectionRecord, alike: Alike) -> None:
        self.record = record
        self.link: Link | None = None
        """Once it was tried to be opened."""
        self.voice: Voice | None = None
        """Once it is open."""
        self.expected = 0
        """
        Messages of the server that came up to here in the original. Control frames do not count, nor what
        it said when the client had closed: how much that was is left to chance.
        """
        self.expects_close = False
        """The server had closed by here in the original."""
        self.had_closed = False
        """The client had."""
        self.heard = 0
        """Messages that the server has said; neither control frames nor heartbeats count."""
        self.differences = 0
        """Messages of the server that were not as expected, or not expected at all."""
        self.problem = ""
        """What went wrong with this connection, in one sentence."""
        self.is_ending = False
        """Its end has begun."""
        self.skipped = 0
        """Messages of the client that were not sent because not all of them was kept, or somebody said so."""
        self.left = 0
        """Messages of the client that were not sent because the connection was over."""
        self.first_left: RecordedMessage | None = None
        self.controls: list[RecordedMessage] = []
        """Of the client, to be woven into the fragments of the message that comes."""
        self.last_heard: Heard | None = None
        self._alike = alike
        self._waiting: deque[RecordedMessage] = deque()
        self._size = 0
        self._lost = 0
        self._recent: deque[int] = deque(maxlen=1000)
        self._pings: deque[bytes] = deque(maxlen=_PINGS)
        self._claimed: set[int] = set()
        self._optional: set[int] = set()
        """What the server had said when the client had closed."""

    @property
    def is_open(self) -> bool:
        """Messages can be said."""
        return self.link is not None and self.link.is_open

    @property
    def is_ready(self) -> bool:
        """Messages can be said, and nothing has to be woven into the next one."""
        return self.is_open and not self.controls

    @property
    def is_silent(self) -> bool:
        """The server says nothing any more."""
        link = self.link
        return link is None or not link.number or link.over.is_set() or link.server_close is not None

    def lacks(self, message: RecordedMessage | None) -> int:
        """How much less the server has said than it had said before a message; before the end, for None."""
        if self.is_silent:
            return 0
        expected = self.expected
        if message is not None and message.fragments:
            expected = self.expected_before(message.first_frame)
        # A Close frame comes last, and is one more thing to wait for.
        return expected - self.heard + self.expects_close

    def fell_behind(self, message: RecordedMessage | None, timeout: float) -> None:
        """It was waited for in vain, that many seconds: that is the problem."""
        before = f"before {brief(message)}" if message else "at the end"
        missing = f"; {brief(self.missing)} is missing" if self.missing else ""
        closing = " and closed" if self.expects_close else ""
        last = self.last_heard
        came = f"the last that came is {brief(last)}" if last else "nothing came"
        self.problem = (
            f"{before} the server had said {self.expected:,} messages{closing}, now {self.heard:,}"
            f" in {timeout:g} s"
            f"{missing}; {came}"
        )

    @property
    def missing(self) -> RecordedMessage | None:
        """The first message that is expected and has not come."""
        return self._waiting[0] if self._waiting else None

    def expect(self, message: RecordedMessage) -> None:
        """The server said this in the original."""
        if message.opcode == 9:
            self._pings.append(message.content)
        if message.opcode == 8:
            self.expects_close = True
        if message.is_control:
            return
        is_claimed = message.number in self._claimed
        if self.had_closed and not is_claimed:
            self._optional.add(message.number)
        else:
            self.expected += 1
            self._recent.append(message.number)
        if is_claimed:
            self._claimed.remove(message.number)
            return
        self._waiting.append(message)
        self._size += len(message.content)
        while len(self._waiting) > _MOST or self._size > _REMEMBERED:
            self._size -= len(self._waiting.popleft().content)
            self._lost += 1

    def expected_before(self, frame: int) -> int:
        """How many messages of the server were whole before a frame of the original."""
        return self.expected - sum(number > frame for number in self._recent)

    def take(self, heard: Heard, ahead: Callable[[], RecordedMessage | None]) -> RecordedMessage | None:
        """
        The server says something: which message of the original is that?

        Args:
            heard: a message.
            ahead: looks for the next one of this connection among what comes later in the original.
        """
        self.last_heard = heard
        if self._lost:
            self.heard += 1
            self._lost -= 1
            return None
        if self._waiting:
            place = self._place_of(heard)
            message = self._waiting[place or 0]
            if message.number not in self._optional:
                self.heard += 1
            elif place is None:
                # Something else than it had said at that time: neither counts.
                return None
            del self._waiting[place or 0]
            self._size -= len(message.content)
            if place is None:
                self.differences += 1
            return message
        later = ahead()
        if later is None and self.link is not None and self.link.client_close is not None:
            return None
        self.heard += 1
        if later is None:
            self.differences += 1
            return None
        self._claimed.add(later.number)
        if not self._alike(later, heard):
            self.differences += 1
        return later

    def _place_of(self, heard: Heard) -> int | None:
        """Which of those that wait is like what came: others may have been overtaken, or never come."""
        for place, message in enumerate(self._waiting):
            if place == _OVERTAKEN:
                break
            # Those further on must be the same to the byte: that is quickly seen.
            if self._alike(message, heard) if place == 0 else message.content == heard.content:
                return place
        return None

    def is_claimed(self, message: RecordedMessage) -> bool:
        """It has come before its turn."""
        return message.number in self._claimed

    def answers_a_ping(self, message: RecordedMessage) -> bool:
        """A recorded pong that answers a recorded ping: the pings of now are answered as they come."""
        return message.opcode == 10 and message.content in self._pings

    def leave(self, message: RecordedMessage) -> None:
        """It cannot be said any more."""
        self.left += 1
        self.first_left = self.first_left or message

    def over(self) -> None:
        """The connection has ended: what has not come is missing."""
        self.differences += sum(message.number not in self._optional for message in self._waiting)
        self.differences += self._lost
        self._lost = 0

"""
Sessions of Engine.IO that never left long-polling, said again over HTTP beside the connections of a replay.

As their client does: one poll is always open, and what is to be said goes out beside it. Packets of the
client wait for what the server had said before them, whatever the pace; how many come in one answer is left
to chance.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from itertools import chain
from urllib.parse import urlencode, urlsplit

from wsproxy.decoders.decoded import Unfit
from wsproxy.decoders.text import preview
from wsproxy.errors import ReplayError
from wsproxy.replay.asker import Answered, Asker
from wsproxy.replay.changes import Changes
from wsproxy.replay.journal import Journal
from wsproxy.replay.pace import Ahead, BehindError, Pace
from wsproxy.replay.polled import CLOSE, Packet, bodies
from wsproxy.replay.prelude import TROUBLE, asking, prelude_at, why
from wsproxy.replay.prelude_polling import Prelude
from wsproxy.replay.recorded import Recorded
from wsproxy.replay.recorded_message import RecordedMessage
from wsproxy.replay.settings import Settings
from wsproxy.replay.target import request_for
from wsproxy.store.reader import Reader
from wsproxy.store.records import ConnectionRecord
from wsproxy.wire.polling import sid_of

_POLL = 120.0
"""Seconds a poll may stay open: servers end one with a ping after half a minute."""
_WIDTH = 60
_TOLD = 20


@dataclass(frozen=True, slots=True)
class Stayed:
    """One such session."""

    sid: str
    began: int
    """When it was opened, ns."""
    record: ConnectionRecord
    """The WebSocket that it never had, for who asks where a connection goes and with which headers."""


@dataclass(slots=True)
class StayedOutcome:
    """What came of one."""

    session: str
    """The recorded `sid`."""
    url: str
    now: str = ""
    """The new one."""
    said: int = 0
    """Packets of the client; those that only keep it alive do not count, here and below."""
    skipped: int = 0
    left: int = 0
    heard: int = 0
    expected: int = 0
    differences: int = 0
    changed: list[tuple[str, str]] = field(default_factory=list)
    """What the server had said and what it says where that is something else: the first `_TOLD` of them."""
    problem: str = ""
    """What went wrong, in one sentence."""


def stayed(recorded: Recorded) -> list[Stayed]:
    """
    The sessions of a capture that never moved to a WebSocket, and whose beginning is there, in order.

    Raises:
        sqlite3.Error: the capture is damaged.
    """
    db = recorded.reader.db
    moved = {sid_of(url) for (url,) in db.execute("SELECT url FROM connection WHERE status = 101")}
    rows = db.execute(
        "SELECT sid, url, began FROM exchange"
        " WHERE from_client = 0 AND method = 'GET' AND status = 200 AND sid != '' ORDER BY id"
    )
    found = {
        sid: Stayed(sid, began, _stand_in(url, sid, began))
        for sid, url, began in rows
        if not sid_of(url) and sid not in moved
    }
    return list(found.values())


def _stand_in(url: str, sid: str, began: int) -> ConnectionRecord:
    parts = urlsplit(url)
    query = f"{parts.query}&{urlencode({'sid': sid})}"
    where = f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}{parts.path}?{query}"
    request = f"GET {parts.path}?{query} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
    return ConnectionRecord(
        0, began, where, "", "", "", "HTTP/1.1", request, b"", None, b"", 0, None, "", (), None
    )


class StayedPart:
    """
    Says one again.

    Args:
        session: which.
        reader: its capture.
        settings, journal, pace, changes: as of a `Player`.
        until: only what had crossed by then, ns.
    """

    def __init__(
        self,
        session: Stayed,
        reader: Reader,
        settings: Settings,
        journal: Journal,
        pace: Pace,
        changes: Changes,
        until: int,
    ) -> None:
        self._session = session
        self._settings = settings
        self._pace = pace
        self._changes = changes
        self._bodies = bodies(reader, session.sid, until)
        self.saying = changes.saying_over_http
        self.keep = journal.exchange
        self.outcome = StayedOutcome(session.sid, session.record.url.partition("?")[0])

    def heard(self, then: Packet, now: Packet) -> None:
        """As of `Talk`."""
        outcome = self.outcome
        outcome.heard += 1
        if not self._changes.heard_over_http(then.content, now.content):
            outcome.differences += 1
            if len(outcome.changed) < _TOLD:
                outcome.changed.append((_shown(then), _shown(now)))

    async def run(self) -> StayedOutcome:
        """
        Say it all.

        Raises:
            ReplayError: the server opens no such session.
            StopReplay: no more is to be said.
        """
        session, outcome = self._session, self.outcome
        request = request_for(session.record, self._changes.opening(self._settings.opening))
        try:
            await self._pace.at(session.began)
            async with asking(session.record, request, self._settings.way) as asker:
                polling = prelude_at(_Polling, asker, session.record, request, self, self._settings.way)
                first, *others = next(self._bodies)
                outcome.expected += 1
                await polling.hear(first)
                outcome.now = polling.played.now
                self._pace.opened(session.began)
                slow = replace(self._settings.way, timeout=_POLL)
                async with asking(session.record, request, slow) as polls, polling.going_on(polls):
                    await self._go_on(polling, chain([tuple(others)], self._bodies))
        except Unfit as error:
            outcome.problem = f"what was said there cannot be read: {error}"
        except TROUBLE as error:
            if not outcome.now:
                where = request.target.url.partition("?")[0]
                raise ReplayError(
                    f"the session {session.sid} went over long-polling, and {where} opens no such session:"
                    f" {why(error)}"
                ) from None
            outcome.problem = why(error)
        self._count_rest()
        return outcome

    async def _go_on(self, polling: "_Polling", bodies: Iterable[tuple[Packet, ...]]) -> None:
        outcome, closed = self.outcome, False
        for body in bodies:
            wanted = tuple(packet for packet in body if not packet.is_idle)
            if not wanted:
                continue
            closed = closed or any(packet.is_text and packet.content[:1] == CLOSE for packet in wanted)
            if not wanted[0].from_client:
                for packet in wanted:
                    outcome.expected += 1
                    try:
                        await polling.hear(packet)
                    except TROUBLE as error:
                        outcome.problem = f"{_shown(packet)} is missing: {why(error)}"
                        with contextlib.suppress(*TROUBLE):
                            await polling.say([_GOODBYE])
                        return
            elif all([await self._pace.before(_message(packet), _ALONE) for packet in wanted]):
                await polling.say(wanted)
                outcome.said += len(wanted)
            else:
                outcome.skipped += len(wanted)
        if not closed:
            # A session without a recorded end is ended in order, as a connection is.
            await polling.say([_GOODBYE])
        outcome.differences += polling.left

    def _count_rest(self) -> None:
        """What there would still have been."""
        outcome = self.outcome
        with contextlib.suppress(Unfit):
            for body in self._bodies:
                for packet in body:
                    if not packet.is_idle:
                        outcome.left += packet.from_client
                        outcome.expected += not packet.from_client
        outcome.differences += outcome.expected - outcome.heard


class _Polling(Prelude):
    """Goes on with a session once it is open: a poll is always under way, on a connection of its own."""

    _polls: Asker | None = None
    _trouble: Exception | None = None

    @contextlib.asynccontextmanager
    async def going_on(self, polls: Asker) -> AsyncIterator[None]:
        """
        Poll.

        Args:
            polls: another connection to the server; it is closed at the end.
        """
        self._polls = polls
        self._news = asyncio.Event()
        self._posting = asyncio.Lock()
        task = asyncio.get_running_loop().create_task(self._poll())
        try:
            yield
        finally:
            task.cancel()
            # Its thread waits for an answer.
            polls.close()
            await asyncio.wait([task])

    async def _poll(self) -> None:
        try:
            while True:
                await super()._hear()
                self._news.set()
        except TROUBLE as error:
            self._trouble = error
            self._news.set()

    async def _hear(self) -> None:
        if self._polls is None:
            await super()._hear()
            return
        if self._trouble:
            raise self._trouble
        self._news.clear()
        async with asyncio.timeout(self._timeout):
            await self._news.wait()

    async def _asked(self, method: str, where: str, body: bytes) -> Answered:
        if self._polls is None or method == "POST":
            if self._polls is None:
                return await super()._asked(method, where, body)
            async with self._posting:
                return await super()._asked(method, where, body)
        return await asyncio.to_thread(self._polls, method, where, body)


class _Alone:
    """Nobody else is waited for."""

    def is_behind(self, message: RecordedMessage | None) -> bool:
        """As of `Ahead`."""
        return False

    async def news(self, timeout: float) -> bool:
        """As of `Ahead`."""
        return False

    def behind(self, message: RecordedMessage | None, timeout: float) -> BehindError:
        """As of `Ahead`."""
        raise NotImplementedError


_ALONE: Ahead = _Alone()


_GOODBYE = Packet(0, True, True, CLOSE)


def _shown(packet: Packet) -> str:
    return preview(packet.content, packet.is_text, _WIDTH, len(packet.content))


def _message(packet: Packet) -> RecordedMessage:
    """For a clock, which looks at the time, and who is asked."""
    content = packet.content
    return RecordedMessage(
        0,
        0,
        packet.time,
        packet.time,
        packet.from_client,
        1 if packet.is_text else 2,
        content,
        len(content),
        False,
        (),
        0,
        False,
        False,
    )

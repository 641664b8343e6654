"""
Go through a recorded session and act as its client: one message after the other, in recorded order.

One player is one run. It opens connections where the original opened them, says what the client said when
the clock (`wsproxy.replay.pace`) lets it, expects what the server said, and ends as the original ended.
The original is read as it goes, never ahead by more than `_AHEAD`.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterator, Sequence

from wsproxy.decoders.decoded import Decoded
from wsproxy.errors import RefusedError, UsageError
from wsproxy.filters.subject import LiveMessage
from wsproxy.replay import dial
from wsproxy.replay.changes import Changes
from wsproxy.replay.ending import end
from wsproxy.replay.exact import check_fit, exact_steps
from wsproxy.replay.heard import Heard
from wsproxy.replay.journal import Journal
from wsproxy.replay.link import Link
from wsproxy.replay.outcome import Outcome, Summary, brief
from wsproxy.replay.pace import BehindError, Pace, StopReplay
from wsproxy.replay.part import Part
from wsproxy.replay.recorded import Recorded, Step
from wsproxy.replay.recorded_message import RecordedMessage
from wsproxy.replay.settings import Settings
from wsproxy.replay.stayed import Stayed, StayedOutcome, StayedPart, stayed
from wsproxy.replay.target import request_for
from wsproxy.replay.voice import Voice
from wsproxy.replay.volley import Volley
from wsproxy.store.records import ClosureRecord, ConnectionRecord, FrameRecord
from wsproxy.wire.closing import Close
from wsproxy.wire.frames import FIN, Opcode

_AHEAD = 2000
"""Steps that are looked at to find what a server says early."""


class Player:
    """
    Args:
        recorded: the session, of `End.SERVER`.
        settings: how.
        journal: records the replay.
        pace: the clock.
        changes: what is made of messages on the way; None: nothing.
    """

    def __init__(
        self,
        recorded: Recorded,
        settings: Settings,
        journal: Journal,
        pace: Pace,
        changes: Changes | None = None,
    ) -> None:
        self.said = 0
        """Messages and control frames of the client that are done with: sent, or left out."""
        self.parts: dict[int, Part] = {}
        """By the number of the connection in the original; those that are over are in `summary` only."""
        self.summary = Summary()
        self._recorded = recorded
        self._settings = settings
        self._journal = journal
        self._pace = pace
        self._changes = changes or Changes()
        self._runs: Iterator[Sequence[Step | FrameRecord]] = iter(())
        self._ahead: deque[Step | FrameRecord] = deque()
        self._news = asyncio.Event()
        self._ending: set[asyncio.Task[None]] = set()
        self._stayed: deque[Stayed] = deque(stayed(recorded) if recorded.is_whole else ())
        self._polling: list[asyncio.Task[StayedOutcome]] = []
        self._began = time.time_ns()

    @property
    def differences(self) -> int:
        """So far."""
        return self.summary.differences + sum(part.differences for part in self.parts.values())

    async def run(self) -> Summary:
        """
        Replay the session.

        Raises:
            WsproxyError: it could not go on: no server, a refusal, a server that fell behind.
        """
        recorded = self._recorded
        self._runs = ([step] for step in exact_steps(recorded)) if self._settings.exact else recorded.runs()
        try:
            while self._has_more():
                if not (self._pace.at_once and await self._say_at_once(self._pace.at_once)):
                    await self._take(self._ahead.popleft())
            await self._pace.end(self)
            self._poll(None)
            for part in list(self.parts.values()):
                await self._end(part, None)
            if self._ending:
                await asyncio.gather(*self._ending)
            for outcome in await asyncio.gather(*self._polling):
                self.summary.add_session(outcome)
        except StopReplay:
            self.summary.stopped = True
        except BehindError as error:
            self.summary.problem = error.message
        finally:
            for task in (*self._ending, *self._polling):
                task.cancel()
            await asyncio.gather(*self._polling, return_exceptions=True)
            for part in list(self.parts.values()):
                if part.link:
                    part.link.abort()
                    await part.link.over.wait()
                self._done(part)
        return self.summary

    # What a clock may ask.

    def is_behind(self, message: RecordedMessage | None) -> bool:
        """As of `pace.Ahead`."""
        return any(part.lacks(message) > 0 for part in self.parts.values())

    async def news(self, timeout: float) -> bool:
        """As of `pace.Ahead`."""
        self._news.clear()
        try:
            async with asyncio.timeout(timeout):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    def behind(self, message: RecordedMessage | None, timeout: float) -> BehindError:
        """As of `pace.Ahead`."""
        part = next(part for part in self.parts.values() if part.lacks(message) > 0)
        part.fell_behind(message, timeout)
        return BehindError(f"connection {part.record.id}: {part.problem}")

    # The steps.

    def _has_more(self) -> bool:
        """Whether there is a next step; it is the first of those ahead."""
        while not self._ahead:
            run = next(self._runs, None)
            if run is None:
                return False
            self._ahead.extend(run)
        return True

    async def _say_at_once(self, most: int) -> bool:
        """
        Say the messages that come next and wait for nothing.

        What `_take` would do, in a fraction of the time: nearly all of a long session are such messages.

        Args:
            most: as many.

        Returns:
            Whether there are any.
        """
        first = self._ahead[0]
        part = self.parts.get(first.connection) if isinstance(first, RecordedMessage) else None
        if part is None or part.link is None or part.voice is None or not part.is_ready:
            return False
        messages, is_plain = Volley.taken(self._ahead, most)
        if not messages:
            return False
        changes, link = self._changes, part.link
        if is_plain and changes.leaves_alone(part):
            changes.left_alone(part, messages)
            link.say_at_once(*part.voice.at_once(messages), [message.number for message in messages])
        else:
            for message in messages:
                if changes.is_heartbeat(part, message):
                    continue
                content = changes.saying(part, message)
                if content is None:
                    part.skipped += 1
                else:
                    link.say(*part.voice.frames(message, content), message.number)
        self.said += len(messages)
        await self._room(link)
        await asyncio.sleep(0)
        return True

    async def _take(self, step: Step | FrameRecord) -> None:
        if isinstance(step, RecordedMessage):
            part = self.parts.get(step.connection)
            if part and self._changes.is_heartbeat(part, step):
                return
            if not step.from_client:
                if part:
                    part.expect(step)
                return
            if part and step.opcode == Opcode.CLOSE:
                part.had_closed = True
            await self._say(step, part)
            self.said += 1
        elif isinstance(step, FrameRecord):
            # Only of the client: the server's are messages.
            await self._say_exactly(step, self.parts.get(step.connection))
            self.said += 1
        elif isinstance(step, ConnectionRecord):
            await self._open(step)
        else:
            part = self.parts.get(step.connection)
            if part:
                await self._pace.at(step.time)
                await self._end(part, step)

    async def _open(self, record: ConnectionRecord) -> None:
        if record.status is None:
            self.summary.notes.append(f"connection {record.id} never reached a server and is left out")
            return
        self._poll(record.opened)
        part = self.parts[record.id] = Part(record, self._changes.alike)
        await self._pace.at(record.opened)
        settings = self._settings
        prepared = await self._changes.prepare(self._recorded.reader, record, settings.opening, settings.way)
        for exchange in prepared.exchanges:
            self._journal.exchange(exchange)
        if prepared.differences:
            part.differences += prepared.differences
            one = prepared.differences == 1
            self.summary.notes.append(
                f"connection {record.id}: {prepared.differences:,} {'message' if one else 'messages'} of the"
                f" server over HTTP, before the WebSocket, {'was' if one else 'were'} otherwise"
            )
        request = request_for(record, prepared.opening)
        if request.withheld:
            self.summary.withheld.update(request.withheld)

        def made() -> Link:
            return Link(record.id, request, self._journal, self._heard, self._over)

        part.link = link = await dial.connect(request.target, settings.way, made)
        try:
            await link.open(settings.timeout)
        except RefusedError as error:
            self._done(part)
            if record.status == 101 or error.status != record.status:
                raise
            return
        self._pace.opened(record.opened)
        if record.status != 101:
            part.differences += 1
            part.problem = f"was refused with {record.status} in the original and is open now"
        assert link.handshake
        if settings.exact:
            check_fit(record, link.handshake, self._recorded)
        part.voice = Voice(link.handshake, link.key)
        self._changes.opened(part)
        for heard in prepared.heard:
            self._heard(link, heard)

    def _poll(self, until: int | None) -> None:
        """Begin the sessions over long-polling that had begun by then; all that are left, for None."""
        while self._stayed and (until is None or self._stayed[0].began <= until):
            part = StayedPart(
                self._stayed.popleft(),
                self._recorded.reader,
                self._settings,
                self._journal,
                self._pace,
                self._changes,
                self._began,
            )
            self._polling.append(asyncio.get_running_loop().create_task(part.run()))

    async def _say(self, message: RecordedMessage, part: Part | None) -> None:
        if part is None or part.link is None:
            self.summary.left += 1
            return
        controls: Sequence[RecordedMessage] = ()
        if message.opcode >= 8:
            if part.answers_a_ping(message):
                return
            if message.inside:
                part.controls.append(message)
                return
        elif part.controls:
            controls, part.controls = part.controls, []
        if message.truncated or message.redacted:
            what = "was redacted" if message.redacted else "is not all in the capture"
            if not self._settings.skip_truncated:
                raise UsageError(f"{brief(message)} {what}", "Leave out such messages with --skip-truncated")
            part.skipped += 1
            return
        if part.is_open and not await self._pace.before(message, self):
            part.skipped += 1
            return
        link = part.link
        if not part.is_open or part.voice is None:
            # A Close frame that answers the server's was sent when that came.
            if not (message.is_control and link.client_close):
                part.leave(message)
            return
        content = self._changes.saying(part, message)
        if content is None:
            part.skipped += 1
        elif message.opcode == 8:
            link.close(content, message.number)
        else:
            frames, count = part.voice.frames(message, content, controls)
            link.say(frames, count, message.number)
        if link.is_full or self._journal.is_full:
            await self._room(link)

    async def _say_exactly(self, frame: FrameRecord, part: Part | None) -> None:
        if part is None or part.link is None:
            self.summary.left += 1
            return
        stand_in = self._recorded.alone(frame)
        if part.answers_a_ping(stand_in):
            return
        if part.is_open and not await self._pace.before(stand_in, self):
            part.skipped += 1
            return
        if not part.is_open:
            if not (frame.is_control and part.link.client_close):
                part.leave(stand_in)
            return
        ends = frame.opcode > 2 or frame.header[0] & FIN
        if frame.opcode == Opcode.CLOSE:
            part.had_closed = True
            part.link.client_close = Close.parse(frame.payload)
        part.link.say(self._recorded.raw(frame), 1, frame.id if ends else 0)
        await self._room(part.link)

    async def _room(self, link: Link) -> None:
        if link.is_full:
            await link.room()
        if self._journal.is_full:
            await self._journal.room()

    async def _end(self, part: Part, closure: ClosureRecord | None) -> None:
        if part.is_ending:
            return
        part.is_ending = True
        if self._pace.in_order:
            await self._finish(part, closure)
        else:
            task = asyncio.get_running_loop().create_task(self._finish(part, closure))
            self._ending.add(task)

    async def _finish(self, part: Part, closure: ClosureRecord | None) -> None:
        """End a connection as the original ended, or in order where that has no end."""
        link = part.link
        if link is not None and link.number and not link.over.is_set():
            link.flush()
            await self._owed(part)
            await end(part, link, closure, self._settings.timeout, self._settings.exact)
        self._done(part)

    async def _owed(self, part: Part) -> None:
        """Wait for what the server still has to say, if nobody has closed."""
        while part.link and part.link.client_close is None and part.lacks(None) > 0:
            if not await self.news(self._settings.timeout):
                return

    def _done(self, part: Part) -> None:
        if self.parts.pop(part.record.id, None):
            self._changes.closed(part)
            part.over()
            self.summary.add(Outcome.of(part))

    # What the server does.

    def _heard(self, link: Link, heard: Heard) -> int:
        self._news.set()
        part = self.parts.get(link.original)
        if part is None:
            return 0
        # What comes together with the answer to the handshake comes before anybody has seen that.
        part.link = link
        expected = None
        if (
            not heard.is_control
            and not self._changes.is_heartbeat_now(part, heard)
            and self._is_wanted(part, heard)
        ):
            expected = part.take(heard, lambda: self._early(part))
        self._changes.heard(part, expected, heard)
        return expected.number if expected else 0

    def _is_wanted(self, part: Part, heard: Heard) -> bool:
        """What the filter leaves out of the original does not count now either."""
        wanted = self._recorded.wanted
        if wanted is None:
            return True

        def meaning() -> Decoded | None:
            return self._changes.meaning(part)

        return wanted.match(LiveMessage(part.record, False, heard.opcode, heard.content, decode=meaning))

    def _early(self, part: Part) -> RecordedMessage | None:
        """The next message of the server further on in the original."""
        for known in self._ahead:
            if isinstance(known, RecordedMessage) and _is_next(known, part):
                return known
        while len(self._ahead) < _AHEAD and (run := next(self._runs, None)) is not None:
            self._ahead.extend(run)
            for step in run:
                if isinstance(step, RecordedMessage) and _is_next(step, part):
                    return step
        return None

    def _over(self, link: Link) -> None:
        self._news.set()


def _is_next(step: RecordedMessage, part: Part) -> bool:
    return (
        not step.from_client
        and not step.is_control
        and step.connection == part.record.id
        and not part.is_claimed(step)
    )

"""
One client of a recorded server: what it says is heard, and what was recorded is said.
"""

import asyncio
import contextlib
from collections import deque
from typing import Any

from wsproxy.decoders.decoded import Decoded, Kind, Unfit, because
from wsproxy.decoders.message import Message, Opening
from wsproxy.decoders.registry import DECODERS, RegistrySession
from wsproxy.replay.acting import Acting, Tell
from wsproxy.replay.catalogue import Answer
from wsproxy.replay.exchanges import Exchanges, message_of, with_id
from wsproxy.replay.heard import Ear, Heard
from wsproxy.replay.lines import Cue, Exit, Line, Wording, lines
from wsproxy.replay.live import Live
from wsproxy.replay.mock_idle import Idle
from wsproxy.replay.polled_session import PolledSession
from wsproxy.replay.recorded_message import RecordedMessage
from wsproxy.store.reader import Reader
from wsproxy.wire.closing import Close
from wsproxy.wire.encode import close_payload, encode_frame
from wsproxy.wire.frames import FrameScanner, Opcode
from wsproxy.wire.handshake import Head

_READ = 1 << 16
_WAITING = 1000
"""Messages of a client that may wait to be looked at; then it is not read any more."""
_GRACE = 10.0
"""Seconds a client gets to answer a Close frame."""


class _Over(Exception):
    """The client has closed: there is nothing more to say."""


class Performer:
    """
    Acts out one recorded connection for one client, whose upgrade has been accepted.

    Args:
        reader: the capture.
        answer: which connection, and what was negotiated.
        acting: how.
        exchanges: the index, where it answers by what is said.
        relatives: connections in which an answer is looked for, the own one first.
        request: the head of the client's upgrade request.
        streams: the connection.
        tell: told what happens.
        before: the session that goes on here and began over HTTP; None if it begins here.
    """

    def __init__(
        self,
        reader: Reader,
        answer: Answer,
        acting: Acting,
        exchanges: Exchanges | None,
        relatives: list[int],
        request: bytes,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        tell: Tell,
        before: PolledSession | None = None,
    ) -> None:
        self._reader = reader
        self._answer = answer
        self._record = answer.record
        self._acting = acting
        self._exchanges = exchanges
        self._relatives = relatives
        self._request = request
        self._in, self._out = streams
        self._tell = tell
        self._before = before
        self._loop = asyncio.get_running_loop()
        self._wording = Wording(answer)
        self._heard: deque[tuple[float, Heard]] = deque()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._closed: bytes | None = None
        """The payload of the client's Close frame, once it came."""
        self._closing = False
        """We have sent a Close frame."""
        self._parting = False
        """The client has closed as it did in the recording; what the server said then is still said."""
        self._idle: Idle | None = None
        if acting.by == "order":
            record = answer.record
            self._idle = Idle(Opening(record.url, record.subprotocol, request, record.response))
        self._in_flight = False
        self._interjections: list[bytes] = []
        self._live: Live | None = None
        self._session: RegistrySession | None = None
        self._matched = 0
        """The recorded message that matched last."""
        self._turns = 0
        self._said = 0
        """Lines and cues gone through."""
        self.reset = False
        """TCP is to end with a reset."""

    async def run(self) -> None:
        """Act until the connection is over."""
        listening = asyncio.ensure_future(self._listen())
        performing = asyncio.ensure_future(self._perform())
        try:
            await asyncio.wait((listening, performing), return_when=asyncio.FIRST_COMPLETED)
            if performing.done():
                performing.result()
        finally:
            for task in (listening, performing):
                task.cancel()
            await asyncio.gather(listening, performing, return_exceptions=True)
            if self._live is not None:
                await self._live.close(self._closed or b"")

    @property
    def ended(self) -> dict[str, Any]:
        """How it ended, for the log."""
        code = None if self._closed is None else Close.parse(self._closed).code
        return {"clean": self._closed is not None and self._closing, "code": code, "reset": self.reset}

    # Hearing.

    async def _listen(self) -> None:
        """Read until the client has ended TCP."""
        scanner, ear = FrameScanner(), Ear(True, self._answer.deflate)
        while True:
            await self._room.wait()
            try:
                data = await self._in.read(_READ)
            except OSError:
                return
            if not data:
                return
            for heard in ear.hear(scanner.feed(data)):
                await self._take(heard)

    async def _take(self, heard: Heard) -> None:
        if heard.opcode == Opcode.PING:
            await self._say(encode_frame(Opcode.PONG, heard.content))
        elif heard.opcode == Opcode.CLOSE:
            self._closed = heard.content
            self._news.set()
        elif heard.opcode in (Opcode.TEXT, Opcode.BINARY) and self._closed is None:
            if self._before is not None and await self._before.takes(heard, self):
                return
            self._event("heard", opcode=heard.opcode, length=heard.length)
            is_idle, answer = self._idle.hears(heard) if self._idle is not None else (False, b"")
            if answer:
                await self._say(encode_frame(heard.opcode, answer))
            if not is_idle:
                self.hear(heard)

    def hear(self, heard: Heard) -> None:
        """The client has said something, here or over HTTP."""
        if self._acting.by == "time":
            return
        self._heard.append((self._loop.time(), heard))
        self._news.set()
        if len(self._heard) >= _WAITING:
            self._room.clear()

    async def _next(self) -> tuple[float, Heard]:
        """
        The next message of the client, and when it came.

        Raises:
            _Over: it has closed.
        """
        while not self._heard:
            if self._closed is not None:
                raise _Over
            self._news.clear()
            await self._news.wait()
        found = self._heard.popleft()
        if len(self._heard) < _WAITING // 2:
            self._room.set()
        return found

    async def _until_closed(self) -> None:
        while self._closed is None:
            self._news.clear()
            await self._news.wait()

    async def _sleep_until(self, due: float) -> None:
        """Raises _Over if the client closes before that, unless it has done so in the recording, too."""
        while (left := due - self._loop.time()) > 0:
            if self._closed is not None and not self._parting:
                if self._heard:
                    return
                raise _Over
            if self._parting:
                await asyncio.sleep(left)
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._until_closed(), left)

    # Saying.

    async def say(self, wire: bytes) -> None:
        """Send a frame that is not of this recorded connection."""
        await self._say(wire)

    async def _say(self, wire: bytes, whole: bool = True, *, line: bool = False) -> None:
        """Send a frame or message; what is not a line of the recording waits for one that is in flight."""
        if self._in_flight and not line:
            self._interjections.append(wire)
            return
        if line:
            self._in_flight = not whole
        self._out.write(wire)
        if not self._in_flight and self._interjections:
            waiting, self._interjections = self._interjections, []
            self._out.write(b"".join(waiting))
        await self._out.drain()

    async def _close(self, payload: bytes, wire: bytes | None = None) -> None:
        if not self._closing:
            self._closing = True
            await self._say(wire or encode_frame(Opcode.CLOSE, payload), line=wire is not None)

    async def _perform(self) -> None:
        with contextlib.suppress(OSError):
            try:
                ending = await (self._by_matching() if self._acting.by == "match" else self._by_lines())
                await self._end(ending)
            except _Over:
                await self._close((self._closed or b"")[:2])

    async def _end(self, ending: Exit | None) -> None:
        """As the recorded connection ended; without one, when the client does."""
        if self._closing:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._until_closed(), _GRACE)
            return
        if ending is not None and ending.by in ("server", "proxy") and ending.how != "stopped":
            self.reset = ending.how == "reset"
            return
        while True:
            _, heard = await self._next()
            await self._unmatched(heard)

    # By order, by time.

    async def _by_lines(self) -> Exit | None:
        while True:
            said = self._said
            ending = await self._once()
            if not self._acting.loop or self._said == said:
                # Of a recording in which nobody says anything there is no again.
                return ending
            self._turns += 1
            self._event("again", turns=self._turns)
            # A recording in which nothing takes time must not keep others from theirs.
            await asyncio.sleep(0)

    async def _once(self) -> Exit | None:
        acting, timed = self._acting, self._acting.by == "time"
        paced = timed or not acting.fast
        live, recorded = self._loop.time(), self._record.opened
        for line in lines(self._reader, self._answer, self._wording, self._idle):
            if isinstance(line, Exit):
                return line
            if acting.loop and _is_farewell(line):
                return None
            self._said += 1
            if isinstance(line, Cue):
                if timed:
                    continue
                if line.closes:
                    await self._until_closed()
                    self._parting = True
                    at = self._loop.time()
                else:
                    at, _ = await self._next()
                live, recorded = max(live, at), line.time
                continue
            if paced:
                live += max(line.time - recorded, 0) / 1e9 / acting.speed
                recorded = line.time
                await self._sleep_until(live)
            await self._line(line)
        return None

    async def _line(self, line: Line) -> None:
        if self._closed is not None and not self._parting:
            raise _Over
        if self._closing and line.opcode == Opcode.CLOSE:
            return
        if self._before is not None and not self._closing:
            # The first thing to be said answers the probe.
            self._before.leave()
        self._event("said", frame=line.number)
        if line.opcode == Opcode.CLOSE:
            await self._close(b"", line.wire)
        else:
            await self._say(line.wire, line.whole, line=True)

    # By what the client says.

    async def _by_matching(self) -> None:
        assert self._exchanges is not None
        record = self._record
        self._session = DECODERS.session(
            Opening(record.url, record.subprotocol, self._request, record.response)
        )
        await self._respond(self._exchanges.said(record.id, 0), self._loop.time(), record.opened, None)
        while True:
            at, heard = await self._next()
            message = Message(0, 0, True, heard.opcode == Opcode.TEXT, heard.content, heard.length)
            decoded = self._session.decode(message)
            key = self._acting.matching.key(message, decoded)
            found = self._exchanges.find(self._relatives, key, self._matched)
            if found is None:
                if not decoded.heartbeat:
                    await self._unmatched(heard)
                continue
            connection, number, id = found
            if connection == record.id:
                self._matched = number
            self._event("matched", frame=number)
            call = (id, decoded) if id is not None and decoded.id is not None and decoded.id != id else None
            said = self._exchanges.said(connection, number)
            await self._respond(said, at, self._exchanges.time(number), call)

    async def _respond(self, said: Any, live: float, recorded: int, call: tuple[str, Decoded] | None) -> None:
        for message in said:
            if not self._acting.fast:
                await self._sleep_until(live + max(message.time - recorded, 0) / 1e9 / self._acting.speed)
            if self._acting.loop and message.opcode == Opcode.CLOSE:
                continue
            await self._line(
                Line(message.number, message.time, self._worded(message, call), message.opcode, True)
            )

    def _worded(self, message: RecordedMessage, call: tuple[str, Decoded] | None) -> bytes:
        """As it was recorded, with the id of the call of now."""
        assert self._session is not None
        if message.is_control:
            return self._wording.wire(message)
        reply = message_of(message)
        if call is not None and call[1].kind is Kind.CALL and call[1].id is not None:
            try:
                content = with_id(self._session, reply, call[0], call[1].tree, call[1].id)
                return self._wording.wire(message, content)
            except Unfit as error:
                self._event("kept_id", frame=message.number, why=because(error))
        return self._wording.wire(message)

    # What was not recorded.

    async def _unmatched(self, heard: Heard) -> None:
        acting = self._acting
        self._event(
            "unmatched",
            opcode=heard.opcode,
            length=heard.length,
            then=acting.unmatched,
            content=heard.content,
        )
        if acting.unmatched == "close":
            await self._close(close_payload(acting.close_code, "not in the recording"))
            await self._end(None)
            raise _Over
        if acting.unmatched == "reply":
            is_text = isinstance(acting.reply, str)
            content = acting.reply.encode() if isinstance(acting.reply, str) else acting.reply
            await self._say(encode_frame(Opcode.TEXT if is_text else Opcode.BINARY, content))
        elif acting.unmatched == "live":
            if self._live is None:
                base = acting.live or origin_of(self._record.url, self._request if acting.in_place else b"")
                self._live = Live(base, self._request, acting.insecure, self._from_live)
            try:
                await self._live.say(heard.opcode, heard.content)
            except OSError as error:
                self._event("live_failed", why=str(error))
                await self._close(close_payload(1014, "the live server cannot be reached"))

    async def _from_live(self, opcode: int, content: bytes) -> None:
        with contextlib.suppress(OSError):
            if opcode == Opcode.CLOSE:
                await self._close(content)
            else:
                await self._say(encode_frame(opcode, content))

    def _event(self, event: str, **facts: Any) -> None:
        self._tell({"event": event, "recorded": self._record.id, **facts})


def origin_of(url: str, request: bytes = b"") -> str:
    """`ws://host:port` of a URL; with the host that a request names, if one is given."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{Head.parse(request).get('Host') or rest.partition('/')[0].partition('?')[0]}"


def _is_farewell(line: Line | Cue) -> bool:
    return line.closes if isinstance(line, Cue) else line.opcode == Opcode.CLOSE

"""
Recorded long-polling of Engine.IO, played anew: the beginning of a session before its WebSocket is opened, or
all of one that never had any (`wsproxy.replay.stayed`).

What the client had said there it says again, and what the server had said is waited for, packet by packet:
how many come in one answer is left to chance.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol
from urllib.parse import parse_qs, urlencode, urlsplit

from wsproxy.decoders.polling import packed
from wsproxy.replay.asker import TEXT, Answered, Asker
from wsproxy.replay.polled import PING, PONG, UPGRADE, Packet, bodies, unpacked
from wsproxy.replay.recorded import Recorded
from wsproxy.replay.recorded_message import RecordedMessage
from wsproxy.replay.said import span
from wsproxy.store.reader import Reader
from wsproxy.store.records import ConnectionRecord, ExchangeFlag, ExchangeRecord

_FIRST = 4
"""Messages of a client among which the one is that changes over to the WebSocket."""


@dataclass(slots=True)
class Played:
    """What came of it."""

    then: str
    """The recorded sid."""
    now: str
    """The new one."""
    left: list[Packet] = field(default_factory=list)
    """What the server has said besides: it had done so on the WebSocket."""


def script(reader: Reader, record: ConnectionRecord) -> list[tuple[Packet, ...]]:
    """
    The bodies that crossed before a session changed over to its connection; none where they were not kept.

    Raises:
        Unfit: one of them cannot be read, or not all of it was kept.
    """
    sid = reader.sid(record.id)
    found = list(bodies(reader, sid, _changed_over(reader, record))) if sid else []
    opens = found and not found[0][0].from_client and found[0][0].content[:1] == b"0"
    return found if opens else []


def _changed_over(reader: Reader, record: ConnectionRecord) -> int:
    """When, ns; when the WebSocket was opened, if it never did."""
    first, last = span(reader, record.id)
    steps = Recorded(reader, connections={record.id}, first=first + 1, last=last).messages()
    said = (step for step in steps if isinstance(step, RecordedMessage) and step.from_client)
    return next((step.time for step in islice(said, _FIRST) if step.content == UPGRADE), record.opened)


class Talk(Protocol):
    """Who follows what is said."""

    def saying(self, content: bytes) -> bytes:
        """What to say in place of what the client had said."""

    def heard(self, then: Packet, now: Packet) -> None:
        """The server says something, where it had said this."""

    def keep(self, exchange: ExchangeRecord) -> None:
        """A body has crossed."""


class Prelude:
    """
    Plays it.

    Args:
        asker: asks the server.
        record: the connection that follows.
        path: what is asked for, without a query.
        base: `http://host:port` of the server, for the record.
        talk: what is made of it.
        timeout: seconds in which the server must say something more.
    """

    def __init__(
        self, asker: Asker, record: ConnectionRecord, path: str, base: str, talk: Talk, timeout: float
    ) -> None:
        self._asker = asker
        self._path = path
        self._base = base
        self._talk = talk
        self._timeout = timeout
        query = parse_qs(urlsplit(record.url).query)
        self._version = query["EIO"][0]
        self._more = {
            name: given[0] for name, given in query.items() if name not in ("sid", "transport", "t")
        }
        self._heard: deque[Packet] = deque()
        self.played = Played(query["sid"][0], "")

    async def play(self, said: Iterable[tuple[Packet, ...]]) -> Played:
        """
        Say and hear it all.

        Args:
            said: as `script` has it.

        Raises:
            OSError, http.client.HTTPException: the server cannot be asked any more.
            ValueError: it answers otherwise than a server of Engine.IO.
        """
        for body in said:
            wanted = [packet for packet in body if not packet.is_idle]
            if wanted and wanted[0].from_client:
                await self.say(wanted)
            else:
                for packet in wanted:
                    await self.hear(packet)
        self.played.left = list(self._heard)
        return self.played

    async def say(self, packets: Sequence[Packet]) -> None:
        """What the client had said in one body. Raises as `play`."""
        saying = self._talk.saying
        await self._say(
            [
                (packet.is_text, saying(packet.content) if packet.is_text else packet.content)
                for packet in packets
            ]
        )

    async def hear(self, packet: Packet) -> None:
        """Wait for what the server says where it had said this. Raises as `play`."""
        due = time.monotonic() + self._timeout
        while not self._heard:
            # A server that only keeps the session alive says nothing, however often.
            if time.monotonic() > due:
                raise TimeoutError
            await self._hear()
        now = self._heard.popleft()
        if not self.played.now:
            self.played.now = _sid(now.content)
        self._talk.heard(packet, now)

    @property
    def left(self) -> int:
        """Packets of the server that have come, and that nobody has waited for."""
        return len(self._heard)

    async def open(self) -> Played:
        """
        Do what clients do, where nothing was recorded: open a session, and join the namespace in version 4.

        Raises: as `play`.
        """
        await self._hear()
        self.played.now = _sid(self._heard.popleft().content if self._heard else b"")
        if self._version != "3" and not self._path.rstrip("/").endswith("engine.io"):
            # The namespace is joined over HTTP by clients of version 4, before they change over.
            await self._say([(True, b"40")])
            await self._hear()
        return self.played

    async def _say(self, contents: list[tuple[bool, bytes]]) -> None:
        await self._ask("POST", packed(contents, self._version))

    async def _hear(self) -> None:
        answer = await self._ask("GET", b"")
        for packet in unpacked(answer.content, self._version, time.time_ns(), False):
            if packet.is_text and packet.content[:1] == PING:
                await self._say([(True, PONG + packet.content[1:])])
            elif not packet.is_idle:
                self._heard.append(packet)

    async def _ask(self, method: str, body: bytes) -> Answered:
        query = urlencode(
            self._more | {"transport": "polling"} | ({"sid": self.played.now} if self.played.now else {})
        )
        where = f"{self._path}?{query}"
        began = time.time_ns()
        if body:
            self._keep(began, method, where, body, TEXT, None)
        answer = await self._asked(method, where, body)
        self._keep(began, method, where, answer.content, answer.type, 200)
        return answer

    async def _asked(self, method: str, where: str, body: bytes) -> Answered:
        return await asyncio.to_thread(self._asker, method, where, body)

    def _keep(self, began: int, method: str, where: str, body: bytes, type: str, status: int | None) -> None:
        client, server = self._asker.addresses
        sid = self.played.now
        if not sid and status:
            try:
                sid = _sid(body)
            except ValueError:
                sid = ""
        self._talk.keep(
            ExchangeRecord(
                0, time.time_ns(), sid, status is None, began, client, server, method, self._base + where,
                status, type, "", len(body), body, ExchangeFlag(0), None,
            )
        )  # fmt: skip


def _sid(opened: bytes) -> str:
    """Of a packet that opens a session, or of the body it comes in."""
    text = opened.decode("utf-8", "replace")
    start = text.find("{")
    try:
        sid = json.JSONDecoder().raw_decode(text, start)[0]["sid"] if 0 <= start < 40 else None
    except (ValueError, KeyError, TypeError):
        sid = None
    if not isinstance(sid, str):
        raise ValueError(f"its answer has no sid: {text[:80]!r}")
    return sid

"""
The long-polling of a recorded server: sessions of Engine.IO begin over HTTP, and may move to a WebSocket.

A new session gets a `sid` of its own and the next recorded one to act out (`wsproxy.replay.polled_session`).
"""

import asyncio
import json
import re
import secrets
from collections import Counter
from collections.abc import Collection
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from wsproxy.decoders.decoded import Unfit
from wsproxy.decoders.polling import packed
from wsproxy.replay.acting import Acting, Tell
from wsproxy.replay.catalogue import Likeness, target_of
from wsproxy.replay.polled import Packet, bodies, unpacked, version_of
from wsproxy.replay.polled_session import PolledSession
from wsproxy.store.reader import Reader
from wsproxy.wire.handshake import Head
from wsproxy.wire.polling import sid_of

TEXT = "text/plain; charset=UTF-8"
_JSON = "application/json"
_UNKNOWN = b'{"code":1,"message":"Session ID unknown"}'
"""What servers of Engine.IO say of a session that they have not."""
_LOST = 120.0
"""Seconds without a request after which a session is forgotten."""
_INTERVAL = 25.0
"""Seconds between pings, where the recorded server does not say."""
_CALLBACK = re.compile(r"\d{1,9}")


class Reply(NamedTuple):
    """An answer of HTTP."""

    status: int
    type: str
    body: bytes


class _Opening(NamedTuple):
    """One that was recorded."""

    exchange: int
    """The number of the answer that opened it, or refused to."""
    sid: str
    path: str
    query: tuple[tuple[str, str], ...]


class Polling:
    """
    All sessions over long-polling.

    Args:
        reader: the capture; used in the thread of the event loop.
        acting: how.
        likeness: what counts of a URL.
        sids: only sessions whose WebSockets have these; all where None.

    Raises:
        sqlite3.Error: the capture is damaged.
    """

    def __init__(
        self, reader: Reader, acting: Acting, likeness: Likeness, sids: Collection[str] | None = None
    ) -> None:
        self._reader = reader
        self._acting = acting
        self._likeness = likeness
        self._used: Counter[tuple[int, ...]] = Counter()
        self._live: dict[str, PolledSession] = {}
        self._openings: list[_Opening] = []
        rows = reader.db.execute(
            "SELECT id, sid, url FROM exchange WHERE from_client = 0 AND method = 'GET' AND status NOTNULL"
        )
        for number, sid, url in rows:
            if not sid_of(url) and (sids is None or sid in sids):
                self._openings.append(_Opening(number, sid, *target_of(url)))

    @property
    def paths(self) -> list[str]:
        """What can be asked for, each once, in order."""
        return list(dict.fromkeys(opening.path for opening in self._openings))

    def has(self, target: str) -> bool:
        """
        Whether a request gets an answer from the recording: it opens a session that was recorded, or
        belongs to one that goes on. May be asked from any thread.
        """
        sid = sid_of(target)
        return sid in self._live if sid else bool(self._fitting(target))

    def session(self, target: str) -> PolledSession | None:
        """The session of now that a URL names."""
        return self._live.get(sid_of(target))

    def is_foreign(self, target: str) -> bool:
        """A WebSocket goes on with a session that was opened elsewhere, though it could have been here."""
        return bool(sid_of(target)) and self.session(target) is None and bool(self._openings)

    async def answer(self, method: str, target: str, body: bytes, tell: Tell) -> Reply:
        """
        What the recorded server answers to a request.

        Args:
            method: `GET` or `POST`.
            target: path and query.
            body: of the request.
            tell: told what happens.
        """
        if not sid_of(target):
            return self._open(target, tell)
        session = self.session(target)
        if session is None:
            return Reply(400, _JSON, _UNKNOWN)
        session.used = asyncio.get_running_loop().time()
        if method == "POST":
            try:
                session.posted(body)
            except Unfit as error:
                tell({"event": "refused", "target": target, "why": f"its body brings no packets: {error}"})
                return Reply(400, _JSON, b'{"code":3,"message":"Bad request"}')
            return Reply(200, "text/html", b"ok")
        return _packed(await session.poll(), target)

    def put_back(self, target: str, reply: Reply) -> None:
        """Nobody took an answer: what it brings is said again."""
        session = self.session(target)
        if session is not None and reply.status == 200:
            session.put_back(unpacked(reply.body, version_of(target), 0, False))

    def _open(self, target: str, tell: Tell) -> Reply:
        self._forget()
        fitting = self._fitting(target)
        if not fitting:
            tell({"event": "unrecorded", "target": target, "then": "silence"})
            return Reply(404, TEXT, b"No such session was recorded.\n")
        key = tuple(opening.exchange for opening in fitting)
        opening = fitting[self._used[key] % len(fitting)]
        self._used[key] += 1
        [exchange] = self._reader.exchanges(opening.exchange - 1, 1)
        assert exchange.status is not None
        tell({"event": "polling", "target": target, "session": opening.sid, "status": exchange.status})
        if exchange.status != 200:
            return Reply(exchange.status, exchange.type or TEXT, exchange.body)
        try:
            recorded = bodies(self._reader, opening.sid)
            first, *others = next(recorded)
            details = json.loads(first.content[1:])
            interval = details["pingInterval"] / 1000 if "pingInterval" in details else _INTERVAL
        except (Unfit, ValueError, KeyError, TypeError, StopIteration) as error:
            tell({"event": "trouble", "why": f"the recorded session {opening.sid} cannot be opened: {error}"})
            return Reply(500, TEXT, b"What was recorded of it cannot be read.\n")
        sid = secrets.token_urlsafe(15)
        packets = (packet for body in recorded for packet in body)
        session = PolledSession(
            opening.sid, sid, version_of(target), interval, first.time, packets, self._acting, tell
        )
        self._live[sid] = session
        return _packed([session.renamed(packet) for packet in (first, *others)], target)

    def _fitting(self, target: str) -> list[_Opening]:
        path, query = target_of(target)
        return [
            opening
            for opening in self._openings
            if opening.path == path and self._likeness.counted(opening.query) == self._likeness.counted(query)
        ]

    def _forget(self) -> None:
        now = asyncio.get_running_loop().time()
        for sid, session in list(self._live.items()):
            if session.is_over or now - session.used > max(_LOST, 2 * session.interval):
                session.close()
                del self._live[sid]

    def close(self) -> None:
        """End everything."""
        for session in self._live.values():
            session.close()
        self._live.clear()


def _packed(packets: list[Packet], target: str) -> Reply:
    """As the client wants them: as text, or as JavaScript."""
    version = version_of(target)
    body = packed(((packet.is_text, packet.content) for packet in packets), version)
    callback = parse_qs(urlsplit(target).query).get("j", [""])[0]
    if not _CALLBACK.fullmatch(callback):
        return Reply(200, TEXT, body)
    literal = json.dumps(body.decode("utf-8", "replace"))
    return Reply(200, "text/javascript; charset=UTF-8", f"___eio[{callback}]({literal});".encode())


def origin_headers(asked: Head) -> list[tuple[str, str]]:
    """Pages of any origin may read the answers, as they may open WebSockets."""
    origin = asked.get("Origin")
    if not origin:
        return []
    return [
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Allow-Credentials", "true"),
        ("Vary", "Origin"),
    ]

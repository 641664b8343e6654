"""
The old comparison: so many request/reply pairs as REST calls, and as WebSocket messages.

REST is at its best here: one kept-alive connection for all calls. Both times include making the
connection. Whoever moves from REST to WebSockets does it for this factor; a proxy must not take it
away.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from typing import cast

from tests.bench.loads.base import Done, Load, Metrics, Reading, Work
from tests.bench.peers.frames import text
from tests.bench.peers.links import TIMEOUT, connect, stream

COUNTS = (10, 100, 500, 1000, 5000, 10_000)
QUICK_COUNTS = (10, 100, 500)

_QUESTION = text(64, from_client=True)
_BODY = json.dumps({"question": "0123456789abcdef0123456789abcde", "number": 123}).encode().ljust(64)


class _Caller(asyncio.Protocol):
    """Calls again and again on one connection."""

    def __init__(self, request: bytes, count: int) -> None:
        self._request = request
        self._left = count
        self._buffer = b""
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's own class, which no standard one is a base of.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        fields = head.lower()
        at = fields.find(b"content-length:")
        if at < 0 or b" 200 " not in head[:16]:
            self._fail(f"no answer of known length: {head[:200]!r}")
            return
        if len(body) < int(fields[at + 15 :].split(b"\r\n", 1)[0]):
            return
        self._buffer = b""
        self._left -= 1
        if self._left:
            self._transport.write(self._request)
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._left:
            self._fail(f"connection lost: {exc}")
        elif not self.over.done():
            self.over.set_result(None)

    def _fail(self, why: str) -> None:
        if not self.over.done():
            self.over.set_exception(ConnectionError(why))


class Rest(Work):
    """The client's half."""

    async def prepare(self) -> None:
        await self._calls(20)
        await self._messages(20)

    async def run(self) -> Done:
        found: Done = {}
        for count in QUICK_COUNTS if self.settings.quick else COUNTS:
            begun = time.perf_counter()
            await self._calls(count)
            middle = time.perf_counter()
            await self._messages(count)
            found[f"rest_ms_{count}"] = 1e3 * (middle - begun)
            found[f"websocket_ms_{count}"] = 1e3 * (time.perf_counter() - middle)
        return found

    async def _calls(self, count: int) -> None:
        # Clients ask a proxy for http URLs by name and for https through a tunnel.
        tunnel = self.door.tunnel and self.door.tls
        target = f"http://{self.door.authority}/rest" if self.door.tunnel and not tunnel else "/rest"
        request = (
            f"POST {target} HTTP/1.1\r\nHost: {self.door.authority}\r\nAccept: application/json\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(_BODY)}\r\n\r\n"
        ).encode() + _BODY
        caller = _Caller(request, count)
        async with asyncio.timeout(TIMEOUT + count / 50):
            await stream(self.door, caller, tunnel)
            await caller.over

    async def _messages(self, count: int) -> None:
        link = await connect(self.door, "/answer")
        for _ in range(count):
            answer = link.messages(1)
            link.send(_QUESTION)
            await answer
        await link.close()


class RestLoad(Load):
    name = "rest"
    title = "Request/reply pairs as REST calls and as WebSocket messages"
    work = Rest
    direct = True
    once = True
    only = ("direct", "mitmdump", "wsproxy")
    main = "factor_10000"
    shown = ("factor_10000",)

    def metrics(self, readings: Mapping[str, Reading], done: Done) -> Metrics:
        found: Metrics = dict(done)
        for key, value in done.items():
            kind, _, count = key.rpartition("_")
            if kind == "rest_ms":
                found[f"factor_{count}"] = value / done[f"websocket_ms_{count}"]
        return found

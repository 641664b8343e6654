"""
Ping-pong: a message of 64 bytes, its answer, and again; on one socket, or on 64 at a time.

Every round trip is two messages through the proxy. Nothing can be batched here: this is what one
message costs.
"""

import asyncio
import time

from tests.bench.loads.base import Done, Load, Work
from tests.bench.peers.frames import text
from tests.bench.peers.links import Link, connect_many

_QUESTION = text(64, from_client=True)
_WARM_UP = 0.3
"""Seconds. Just-in-time compilers and the proxies' own second thoughts are over then."""


class _Player:
    def __init__(self, link: Link) -> None:
        self._link = link
        self._until = 0.0
        self._asked = 0.0
        self.took: list[float] = []
        self.over: asyncio.Future[None]
        link.on_messages = self._answered

    def play(self, seconds: float) -> None:
        self.over = asyncio.get_running_loop().create_future()
        self.took = []
        self._until = time.perf_counter() + seconds
        self._ask()

    def _ask(self) -> None:
        self._asked = time.perf_counter()
        self._link.send(_QUESTION)

    def _answered(self, count: int) -> None:
        now = time.perf_counter()
        self.took.append(now - self._asked)
        if now < self._until:
            self._ask()
        else:
            self.over.set_result(None)


class PingPong(Work):
    """On one socket."""

    sockets = 1

    async def prepare(self) -> None:
        links = await connect_many(self.door, "/answer", self.sockets)
        self._players = [_Player(link) for link in links]
        await self._play(_WARM_UP)

    async def run(self) -> Done:
        begun = time.perf_counter()
        await self._play(self.settings.seconds)
        seconds = time.perf_counter() - begun
        took = sorted(t for player in self._players for t in player.took)
        return {
            "messages": 2 * len(took),
            "seconds": seconds,
            "rtt_p50_us": 1e6 * took[len(took) // 2],
            "rtt_p99_us": 1e6 * took[len(took) * 99 // 100],
        }

    async def _play(self, seconds: float) -> None:
        for player in self._players:
            player.play(seconds)
        await asyncio.gather(*(player.over for player in self._players))


class PingPong64(PingPong):
    """On 64 sockets."""

    sockets = 64


class PingPongLoad(Load):
    name = "pingpong-1"
    title = "Ping-pong of 64-byte messages, 1 socket"
    work = PingPong
    direct = True
    shown = ("cpu_us_per_message", "rtt_p50_us", "rtt_p99_us", "messages_per_second", "memory_mib")


class PingPong64Load(PingPongLoad):
    name = "pingpong-64"
    title = "Ping-pong of 64-byte messages, 64 sockets"
    work = PingPong64

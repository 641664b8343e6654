"""
Many sockets on which nothing is said any more: memory per socket, and what waiting costs.
"""

import asyncio
import time
from collections.abc import Mapping

from tests.bench.loads.base import Done, Load, Metrics, Reading, Work
from tests.bench.peers.frames import text
from tests.bench.peers.links import Link, connect_many

_QUESTION = text(64, from_client=True)
_FIRST = 20
"""Sockets opened beforehand: what the first ones need is not needed again."""
_WAIT = 3.0
"""Seconds of saying nothing."""


class Idle(Work):
    """The client's half: each socket has one round trip, and then rests."""

    async def prepare(self) -> None:
        self._links: list[Link] = []
        await self._open(_FIRST)

    async def _open(self, count: int) -> None:
        links = await connect_many(self.door, "/answer", count)
        self._links += links
        answers = [link.messages(1) for link in links]
        for link in links:
            link.send(_QUESTION)
        await asyncio.gather(*answers)

    async def run(self) -> Done:
        some, many = (100, 300) if self.settings.quick else (1000, 5000)
        begun = time.perf_counter()
        await self._open(some)
        await self.mark("some")
        await self._open(many - some)
        seconds = time.perf_counter() - begun
        await self.mark("many")
        begun = time.perf_counter()
        await asyncio.sleep(_WAIT)
        waited = time.perf_counter() - begun
        return {"some": some, "many": many, "seconds": seconds, "waited": waited}


class IdleLoad(Load):
    name = "idle"
    title = "Idle sockets: 1,000 and 5,000 (100 and 300 with --quick)"
    work = Idle
    fresh = True
    once = True
    main = "kib_per_socket_many"
    shown = ("kib_per_socket_many", "kib_per_socket_some", "sockets", "idle_cpu_percent", "memory_mib")

    def metrics(self, readings: Mapping[str, Reading], done: Done) -> Metrics:
        before = readings["ready"].memory
        return {
            "sockets": done["many"],
            "kib_per_socket_some": (readings["some"].memory - before) / done["some"] / 1024,
            "kib_per_socket_many": (readings["many"].memory - before) / done["many"] / 1024,
            "idle_cpu_percent": 100 * (readings["done"].cpu - readings["many"].cpu) / done["waited"],
            "memory_mib": readings["done"].memory / 2**20,
        }

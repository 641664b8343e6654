"""
New connections: connect, upgrade, one round trip, closing handshake; eight at a time.
"""

import asyncio
from collections.abc import Mapping

from tests.bench.loads.base import Done, Load, Metrics, Reading, Work, timed, warm_up
from tests.bench.peers.frames import text
from tests.bench.peers.links import TIMEOUT, connect

_QUESTION = text(64, from_client=True)
_AT_ONCE = 8


class Connections(Work):
    """The client's half."""

    async def prepare(self) -> None:
        # One alone first: proxies make the host's certificate on the way.
        await self._one()
        self._count = await warm_up(self._transfer, self.settings.seconds, 24, 2000)

    async def _transfer(self, count: int) -> None:
        left = count

        async def some() -> None:
            nonlocal left
            while left > 0:
                left -= 1
                await self._one()

        await asyncio.gather(*(some() for _ in range(_AT_ONCE)))

    async def _one(self) -> None:
        async with asyncio.timeout(TIMEOUT):
            link = await connect(self.door, "/answer")
            answer = link.messages(1)
            link.send(_QUESTION)
            await answer
            await link.close()

    async def run(self) -> Done:
        seconds = await timed(self._transfer, self._count)
        return {"connections": self._count, "seconds": seconds}


class ConnectionsLoad(Load):
    name = "connections"
    title = "New connections, eight at a time"
    work = Connections
    main = "cpu_ms_per_connection"
    shown = ("cpu_ms_per_connection", "connections_per_second", "memory_mib")

    def metrics(self, readings: Mapping[str, Reading], done: Done) -> Metrics:
        cpu = readings["done"].cpu - readings["ready"].cpu
        return {
            "cpu_ms_per_connection": 1e3 * cpu / done["connections"],
            "connections_per_second": done["connections"] / done["seconds"],
            "memory_mib": readings["done"].memory / 2**20,
        }

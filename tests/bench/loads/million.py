"""
One million messages of 256 bytes: does the proxy's memory grow with the traffic?

Where a million would take too long, as many are sent as there is time for, and the growth is scaled
to a million.
"""

import time
from collections.abc import Mapping

from tests.bench.loads.base import Done, Load, Metrics, Reading, Work, timed
from tests.bench.peers.frames import plain
from tests.bench.peers.links import connect

MILLION = 1_000_000


class Million(Work):
    """The client's half."""

    async def prepare(self) -> None:
        self._link = await connect(self.door, "/load")
        self._block = plain(256, True, 64)
        first = 2000
        self._speed = first / await timed(self._transfer, first)

    async def _transfer(self, count: int) -> None:
        await self._link.upload(self._block, count)

    async def run(self) -> Done:
        quick = self.settings.quick
        wanted, time_for = (200_000, 4.0) if quick else (MILLION, 25.0)
        begun = time.perf_counter()
        sent = 0
        while sent < wanted and (left := time_for - (time.perf_counter() - begun)) > 0:
            count = min(wanted - sent, max(2000, int(self._speed * left)))
            took = await timed(self._transfer, count)
            self._speed = count / took
            sent += count
        return {"messages": sent, "seconds": time.perf_counter() - begun}


class MillionLoad(Load):
    name = "million"
    title = "One million 256-byte messages from the client (growth scaled to a million)"
    work = Million
    fresh = True
    once = True
    main = "growth_mib"
    shown = (
        "growth_mib",
        "peak_growth_mib",
        "messages",
        "cpu_us_per_message",
        "messages_per_second",
        "memory_mib",
    )

    def metrics(self, readings: Mapping[str, Reading], done: Done) -> Metrics:
        found = super().metrics(readings, done)
        found["messages"] = done["messages"]
        scale = MILLION / done["messages"] / 2**20
        found["growth_mib"] = scale * (readings["done"].memory - readings["ready"].memory)
        found["peak_growth_mib"] = scale * (readings["peak"].memory - readings["ready"].memory)
        return found

"""
What a load is: work for the client, and what the harness makes of it.

A load has two halves, which run in two processes. Its `Work` opens connections, warms up and
works, in the client; the `Load` turns what the client has measured (`done`) and what the operating
system says about the proxy (a `Reading` at every mark) into named numbers.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from tests.bench.peers.links import Door

Done = dict[str, Any]
Metrics = dict[str, float]
Mark = Callable[[str], Awaitable[None]]
Transfer = Callable[[int], Awaitable[None]]

_LONG_ENOUGH = 0.25
"""Seconds after which a warm-up has shown the speed."""


@dataclass(frozen=True)
class Settings:
    """How much of it."""

    seconds: float = 1.5
    """How long a measurement shall take; counts follow from the speed found in the warm-up."""
    quick: bool = False


@dataclass(frozen=True)
class Reading:
    """What the operating system says about a proxy and its children."""

    cpu: float
    """Seconds since its start."""
    memory: float
    """Bytes, shared pages by share."""


class Work:
    """
    The client's half.

    Args:
        door: how to get to the origin.
        settings: how much.
        mark: tells the harness to look at the proxy now, and returns when it has.
    """

    def __init__(self, door: Door, settings: Settings, mark: Mark) -> None:
        self.door = door
        self.settings = settings
        self.mark = mark

    async def prepare(self) -> None:
        """Connect and warm up."""

    async def run(self) -> Done:
        """Do what is measured."""
        raise NotImplementedError


class Load:
    """
    The harness' half.

    Attributes:
        name: on the command line and in results.
        title: in the table.
        work: the client's half.
        main: the name of the metric that counts.
        shown: the metrics of the table, the main one first.
        direct: whether to measure it without any proxy too.
        fresh: every measurement gets a new process of the proxy.
        once: one measurement is enough, or all there is time for.
        payload_matters: also measured with a wsproxy that keeps no payloads.
        recording_matters: also measured with a wsproxy that records no frames.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    work: ClassVar[type[Work]]
    main: ClassVar[str] = "cpu_us_per_message"
    shown: ClassVar[tuple[str, ...]] = ("cpu_us_per_message", "messages_per_second", "memory_mib")
    direct: ClassVar[bool] = False
    fresh: ClassVar[bool] = False
    once: ClassVar[bool] = False
    payload_matters: ClassVar[bool] = False
    recording_matters: ClassVar[bool] = False
    only: ClassVar[tuple[str, ...]] = ()
    """Names of the proxies it is for; empty for all."""

    def metrics(self, readings: Mapping[str, Reading], done: Done) -> Metrics:
        """
        The numbers of one measurement.

        Args:
            readings: one for each mark, `ready` and `done` among them; none where there is no proxy.
            done: what the client has measured.
        """
        found: Metrics = {"messages_per_second": done["messages"] / done["seconds"]}
        if readings:
            cpu = readings["done"].cpu - readings["ready"].cpu
            found["cpu_us_per_message"] = 1e6 * cpu / done["messages"]
            found["memory_mib"] = readings["done"].memory / 2**20
        found.update({key: done[key] for key in ("rtt_p50_us", "rtt_p99_us", "deflated") if key in done})
        return found


async def timed(transfer: Transfer, count: int) -> float:
    """Seconds that `transfer(count)` took."""
    begun = time.perf_counter()
    await transfer(count)
    return time.perf_counter() - begun


async def warm_up(transfer: Transfer, seconds: float, first: int, most: int) -> int:
    """
    Transfer more and more until the speed shows.

    Args:
        transfer: takes a count.
        seconds: how long the measurement shall take.
        first: how many to begin with.
        most: the largest answer.

    Returns:
        How many take about that long.
    """
    count = first
    while True:
        took = await timed(transfer, count)
        if took >= _LONG_ENOUGH or count >= most:
            return max(first, min(most, int(count / took * seconds)))
        count = min(most, count * 4)

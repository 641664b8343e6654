"""
Replay a session many times, many at once: a load test from one process.

Every run is a player of its own with ids and variables of its own; all are recorded in one capture.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wsproxy.errors import WsproxyError
from wsproxy.replay.journal import Journal
from wsproxy.replay.pace import Pace
from wsproxy.replay.player import Player
from wsproxy.replay.recorded import Recorded
from wsproxy.replay.session import Session
from wsproxy.replay.settings import Settings
from wsproxy.replay.statistics import Second, Statistics


@dataclass(frozen=True, slots=True)
class Plan:
    """How much."""

    repeat: int = 1
    """Runs in all."""
    concurrency: int = 1
    """Runs at a time."""
    ramp: float = 0.0
    """Seconds until so many go on."""


async def load(
    recorded: Recorded,
    settings: Settings,
    path: Path,
    plan: Plan,
    *,
    pace: Callable[[], Pace],
    session: Callable[[], Session],
    on_second: Callable[[Second], None] = lambda second: None,
) -> Statistics:
    """
    Run the test.

    Args:
        recorded, settings: as of a `Player`.
        path: where it is recorded.
        plan: how much.
        pace, session: made anew for every run.
        on_second: told each second when it is over.

    Raises:
        CaptureError: it cannot be recorded.
    """
    statistics = Statistics()
    journal = Journal(path, recorded.reader)
    going_on = 0
    left = iter(range(plan.repeat))

    async def run() -> None:
        nonlocal going_on
        mine = session()
        mine.statistics = statistics
        going_on += 1
        try:
            summary = await Player(recorded, settings, journal, pace(), mine).run()
            problems = [outcome.problem for outcome in summary.outcomes if outcome.problem]
            problems += [session.problem for session in summary.sessions if session.problem]
            for problem in problems:
                statistics.failed(problem)
            if summary.problem and not problems:
                statistics.failed(summary.problem)
        except WsproxyError as error:
            statistics.failed(error.message)
        finally:
            going_on -= 1

    async def worker(number: int) -> None:
        await asyncio.sleep(plan.ramp * number / plan.concurrency)
        for _ in left:
            await run()

    async def clock() -> None:
        while True:
            await asyncio.sleep(1)
            on_second(statistics.next(going_on))

    loop = asyncio.get_running_loop()
    ticking = loop.create_task(clock())
    try:
        async with asyncio.TaskGroup() as group:
            for number in range(min(plan.concurrency, plan.repeat)):
                group.create_task(worker(number))
    finally:
        ticking.cancel()
        journal.stop()
    on_second(statistics.next(going_on))
    statistics.seconds.pop()
    return statistics

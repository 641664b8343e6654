"""What a Textual app under test shows, as text, and how long its screen stood still."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from textual.app import App
from textual.pilot import Pilot

TIMEOUT = 20
"""Seconds after which what a test waits for will not come."""


def text_of(app: App[Any]) -> str:
    """The whole screen, line by line."""
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


async def until(pilot: Pilot[Any], is_so: Callable[[], Any]) -> None:
    """Return when `is_so()`, letting the app go on meanwhile."""
    async with asyncio.timeout(TIMEOUT):
        while not is_so():
            await pilot.pause(0.01)


async def until_shown(pilot: Pilot[Any], *words: str) -> str:
    """Return what is on the screen as soon as all of that is."""
    try:
        await until(pilot, lambda: all(word in text_of(pilot.app) for word in words))
    except TimeoutError:
        raise AssertionError(f"{words} never showed:\n{text_of(pilot.app)}") from None
    return text_of(pilot.app)


@dataclass
class Standstill:
    """How long the loop did not turn."""

    longest: float = 0.0
    """Seconds of CPU of this process during the longest of its pauses; other processes do not count."""


FREEZE = float(os.environ.get("WSPROXY_TEST_FREEZE", "2"))
"""
Seconds the screen may stand still: so many that only what hangs is found, on any machine. `make bench-tui`
sets the tenth of a second that is promised.
"""


@asynccontextmanager
async def standstill(clock: Callable[[], float] = time.process_time) -> AsyncIterator[Standstill]:
    """
    Measure how long the event loop is kept from turning inside the block.

    Args:
        clock: `time.thread_time` leaves out what other threads of this process do meanwhile, which on a
            loaded machine is counted while the loop waits for a processor.
    """
    found = Standstill()

    async def beat() -> None:
        while True:
            began = clock()
            await asyncio.sleep(0)
            found.longest = max(found.longest, clock() - began)
            await asyncio.sleep(0.002)

    task = asyncio.get_running_loop().create_task(beat())
    try:
        yield found
    finally:
        task.cancel()

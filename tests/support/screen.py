"""What a Textual app under test shows, as text, and how long its screen stood still."""

import asyncio
import gc
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from textual.app import App
from textual.events import Key, Paste
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Input, TextArea

TIMEOUT = 60
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

    def is_shown() -> bool:
        text = text_of(pilot.app)
        return all(word in text for word in words)

    try:
        await until(pilot, is_shown)
    except TimeoutError:
        raise AssertionError(f"{words} never showed:\n{text_of(pilot.app)}") from None
    return text_of(pilot.app)


CHARACTERS = {"tilde": "~", "space": " ", "ampersand": "&", "full_stop": ".", "slash": "/"}
"""What keys type that are not called by it."""


async def press(pilot: Pilot[Any], *keys: str) -> None:
    """
    Press keys, one after the other; each has reached who has the focus, and what it is bound to is done.

    What that leads to may be on its way, and is to be waited for. (The pilot's own way waits until the
    process is idle, which on a loaded machine is no sign of anything, and takes long.)
    """
    for key in keys:
        pilot.app.post_message(Key(key, CHARACTERS.get(key)))
        # Once for the app, once for who it gave the key to.
        await pilot.pause(0)
        await pilot.pause(0)


async def type_text(pilot: Pilot[Any], text: str) -> None:
    """Type into the line or the text that has the focus, or is about to; all at once, as it is pasted."""
    await until(pilot, lambda: isinstance(pilot.app.focused, Input | TextArea))
    assert pilot.app.focused is not None
    pilot.app.focused.post_message(Paste(text))
    await pilot.pause(0)
    await pilot.pause(0)


async def focused(pilot: Pilot[Any], widget: Widget) -> None:
    """Go to a widget."""
    widget.focus()
    await until(pilot, lambda: widget.has_focus)


@dataclass
class Standstill:
    """How long the loop did not turn."""

    longest: float = 0.0
    """Seconds of CPU of its thread during the longest of its pauses; other processes do not count."""


FREEZE = float(os.environ.get("WSPROXY_TEST_FREEZE", "2"))
"""
Seconds the screen may stand still: so many that only what hangs is found, on any machine. `make bench-tui`
sets the tenth of a second that is promised.
"""


@asynccontextmanager
async def standstill() -> AsyncIterator[Standstill]:
    """
    Measure how long the event loop is kept from turning inside the block, by what runs in it.

    What other threads do meanwhile does not count: on a loaded machine it is all of what they do while the
    loop waits for a processor.
    """
    clock = time.thread_time
    # As the program does before it draws: what tests have made is not looked through meanwhile.
    gc.collect()
    gc.freeze()
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
        gc.unfreeze()

"""The Browse screen of the terminal UI over a capture, without a terminal."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.screen import ModalScreen

from tests.support.screen import press, text_of, type_text, until, until_shown
from wsproxy.tui.app import WsproxyApp
from wsproxy.tui.screens.browse import BrowseScreen
from wsproxy.tui.widgets.filter_bar import FilterBar
from wsproxy.tui.widgets.frames import FrameLog


class Browsing:
    """What a person does and sees there."""

    def __init__(self, pilot: Pilot[Any], app: WsproxyApp) -> None:
        self.pilot = pilot
        self.app = app
        screen = app.screen
        assert isinstance(screen, BrowseScreen)
        self.screen = screen

    @property
    def frames(self) -> FrameLog:
        return self.screen.frames

    @property
    def bar(self) -> FilterBar:
        return self.screen.bar

    @property
    def text(self) -> str:
        """What is on the screen."""
        return text_of(self.app)

    @property
    def listed(self) -> list[int]:
        """The ids of the frames on the screen, in order."""
        frames = self.frames
        last = min(frames.top + frames.page_size, frames.count)
        return [frames.key_at(row) for row in range(frames.top, last)]

    async def press(self, *keys: str) -> None:
        await press(self.pilot, *keys)

    async def type(self, text: str) -> None:
        await type_text(self.pilot, text)

    async def answer(self, text: str) -> None:
        """Type into a dialog that was opened, and finish it."""
        await self.until(lambda: isinstance(self.app.screen, ModalScreen))
        await self.type(text)
        await self.press("enter")

    async def lists(self, *numbers: int) -> None:
        """Return when these frames are on the screen, and no others."""
        try:
            await self.until(lambda: self.listed == list(numbers))
        except TimeoutError:
            raise AssertionError(f"{numbers} were never listed:\n{self.text}") from None

    async def until(self, is_so: Callable[[], Any]) -> None:
        await until(self.pilot, is_so)

    async def shown(self, *words: str) -> str:
        """The screen, as soon as all of that is on it."""
        return await until_shown(self.pilot, *words)

    async def filter(self, text: str) -> None:
        """Type a filter, and wait until everything was searched and one is back in the list."""
        view = self.frames.view
        await self.press("f")
        await self.until(lambda: self.bar.input.has_focus)
        self.bar.input.value = ""
        await self.type(text)
        await self.press("enter")
        await self.until(lambda: self.frames.view is not view and self.frames.view.searched)
        await self.until(lambda: self.frames.has_focus)

    async def go(self, number: int) -> None:
        """Jump to a frame."""
        await self.press("g")
        await self.answer(str(number))
        await self.until(lambda: self.frames.selected == number and self.frames.row(number))


@asynccontextmanager
async def browsing(path: Path, size: tuple[int, int] = (100, 30), **more: Any) -> AsyncIterator[Browsing]:
    """Open a capture, and wait until its end is on the screen."""
    app = WsproxyApp(path, **more)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: isinstance(app.screen, BrowseScreen) and app.screen.query(FrameLog))
        browse = Browsing(pilot, app)
        last = app.capture.now.last_frame
        if last and not more.get("wanted"):
            await browse.until(lambda: browse.frames.row(last) is not None)
        await browse.until(lambda: browse.screen.has_marks and browse.frames.has_focus)
        await pilot.pause()
        yield browse

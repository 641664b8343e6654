"""The app on a running proxy, between a real client and a real server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.widgets import Input, TextArea

from tests.support.control import Talk, talk
from tests.support.screen import press, text_of, until, until_shown
from wsproxy.tui.app import WsproxyApp


@dataclass
class Desk:
    """Somebody at the app, and the two who talk."""

    pilot: Pilot[Any]
    talk: Talk

    @property
    def app(self) -> WsproxyApp:
        assert isinstance(self.pilot.app, WsproxyApp)
        return self.pilot.app

    async def go(self, name: str) -> None:
        """To another screen."""
        await self.app.switch_mode(name)
        await self.until(lambda: self.app.screen.is_mounted)

    async def press(self, *keys: str) -> None:
        await press(self.pilot, *keys)

    async def type(self, text: str) -> None:
        """Into what has the focus, or is about to, in place of what is there."""
        await self.until(lambda: isinstance(self.app.focused, Input | TextArea))
        focused = self.app.focused
        if isinstance(focused, TextArea):
            focused.load_text(text)
        elif isinstance(focused, Input):
            focused.value = text
        await self.pilot.pause(0)

    async def answer(self, text: str) -> None:
        """Type into a dialog that was opened, and finish it."""
        await self.until(lambda: isinstance(self.app.screen, ModalScreen))
        await self.type(text)
        await self.press("enter")

    async def shows(self, *words: str) -> str:
        return await until_shown(self.pilot, *words)

    async def until(self, is_so: Any) -> None:
        await until(self.pilot, is_so)

    @property
    def screen(self) -> str:
        return text_of(self.app)


@asynccontextmanager
async def desk(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *arguments: str,
    size: tuple[int, int] = (120, 40),
    compression: str | None = "deflate",
) -> AsyncIterator[Desk]:
    """A proxy, a conversation through it, and the app."""
    async with talk(tmp_path, *arguments, compression=compression) as there:
        monkeypatch.setenv("WSPROXY_HOME", str(there.proxy.home))
        run = there.run
        app = WsproxyApp(Path(run.capture), run)
        async with app.run_test(size=size, notifications=True) as pilot:
            yield Desk(pilot, there)

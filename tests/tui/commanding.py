"""The app on a running proxy, between a real client and a real server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.support.control import Talk, talk
from tests.support.screen import text_of, until, until_shown
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
        self.app.switch_mode(name)
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        """Into what has the focus, in place of what is there."""
        focused: Any = self.app.focused
        if hasattr(focused, "load_text"):
            focused.load_text(text)
        else:
            focused.value = text
        await self.pilot.pause()

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

"""A real terminal, by tmux: keys in, screen out."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="no tmux")

TIMEOUT = 60
"""Seconds; a loaded machine takes its time to start a process."""


class Terminal:
    """
    One tmux server with one window.

    Args:
        folder: for its sockets.
        within: makes of a command one that is run elsewhere, if that is not here.
    """

    def __init__(self, folder: Path, within: Callable[..., list[str]] | None = None) -> None:
        self._folder = folder
        self._within = within or (lambda *words: list(words))
        self._started = 0
        self._tmux: list[str] = []

    def start(
        self,
        *command: str,
        env: Mapping[str, str],
        folder: Path | None = None,
        width: int = 80,
        height: int = 24,
    ) -> None:
        """
        Run a command.

        Args:
            command: the program and its arguments.
            env: what is set for it.
            folder: its working directory; tmux's own if None.
            width, height: of the window.
        """
        # A server of its own each time: one that has just been ended may still hold its socket.
        self._started += 1
        socket = self._folder / f"tmux{id(self)}-{self._started}"
        self._tmux = ["tmux", "-u", "-S", str(socket), "-f", os.devnull]
        settings = [word for name, value in env.items() for word in ("-e", f"{name}={value}")]
        place = ["-c", str(folder)] if folder else []
        size = ["-x", str(width), "-y", str(height)]
        self._run("new-session", "-d", *size, *place, *settings, *command)
        self._run("set-option", "-g", "remain-on-exit", "on")

    def _run(self, *words: str) -> str:
        # A size in the environment goes before that of the terminal.
        env = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "TMUX")}
        return subprocess.run(
            self._within(*self._tmux, *words), capture_output=True, text=True, check=True, timeout=20, env=env
        ).stdout

    @property
    def screen(self) -> str:
        return self._run("capture-pane", "-p")

    def press(self, *keys: str) -> None:
        self._run("send-keys", *keys)

    def type(self, text: str) -> None:
        self._run("send-keys", "-l", text)

    async def shown(self, *words: str) -> str:
        """The screen, as soon as all of that is on it."""
        try:
            async with asyncio.timeout(TIMEOUT):
                while not all(word in (screen := self.screen) for word in words):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{words} never showed:\n{self.screen}") from None
        return screen

    async def ended(self) -> None:
        """Return when the program has. (What tmux writes about that may not be on the screen.)"""
        async with asyncio.timeout(TIMEOUT):
            while self._run("list-panes", "-F", "#{pane_dead}").strip() != "1":
                await asyncio.sleep(0.05)

    def end(self) -> None:
        if self._tmux:
            subprocess.run(self._within(*self._tmux, "kill-server"), capture_output=True, check=False)

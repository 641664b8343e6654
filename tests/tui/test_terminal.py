"""The whole way in a real terminal: keys in, screen out, through tmux."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import websockets

from tests.support.captures import chat
from wsproxy.control import runfile

pytestmark = [
    pytest.mark.usefixtures("home"),
    pytest.mark.skipif(shutil.which("tmux") is None, reason="no tmux"),
]
TIMEOUT = 60
"""Seconds; a loaded machine takes its time to start a process."""


class Terminal:
    """One tmux server with one window."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started = 0
        self._tmux: list[str] = []

    def start(self, *words: str, width: int = 80, height: int = 24) -> None:
        """Run `wsproxy` with these words."""
        # A server of its own each time: one that has just been ended may still hold its socket.
        self._started += 1
        self._tmux = ["tmux", "-u", "-S", str(self._folder / f"tmux{self._started}"), "-f", os.devnull]
        env = {"WSPROXY_HOME": os.environ["WSPROXY_HOME"], "TERM": "xterm-256color"}
        settings = [word for name, value in env.items() for word in ("-e", f"{name}={value}")]
        command = [sys.executable, "-m", "wsproxy", *words]
        size = ["-x", str(width), "-y", str(height)]
        self._run("new-session", "-d", *size, *settings, *command)
        self._run("set-option", "-g", "remain-on-exit", "on")

    def _run(self, *words: str) -> str:
        # A size in the environment goes before that of the terminal.
        env = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        return subprocess.run(
            [*self._tmux, *words], capture_output=True, text=True, check=True, timeout=20, env=env
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
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False)


@pytest.fixture
def terminal(tmp_path, monkeypatch):
    monkeypatch.delenv("TMUX", raising=False)
    made = Terminal(tmp_path)
    yield made
    made.end()


@asynccontextmanager
async def talking(port: int) -> AsyncIterator[websockets.ClientConnection]:
    """A client that reaches an echo server through the proxy on `port`."""

    async def echo(socket: websockets.ServerConnection) -> None:
        async for message in socket:
            await socket.send(message)

    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        place = server.sockets[0].getsockname()[1]
        proxy = f"http://127.0.0.1:{port}"
        async with websockets.connect(f"ws://127.0.0.1:{place}/tea", proxy=proxy, compression=None) as client:
            yield client


async def test_the_proxy_outlives_the_terminal_and_is_returned_to_and_stopped(terminal, tmp_path, home):
    path = tmp_path / "a.wsp"
    terminal.start("-p", "0", "-w", str(path))
    await terminal.shown("no connections yet", "Help")
    [run] = runfile.running()
    port = int(run.listen[0].rpartition(":")[2])
    async with talking(port) as client:
        await client.send('{"op": "hello"}')
        await client.recv()
        await terminal.shown("/tea", "→ text", '{"op": "hello"}', "following")
        # The terminal dies, and with it the UI; frames go on.
        terminal.end()
        await client.send('{"op": "while nobody looks"}')
        assert await client.recv() == '{"op": "while nobody looks"}'
        assert runfile.running() == [run]

        terminal.start("attach", width=120, height=30)
        await terminal.shown('{"op": "while nobody looks"}')
        terminal.press("f")
        terminal.type("~down & nobody")
        terminal.press("Enter")
        await terminal.shown("1 of ")
        terminal.press("Up", "Enter")
        await terminal.shown("Decoded", "Handshake", "while nobody looks")
        terminal.press("q")
        await terminal.shown("Leave it running", "Stop the proxy")
        terminal.press("Down", "Enter")
        await terminal.shown("the proxy stops; captured in")
    async with asyncio.timeout(TIMEOUT):
        while runfile.running():
            await asyncio.sleep(0.05)


async def test_a_port_that_is_taken_is_said_and_nothing_is_left_running(terminal, tmp_path, home):
    taken = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    async with taken:
        port = taken.sockets[0].getsockname()[1]
        terminal.start("-p", str(port), "-w", str(tmp_path / "a.wsp"))
        await terminal.shown("another program does")
        assert runfile.running() == []


async def test_a_capture_is_viewed_in_a_terminal_that_changes_its_size(terminal, tmp_path):
    terminal.start("view", str(chat(tmp_path / "a.wsp")))
    screen = await terminal.shown("grüß dich", "1000 normal closure", "7 frames", "? Help")
    assert all(len(line) <= 80 for line in screen.splitlines())
    terminal._run("resize-window", "-x", "160", "-y", "45")
    await terminal.shown("→ frames", "protocol")
    terminal.press("?")
    await terminal.shown("In every list", "Show the selected frame")
    # One by one: together they would be Alt and q.
    terminal.press("Escape")
    async with asyncio.timeout(TIMEOUT):
        while "In every list" in terminal.screen:
            await asyncio.sleep(0.05)
    terminal.press("q")
    await terminal.ended()

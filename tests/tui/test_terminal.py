"""The whole way in a real terminal: keys in, screen out, through tmux."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import websockets

from tests.support.captures import chat
from tests.support.terminal import TIMEOUT, Terminal, needs_tmux
from wsproxy.control import runfile

pytestmark = [pytest.mark.usefixtures("home"), needs_tmux]


class Wsproxy(Terminal):
    """A terminal in which `wsproxy` runs."""

    def wsproxy(self, *words: str, **size: int) -> None:
        """Run it with these words."""
        env = {"WSPROXY_HOME": os.environ["WSPROXY_HOME"], "TERM": "xterm-256color"}
        self.start(sys.executable, "-m", "wsproxy", *words, env=env, **size)


@pytest.fixture
def terminal(tmp_path):
    made = Wsproxy(tmp_path)
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
    terminal.wsproxy("-p", "0", "-w", str(path))
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

        terminal.wsproxy("attach", width=120, height=30)
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
        terminal.wsproxy("-p", str(port), "-w", str(tmp_path / "a.wsp"))
        await terminal.shown("another program does")
        assert runfile.running() == []


async def test_a_capture_is_viewed_in_a_terminal_that_changes_its_size(terminal, tmp_path):
    terminal.wsproxy("view", str(chat(tmp_path / "a.wsp")))
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

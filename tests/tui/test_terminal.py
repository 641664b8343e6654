"""The whole way in a real terminal: keys in, screen out, through tmux."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
import websockets
from playwright.async_api import Page

from tests.support.browser import missing, page_behind
from tests.support.captures import chat
from tests.support.proxy import Proxy
from tests.support.terminal import TIMEOUT, Terminal, needs_tmux
from wsproxy.control import runfile
from wsproxy.demo.origin import Origin
from wsproxy.store.reader import Reader

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
        # The footer is that of the list again.
        await terminal.shown("1 of ", "Inspect")
        terminal.press("Up", "Enter")
        await terminal.shown("Decoded", "Handshake", "while nobody looks")
        terminal.press("q")
        await terminal.shown("Leave it running", "Stop the proxy")
        terminal.press("Down", "Enter")
        await terminal.shown("the proxy stops; captured in")
    async with asyncio.timeout(TIMEOUT):
        while runfile.running():
            await asyncio.sleep(0.05)


async def heard(page: Page, *messages: str) -> None:
    """Return when that, and no more, is what the socket of a page was told."""
    told: Any = None
    try:
        async with asyncio.timeout(TIMEOUT):
            while (told := await page.evaluate("heard")) != list(messages):
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"the page heard {told}, not {messages}") from None


@pytest.mark.browser
@pytest.mark.skipif(missing() is not None, reason=str(missing()))
async def test_the_whole_way_from_a_page_in_a_browser_to_leaving(terminal, tmp_path, home):
    path = tmp_path / "a.wsp"
    terminal.wsproxy("-p", "0", "-w", str(path), width=100, height=30)
    await terminal.shown("no connections yet", "Help")
    [run] = runfile.running()
    proxy = SimpleNamespace(url=f"http://{run.listen[0]}", ca=home / "ca" / "mitmproxy-ca-cert.pem")
    async with Origin() as origin, page_behind(cast(Proxy, proxy), tmp_path / "profile") as page:
        await page.goto(f"{origin.http_url}/echo.html")
        await page.evaluate(
            """async () => {
                window.heard = [];
                window.talk = new WebSocket(`ws://${location.host}/echo`);
                talk.onmessage = event => heard.push(event.data);
                await new Promise(open => { talk.onopen = open; });
            }"""
        )
        await page.evaluate("""talk.send('{"op":"order","item":"tea"}')""")
        await heard(page, '{"op":"order","item":"tea"}')
        await terminal.shown("/echo", "→ text", "← text")
        # Filter, in one burst of keys.
        terminal.press("f", *"order", "Enter")
        await terminal.shown("2 of 2 frames", "Inspect")
        terminal.press("f", "Space", *"&~up", "Enter")
        await terminal.shown("1 of 2 frames", "Inspect")
        # Inspect.
        terminal.press("Up", "Enter")
        await terminal.shown("Decoded", "Handshake", 'item: "tea"')
        # Hold what is like it.
        terminal.press("h")
        await terminal.shown("Hold messages that match", '~fromclient & ~json op = "order"')
        terminal.press("Enter")
        await terminal.shown("Holding ~fromclient")
        await page.evaluate("""talk.send('{"op":"order","item":"milk"}')""")
        await terminal.shown("held since", '{"op":"order","item":"milk"}', "the server")
        assert await page.evaluate("heard.length") == 1
        # Edit, and let it go.
        terminal.press("e", "F7")
        terminal.type('{"op":"order","item":"honey"}')
        await terminal.shown("honey", "changed")
        terminal.press("C-s")
        await terminal.shown("No message is held")
        await heard(page, '{"op":"order","item":"tea"}', '{"op":"order","item":"honey"}')
        # Say something in place of the page.
        terminal.press("3")
        await terminal.shown("/echo", "Nothing was sent yet")
        terminal.type("a word of ours")
        await terminal.shown("14 B")
        terminal.press("C-s")
        await terminal.shown("text  14 B  a word of ours")
        await heard(page, '{"op":"order","item":"tea"}', '{"op":"order","item":"honey"}', "a word of ours")
        # Leave.
        terminal.press("C-q")
        await terminal.shown("Stop the proxy", "Leave it running")
        terminal.press("Enter")
        await terminal.ended()
    assert runfile.running() == []
    with Reader(path) as reader:
        assert [decision.action for decision in reader.decisions(1, reader.last_frame())] == [
            "edit",
            "inject",
        ]
        assert reader.info().ended is not None


async def test_a_port_that_is_taken_is_said_and_nothing_is_left_running(terminal, tmp_path, home):
    taken = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    async with taken:
        port = taken.sockets[0].getsockname()[1]
        terminal.wsproxy("-p", str(port), "-w", str(tmp_path / "a.wsp"))
        await terminal.shown("Choose another port")
        # With its end the terminal moves up by a line.
        assert "another program does" in terminal._run("capture-pane", "-p", "-J", "-S", "-")
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

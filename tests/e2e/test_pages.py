"""
The demo's pages in a real browser: recorded, replayed against the demo, told from one that answers otherwise,
and served back to the very pages they were recorded from.
"""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import playwright
import pytest
from playwright.async_api import Page
from tornado.web import RequestHandler

from tests.support import browser
from tests.support.browser import page_behind
from tests.support.commands import run, script, wsproxy
from tests.support.demo_sessions import OTHERWISE, answer_otherwise, origin
from tests.support.ports import free_port
from tests.support.proxy import connections, running
from wsproxy.browsers import chromium
from wsproxy.demo.chat import Chat
from wsproxy.demo.echo import Echo
from wsproxy.demo.image import Image
from wsproxy.demo.socketio_chat import SocketIOChat
from wsproxy.demo.ticker import Ticker
from wsproxy.store.reader import Reader

DRIVER = Path(playwright.__file__).parent / "driver"
"""Node and the library in JavaScript, as they come with the one for Python."""

PAGES = ("echo", "chat", "socketio", "ticker", "image")
"""Socket.IO twice: once on to a WebSocket, once staying with long-polling."""

pytestmark = [
    pytest.mark.xdist_group("pages"),
    pytest.mark.browser,
    pytest.mark.skipif(browser.missing() is not None, reason=str(browser.missing())),
]

PLAYWRIGHT = """
import { createRequire } from "node:module";
const require = createRequire(process.argv[2] + "/package/index.js");
const { chromium } = require(process.argv[2] + "/package/index.js");
const { mockWebSockets } = await import(process.argv[3]);
const browser = await chromium.launch({
  executablePath: process.argv[4],
  args: ["--no-sandbox"],
});
const page = await browser.newPage();
await mockWebSockets(page);
const titles = [];
for (const url of process.argv.slice(5)) {
  await page.goto(url);
  for (;;) {
    const title = await page.title();
    if (/done|failed/.test(title)) {
      titles.push(title);
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
await browser.close();
console.log(JSON.stringify(titles));
"""


async def finished(page: Page) -> None:
    """A page of the demo has done what it does; its policy lets nobody evaluate anything."""
    async with asyncio.timeout(40):
        while not re.match("done|failed", await page.title()):
            await asyncio.sleep(0.05)


async def visit(page: Page, url: str) -> None:
    """Every page, which must find that all is as it should be."""
    for name in PAGES:
        await page.goto(f"{url}/{name}.html?auto")
        await finished(page)
        assert await page.title() == "done", (name, await page.inner_text("#log"))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """What the pages of the demo say in a browser, and the port of their server."""
    folder = tmp_path_factory.mktemp("pages")

    async def browse() -> tuple[Path, int]:
        async with origin(free_port()) as served, running(folder) as proxy:
            async with page_behind(proxy, folder / "profile") as page:
                await visit(page, served.http_url)
            await proxy.stop()
            return proxy.capture, int(served.http_url.rpartition(":")[2])

    return asyncio.run(browse())


async def replayed(path: Path, port: int, folder: Path) -> tuple[int, list[dict[str, Any]], str]:
    """Replay it against the demo, in lockstep; gives the exit code, what was told, and stderr."""
    # Prices come seldom: none that is one too many before the replay has closed.
    async with origin(port, 0.5):
        code, out, err = await wsproxy(
            "replay",
            path,
            "--diff",
            "--json",
            "--timeout",
            5,
            "-w",
            folder / "again.wsp",
            home=folder / "home",
        )
    return code, [json.loads(line) for line in out.splitlines()], err


def urls(path: Path) -> list[str]:
    """Of the connections of a capture, without what is drawn anew for each session."""
    with Reader(path) as reader:
        return [re.sub(r"sid=[^&]+", "sid=…", record.url) for record in reader.connections()]


async def test_the_sessions_of_a_browser_are_replayed_without_a_difference(
    recorded: tuple[Path, int], tmp_path: Path
) -> None:
    path, port = recorded
    code, told, err = await replayed(path, port, tmp_path)
    outcome, *report = told
    assert code == 0, (told, err)
    assert (outcome["differences"], outcome["problem"], outcome["left"]) == (0, None, 0)
    assert outcome["received"] == outcome["expected"] > 30
    assert [each for each in report if each["event"] in ("changed", "missing", "extra")] == []
    assert urls(tmp_path / "again.wsp") == urls(path)
    # Both sessions of Socket.IO have begun over HTTP now as they did then, and are on record.
    with Reader(path) as then, Reader(tmp_path / "again.wsp") as now:
        before, after = ({record.sid for record in which.exchanges()} for which in (then, now))
        assert len(before) == len(after) == 2
        assert not before & after
        moved = {sid for sid in after for record in now.connections() if f"sid={sid}" in record.url}
        assert len(moved) == 1
    # That which stayed there was played again as well.
    [stayed] = outcome["polling"]
    assert (stayed["differences"], stayed["problem"]) == (0, None)


async def test_every_session_is_told_from_that_of_a_server_that_answers_otherwise(
    recorded: tuple[Path, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, port = recorded
    answer_otherwise(monkeypatch)
    code, told, err = await replayed(path, port, tmp_path)
    assert code == 1
    outcome, *report = told
    with Reader(path) as reader:
        asked = {record.id: record.url for record in reader.connections()}
    for name, expected in OTHERWISE.items():
        [of, *_] = [one for one in outcome["connections"] if name in one["url"] and one["differences"]]
        assert of["problem"] is None, of
        changed = [
            each
            for each in report
            if each["event"] == "changed" and name in asked[each["connections"]["left"]]
        ]
        assert any(expected in json.dumps(each) for each in changed), (name, changed, err)


def deaf(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The server still has its pages; its WebSockets do nothing but note that somebody came."""
    heard: list[object] = []
    for kind in (Echo, Chat, Ticker, Image):
        monkeypatch.setattr(kind, "open", lambda self, *_: heard.append(self))

    class Polled(RequestHandler):
        def initialize(self, site: object) -> None:
            heard.append(self.request.uri)

    monkeypatch.setattr(SocketIOChat, "handler", lambda self: Polled)
    return heard


async def test_the_pages_they_were_recorded_from_cannot_tell(
    recorded: tuple[Path, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, port = recorded
    heard = deaf(monkeypatch)
    async with origin(port) as served, running(tmp_path, "-s", "mock", "--set", f"mock={path}") as proxy:
        async with page_behind(proxy, tmp_path / "profile") as page:
            await visit(page, served.http_url)
        await proxy.stop()
    assert heard == []
    answered = connections(proxy.events())
    assert urls(proxy.capture) == urls(path)
    assert all("in place of the server" in str(record.findings) for record in answered)
    _, report = run("diff", path, proxy.capture, "--direction", "receive", "--json")
    kinds = ("changed", "missing", "extra")
    assert [each for each in map(json.loads, report.splitlines()) if each["event"] in kinds] == []
    # The capture has the URLs that were asked for, not where they were answered.
    with Reader(path) as then, Reader(proxy.capture) as now:
        servers = {record.url.partition("/socket.io")[0] for record in then.exchanges()}
        assert {record.url.partition("/socket.io")[0] for record in now.exchanges()} == servers


async def test_the_mock_for_playwright_satisfies_the_pages(
    recorded: tuple[Path, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, port = recorded
    heard = deaf(monkeypatch)
    mock, runner = tmp_path / "session.mock.mjs", tmp_path / "run.mjs"
    assert run("export", path, "--format", "playwright", "-o", mock)[0] == 0
    runner.write_text(PLAYWRIGHT)
    # The page of the ticker looks whether it is compressed, which no route of Playwright is; and that of
    # Socket.IO begins over HTTP.
    plain = [name for name in PAGES if name not in ("ticker", "socketio")]
    async with origin(port) as served:
        urls = [f"{served.http_url}/{name}.html?auto" for name in plain]
        code, said = await script(DRIVER / "node", runner, DRIVER, mock, chromium.find(), *urls)
    assert code == 0, said
    assert json.loads(said.splitlines()[-1]) == ["done"] * len(plain)
    assert heard == []

"""
The demo's sessions once recorded: compared, served back to the client and the pages they were recorded from,
and made into scripts that run.
"""

import asyncio
import base64
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import playwright
import pytest
from click.testing import CliRunner
from playwright.async_api import Page

from tests.support import browser
from tests.support.browser import page_behind
from tests.support.demo_sessions import ENDS, SESSIONS, origin, record
from tests.support.ports import free_port
from tests.support.proxy import connections, running
from wsproxy.browsers import chromium
from wsproxy.certs.authority import Authority
from wsproxy.cli.main import main
from wsproxy.demo.chat import Chat
from wsproxy.demo.echo import Echo
from wsproxy.demo.image import PICTURE, Image
from wsproxy.demo.route import Route
from wsproxy.demo.socketio_chat import SocketIOChat
from wsproxy.demo.steps import STEPS
from wsproxy.demo.ticker import START, Ticker
from wsproxy.replay.acting import Acting
from wsproxy.replay.exchanges import Matching
from wsproxy.replay.mock import MockServer
from wsproxy.replay.values import Rules
from wsproxy.store.reader import Reader

DRIVER = Path(playwright.__file__).parent / "driver"
"""Node and the library in JavaScript, as they come with the one for Python."""

pytestmark = pytest.mark.xdist_group("sessions")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """All of the demo's sessions, and the port they were recorded from."""
    folder = tmp_path_factory.mktemp("sessions")
    return asyncio.run(record(folder / "first", (*SESSIONS, *ENDS), free_port()))


def run(*words: object) -> tuple[int, str]:
    """A command, and what it printed."""
    done = CliRunner().invoke(main, [str(word) for word in words])
    return done.exit_code, done.stdout


# Compared.


def test_a_second_recording_says_the_same(recorded: tuple[Path, int], tmp_path: Path) -> None:
    path, port = recorded
    again, _ = asyncio.run(record(tmp_path / "again", (*SESSIONS, *ENDS), port))
    # The ids of sessions are drawn, and the last price may or may not have been on its way.
    code, said = run("diff", path, again, "--ignore", "..sid", "--json")
    different = [
        each
        for each in map(json.loads, said.splitlines())
        if each["event"] in ("changed", "missing", "extra")
    ]
    assert [each for each in different if '"prices"' not in str(each)] == []
    assert code == (1 if different else 0)


def test_a_server_that_answers_otherwise_is_reported(
    recorded: tuple[Path, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def join(self: SocketIOChat, sid: str, *args: object) -> dict[str, object]:
        return {"ok": True, "room": args[0], "members": 77}

    echo = Echo.on_message
    monkeypatch.setattr(Echo, "on_message", lambda self, message: echo(self, message[::-1]))
    tell = Chat.tell
    monkeypatch.setattr(Chat, "tell", lambda self, text: tell(self, text.replace("hello", "goodbye")))
    monkeypatch.setattr(SocketIOChat, "_join", join)
    monkeypatch.setitem(START, "ACME", 101.0)
    monkeypatch.setattr("wsproxy.demo.image.PICTURE", PICTURE.replace(b"IDAT", b"IDLE"))
    path, port = recorded
    other, _ = asyncio.run(record(tmp_path / "other", SESSIONS, port, patience=1))
    code, said = run("diff", path, other, "--ignore", "..sid", "--direction", "receive", "--json")
    assert code == 1
    told = [json.loads(line) for line in said.splitlines()]
    with Reader(path) as reader:
        urls = {each.id: each.url for each in reader.connections()}
    for name, expected in (
        ("/echo", "olleh"),
        ("/chat", "goodbye"),
        ("/socket.io/", "77"),
        ("/ticker", "$.prices.ACME"),
        ("/image", base64.b64encode(PICTURE.replace(b"IDAT", b"IDLE")).decode()),
    ):
        changed = [
            each for each in told if each["event"] == "changed" and name in urls[each["connections"]["left"]]
        ]
        assert changed, name
        assert any(expected in json.dumps(each) for each in changed), (name, changed[0])


# Served back.


@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
@pytest.mark.parametrize("pace", ["recorded", "fast"])
async def test_the_client_it_was_recorded_from_cannot_tell(
    recorded: tuple[Path, int], tmp_path: Path, secure: bool, pace: str
) -> None:
    path, _ = recorded
    authority = Authority.create(tmp_path / "ca")
    tls = authority.issue("127.0.0.1").server_context()
    events: list[dict] = []
    with Reader(path) as reader:
        server = MockServer(reader, Acting(fast=pace == "fast"), events.append, tls=tls)
        _, port = await server.start()
        trust = None
        if secure:
            import ssl

            trust = ssl.create_default_context(cafile=str(authority.certificate_path))
        route = Route(f"{'wss' if secure else 'ws'}://127.0.0.1:{port}", None, trust, True)
        try:
            for name in (*SESSIONS, *ENDS):
                async with asyncio.timeout(30):
                    await STEPS[name](route)
        finally:
            await server.stop()
    assert [event for event in events if event["event"] in ("trouble", "unmatched", "unrecorded")] == []


async def test_answers_by_what_is_said_satisfy_the_client_as_well(recorded: tuple[Path, int]) -> None:
    path, _ = recorded
    with Reader(path) as reader:
        acting = Acting(by="match", fast=True, matching=Matching("json", Rules.of(["..sid"])))
        server = MockServer(reader, acting, lambda event: None)
        _, port = await server.start()
        route = Route(f"ws://127.0.0.1:{port}", None, None, True)
        try:
            for name in ("echo", "socketio", "ticker", "image"):
                async with asyncio.timeout(30):
                    await STEPS[name](route)
        finally:
            await server.stop()


async def finished(page: Page) -> None:
    """A page of the demo has done what it does; its policy lets nobody evaluate anything."""
    async with asyncio.timeout(40):
        while not re.match("done|failed", await page.title()):
            await asyncio.sleep(0.05)


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


PAGES = ("echo", "chat", "ticker", "image")
in_a_browser = pytest.mark.skipif(browser.missing() is not None, reason=str(browser.missing()))


async def visit(page: Page, url: str) -> None:
    """Every page, which must find that all is as it should be."""
    for name in PAGES:
        await page.goto(f"{url}/{name}.html?auto")
        await finished(page)
        assert await page.title() == "done"


@pytest.fixture(scope="module")
def pages_recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """What the pages of the demo say in a browser, and the port of their server."""
    folder = tmp_path_factory.mktemp("pages")

    async def browse() -> tuple[Path, int]:
        async with origin(free_port()) as served, running(folder) as proxy:
            async with page_behind(proxy, folder / "profile") as page:
                await visit(page, served.http_url)
            await proxy.stop()
            return proxy.capture, int(served.http_url.rpartition(":")[2])

    return asyncio.run(browse())


def deaf(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The server still has its pages; its WebSockets do nothing but note that somebody came."""
    heard: list[object] = []
    for kind in (Echo, Chat, Ticker, Image):
        monkeypatch.setattr(kind, "open", lambda self, *_: heard.append(self))
    return heard


@pytest.mark.browser
@in_a_browser
async def test_the_pages_they_were_recorded_from_cannot_tell(
    pages_recorded: tuple[Path, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, port = pages_recorded
    heard = deaf(monkeypatch)
    async with origin(port) as served, running(tmp_path, "-s", "mock", "--set", f"mock={path}") as proxy:
        async with page_behind(proxy, tmp_path / "profile") as page:
            await visit(page, served.http_url)
        await proxy.stop()
    assert heard == []
    answered = connections(proxy.events())
    with Reader(path) as reader:
        assert [record.url for record in answered] == [record.url for record in reader.connections()]
    assert all("in place of the server" in str(record.findings) for record in answered)
    _, report = run("diff", path, proxy.capture, "--direction", "receive", "--json")
    kinds = ("changed", "missing", "extra")
    different = [each for each in map(json.loads, report.splitlines()) if each["event"] in kinds]
    assert [each for each in different if "prices" not in str(each)] == []


@pytest.mark.browser
@in_a_browser
async def test_the_mock_for_playwright_satisfies_the_pages(
    pages_recorded: tuple[Path, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, port = pages_recorded
    heard = deaf(monkeypatch)
    mock, runner = tmp_path / "session.mock.mjs", tmp_path / "run.mjs"
    assert run("export", path, "--format", "playwright", "-o", mock)[0] == 0
    runner.write_text(PLAYWRIGHT)
    # The page of the ticker looks whether it is compressed, which no route of Playwright is.
    plain = [name for name in PAGES if name != "ticker"]
    async with origin(port) as served:
        urls = [f"{served.http_url}/{name}.html?auto" for name in plain]
        code, said = await script(DRIVER / "node", runner, DRIVER, mock, chromium.find(), *urls)
    assert code == 0, said
    assert json.loads(said.splitlines()[-1]) == ["done"] * len(plain)
    assert heard == []


# Made into scripts.


@pytest.fixture
def exported(recorded: tuple[Path, int], tmp_path: Path) -> Callable[..., Path]:
    """Makes a script: `exported(format, name, path of the connections) -> Path`."""
    path, _ = recorded

    def make(form: str, name: str, where: str = "") -> Path:
        file = tmp_path / name
        with Reader(path) as reader:
            # How many prices come before the client has left is left to chance; and no script pings.
            wanted = [
                each.id
                for each in reader.connections()
                if where in each.url and "/ticker" not in each.url and "/ping" not in each.url
            ]
        numbers = [f"--connection={number}" for number in wanted]
        code, said = run("export", path, "--format", form, "-o", file, *numbers)
        assert code == 0, said
        assert file.stat().st_mode & 0o077 == 0
        return file

    return make


async def script(*words: object, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Run a program to its end."""
    process = await asyncio.create_subprocess_exec(
        *map(str, words),
        env={**os.environ, **(env or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode is not None
    return process.returncode, said.decode()


async def test_the_program_finds_the_server_as_it_was_and_says_what_is_not(
    recorded: tuple[Path, int], exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = exported("python", "session.py")
    async with origin(recorded[1]) as served:
        code, said = await script(sys.executable, file, served.ws_url)
        assert (code, said.splitlines()[-1][:14]) == (0, "0 differences "), said
    original = Echo.on_message
    monkeypatch.setattr(Echo, "on_message", lambda self, message: original(self, message[::-1]))
    async with origin(recorded[1]) as served:
        code, said = await script(sys.executable, file, served.ws_url)
    assert code == 1
    assert "'olleh' in place of 'hello'" in said


async def test_the_test_passes_and_fails_with_its_server(
    recorded: tuple[Path, int], exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = exported("pytest", "test_session.py", "/chat")
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, file)
    env = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    async with origin(recorded[1]) as served:
        code, said = await script(*command, env={**env, "WS_URL": served.ws_url})
        assert code == 0, said
    monkeypatch.setattr(Chat, "tell", lambda self, text: self.write_message(text.upper()))
    async with origin(recorded[1]) as served:
        code, said = await script(*command, env={**env, "WS_URL": served.ws_url, "WS_TIMEOUT": "2"})
    assert code == 1
    assert "in place of" in said


@pytest.mark.parametrize(("form", "name"), [("k6", "session.mjs"), ("playwright", "mock.mjs")])
async def test_scripts_in_javascript_are_well_formed(exported, form: str, name: str) -> None:
    code, said = await script(DRIVER / "node", "--check", exported(form, name))
    assert code == 0, said


async def test_the_script_for_wscat_is_well_formed(exported) -> None:
    file = exported("wscat", "session.sh")
    code, said = await script("sh", "-n", file)
    assert code == 0, said
    assert "printf '%s\\n' hello" in file.read_text()


async def test_locust_plays_it_with_a_master_and_two_workers(
    recorded: tuple[Path, int], exported, tmp_path: Path
) -> None:
    file = exported("locust", "load.py", "/echo")
    stats = tmp_path / "stats"
    async with origin(recorded[1]) as served:
        locust = (sys.executable, "-m", "locust", "-f", str(file), "--host", served.ws_url)
        free = free_port()
        env = {"WS_SPEED": "0"}
        workers = [
            asyncio.ensure_future(script(*locust, "--worker", "--master-port", free, env=env))
            for _ in range(2)
        ]
        master = await script(
            *locust, "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", free,
            "--expect-workers", "2", "--headless", "-u", "4", "-r", "4", "-t", "3s", "--csv", stats,
            "--stop-timeout", "5", env=env,
        )  # fmt: skip
        ended = await asyncio.gather(*workers)
    code, said = master
    assert code == 0, said
    assert [code for code, _ in ended] == [0, 0], ended
    rows = Path(f"{stats}_stats.csv").read_text().splitlines()
    assert any(row.startswith("ANSWER,") for row in rows)
    total = rows[-1].split(",")
    assert int(total[2]) > 40
    assert int(total[3]) == 0


def test_secrets_stay_out(recorded: tuple[Path, int], tmp_path: Path) -> None:
    code, said = run("export", recorded[0], "--format", "python", "--redact", "--redact-json", "data[0].name")
    assert code == 0
    assert "REDACTED" in said

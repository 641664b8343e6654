"""
The demo's sessions once recorded: compared, served back to the client they were recorded from, and made into
scripts that run. What a browser makes of them is in `test_pages.py`.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import playwright
import pytest

from tests.support.commands import run, script
from tests.support.demo_sessions import ENDS, OTHERWISE, SESSIONS, answer_otherwise, origin, record
from tests.support.ports import free_port
from wsproxy.certs.authority import Authority
from wsproxy.demo.chat import Chat
from wsproxy.demo.echo import Echo
from wsproxy.demo.route import Route
from wsproxy.demo.steps import STEPS
from wsproxy.replay.acting import Acting
from wsproxy.replay.exchanges import Matching
from wsproxy.replay.mock import MockServer
from wsproxy.replay.values import Rules
from wsproxy.store.reader import Reader

DRIVER = Path(playwright.__file__).parent / "driver"
"""Node and the library in JavaScript, as they come with the one for Python."""

ALL = (*SESSIONS, "socketio-upgraded", *ENDS)

pytestmark = [pytest.mark.alike, pytest.mark.xdist_group("sessions")]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """All of the demo's sessions, and the port they were recorded from."""
    folder = tmp_path_factory.mktemp("sessions")
    return asyncio.run(record(folder / "first", ALL, free_port()))


# Compared.


def test_a_second_recording_says_the_same(recorded: tuple[Path, int], tmp_path: Path) -> None:
    path, port = recorded
    again, _ = asyncio.run(record(tmp_path / "again", ALL, port))
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
    answer_otherwise(monkeypatch)
    path, port = recorded
    other, _ = asyncio.run(record(tmp_path / "other", SESSIONS, port, patience=1))
    code, said = run("diff", path, other, "--ignore", "..sid", "--direction", "receive", "--json")
    assert code == 1
    told = [json.loads(line) for line in said.splitlines()]
    with Reader(path) as reader:
        urls = {each.id: each.url for each in reader.connections()}
    for name, expected in OTHERWISE.items():
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
            for name in ALL:
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
                if where in each.url and not any(left in each.url for left in ("/ticker", "/ping"))
            ]
        numbers = [f"--connection={number}" for number in wanted]
        code, said = run("export", path, "--format", form, "-o", file, *numbers)
        assert code == 0, said
        assert file.stat().st_mode & 0o077 == 0
        return file

    return make


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

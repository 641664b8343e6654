"""Sessions of Socket.IO that never left long-polling, said again to the servers of real libraries."""

import gc
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import socketio
from aiohttp import web

from tests.e2e.test_polling import served, talked
from tests.support import node
from tests.support.commands import wsproxy
from tests.support.traffic import polled, reverse
from tests.unit.replay.replay_tools import play
from wsproxy.errors import ReplayError
from wsproxy.filters.parser import parse
from wsproxy.replay.dial import Way
from wsproxy.replay.pace_recorded import RecordedPace
from wsproxy.replay.polled import PONG, bodies
from wsproxy.replay.session import Session
from wsproxy.replay.settings import Settings
from wsproxy.replay.stayed import StayedOutcome
from wsproxy.replay.target import Opening, Target
from wsproxy.store.reader import Reader

# The client of python-engineio leaves the connection of its last poll to be collected.
pytestmark = [
    pytest.mark.xdist_group("replay polling"),
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in. <function Connection.__del__:pytest.PytestUnraisableExceptionWarning"
    ),
    pytest.mark.filterwarnings("ignore:Unclosed connection:ResourceWarning"),
]


@asynccontextmanager
async def chat(*, shouts: bool = True, is_mute: bool = False) -> AsyncIterator[tuple[int, list[str]]]:
    """A server that answers, also with bytes; its port, and how its sessions ended."""
    # Its last poll is ended by nothing else: that is what a client waits for.
    server = socketio.AsyncServer(
        async_mode="aiohttp", monitor_clients=False, ping_interval=1, ping_timeout=1
    )
    app = web.Application()
    server.attach(app)
    ends: list[str] = []

    @server.on("say")
    async def say(sid: str, words: str, picture: bytes) -> tuple[str, bytes] | None:
        if is_mute:
            return None
        await server.emit("heard", (words, {"by": picture}), to=sid)
        return words.upper() if shouts else words.lower(), picture[::-1]

    @server.event
    async def disconnect(sid: str, reason: str) -> None:
        ends.append(reason)

    async with served(app) as port:
        yield port, ends


Recording = Callable[[Path], Awaitable[Path]]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Gives a copy of a session over long-polling alone, which is recorded once."""
    folder = tmp_path_factory.mktemp("recorded")

    async def copied(target: Path) -> Path:
        original = folder / "capture.wsp"
        if not original.exists():
            async with chat() as (port, _), reverse(folder, port) as proxy:
                await talked(proxy.url, ["polling"])
                await proxy.stop()
            # What is left of that connection is to be found here, where that is no trouble.
            gc.collect()
        return shutil.copy(original, target / "session.wsp")

    return copied


def to(port: int, timeout: float = 20) -> Settings:
    return Settings(Opening(to=Target.parse(f"ws://127.0.0.1:{port}")), Way(timeout=timeout), timeout=timeout)


async def test_the_server_hears_and_says_it_again(recorded: Recording, tmp_path: Path) -> None:
    path = await recorded(tmp_path)
    async with chat() as (port, ends):
        summary = await play(path, to(port), changes=Session())
    [session] = summary.sessions
    assert summary.went_well
    assert session.now not in ("", session.session)
    # The end of the namespace and of the session included.
    assert (session.said, session.heard, session.expected, session.differences) == (5, 6, 6, 0)
    assert (summary.said, summary.heard, summary.connections, summary.polled) == (5, 6, 0, 1)
    assert ends == ["client disconnect"]

    now = path.with_name("replay.wsp")
    assert said(now, session.now) == said(path, session.session)
    # What it means is shown of the one as of the other.
    assert 'emit say "hello", attachment 1: "…" [ack 1]' in "".join(polled(now))


def said(capture: Path, sid: str) -> list[bytes]:
    """What the client said in a session."""
    with Reader(capture) as reader:
        packets = [packet for body in bodies(reader, sid) for packet in body]
    return [packet.content for packet in packets if packet.from_client and not packet.is_idle]


async def test_what_the_server_says_otherwise_is_counted(recorded: Recording, tmp_path: Path) -> None:
    path = await recorded(tmp_path)
    async with chat(shouts=False) as (port, _):
        summary = await play(path, to(port), changes=Session())
    assert (summary.differences, summary.went_well) == (1, True)
    [(then, now)] = summary.sessions[0].changed
    assert ("HELLO" in then, "hello" in now) == (True, True)


async def test_a_server_that_says_less_is_waited_for_and_told(recorded: Recording, tmp_path: Path) -> None:
    path = await recorded(tmp_path)
    async with chat(is_mute=True) as (port, _):
        summary = await play(path, to(port, timeout=1), changes=Session())
    [session] = summary.sessions
    # It acknowledges with nothing where an event was expected.
    assert session.problem == "01 02 03  |...| is missing: it says nothing more"
    assert (session.heard, session.expected, session.differences, session.left) == (3, 6, 4, 2)
    assert not summary.went_well


async def test_the_recorded_times_are_kept_and_the_session_kept_alive_meanwhile(
    recorded: Recording, tmp_path: Path
) -> None:
    path = await recorded(tmp_path)
    with sqlite3.connect(path) as db:
        # As if it had been silent for three seconds when it was open.
        db.execute("UPDATE exchange SET time = time + 3000000000 WHERE id > 4")
    db.close()
    async with chat() as (port, ends):
        summary = await play(path, to(port), RecordedPace(), changes=Session())
    assert (summary.differences, summary.went_well, ends) == (0, True, ["client disconnect"])
    with Reader(path.with_name("replay.wsp")) as reader:
        packets = [packet for body in bodies(reader, summary.sessions[0].now) for packet in body]
    assert sum(packet.from_client and packet.content[:1] == PONG for packet in packets) >= 1
    assert packets[-1].time - packets[0].time > 2_000_000_000


async def test_a_server_that_opens_no_such_session(recorded: Recording, tmp_path: Path) -> None:
    path = await recorded(tmp_path)
    async with served(web.Application()) as port:
        with pytest.raises(ReplayError, match=r"went over long-polling, and .* opens no such session: 404"):
            await play(path, to(port), changes=Session())


async def test_with_a_filter_it_is_left_out(recorded: Recording, tmp_path: Path) -> None:
    path = await recorded(tmp_path)
    summary = await play(path, wanted=parse("~text"))
    assert summary.sessions == list[StayedOutcome]()


@pytest.mark.node
@pytest.mark.skipif(node.missing() is not None, reason=str(node.missing()))
@pytest.mark.parametrize("version", [2, 4])
async def test_the_command_replays_it_to_socket_io_on_node(tmp_path: Path, version: int) -> None:
    async with node.script("protocols/socketio.mjs", version=version, transports=["polling"]) as peers:
        port = (await peers.line("port"))["port"]
        async with reverse(tmp_path, port) as proxy:
            peers.say(url=f"ws://127.0.0.1:{proxy.port}")
            await peers.line("done")
            await proxy.stop()
        code, out, err = await wsproxy(
            "replay", proxy.capture, "--to", f"ws://127.0.0.1:{port}", "--json",
            "-w", tmp_path / "again.wsp", home=tmp_path / "home",
        )  # fmt: skip
    assert code == 0, out + err
    told = json.loads(out)
    assert (told["differences"], told["connections"]) == (0, [])
    [session] = told["polling"]
    assert session["problem"] is None
    assert session["received"] == session["expected"] > 5

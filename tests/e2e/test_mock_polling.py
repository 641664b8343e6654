"""
Sessions that real clients of Socket.IO began over long-polling: acted out for the very clients, and replayed
against the very servers.
"""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import node
from tests.support.commands import wsproxy
from tests.support.traffic import polled, reverse
from wsproxy.replay.acting import Acting
from wsproxy.replay.mock import MockServer
from wsproxy.store.reader import Reader

pytestmark = [
    pytest.mark.alike,
    pytest.mark.xdist_group("mock polling"),
    pytest.mark.node,
    pytest.mark.skipif(node.missing() is not None, reason=str(node.missing())),
]

UPGRADING = ["polling", "websocket"]


Recording = Callable[..., Awaitable[Path]]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Records what the client and the server of the library say to each other; the same options once."""
    known: dict[str, Path] = {}

    async def record(**options: Any) -> Path:
        key = str(options)
        if key not in known:
            known[key] = await _record(tmp_path_factory.mktemp("recorded"), **options)
        return known[key]

    return record


async def _record(folder: Path, **options: Any) -> Path:
    async with node.script("protocols/socketio.mjs", **options) as peers:
        port = (await peers.line("port"))["port"]
        async with reverse(folder, port) as proxy:
            peers.say(url=f"ws://127.0.0.1:{proxy.port}")
            await peers.line("done")
            if "websocket" in options["transports"]:
                # Its goodbye may still be on its way.
                await proxy.wait_for_closures(1)
            await proxy.stop()
            return proxy.capture


@pytest.mark.parametrize(
    ("version", "transports", "fast"),
    [(4, UPGRADING, False), (4, UPGRADING, True), (4, ["polling"], True), (2, UPGRADING, True)],
    ids=["4", "4 fast", "4 staying with polling", "2 fast"],
)
async def test_the_client_cannot_tell_the_recording_from_its_server(
    recorded: Recording, version: int, transports: list[str], fast: bool
) -> None:
    options: dict[str, Any] = {"version": version, "transports": transports}
    path = await recorded(**options)
    events: list[dict[str, Any]] = []
    with Reader(path) as reader:
        mock = MockServer(reader, Acting(fast=fast), events.append)
        _, port = await mock.start()
        try:
            async with node.script("protocols/socketio.mjs", **options) as peers:
                await peers.line("port")
                for _ in range(2):
                    # It ends only if everything was acknowledged.
                    peers.say(url=f"ws://127.0.0.1:{port}")
                    await peers.line("done")
        finally:
            await mock.stop()
    told = [event["event"] for event in events]
    assert told.count("polling") == 2
    assert told.count("open") == (2 if "websocket" in transports else 0)
    assert [e for e in events if e["event"] in ("trouble", "unmatched", "unrecorded", "refused")] == []


@pytest.mark.parametrize("version", [2, 4])
async def test_the_server_is_asked_over_http_what_it_was_asked(
    recorded: Recording, tmp_path: Path, version: int
) -> None:
    options: dict[str, Any] = {"version": version, "transports": UPGRADING}
    path = await recorded(**options)
    async with node.script("protocols/socketio.mjs", **options) as peers:
        port = (await peers.line("port"))["port"]
        code, out, err = await wsproxy(
            "replay",
            path,
            "--to",
            f"ws://127.0.0.1:{port}",
            "-w",
            tmp_path / "again.wsp",
            home=tmp_path / "home",
        )
    assert code == 0, out + err
    assert " 0 differences" in out
    sids = "sid [^,]+|sid=[^ ]+"
    then, now = (
        [re.sub(sids, "sid", line) for line in polled(each)] for each in (path, tmp_path / "again.wsp")
    )
    assert [line for line in now if "ok" not in line][:2] == [line for line in then if "ok" not in line][:2]

"""The client of SignalR, which negotiates before it opens a WebSocket, and a recorded hub."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support import node
from tests.support.traffic import reverse
from tests.unit.replay.replay_tools import talk
from wsproxy.replay.acting import Acting
from wsproxy.replay.mock import MockServer
from wsproxy.store.reader import Reader

ORIGIN = "https://page.test"


@pytest.mark.node
@pytest.mark.skipif(node.missing() is not None, reason=str(node.missing()))
@pytest.mark.parametrize("by", ["order", "match"])
async def test_the_client_cannot_tell_the_recording_from_its_server(tmp_path: Path, by: str) -> None:
    events: list[dict[str, Any]] = []
    async with node.script("protocols/signalr.mjs") as peers:
        port = (await peers.line("port"))["port"]
        async with reverse(tmp_path, port) as proxy:
            peers.say(url=f"ws://127.0.0.1:{proxy.port}")
            await peers.line("done")
            await proxy.wait_for_closures(1)
            await proxy.stop()
        with Reader(proxy.capture) as reader:
            mock = MockServer(reader, Acting(by=by, fast=True), events.append)
            _, port = await mock.start()
            try:
                # It ends only if everything was answered.
                peers.say(url=f"ws://127.0.0.1:{port}")
                await peers.line("done")
            finally:
                await mock.stop()
    told = [event["event"] for event in events]
    assert told[:2] == ["negotiated", "open"]
    assert not {"trouble", "unmatched", "unrecorded", "refused"} & set(told)


async def test_pages_of_any_origin_may_negotiate_and_only_with_what_was_recorded(tmp_path: Path) -> None:
    events: list[dict[str, Any]] = []
    path = talk(tmp_path / "session.wsp", "ws://example.test/hub?room=1&id=abc", "one")
    with Reader(path) as reader:
        mock = MockServer(reader, Acting(fast=True), events.append)
        _, port = await mock.start()
        hub = f"http://127.0.0.1:{port}/hub/negotiate?room=1"
        try:
            async with aiohttp.ClientSession(headers={"Origin": ORIGIN}) as session:
                wanted = {
                    "Access-Control-Request-Method": "POST",
                    "Access-Control-Request-Headers": "x-signalr-user-agent",
                }
                async with session.options(f"{hub}&negotiateVersion=1", headers=wanted) as allowed:
                    assert allowed.status == 200
                    assert allowed.headers["Access-Control-Allow-Origin"] == ORIGIN
                    assert allowed.headers["Access-Control-Allow-Headers"] == "x-signalr-user-agent"
                async with session.post(f"{hub}&negotiateVersion=1") as answer:
                    newer = await answer.json()
                async with session.post(hub) as answer:
                    older = await answer.json()
                async with session.post(hub.replace("room=1", "room=2")) as answer:
                    assert answer.status == 404
        finally:
            await mock.stop()
    assert set(newer) == {"connectionId", "connectionToken", "negotiateVersion", "availableTransports"}
    assert set(older) == {"connectionId", "availableTransports"}
    assert newer["connectionToken"] != newer["connectionId"]
    assert [event["event"] for event in events] == ["negotiated", "negotiated", "unrecorded"]

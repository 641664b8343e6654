"""A recorded server that answers by what its client says, and what it does where nothing was recorded."""

import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.ports import free_port
from tests.support.sessions import Talk, session
from tests.unit.replay.mock_tools import FAST, end_of, heard, mocking
from wsproxy.replay.exchanges import Matching
from wsproxy.replay.values import Rules

SHOP: Talk = [
    ("<", "hello"),
    (">", '{"op":"price","of":"tea","at":1}'),
    ("<", '{"price":2}'),
    (">", '{"op":"price","of":"coffee","at":2}'),
    ("<", '{"price":3}'),
    ("<", '{"note":"hot"}'),
    (">", '{"op":"price","of":"tea","at":3}'),
    ("<", '{"price":4}'),
]


async def test_it_answers_by_what_is_said(tmp_path: Path) -> None:
    matching = Matching("json", Rules.of(["at"]))
    path = session(tmp_path / "a.wsp", SHOP)
    async with (
        mocking(path, by="match", matching=matching, loop=True, **FAST) as mock,
        mock.connect() as client,
    ):
        assert await heard(client, 1) == ["hello"]
        await client.send('{"at":77,"of":"coffee","op":"price"}')
        assert await heard(client, 2) == ['{"price":3}', '{"note":"hot"}']
        # The next of its kind behind it, then from the beginning.
        for price in (4, 2, 4):
            await client.send('{"op":"price","of":"tea"}')
            assert await heard(client, 1) == [f'{{"price":{price}}}']


@pytest.mark.parametrize(
    ("how", "text", "matches"),
    [
        ("exact", SHOP[1][1], True),
        ("exact", '{"op":"price", "of":"tea","at":1}', False),
        ("json", '{"op":"price", "of":"tea","at":1}', True),
        ("json", '{"op":"price","of":"milk","at":1}', False),
        ("event", '{"op":"price","of":"milk"}', True),
        ("event", '{"op":"order","of":"tea"}', False),
    ],
)
async def test_what_counts_as_the_same(tmp_path: Path, how: str, text: str, matches: bool) -> None:
    path = session(tmp_path / "a.wsp", SHOP)
    acting = {"by": "match", "matching": Matching(how), "unmatched": "reply", "reply": "what?", **FAST}
    async with mocking(path, **acting) as mock, mock.connect() as client:
        await heard(client, 1)
        await client.send(text)
        assert (await heard(client, 1) != ["what?"]) is matches
        assert len(mock.told("unmatched")) == (not matches)


async def test_answers_have_the_id_of_the_call_of_now_and_find_it_in_any_order(tmp_path: Path) -> None:
    talk: Talk = [
        (">", '{"jsonrpc":"2.0","id":1,"method":"slow"}'),
        (">", '{"jsonrpc":"2.0","id":2,"method":"quick"}'),
        ("<", '{"jsonrpc":"2.0","id":2,"result":"q"}'),
        ("<", '{"jsonrpc":"2.0","id":1,"result":"s"}'),
    ]
    path = session(tmp_path / "a.wsp", talk)
    async with mocking(path, by="match", loop=True, **FAST) as mock, mock.connect() as client:
        await client.send('{"jsonrpc":"2.0","id":"x-7","method":"slow"}')
        assert json.loads((await heard(client, 1))[0]) == {"jsonrpc": "2.0", "id": "x-7", "result": "s"}
        await client.send('{"jsonrpc":"2.0","id":99,"method":"quick"}')
        assert json.loads((await heard(client, 1))[0]) == {"jsonrpc": "2.0", "id": 99, "result": "q"}


async def test_what_was_not_recorded_may_close_the_connection(tmp_path: Path) -> None:
    path = session(tmp_path / "a.wsp", SHOP)
    async with (
        mocking(path, by="match", unmatched="close", close_code=4404, **FAST) as mock,
        mock.connect() as client,
    ):
        await heard(client, 1)
        await client.send("who knows")
        assert await end_of(client) == (4404, "not in the recording")


@asynccontextmanager
async def echo() -> AsyncIterator[tuple[str, list[str]]]:
    paths: list[str] = []

    async def handler(peer: Any) -> None:
        paths.append(peer.request.path)
        with contextlib.suppress(ConnectionClosed):
            async for message in peer:
                await peer.send(message[::-1])

    def choose(_: Any, offered: Any) -> Any:
        return offered[0] if offered else None

    async with serve(handler, "127.0.0.1", 0, select_subprotocol=choose) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", paths


async def test_what_was_not_recorded_may_be_answered_by_the_server_itself(tmp_path: Path) -> None:
    path = session(tmp_path / "a.wsp", SHOP)
    async with (
        echo() as (live, paths),
        mocking(path, by="match", unmatched="live", live=live, **FAST) as mock,
    ):
        async with mock.connect() as client:
            await heard(client, 1)
            await client.send("abc")
            assert await heard(client, 1) == ["cba"]
            await client.send(SHOP[1][1])
            assert await heard(client, 1) == ['{"price":2}']
            await client.send(b"\x01\x02")
            assert await heard(client, 1) == [b"\x02\x01"]
        # And a URL that was not recorded.
        async with mock.connect("/elsewhere?a=1", subprotocols=["chat.v9"]) as client:
            await client.send("xyz")
            assert await heard(client, 1) == ["zyx"]
            assert client.subprotocol == "chat.v9"
        assert paths == ["/chat", "/elsewhere?a=1"]


async def test_a_live_server_that_cannot_be_reached_is_told(tmp_path: Path) -> None:
    path = session(tmp_path / "a.wsp", SHOP)
    options = {"by": "match", "unmatched": "live", "live": f"ws://127.0.0.1:{free_port()}", **FAST}
    async with mocking(path, **options) as mock:
        async with mock.connect() as client:
            await heard(client, 1)
            await client.send("abc")
            assert (await end_of(client))[0] == 1014
        with pytest.raises(InvalidStatus) as refused:
            await mock.connect("/elsewhere")
        assert refused.value.response.status_code == 502
        assert len(mock.told("live_failed")) == 2

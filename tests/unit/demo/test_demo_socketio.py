"""The Socket.IO chat, with the client of python-socketio on both transports."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import socketio

from wsproxy.demo.origin import Origin

TRANSPORTS = pytest.mark.parametrize("transports", [["polling"], ["websocket"], ["polling", "websocket"]])


class Client:
    """A client, and what it heard."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.io = socketio.AsyncClient(reconnection=False, handle_sigint=False, http_session=session)
        self.heard: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.io.on("*", self._hear)
        self.io.on("question", lambda text: "only you")

    async def _hear(self, event: str, *args: Any) -> None:
        await self.heard.put((event, args[0] if args else None))

    async def until(self, event: str) -> Any:
        """What came with the next `event`."""
        while True:
            name, data = await asyncio.wait_for(self.heard.get(), 5)
            if name == event:
                return data

    async def ask(self, event: str, data: Any = None, namespace: str | None = None) -> Any:
        return await self.io.call(event, data, namespace=namespace, timeout=5)


@asynccontextmanager
async def join(origin: Origin, transports: list[str]) -> AsyncIterator[tuple[Client, str]]:
    # Its own session is left open by some versions of the library.
    async with aiohttp.ClientSession() as session:
        client = Client(session)
        await client.io.connect(
            origin.http_url, transports=transports, namespaces=["/", "/admin"], wait_timeout=5
        )
        try:
            yield client, (await client.until("welcome"))["name"]
        finally:
            await client.io.disconnect()


@TRANSPORTS
async def test_what_one_says_all_hear(origin: Origin, transports: list[str]) -> None:
    async with join(origin, transports) as (ada, _), join(origin, transports) as (bob, name):
        assert await ada.until("joined") == {"name": name}
        assert await bob.ask("say", "hello 🦊") == {"ok": True, "heard": 2}
        for client in (ada, bob):
            assert await client.until("said") == {"name": name, "text": "hello 🦊"}


@TRANSPORTS
async def test_a_whisper_is_heard_in_its_room_only(origin: Origin, transports: list[str]) -> None:
    async with join(origin, transports) as (ada, name), join(origin, transports) as (bob, _):
        assert await ada.ask("join", "tea") == {"ok": True, "room": "tea", "members": 1}
        assert await ada.ask("whisper", ("tea", "milk?")) == {"ok": True}
        assert await ada.until("whispered") == {"room": "tea", "name": name, "text": "milk?"}
        assert (await bob.ask("whisper", ("tea", "me too")))["ok"] is False
        assert await ada.ask("leave", "tea") == {"ok": True, "room": "tea", "members": 0}
        assert await ada.ask("say", "over") == {"ok": True, "heard": 2}
        await bob.until("said")
        assert bob.heard.empty()


@TRANSPORTS
async def test_bytes_come_back_in_a_binary_event(origin: Origin, transports: list[str]) -> None:
    async with join(origin, transports) as (ada, _):
        assert await ada.ask("upload", b"\x00\x01\xff") == {"ok": True, "length": 3}
        assert await ada.until("reversed") == b"\xff\x01\x00"


@TRANSPORTS
async def test_the_server_asks_and_hears_the_answer(origin: Origin, transports: list[str]) -> None:
    async with join(origin, transports) as (ada, _):
        await ada.io.emit("ask")
        assert await ada.until("answered") == {"answer": ["only you"]}


@TRANSPORTS
async def test_the_admin_namespace_counts_and_announces(origin: Origin, transports: list[str]) -> None:
    async with join(origin, transports) as (ada, _), join(origin, transports) as (bob, _):
        assert await ada.ask("stats", namespace="/admin") == {"clients": 2, "admins": 2}
        assert await ada.ask("announce", "tea is ready", namespace="/admin") == {"ok": True}
        assert await bob.until("announced") == {"text": "tea is ready"}


async def test_a_client_that_may_upgrade_does(origin: Origin) -> None:
    async with join(origin, ["polling", "websocket"]) as (ada, _):
        assert ada.io.transport() == "websocket"
    async with join(origin, ["polling"]) as (ada, _):
        assert ada.io.transport() == "polling"


@pytest.mark.parametrize(
    ("event", "data"),
    [
        ("say", None),
        ("say", 7),
        ("say", ("one", "two")),
        ("join", ""),
        ("join", "x" * 41),
        ("leave", "nowhere"),
        ("whisper", "tea"),
        ("upload", "text"),
    ],
)
async def test_arguments_of_another_kind_are_refused_in_the_acknowledgement(
    origin: Origin, event: str, data: Any
) -> None:
    async with join(origin, ["websocket"]) as (ada, _):
        assert (await ada.ask(event, data))["ok"] is False
        assert (await ada.ask("say", "still here"))["ok"] is True


async def test_who_leaves_is_missed(origin: Origin) -> None:
    async with join(origin, ["websocket"]) as (ada, _):
        async with join(origin, ["websocket"]) as (_, name):
            pass
        assert await ada.until("left") == {"name": name}


def request(url: str, query: str = "", body: str | None = None, page: str | None = None) -> tuple[int, str]:
    """One polling request, as a page of `page` would make it."""
    call = urllib.request.Request(
        f"{url}/socket.io/?EIO=4&transport=polling{query}",
        data=None if body is None else body.encode(),
        headers={"Origin": page} if page else {},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(call, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


async def test_polling_is_open_to_own_pages_and_closed_to_foreign_ones(origin: Origin) -> None:
    for allowed in (None, origin.http_url):
        status, body = await asyncio.to_thread(request, origin.http_url, page=allowed)
        assert status == 200
        assert json.loads(body[1:])["upgrades"] == ["websocket"]
    status, body = await asyncio.to_thread(request, origin.http_url, page="http://elsewhere.example")
    assert status == 403
    assert json.loads(body)["error"] == "refused"


async def test_a_client_that_says_goodbye_gets_its_waiting_poll_answered_at_once(origin: Origin) -> None:
    _, body = await asyncio.to_thread(request, origin.http_url)
    query = f"&sid={json.loads(body[1:])['sid']}"
    waiting = asyncio.ensure_future(asyncio.to_thread(request, origin.http_url, query))
    assert await asyncio.to_thread(request, origin.http_url, query, "1") == (200, "OK")
    # The poll may also come after the goodbye; then it is refused.
    status, body = await asyncio.wait_for(waiting, 5)
    assert (status, body) == (200, "6") or status == 400


async def test_what_a_client_does_wrong_is_not_reported_as_an_error_of_the_demo(
    origin: Origin, caplog: pytest.LogCaptureFixture
) -> None:
    status, _ = await asyncio.to_thread(request, origin.http_url, "&sid=nobody")
    assert status == 400
    assert caplog.records == []

"""Compose: a new socket, opened as a captured one was, on a real proxy at a real server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from tests.support.control import run_file
from tests.support.proxy import Proxy, running
from tests.support.screen import focused, press, until, until_shown
from wsproxy.tui.app import WsproxyApp
from wsproxy.tui.screens.compose import ComposeScreen

SECRETS = {"Authorization": "Bearer of-nobody", "Cookie": "session=1"}
TIMEOUT = 20


class Place:
    """A server that lets in who has the right badge, as long as it is open."""

    def __init__(self) -> None:
        self.arrived: asyncio.Queue[ServerConnection] = asyncio.Queue()
        self.is_open = True

    def gate(self, connection: ServerConnection, request: Request) -> Response | None:
        if self.is_open and request.headers["Authorization"] == SECRETS["Authorization"]:
            return None
        return connection.respond(HTTPStatus.UNAUTHORIZED, "no \x1b[31mbadge\n")

    async def handle(self, connection: ServerConnection) -> None:
        await self.arrived.put(connection)
        await connection.wait_closed()

    async def next(self) -> ServerConnection:
        return await asyncio.wait_for(self.arrived.get(), TIMEOUT)


@asynccontextmanager
async def captured(tmp_path: Path) -> AsyncIterator[tuple[Proxy, Place, Server]]:
    """A proxy that has captured one handshake, and the server of that."""
    place = Place()
    async with (
        running(tmp_path) as proxy,
        serve(
            place.handle,
            "127.0.0.1",
            0,
            process_request=place.gate,
            subprotocols=[Subprotocol("tea.v1")],
            ping_interval=None,
        ) as server,
    ):
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/room?a=b"
        async with connect(
            url,
            proxy=proxy.url,
            subprotocols=[Subprotocol("tea.v1")],
            additional_headers=SECRETS,
            ping_interval=None,
        ):
            await place.next()
        yield proxy, place, server


async def test_a_socket_is_opened_as_a_captured_one_and_stays_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with captured(tmp_path) as (proxy, place, _):
        monkeypatch.setenv("WSPROXY_HOME", str(proxy.home))
        app = WsproxyApp(proxy.capture, run_file(proxy.home))
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await until(pilot, lambda: app.capture.now.last_frame)
            await press(pilot, "3")
            await until_shown(pilot, "no WebSocket is open")
            screen = app.screen
            assert isinstance(screen, ComposeScreen)
            await press(pilot, "ctrl+n")
            await until_shown(pilot, "A new socket, opened as", "#1 ws://127.0.0.1", "tea.v1")
            await press(pilot, "enter")
            there = await place.next()
            await until_shown(pilot, "Connection #2 is open")
            await until(pilot, lambda: screen.connection.value == 2)

            # The same handshake, but for the key, which may be used once.
            assert there.request is not None
            assert there.request.path == "/room?a=b"
            assert there.subprotocol == "tea.v1"
            records = await app.capture.ask(lambda reader: reader.connections())
            first, second = (dict(_fields(record.request)) for record in records)
            assert first.pop("Sec-WebSocket-Key") != second.pop("Sec-WebSocket-Key")
            assert first == second
            assert second["Authorization"] == SECRETS["Authorization"]

            # It is a connection like others, and lives.
            await asyncio.wait_for(await there.ping(), TIMEOUT)
            await focused(pilot, screen.editor.area)
            screen.editor.area.load_text("hello")
            await press(pilot, "ctrl+s")
            assert await asyncio.wait_for(there.recv(), TIMEOUT) == "hello"
        with pytest.raises(ConnectionClosed, match="1001"):
            await asyncio.wait_for(there.recv(), TIMEOUT)


async def test_why_a_socket_was_not_opened_is_said_in_one_harmless_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with captured(tmp_path) as (proxy, place, server):
        monkeypatch.setenv("WSPROXY_HOME", str(proxy.home))
        app = WsproxyApp(proxy.capture, run_file(proxy.home))
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await until(pilot, lambda: app.capture.now.last_frame)
            await press(pilot, "3")
            place.is_open = False
            await press(pilot, "ctrl+n", "enter")
            screen = await until_shown(pilot, "refuses", "401", "badge")
            assert "\x1b" not in screen
            app.clear_notifications()
            server.close()
            await server.wait_closed()
            await press(pilot, "ctrl+n", "enter")
            await until_shown(pilot, "502")


async def test_without_a_captured_handshake_there_is_nothing_to_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as proxy:
        monkeypatch.setenv("WSPROXY_HOME", str(proxy.home))
        app = WsproxyApp(proxy.capture, run_file(proxy.home))
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await press(pilot, "3")
            await until_shown(pilot, "no WebSocket is open")
            await press(pilot, "ctrl+n")
            await until_shown(pilot, "No handshake has been captured yet")


def _fields(request: bytes) -> list[tuple[str, str]]:
    lines = request.decode().split("\r\n")[1:-2]
    return [(name, value) for name, _, value in (line.partition(": ") for line in lines)]

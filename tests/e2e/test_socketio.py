"""
Socket.IO through the proxy: HTTP long-polling, an upgrade of it, acknowledgements, binary attachments.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import socketio
from aiohttp import web

from tests.support import tls
from tests.support.exchange import (
    account,
)
from tests.support.proxy import connections, running
from tests.support.python_peers import (
    listening_app,
    proxy_arguments,
)


class Chat:
    """A Socket.IO server on aiohttp; it notes what it heard and how each request came."""

    def __init__(self, **options: Any) -> None:
        self.server = socketio.AsyncServer(async_mode="aiohttp", monitor_clients=False, **options)
        self.heard: list[Any] = []
        self.transports: list[str] = []
        self.gone = asyncio.Event()

        @web.middleware
        async def note(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            self.transports.append(request.query["transport"])
            return await handler(request)

        self.app = web.Application(middlewares=[note])
        self.server.attach(self.app)
        self.server.on("connect", self._connect)
        self.server.on("say", self._say)
        self.server.on("picture", self._picture)
        self.server.on("disconnect", self._disconnect)

    async def _connect(self, sid: str, environ: dict[str, Any]) -> None:
        await self.server.emit("welcome", {"to": "you"}, to=sid)

    async def _say(self, sid: str, words: str) -> str:
        self.heard.append(words)
        return words.upper()

    async def _picture(self, sid: str, picture: bytes) -> bytes:
        self.heard.append(picture)
        return picture[::-1]

    async def _disconnect(self, sid: str, reason: str) -> None:
        self.gone.set()


@pytest.mark.parametrize("way", ["aiohttp-absolute", "aiohttp-connect-tls", "aiohttp-reverse"])
@pytest.mark.parametrize("transports", [["websocket"], ["polling", "websocket"]], ids="-".join)
async def test_socketio_on_websocket_and_from_polling_upwards(
    tmp_path: Path, way: str, transports: list[str]
) -> None:
    chat = Chat()
    secure = way.endswith("tls")
    picture = bytes(range(256)) * 4
    async with (
        listening_app(chat.app, tls.server_context() if secure else None) as port,
        running(tmp_path, *proxy_arguments(way, port, tmp_path)) as proxy,
    ):
        url = f"{'https' if secure else 'http'}://127.0.0.1:{proxy.port if 'reverse' in way else port}"
        async with aiohttp.ClientSession(
            proxy=None if "reverse" in way else proxy.url,
            connector=aiohttp.TCPConnector(ssl=tls.trusting(proxy.ca) if secure else True),
        ) as session:
            client = socketio.AsyncClient(http_session=session, reconnection=False)
            welcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            client.on("welcome", lambda value: welcome.set_result(value))
            await client.connect(url, transports=transports)
            assert await asyncio.wait_for(welcome, 10) == {"to": "you"}
            assert client.transport() == "websocket"
            assert await client.call("say", "hello", timeout=10) == "HELLO"
            assert await client.call("picture", picture, timeout=10) == picture[::-1]
            await client.disconnect()
            await asyncio.wait_for(chat.gone.wait(), 10)
        assert chat.heard == ["hello", picture]
        assert chat.transports[-1] == "websocket"
        assert ("polling" in chat.transports) is ("polling" in transports)

        found = await account(proxy)
        said = [content for kind, content in found.client if kind in ("text", "binary")]
        heard = [content for kind, content in found.server if kind in ("text", "binary")]
        if "polling" in transports:
            assert said[:2] == [b"2probe", b"5"]
            assert heard[0] == b"3probe"
        else:
            assert said[0] == b"40{}"
            assert heard[0].startswith(b'0{"sid":')
            assert b'42["welcome",{"to":"you"}]' in heard
        assert b'421["say","hello"]' in said
        assert b'431["HELLO"]' in heard
        # A binary attachment is a frame of its own, behind the packet it belongs to.
        assert said[said.index(b'451-2["picture",{"_placeholder":true,"num":0}]') + 1] == picture
        assert heard[heard.index(b'461-2[{"_placeholder":true,"num":0}]') + 1] == picture[::-1]
        # Long-polling went through the proxy too, and is no WebSocket.
        assert len(connections(proxy.events())) == 1

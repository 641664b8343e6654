"""
WebSocket servers and clients of Python's libraries, with one face for all of them.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import websockets
from aiohttp import WSMsgType, web
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

from tests.support import tls
from tests.support.proxy import Proxy, running

GO = "go away"
"""The text that makes a server close."""
Message = str | bytes


# Servers: each says what it got back in reverse, and notes all of it.


@dataclass
class Served:
    """What a server saw of its clients, one entry per connection."""

    port: int = 0
    received: list[list[Message]] = field(default_factory=list)
    closes: list[tuple[int, str]] = field(default_factory=list)
    """Codes and reasons of the clients' Close frames; 1006 where none came."""
    peers: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)
    """The server's ends of the connections."""
    ended: asyncio.Queue[None] = field(default_factory=asyncio.Queue)
    """Gets an entry when a connection has been served."""

    async def peer(self) -> Any:
        return await asyncio.wait_for(self.peers.get(), 30)

    async def end(self) -> None:
        await asyncio.wait_for(self.ended.get(), 30)


@asynccontextmanager
async def websockets_server(
    tls_context: ssl.SSLContext | None = None, **options: Any
) -> AsyncIterator[Served]:
    served = Served()

    async def handler(connection: ServerConnection) -> None:
        received: list[Message] = []
        served.received.append(received)
        served.peers.put_nowait(connection)
        try:
            while True:
                received.append(await connection.recv())
                if received[-1] == GO:
                    await connection.close(3000, "server ends")
                else:
                    await connection.send(received[-1][::-1])
        except websockets.ConnectionClosed as closed:
            frame = closed.rcvd
            served.closes.append((frame.code, frame.reason) if frame else (1006, ""))
        served.ended.put_nowait(None)

    options = {"compression": None, "max_size": None, "ping_interval": None} | options
    async with serve(handler, "127.0.0.1", 0, ssl=tls_context, **options) as server:
        [listening] = server.sockets
        served.port = listening.getsockname()[1]
        yield served


@asynccontextmanager
async def aiohttp_server(tls_context: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[Served]:
    served = Served()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.WebSocketResponse(max_msg_size=0, **({"compress": False} | options))
        await response.prepare(request)
        received: list[Message] = []
        served.received.append(received)
        served.peers.put_nowait(response)
        while (message := await response.receive()).type in (WSMsgType.TEXT, WSMsgType.BINARY):
            received.append(message.data)
            if message.data == GO:
                await response.close(code=3000, message=b"server ends")
            elif message.type is WSMsgType.TEXT:
                await response.send_str(message.data[::-1])
            else:
                await response.send_bytes(message.data[::-1])
        served.closes.append(
            (message.data, message.extra or "") if message.type is WSMsgType.CLOSE else (1006, "")
        )
        served.ended.put_nowait(None)
        return response

    app = web.Application()
    app.router.add_get("/", handler)
    async with listening_app(app, tls_context) as port:
        served.port = port
        yield served


@asynccontextmanager
async def listening_app(
    app: web.Application, tls_context: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """The port of an aiohttp application that serves for the time of the block."""
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls_context)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


SERVERS: dict[str, Callable[..., Any]] = {"websockets": websockets_server, "aiohttp": aiohttp_server}


# Clients: one face for both.


class WebsocketsClient:
    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, message: Message) -> None:
        await self._connection.send(message)

    async def receive(self) -> Message:
        return await asyncio.wait_for(self._connection.recv(), 30)

    async def ping(self, payload: bytes) -> None:
        await asyncio.wait_for(await self._connection.ping(payload), 30)

    async def close(self, code: int, reason: str) -> None:
        await self._connection.close(code, reason)

    async def closing(self) -> tuple[int, str]:
        """Wait for the other side to close, and with what."""
        with pytest.raises(websockets.ConnectionClosed) as caught:
            await self.receive()
        frame = caught.value.rcvd
        return (frame.code, frame.reason) if frame else (1006, "")

    def cut(self) -> None:
        self._connection.transport.abort()


class AiohttpClient:
    def __init__(self, response: aiohttp.ClientWebSocketResponse) -> None:
        self._response = response

    async def send(self, message: Message) -> None:
        if isinstance(message, str):
            await self._response.send_str(message)
        else:
            await self._response.send_bytes(message)

    async def receive(self) -> Message:
        message = await self._response.receive(timeout=20)
        assert message.type in (WSMsgType.TEXT, WSMsgType.BINARY), message
        return message.data

    async def ping(self, payload: bytes) -> None:
        # The pong is taken by aiohttp on the way to the next message.
        await self._response.ping(payload)

    async def close(self, code: int, reason: str) -> None:
        await self._response.close(code=code, message=reason.encode())

    async def closing(self) -> tuple[int, str]:
        message = await self._response.receive(timeout=20)
        if message.type is WSMsgType.CLOSE:
            return message.data, message.extra
        assert message.type in (WSMsgType.CLOSED, WSMsgType.ERROR), message
        return 1006, ""

    def cut(self) -> None:
        transport = self._response._response.connection.transport  # type: ignore[union-attr]
        transport.abort()


Client = WebsocketsClient | AiohttpClient

WAYS = {
    # way: the client library, and the request line the proxy gets
    "websockets-connect": "GET / HTTP/1.1",
    "websockets-connect-tls": "GET / HTTP/1.1",
    "websockets-reverse": "GET / HTTP/1.1",
    "websockets-reverse-tls": "GET / HTTP/1.1",
    "websockets-socks5": "GET / HTTP/1.1",
    "websockets-socks5-tls": "GET / HTTP/1.1",
    "aiohttp-absolute": "GET ws://127.0.0.1:{port}/ HTTP/1.1",
    "aiohttp-connect-tls": "GET / HTTP/1.1",
    "aiohttp-reverse": "GET / HTTP/1.1",
}


def proxy_arguments(way: str, port: int, folder: Path) -> list[str]:
    trust = ["--set", f"ssl_verify_upstream_trusted_ca={tls.ca_file(folder)}"]
    if "reverse" in way:
        return ["-m", f"reverse:{'https' if way.endswith('tls') else 'http'}://127.0.0.1:{port}", *trust]
    if "socks5" in way:
        return ["-m", "socks5", *trust]
    return trust


async def _socks5(proxy_port: int, port: int) -> socket.socket:
    """A connection to `port` through a SOCKS5 proxy (RFC 1928), as a client without a library makes it."""
    sock = socket.socket()
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, ("127.0.0.1", proxy_port))
    await loop.sock_sendall(sock, b"\x05\x01\x00")
    assert await loop.sock_recv(sock, 2) == b"\x05\x00"
    await loop.sock_sendall(sock, b"\x05\x01\x00\x01\x7f\0\0\x01" + port.to_bytes(2, "big"))
    assert (await loop.sock_recv(sock, 10))[1] == 0
    return sock


@asynccontextmanager
async def client_through(proxy: Proxy, way: str, port: int, **options: Any) -> AsyncIterator[Client]:
    """A WebSocket to the server on `port`; `options` are those of the client's library."""
    library, how = way.split("-", 1)
    secure = how.endswith("tls")
    at = proxy.port if "reverse" in how else port
    url = f"{'wss' if secure else 'ws'}://127.0.0.1:{at}/"
    forward = proxy.url if how in ("connect", "connect-tls", "absolute") else None
    context = tls.trusting(proxy.ca) if secure else None
    if library == "websockets":
        options = {"compression": None, "max_size": None, "ping_interval": None} | options
        if "socks5" in how:
            options["sock"] = await _socks5(proxy.port, port)
        async with connect(url, proxy=forward, ssl=context, **options) as connection:
            yield WebsocketsClient(connection)
    else:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(
                url, proxy=forward, ssl=context or True, max_msg_size=0, **options
            ) as response,
        ):
            yield AiohttpClient(response)


@asynccontextmanager
async def between(
    tmp_path: Path, way: str, server: str, /, **options: Any
) -> AsyncIterator[tuple[Proxy, Served]]:
    """A server of the library named, and a proxy in front of it; `options` are the server's."""
    context = tls.server_context() if way.endswith("tls") else None
    async with (
        SERVERS[server](context, **options) as served,
        running(tmp_path, *proxy_arguments(way, served.port, tmp_path)) as proxy,
    ):
        yield proxy, served

"""
The proxy between the WebSocket libraries of Python: they notice nothing, and the capture has it all.
"""

import asyncio
import random
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import socketio
import websockets
from aiohttp import WSMsgType, web
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    ServerPerMessageDeflateFactory,
)
from websockets.http11 import Request, Response

from tests.support import tls
from tests.support.exchange import (
    Account,
    account,
    account_of,
    binary,
    close,
    data,
    long_sequence,
    ping,
    pong,
    text,
)
from tests.support.proxy import Proxy, connections, running

SIZES = [0, 1, 125, 126, 65535, 65536, 3 * 1024 * 1024]
GO = "go away"
"""The text that makes a server close."""
Message = str | bytes


def _messages() -> list[Message]:
    """Texts and binary messages of the sizes where a header changes its shape, and a large one."""
    rng = random.Random(1)
    found: list[Message] = ["grüße 😀"]
    for size in SIZES:
        found += ["t" * size, rng.randbytes(size)]
    return found


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
        return await asyncio.wait_for(self.peers.get(), 10)

    async def end(self) -> None:
        await asyncio.wait_for(self.ended.get(), 10)


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
        return await asyncio.wait_for(self._connection.recv(), 20)

    async def ping(self, payload: bytes) -> None:
        await asyncio.wait_for(await self._connection.ping(payload), 10)

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


def _arguments(way: str, port: int, folder: Path) -> list[str]:
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
        running(tmp_path, *_arguments(way, served.port, tmp_path)) as proxy,
    ):
        yield proxy, served


async def _converse(client: Client, messages: Sequence[Message]) -> None:
    for message in messages:
        await client.send(message)
        assert await client.receive() == message[::-1]


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("way", WAYS)
async def test_text_and_binary_of_every_header_size_pass_and_are_recorded(
    tmp_path: Path, way: str, server: str
) -> None:
    messages = _messages()
    async with between(tmp_path, way, server) as (proxy, served):
        async with client_through(proxy, way, served.port) as client:
            await client.ping(b"are you there?")
            await _converse(client, messages)
            await client.close(4001, "enough, danke schön")
        await served.end()
        assert served.received == [messages]
        assert served.closes == [(4001, "enough, danke schön")]

        found = await account(proxy)
        assert found.client == [
            ping(b"are you there?"),
            *map(data, messages),
            close(4001, "enough, danke schön"),
        ]
        *said, [kind, _] = found.server
        assert said == [pong(b"are you there?"), *(data(message[::-1]) for message in messages)]
        assert kind == "close"
        assert found.ended == ("client", 4001, "enough, danke schön", True)
        for from_client in (True, False):
            sizes = [len(message.encode() if isinstance(message, str) else message) for message in messages]
            assert found.lengths(from_client, 1, 2) == sizes
            assert not any(found.compressed(from_client))
        _check_record(found, way, served.port)


def _check_record(found: Account, way: str, port: int) -> None:
    opened = found.opened
    scheme = "wss" if way.endswith("tls") else "ws"
    assert opened.url == f"{scheme}://127.0.0.1:{port}/"
    assert opened.server == f"127.0.0.1:{port}"
    assert opened.status == 101
    assert opened.request.split(b"\r\n")[0].decode() == WAYS[way].format(port=port)
    assert opened.response.startswith(b"HTTP/1.1 101 ")
    assert opened.findings == ()
    assert opened.error is None
    assert opened.extensions == ""
    assert set(opened.tls) == ({"client", "server"} if way.endswith("tls") else set())
    assert opened.mode == ("reverse" if "reverse" in way else "socks5" if "socks5" in way else "regular")


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("way", ["websockets-connect", "aiohttp-absolute", "aiohttp-connect-tls"])
async def test_a_server_that_pings_and_closes_is_answered_by_the_client_not_by_the_proxy(
    tmp_path: Path, way: str, server: str
) -> None:
    async with between(tmp_path, way, server) as (proxy, served):
        async with client_through(proxy, way, served.port) as client:
            peer = await served.peer()
            await peer.ping(b"server asks")
            await _converse(client, ["hello"])
            await client.send(GO)
            assert await client.closing() == (3000, "server ends")
        await served.end()

        found = await account(proxy)
        assert found.server == [ping(b"server asks"), text("olleh"), close(3000, "server ends")]
        *said, [kind, _] = found.client
        # aiohttp reads, and so answers, only when asked for the next message.
        assert sorted(said) == sorted([pong(b"server asks"), text("hello"), text(GO)])
        assert kind == "close"
        assert found.ended == ("server", 3000, "server ends", True)


@pytest.mark.parametrize("way", ["websockets-connect", "websockets-connect-tls", "aiohttp-absolute"])
@pytest.mark.parametrize("from_client", [True, False])
async def test_a_peer_that_vanishes_is_1006_to_the_other_side(
    tmp_path: Path, way: str, from_client: bool
) -> None:
    async with between(tmp_path, way, "websockets") as (proxy, served):
        async with client_through(proxy, way, served.port) as client:
            await _converse(client, ["hello"])
            if from_client:
                client.cut()
                await served.end()
                assert served.closes == [(1006, "")]
            else:
                (await served.peer()).transport.abort()
                assert await client.closing() == (1006, "")
        found = await account(proxy)
        assert (found.client[0], found.server[0]) == (text("hello"), text("olleh"))
        assert found.ended[:3] == ("client" if from_client else "server", 1006, "")
        assert not found.ended[3]


@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize("way", ["websockets-connect", "websockets-connect-tls"])
async def test_fragments_arrive_as_the_same_fragments(
    tmp_path: Path, way: str, compression: str | None
) -> None:
    fragments = ["one ", "two ", "", "drei und größer ", "four " * 20_000, "end"]
    replies = [b"\0" * 10, b"\xff" * 70_000, b"last"]
    received: list[str] = []
    ended = asyncio.Event()

    async def handler(connection: ServerConnection) -> None:
        async for fragment in connection.recv_streaming():
            received.append(fragment)
        await connection.send(replies)
        await connection.wait_closed()
        ended.set()

    context = tls.server_context() if way.endswith("tls") else None
    async with (
        serve(handler, "127.0.0.1", 0, ssl=context, compression=compression, ping_interval=None) as server,
        running(tmp_path, *_arguments(way, 0, tmp_path)) as proxy,
    ):
        port = next(iter(server.sockets)).getsockname()[1]
        async with client_through(proxy, way, port, compression=compression) as client:
            connection = client._connection  # type: ignore[union-attr]

            async def parts() -> AsyncIterator[str]:
                for number, fragment in enumerate(fragments):
                    yield fragment
                    if number == 1:
                        # A control frame in the midst of the message.
                        await client.ping(b"between")

            await connection.send(parts())
            assert [part async for part in connection.recv_streaming()] == [*replies, b""]
        await asyncio.wait_for(ended.wait(), 10)
        assert received == [*fragments, ""]

        found = await account(proxy)
        assert found.client == [ping(b"between"), text("".join(fragments)), close(1000)]
        assert found.server == [pong(b"between"), binary(b"".join(replies)), close(1000)]
        # websockets ends a fragmented message with an empty frame of its own.
        data_frames = [frame for frame in found.frames if frame.opcode < 8 and frame.from_client]
        assert [frame.opcode for frame in data_frames] == [1] + [0] * len(fragments)
        assert found.compressed(True) == found.compressed(False) == [compression is not None]
        if compression is None:
            sizes = [len(fragment.encode()) for fragment in fragments]
            assert found.lengths(True, 0, 1) == [*sizes, 0]
            assert found.lengths(False, 0, 2) == [*map(len, replies), 0]


DEFLATE = {
    "as it comes": ({}, {}),
    "no context": ({"server_no_context_takeover": True, "client_no_context_takeover": True}, {}),
    "context of the server only": ({}, {"client_no_context_takeover": True}),
    "context of the client only": ({"server_no_context_takeover": True}, {}),
    "small windows": ({"server_max_window_bits": 9, "client_max_window_bits": 10}, {}),
    "windows of two sizes": (
        {"server_max_window_bits": 15, "client_max_window_bits": True},
        {"server_max_window_bits": 12, "client_max_window_bits": 9},
    ),
}
"""What the client asks for, and what the server insists on."""


@pytest.mark.parametrize("way", ["websockets-connect", "websockets-connect-tls"])
async def test_compression_stays_as_negotiated_and_the_capture_has_the_contents(
    tmp_path: Path, way: str
) -> None:
    messages: list[Message] = [*long_sequence(120), random.Random(2).randbytes(100_000), b"", "end"]
    context = tls.server_context() if way.endswith("tls") else None
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(running(tmp_path, *_arguments(way, 0, tmp_path)))
        agreed: list[str] = []
        for asked, insisted in DEFLATE.values():
            served = await stack.enter_async_context(
                websockets_server(context, extensions=[ServerPerMessageDeflateFactory(**insisted)])
            )
            extensions = [ClientPerMessageDeflateFactory(**asked)]
            async with client_through(proxy, way, served.port, extensions=extensions) as client:
                await _converse(client, messages)
                agreed.append(client._connection.response.headers["Sec-WebSocket-Extensions"])  # type: ignore[union-attr]
            await served.end()
            assert served.received == [messages]
        assert len(set(agreed)) == len(DEFLATE)

        events = await proxy.wait_for_closures(len(DEFLATE))
        for number, extension in enumerate(agreed, 1):
            found = account_of(proxy, events, number)
            assert found.opened.extensions == extension
            assert found.client == [*map(data, messages), close(1000)]
            assert found.server == [*(data(message[::-1]) for message in messages), close(1000)]
            assert all(found.compressed(True))
            assert all(found.compressed(False))


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("way", ["aiohttp-absolute", "aiohttp-connect-tls"])
async def test_compression_of_aiohttp_with_several_windows(tmp_path: Path, way: str, server: str) -> None:
    messages: list[Message] = [*long_sequence(80), b"\0" * 300_000]
    option = {"compression": "deflate"} if server == "websockets" else {"compress": True}
    async with between(tmp_path, way, server, **option) as (proxy, served):
        for bits in (9, 15):
            async with client_through(proxy, way, served.port, compress=bits) as client:
                await _converse(client, messages)
            await served.end()
        assert served.received == [messages, messages]

        events = await proxy.wait_for_closures(2)
        for number in (1, 2):
            found = account_of(proxy, events, number)
            assert found.opened.extensions.startswith("permessage-deflate")
            assert [said for said in found.client if said[0] != "close"] == list(map(data, messages))
            assert found.server[: len(messages)] == [data(message[::-1]) for message in messages]
            assert all(found.compressed(True))
            assert all(found.compressed(False))


async def test_the_subprotocol_the_server_chose_reaches_client_and_capture(tmp_path: Path) -> None:
    async with between(tmp_path, "websockets-connect", "websockets", subprotocols=["chat.v1", "mqtt"]) as (
        proxy,
        served,
    ):
        async with client_through(
            proxy, "websockets-connect", served.port, subprotocols=["mqtt", "chat.v2"]
        ) as client:
            assert client._connection.subprotocol == "mqtt"  # type: ignore[union-attr]
        async with client_through(
            proxy, "aiohttp-absolute", served.port, protocols=["chat.v2", "chat.v1"]
        ) as client:
            assert client._response.protocol == "chat.v1"  # type: ignore[union-attr]
        events = await proxy.wait_for_closures(2)
        assert [record.subprotocol for record in connections(events)] == ["mqtt", "chat.v1"]
        assert all(record.findings == () for record in connections(events))


@pytest.mark.parametrize("way", ["websockets-connect", "websockets-reverse", "aiohttp-connect-tls"])
async def test_a_refused_upgrade_reaches_the_client_and_is_captured_with_its_body(
    tmp_path: Path, way: str
) -> None:
    def refuse(connection: ServerConnection, request: Request) -> Response:
        response = connection.respond(403, "not you\n")
        response.headers["X-Why"] = "a list of names"
        return response

    async with between(tmp_path, way, "websockets", process_request=refuse) as (proxy, served):
        if way.startswith("websockets"):
            with pytest.raises(websockets.InvalidStatus) as refused:
                async with client_through(proxy, way, served.port):
                    pass
            assert refused.value.response.status_code == 403
            assert refused.value.response.body == b"not you\n"
        else:
            with pytest.raises(aiohttp.WSServerHandshakeError) as failed:
                async with client_through(proxy, way, served.port):
                    pass
            assert failed.value.status == 403
        [record] = await proxy.wait_for(1)
        assert (record.status, record.body, record.body_length) == (403, b"not you\n", 8)
        assert b"\r\nX-Why: a list of names\r\n" in record.response
        assert record.error is None


async def test_twenty_clients_at_once_keep_their_conversations_apart(tmp_path: Path) -> None:
    way = "websockets-connect"

    async def one(number: int, proxy: Proxy, port: int) -> None:
        async with client_through(proxy, way, port, compression="deflate") as client:
            await _converse(client, [f"{number}: {message}" for message in long_sequence(20, number)])

    async with between(tmp_path, way, "websockets", compression="deflate") as (proxy, served):
        await asyncio.gather(*(one(number, proxy, served.port) for number in range(20)))
        events = await proxy.wait_for_closures(20)
        seen = []
        for record in connections(events):
            found = account_of(proxy, events, record.id)
            number = int(found.client[0][1].partition(b":")[0])
            seen.append(number)
            sent = [f"{number}: {message}" for message in long_sequence(20, number)]
            assert found.client == [*map(text, sent), close(1000)]
            assert found.server == [*(text(message[::-1]) for message in sent), close(1000)]
        assert sorted(seen) == list(range(20))


# Socket.IO: HTTP long-polling, an upgrade of it, acknowledgements, binary attachments.


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
        running(tmp_path, *_arguments(way, port, tmp_path)) as proxy,
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

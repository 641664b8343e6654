"""
The proxy between the WebSocket libraries of Python: they notice nothing, and the capture has it all.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
import websockets
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
from tests.support.python_peers import (
    GO,
    SERVERS,
    WAYS,
    Client,
    Message,
    between,
    client_through,
    proxy_arguments,
    websockets_server,
)

SIZES = [0, 1, 125, 126, 65535, 65536, 3 * 1024 * 1024]


def _messages() -> list[Message]:
    """Texts and binary messages of the sizes where a header changes its shape, and a large one."""
    rng = random.Random(1)
    found: list[Message] = ["grüße 😀"]
    for size in SIZES:
        found += ["t" * size, rng.randbytes(size)]
    return found


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
        running(tmp_path, *proxy_arguments(way, 0, tmp_path)) as proxy,
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
        proxy = await stack.enter_async_context(running(tmp_path, *proxy_arguments(way, 0, tmp_path)))
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

"""
The proxy between the WebSocket libraries of Node: they notice nothing, and the capture has it all.
"""

import asyncio
import base64
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from tests.support import tls
from tests.support.exchange import (
    Said,
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
from tests.support.node import Script, certificate, missing, script
from tests.support.proxy import Proxy, connections, running

pytestmark = [pytest.mark.node, pytest.mark.skipif(missing() is not None, reason=str(missing()))]

Message = str | bytes
SECURE = pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])

MESSAGES: list[Message] = [
    "",
    "grüße 😀",
    b"",
    *(n * "t" for n in (125, 126, 65535, 65536)),
    b"\xff" * 3_000_000,
]


def _line(message: Message) -> dict[str, str]:
    """As the scripts write a message."""
    return {"text": message} if isinstance(message, str) else {"base64": base64.b64encode(message).decode()}


@asynccontextmanager
async def node_server(
    tmp_path: Path, secure: bool, name: str = "ws_server.mjs", **options: Any
) -> AsyncIterator[tuple[Script, int]]:
    """A server script and its port."""
    if secure:
        options["tls"] = certificate(tmp_path)
    async with script(name, **options) as server:
        yield server, (await server.line("port"))["port"]


@asynccontextmanager
async def node_client(proxy: Proxy, port: int, secure: bool, **options: Any) -> AsyncIterator[Script]:
    """A client script on its way through the proxy to a server on `port`."""
    url = f"{'wss' if secure else 'ws'}://127.0.0.1:{port}/"
    async with script("ws_client.mjs", trust=proxy.ca, url=url, proxy=proxy.url, **options) as client:
        yield client


def _proxy(tmp_path: Path) -> Any:
    return running(tmp_path, "--set", f"ssl_verify_upstream_trusted_ca={tls.ca_file(tmp_path)}")


async def _converse(client: Script, server: Script | None, messages: list[Message]) -> None:
    """The client says it all, and hears it all in reverse."""

    async def heard(peer: Script, expected: list[dict[str, str]]) -> None:
        assert [await peer.line() for _ in expected] == expected

    for message in messages:
        client.say(**_line(message))
    parts = [heard(client, [_line(message[::-1]) for message in messages])]
    if server is not None:
        parts.append(heard(server, list(map(_line, messages))))
    await asyncio.gather(*parts)


@SECURE
async def test_ws_to_ws_with_messages_of_every_header_size(tmp_path: Path, secure: bool) -> None:
    async with (
        node_server(tmp_path, secure) as (server, port),
        _proxy(tmp_path) as proxy,
        node_client(proxy, port, secure) as client,
    ):
        assert await client.line("open") == {"open": "", "protocol": ""}
        await _converse(client, server, MESSAGES)
        client.say(ping="node pings")
        assert await client.line() == {"pong": "node pings"}
        client.say(close=[4001, "genug"])
        assert await server.line() == {"closed": [4001, "genug"]}
        assert await client.line() == {"closed": [4001, "genug"]}
        found = await account(proxy)
        assert found.client == [*map(data, MESSAGES), ping(b"node pings"), close(4001, "genug")]
        replies = [data(message[::-1]) for message in MESSAGES]
        assert found.server == [*replies, pong(b"node pings"), close(4001, "genug")]
        assert found.ended == ("client", 4001, "genug", True)
        assert found.opened.url == f"{'wss' if secure else 'ws'}://127.0.0.1:{port}/"
        assert found.opened.findings == ()
        assert set(found.opened.tls) == ({"client", "server"} if secure else set())
        assert not any(found.compressed(True) + found.compressed(False))


@SECURE
async def test_pings_fragments_and_closing_by_the_server(tmp_path: Path, secure: bool) -> None:
    async with (
        node_server(tmp_path, secure, deflate={"threshold": 0}) as (server, port),
        _proxy(tmp_path) as proxy,
    ):
        for deflate in (False, {"threshold": 0}):
            async with node_client(proxy, port, secure, deflate=deflate) as client:
                await client.line("open")
                client.say(text="ping me")
                assert await client.line() == {"ping": "node asks"}
                assert [await server.line(), await server.line()] == [
                    {"text": "ping me"},
                    {"pong": "node asks"},
                ]
                client.say(text="in pieces")
                whole = "first " + "second " * 3000 + "last"
                # ws hands a message on before or after a control frame in its midst as they come out
                # of its inflater.
                lines = [await client.line(), await client.line()]
                assert sorted(lines, key=str) == sorted([{"ping": "between"}, {"text": whole}], key=str)
                assert [await server.line(), await server.line()] == [
                    {"text": "in pieces"},
                    {"pong": "between"},
                ]
                client.say(pieces=["one", "", "two" * 30_000])
                assert await client.line() == {"text": ("one" + "two" * 30_000)[::-1]}
                assert await server.line() == {"text": "one" + "two" * 30_000}
                client.say(text="go away")
                assert await client.line() == {"closed": [3000, "server ends"]}
                assert [await server.line(), await server.line()] == [
                    {"text": "go away"},
                    {"closed": [3000, "server ends"]},
                ]
        events = await proxy.wait_for_closures(2)
        for number, compressed in ((1, False), (2, True)):
            found = account_of(proxy, events, number)
            pieces = text("one" + "two" * 30_000)
            said: list[Said] = [pong(b"node asks"), pong(b"between"), pieces, close(3000, "server ends")]
            assert [entry for entry in found.client if entry in said] == said
            assert [entry for entry in found.client if entry not in said] == [
                text("ping me"),
                text("in pieces"),
                text("go away"),
            ]
            assert sorted(found.server[:3]) == sorted([ping(b"node asks"), ping(b"between"), text(whole)])
            assert found.server[3:] == [data(pieces[1].decode()[::-1]), close(3000, "server ends")]
            assert found.ended == ("server", 3000, "server ends", True)
            assert set(found.compressed(True) + found.compressed(False)) == {compressed}
            if not compressed:
                assert found.lengths(True, 0, 1) == [7, 9, 3, 0, 90_000, 7]
                assert found.lengths(False, 0, 1)[:3] == [6, 21_000, 4]


@SECURE
@pytest.mark.parametrize("from_client", [True, False])
async def test_a_ws_peer_that_is_killed_is_1006_to_the_other(
    tmp_path: Path, secure: bool, from_client: bool
) -> None:
    async with (
        node_server(tmp_path, secure) as (server, port),
        _proxy(tmp_path) as proxy,
        node_client(proxy, port, secure) as client,
    ):
        await client.line("open")
        await _converse(client, server, ["hello"])
        if from_client:
            client.say(terminate=True)
        else:
            client.say(text="drop dead")
            assert await server.line() == {"text": "drop dead"}
        assert await client.line() == {"closed": [1006, ""]}
        assert await server.line() == {"closed": [1006, ""]}
        found = await account(proxy)
        assert found.ended == ("client" if from_client else "server", 1006, "", False)


DEFLATE: dict[str, tuple[dict[str, Any] | bool, dict[str, Any]]] = {
    "context kept by both": (True, {}),
    "context kept by nobody": ({"serverNoContextTakeover": True, "clientNoContextTakeover": True}, {}),
    "context kept by the client": ({"serverNoContextTakeover": True}, {}),
    "small windows": ({"serverMaxWindowBits": 9, "clientMaxWindowBits": 10}, {}),
    "a window the server asked for": (
        {"clientMaxWindowBits": True},
        {"clientMaxWindowBits": 11, "serverMaxWindowBits": 12},
    ),
}
"""perMessageDeflate of the client and of the server."""


@SECURE
@pytest.mark.parametrize("deflate", DEFLATE)
async def test_long_compressed_sequences_are_relayed_as_they_are_and_inflated_in_the_capture(
    tmp_path: Path, secure: bool, deflate: str
) -> None:
    messages: list[Message] = [*long_sequence(150), random.Random(3).randbytes(200_000), b"", "end"]
    asked, insisted = DEFLATE[deflate]
    async with (
        node_server(tmp_path, secure, deflate=insisted) as (server, port),
        _proxy(tmp_path) as proxy,
        node_client(proxy, port, secure, deflate=asked) as client,
    ):
        await client.line("open")
        await _converse(client, server, messages)
        client.say(close=[1000])
        await client.line("closed")
        found = await account(proxy)
        assert found.client == [*map(data, messages), close(1000)]
        assert found.server == [*(data(message[::-1]) for message in messages), close(1000)]
        extensions = found.opened.extensions
        # Without context to keep, ws leaves short messages uncompressed.
        sizes = [len(message.encode() if isinstance(message, str) else message) for message in messages]
        for from_client, side in ((True, "client"), (False, "server")):
            alone = f"{side}_no_context_takeover" in extensions
            assert found.compressed(from_client) == [not alone or size >= 1024 for size in sizes]
        assert any(size < 1024 for size in sizes)
        if deflate == "a window the server asked for":
            assert "client_max_window_bits=11" in extensions
            assert "server_max_window_bits=12" in extensions


async def test_a_python_client_and_a_ws_server_agree_on_compression(tmp_path: Path) -> None:
    messages = long_sequence(60)
    async with node_server(tmp_path, True, deflate={"threshold": 0}) as (_, port), _proxy(tmp_path) as proxy:
        url = f"wss://127.0.0.1:{port}/"
        async with connect(url, proxy=proxy.url, ssl=tls.trusting(proxy.ca)) as client:
            for message in messages:
                await client.send(message)
                assert await client.recv() == message[::-1]
        found = await account(proxy)
        assert found.client == [*map(text, messages), close(1000)]
        assert found.server == [*(text(message[::-1]) for message in messages), close(1000)]
        assert all(found.compressed(True) + found.compressed(False))


async def test_a_ws_client_and_a_python_server_agree_on_compression_and_subprotocol(tmp_path: Path) -> None:
    messages: list[Message] = list(long_sequence(60))

    async def handler(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message[::-1])

    async with (
        serve(handler, "127.0.0.1", 0, ssl=tls.server_context(), subprotocols=["chat.v2"]) as server,  # type: ignore[list-item]
        _proxy(tmp_path) as proxy,
    ):
        port = next(iter(server.sockets)).getsockname()[1]
        async with node_client(proxy, port, True, deflate=True, protocols=["chat.v1", "chat.v2"]) as client:
            opened = await client.line("open")
            assert (opened["open"], opened["protocol"]) == ("permessage-deflate", "chat.v2")
            await _converse(client, None, messages)
            client.say(close=[1000, "done"])
            await client.line("closed")
        found = await account(proxy)
        assert found.client == [*map(data, messages), close(1000, "done")]
        assert found.opened.subprotocol == "chat.v2"
        assert all(found.compressed(True) + found.compressed(False))


@SECURE
async def test_a_refused_upgrade_reaches_the_ws_client_and_the_capture(tmp_path: Path, secure: bool) -> None:
    async def handler(connection: ServerConnection) -> None:
        raise AssertionError("nobody was let in")

    def refuse(connection: ServerConnection, request: Request) -> Response:
        return connection.respond(401, "who are you?\n")

    context = tls.server_context() if secure else None
    async with (
        serve(handler, "127.0.0.1", 0, ssl=context, process_request=refuse) as server,
        _proxy(tmp_path) as proxy,
    ):
        port = next(iter(server.sockets)).getsockname()[1]
        async with node_client(proxy, port, secure) as client:
            assert await client.line() == {"refused": 401, "body": "who are you?\n"}
            await client.line("closed")
        [record] = await proxy.wait_for(1)
        assert (record.status, record.body, record.error) == (401, b"who are you?\n", None)


@SECURE
@pytest.mark.parametrize("transports", [["websocket"], ["polling", "websocket"]], ids="-".join)
@pytest.mark.parametrize("deflate", [False, {"threshold": 0}], ids=["plain", "deflate"])
async def test_socketio_with_acknowledgements_a_picture_and_a_namespace(
    tmp_path: Path, secure: bool, transports: list[str], deflate: Any
) -> None:
    texts = [f"message {n} of many, one like the other" for n in range(30)]
    picture = bytes(range(256)) * 8
    async with (
        node_server(tmp_path, secure, "socketio_server.mjs", deflate=deflate) as (server, port),
        _proxy(tmp_path) as proxy,
        script(
            "socketio_client.mjs",
            trust=proxy.ca,
            url=f"{'https' if secure else 'http'}://127.0.0.1:{port}",
            proxy=proxy.url,
            transports=transports,
            texts=texts,
            picture=base64.b64encode(picture).decode(),
        ) as client,
    ):
        assert await server.line() == {"transport": transports[0]}
        if transports[0] == "polling":
            assert await server.line() == {"upgraded": "websocket"}
        assert await client.line() == {"welcome": {"to": "you"}}
        assert await client.line() == {"answers": [words.upper() for words in texts]}
        assert await client.line() == {"picture": base64.b64encode(picture[::-1]).decode()}
        assert await client.line() == {"admin": "admin by node"}
        assert await client.line() == {"left": True}
        heard = [await server.line("heard") for _ in range(len(texts) + 1)]
        assert [line["heard"] for line in heard] == [*texts, base64.b64encode(picture).decode()]
        assert await server.line() == {"gone": "client namespace disconnect", "namespace": "/admin"}
        assert await server.line() == {"gone": "client namespace disconnect", "namespace": "/"}
        await client.end()

        found = await account(proxy)
        said = [content for kind, content in found.client if kind != "close"]
        told = [content for kind, content in found.server if kind != "close"]
        if transports[0] == "polling":
            assert (said[:2], told[0]) == ([b"2probe", b"5"], b"3probe")
        else:
            assert (said[0], told[0][:8]) == (b"40", b'0{"sid":')
        events = [f'42{n}["say","{words}"]'.encode() for n, words in enumerate(texts)]
        answers = [f'43{n}["{words.upper()}"]'.encode() for n, words in enumerate(texts)]
        start = said.index(events[0])
        assert said[start:] == [
            *events,
            b'451-30["picture",{"_placeholder":true,"num":0}]',
            picture,
            b'40/admin,{"name":"node"}',
            b'42/admin,0["whoami"]',
            b"41/admin,",
            b"41",
        ]
        start = told.index(answers[0])
        assert told[start : start + 32] == [*answers, b'461-30[{"_placeholder":true,"num":0}]', picture[::-1]]
        assert told[start + 32].startswith(b'40/admin,{"sid":')
        assert told[start + 33] == b'43/admin,0["admin by node"]'
        assert found.client[said.index(picture)] == binary(picture)
        if deflate:
            assert any(found.compressed(False))
        # Long-polling went through the proxy too, and is no WebSocket.
        assert len(connections(proxy.events())) == 1

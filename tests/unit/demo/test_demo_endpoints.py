"""Each endpoint, seen by a client we did not write and, where it matters, byte by byte."""

import asyncio
import json
import ssl
import struct
import zlib
from typing import Any

import pytest
from demo_raw import open_raw
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus
from websockets.typing import Subprotocol

from wsproxy.demo.image import gradient_png
from wsproxy.demo.origin import Origin
from wsproxy.demo.ping import Ping
from wsproxy.wire.encode import encode_frame
from wsproxy.wire.frames import Opcode


def to(origin: Origin, path: str, **options: Any) -> connect:
    return connect(f"{origin.ws_url}{path}", proxy=None, ping_interval=None, **options)


async def hear(socket: ClientConnection) -> str | bytes:
    return await asyncio.wait_for(socket.recv(), 5)


@pytest.mark.parametrize(
    "message",
    ["hello", "", "Grüße, 世界, 🦊", b"", b"\x00\xff", "x" * 70_000, bytes(70_000)],
    ids=lambda message: f"{type(message).__name__}-{len(message)}",
)
async def test_echo_sends_a_message_back_as_it_was(origin: Origin, message: str | bytes) -> None:
    async with to(origin, "/echo") as socket:
        await socket.send(message)
        assert await hear(socket) == message


@pytest.mark.parametrize(
    "path", ["/echo", "/chat", "/fragments", "/ping", "/subprotocol", "/image", "/close/1000", "/socket.io/"]
)
async def test_only_the_ticker_is_compressed(origin: Origin, path: str) -> None:
    query = "?EIO=4&transport=websocket" if path == "/socket.io/" else ""
    async with to(origin, path + query) as socket:
        assert socket.response is not None
        assert "Sec-WebSocket-Extensions" not in socket.response.headers


async def test_who_joins_the_chat_hears_their_name_and_all_hear_the_rest(origin: Origin) -> None:
    async with to(origin, "/chat?name=ada") as ada:
        assert await hear(ada) == "connected: ada"
        assert await hear(ada) == "log: ada joined"
        async with to(origin, "/chat") as guest:
            assert await hear(guest) == "connected: guest-1"
            assert await hear(guest) == "log: guest-1 joined"
            assert await hear(ada) == "log: guest-1 joined"
            await guest.send("hello")
            assert await hear(guest) == "log: guest-1: hello"
            assert await hear(ada) == "log: guest-1: hello"
        assert await hear(ada) == "log: guest-1 left"


async def test_the_chat_takes_no_binary(origin: Origin) -> None:
    async with to(origin, "/chat") as socket:
        await socket.send(b"\x00")
        await hear(socket)
        await hear(socket)
        with pytest.raises(ConnectionClosedError) as closed:
            await hear(socket)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1003


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_fragments_are_exactly_four_frames_on_the_wire(
    origin: Origin, client_tls: ssl.SSLContext, scheme: str
) -> None:
    url = origin.http_url if scheme == "http" else origin.https_url
    assert url is not None
    async with open_raw(url, "/fragments", client_tls if scheme == "https" else None) as raw:
        frames = await raw.frames(4)
        assert [(frame.opcode, frame.fin, frame.rsv, frame.mask, frame.payload) for frame in frames] == [
            (Opcode.TEXT, True, 0, b"", b"hello"),
            (Opcode.TEXT, False, 0, b"", b"and a"),
            (Opcode.CONTINUATION, False, 0, b"", b"happy new"),
            (Opcode.CONTINUATION, True, 0, b"", b"year!"),
        ]
        assert raw.bytes == b"\x81\x05hello\x01\x05and a\x00\x09happy new\x80\x05year!"


async def test_fragments_are_one_message_to_a_client_and_then_it_echoes(origin: Origin) -> None:
    async with to(origin, "/fragments") as socket:
        assert await hear(socket) == "hello"
        assert await hear(socket) == "and ahappy newyear!"
        await socket.send("thank you")
        assert await hear(socket) == "thank you"


async def test_the_server_pings_with_a_payload_and_counts_the_pongs(
    origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ping, "interval", 0.01)
    async with open_raw(origin.http_url, "/ping") as raw:
        first, second = await raw.frames(2)
        assert (first.opcode, first.payload) == (Opcode.PING, b"demo 1")
        assert (second.opcode, second.payload) == (Opcode.PING, b"demo 2")
    async with to(origin, "/ping") as socket:
        assert await hear(socket) == "pongs received: 1"
        assert await hear(socket) == "pongs received: 2"


async def test_the_server_answers_pings_and_counts_them(origin: Origin) -> None:
    async with to(origin, "/ping") as socket:
        assert await hear(socket) == "pongs received: 1"
        await asyncio.wait_for(await socket.ping(b"mine"), 5)
        assert await hear(socket) == "pings received: 1"
        await socket.send("and now?")
        assert await hear(socket) == "pings received: 1, pongs received: 1"


async def test_a_pong_nobody_asked_for_is_counted_by_itself(origin: Origin) -> None:
    async with to(origin, "/ping") as socket:
        assert await hear(socket) == "pongs received: 1"
        await socket.pong(b"unasked")
        assert await hear(socket) == "pongs nobody asked for: 1"


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["soap"], "soap"),
        (["wamp", "xmpp", "soap"], "wamp"),
        (["mqtt", "xmpp"], "xmpp"),
        (["mqtt"], None),
        (None, None),
    ],
)
async def test_the_first_offered_subprotocol_that_is_known_is_chosen(
    origin: Origin, offered: list[str] | None, chosen: str | None
) -> None:
    names = [Subprotocol(name) for name in offered] if offered else None
    async with to(origin, "/subprotocol", subprotocols=names) as socket:
        assert socket.subprotocol == chosen
        assert await hear(socket) == f"subprotocol: {chosen or 'none'}"


async def test_the_ticker_sends_json_prices(origin: Origin) -> None:
    async with to(origin, "/ticker") as socket:
        first, second = json.loads(await hear(socket)), json.loads(await hear(socket))
    assert (first["number"], second["number"]) == (1, 2)
    assert first["prices"].keys() == second["prices"].keys()
    assert first["prices"] != second["prices"]


async def test_the_ticker_keeps_its_window_from_message_to_message(origin: Origin) -> None:
    deflate = {"Sec-WebSocket-Extensions": "permessage-deflate"}
    async with open_raw(origin.http_url, "/ticker", headers=deflate) as raw:
        first, second = await raw.frames(2)
    assert (first.rsv, second.rsv) == (4, 4)
    assert len(second.payload) < len(first.payload)
    kept = zlib.decompressobj(-15)
    assert json.loads(kept.decompress(first.payload + b"\0\0\xff\xff"))["number"] == 1
    assert json.loads(kept.decompress(second.payload + b"\0\0\xff\xff"))["number"] == 2
    with pytest.raises(zlib.error):
        zlib.decompressobj(-15).decompress(second.payload + b"\0\0\xff\xff")


async def test_the_ticker_is_plain_for_clients_that_offer_nothing(origin: Origin) -> None:
    async with open_raw(origin.http_url, "/ticker") as raw:
        [frame] = await raw.frames(1)
    assert frame.rsv == 0
    assert json.loads(frame.payload)["number"] == 1


async def test_the_image_is_one_binary_frame_with_a_png(origin: Origin) -> None:
    async with open_raw(origin.http_url, "/image") as raw:
        [frame] = await raw.frames(1)
    assert frame.opcode == Opcode.BINARY
    assert frame.payload.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", frame.payload[16:24]) == (160, 100)


def test_every_chunk_of_the_png_has_its_checksum_and_every_row_its_pixels() -> None:
    png = gradient_png(7, 5)
    at, chunks = 8, []
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        data = png[at + 8 : at + 8 + length]
        assert zlib.crc32(kind + data) == int.from_bytes(png[at + 8 + length : at + 12 + length])
        chunks.append((kind, data))
        at += 12 + length
    assert [kind for kind, _ in chunks] == [b"IHDR", b"IDAT", b"IEND"]
    assert len(zlib.decompress(chunks[1][1])) == 5 * (1 + 7 * 3)


@pytest.mark.parametrize(
    ("path", "code", "reason"),
    [("/close/1000", 1000, ""), ("/close/4000", 4000, "demo: closed on purpose")],
)
async def test_the_server_closes_with_a_code_and_a_reason(
    origin: Origin, path: str, code: int, reason: str
) -> None:
    async with to(origin, path) as socket:
        assert str(await hear(socket)).startswith("closing: ")
        with pytest.raises((ConnectionClosedOK, ConnectionClosedError)) as closed:
            await hear(socket)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, reason)


@pytest.mark.parametrize("path", ["/close/cut", "/close/eof"])
async def test_a_connection_that_dies_has_no_close_frame(origin: Origin, path: str) -> None:
    async with to(origin, path) as socket:
        await hear(socket)
        with pytest.raises(ConnectionClosedError) as closed:
            await hear(socket)
        assert closed.value.rcvd is None
        assert socket.close_code == 1006


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_cut_is_a_reset_and_an_end_is_not(
    origin: Origin, client_tls: ssl.SSLContext, scheme: str
) -> None:
    url = origin.http_url if scheme == "http" else origin.https_url
    assert url is not None
    tls = client_tls if scheme == "https" else None
    async with open_raw(url, "/close/cut", tls) as raw:
        await raw.frames(1)
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(raw.reader.read(), 5)
    async with open_raw(url, "/close/eof", tls) as raw:
        await raw.frames(1)
        assert await asyncio.wait_for(raw.reader.read(), 5) == b""


async def test_a_refused_upgrade_is_403_with_json(origin: Origin) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with to(origin, "/refused"):
            pass
    response = refused.value.response
    assert response.status_code == 403
    assert response.headers["Content-Type"].startswith("application/json")
    assert json.loads(response.body) == {
        "error": "refused",
        "reason": "demo: this endpoint accepts nobody",
    }


async def test_a_frame_the_server_does_not_take_ends_only_its_own_connection(origin: Origin) -> None:
    async with to(origin, "/echo") as bystander:
        async with open_raw(origin.http_url, "/echo") as raw:
            raw.writer.write(encode_frame(Opcode.TEXT, b"\xff\xfe", mask=b"abcd"))
            assert await asyncio.wait_for(raw.reader.read(), 5) == b""
        await bystander.send("still here")
        assert await hear(bystander) == "still here"

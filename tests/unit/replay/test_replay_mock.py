"""A recorded server and real clients."""

import asyncio
import contextlib
import ssl
import time
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.captures import KEY, MASK, capture
from tests.support.sessions import Talk, received, session
from tests.unit.replay.mock_tools import FAST, Mock, end_of, heard, mocking
from wsproxy.certs.authority import Authority
from wsproxy.store.limits import Limits
from wsproxy.wire.encode import encode_close, encode_frame

TALK: Talk = [
    ("<", "welcome"),
    (">", "one"),
    ("<", "first"),
    ("<", b"\x01\x02"),
    (">", "two"),
    ("<", "second"),
]


async def test_it_speaks_when_the_client_has_said_as_much_as_in_the_recording(tmp_path: Path) -> None:
    async with mocking(session(tmp_path / "a.wsp", TALK), **FAST) as mock, mock.connect() as client:
        assert await heard(client, 1) == ["welcome"]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.recv(), 0.05)
        await client.send("anything")
        assert await heard(client, 2) == ["first", b"\x01\x02"]
        await client.send("more")
        assert await heard(client, 1) == ["second"]
        # It closes as the recorded server did.
        assert await end_of(client) == (1000, "")


async def test_the_pauses_are_those_of_the_recording(tmp_path: Path) -> None:
    path = session(tmp_path / "a.wsp", received(*map(str, range(11))))
    async with mocking(path, speed=0.5) as mock, mock.connect() as client:
        began = time.monotonic()
        await heard(client, 11)
        # Ten steps of 10 ms, at half the speed.
        assert time.monotonic() - began > 0.15
        assert await end_of(client) == (1000, "")


async def test_by_time_it_speaks_whatever_the_client_does(tmp_path: Path) -> None:
    async with mocking(session(tmp_path / "a.wsp", TALK), by="time") as mock, mock.connect() as client:
        assert await heard(client, 4) == ["welcome", "first", b"\x01\x02", "second"]


async def test_many_clients_at_once_get_the_whole_of_it(tmp_path: Path) -> None:
    path = session(tmp_path / "a.wsp", [("<", str(n)) for n in range(300)])

    async def one(mock: Mock) -> list[str | bytes]:
        async with mock.connect() as client:
            return await heard(client, 300)

    async with mocking(path, **FAST) as mock:
        everyone = await asyncio.gather(*(one(mock) for _ in range(40)))
    assert all(each == [str(n) for n in range(300)] for each in everyone)


async def test_clients_get_the_recorded_connections_one_after_the_other(tmp_path: Path) -> None:
    async with mocking(session(tmp_path / "a.wsp", received("a"), received("b")), **FAST) as mock:
        got = []
        for _ in range(3):
            async with mock.connect() as client:
                got += await heard(client, 1)
        assert got == ["a", "b", "a"]


async def test_path_query_and_subprotocol_decide(tmp_path: Path) -> None:
    urls = ["ws://h/chat?room=tea&sid=1", "ws://h/chat?room=coffee", "wss://h/news"]
    path = session(tmp_path / "a.wsp", received("tea"), received("coffee"), received("news"), urls=urls)
    async with mocking(path, **FAST) as mock:
        for target, text in (
            ("/chat?room=coffee", "coffee"),
            ("/chat?sid=9&room=tea", "tea"),
            ("/news", "news"),
        ):
            async with mock.connect(target) as client:
                assert await heard(client, 1) == [text]
        for target in ("/chat?room=milk", "/other"):
            with pytest.raises(InvalidStatus) as refused:
                await mock.connect(target)
            assert refused.value.response.status_code == 404
            assert b"/news" in (refused.value.response.body or b"")
    async with (
        mocking(path, server={"ignored_query": ["*"]}, **FAST) as mock,
        mock.connect("/chat?x=1") as client,
    ):
        assert await heard(client, 1) == ["tea"]
    path = session(tmp_path / "b.wsp", received("v2"), subprotocol="chat.v2")
    async with mocking(path, **FAST) as mock:
        async with mock.connect(subprotocols=["chat.v1", "chat.v2"]) as client:
            assert client.subprotocol == "chat.v2"
        with pytest.raises(InvalidStatus):
            await mock.connect(subprotocols=["chat.v1"])


async def test_a_refusal_is_served_as_it_was(tmp_path: Path) -> None:
    with capture(tmp_path / "a.wsp") as c:
        head = b"HTTP/1.1 401 Unauthorized\r\nX-Why: expired\r\nTransfer-Encoding: chunked\r\n\r\n"
        c.open("ws://h/chat", status=401, body=b"who are you?", response=head)
        c.open("ws://h/chat")
    async with mocking(tmp_path / "a.wsp") as mock:
        with pytest.raises(InvalidStatus) as refused:
            await mock.connect()
        response = refused.value.response
        assert (response.status_code, response.headers["X-Why"], response.body) == (
            401,
            "expired",
            b"who are you?",
        )
        # The second time it was accepted.
        async with mock.connect():
            pass


async def test_a_server_that_was_never_reached_says_nothing(tmp_path: Path) -> None:
    with capture(tmp_path / "a.wsp") as c:
        c.open("ws://h/chat", status=None, error="connection refused")
    async with mocking(tmp_path / "a.wsp") as mock:
        with pytest.raises((EOFError, ConnectionError, Exception)) as failed:
            await mock.connect()
        assert not isinstance(failed.value, InvalidStatus)


ODD = [
    encode_frame(1, b"frag", fin=False),
    encode_frame(9, b"ping!"),
    encode_frame(0, b"ments"),
    encode_frame(3, b"reserved"),
    encode_frame(1, b"long", length_bytes=8),
    encode_frame(2, b"masked", mask=MASK),
    encode_frame(1, b"\xff not UTF-8"),
    encode_frame(0, b"of nothing"),
]


async def test_odd_frames_are_the_very_bytes_that_were_recorded(tmp_path: Path) -> None:
    with capture(tmp_path / "a.wsp") as c:
        number = c.open("ws://h/chat")
        for frame in ODD:
            c.receive(number, frame)
        c.receive(number, encode_close(4001, "odd enough"))
        c.send(number, encode_close(4001, mask=MASK))
        c.close(number)
    async with mocking(tmp_path / "a.wsp", **FAST) as mock:
        reader, writer = await asyncio.open_connection("127.0.0.1", mock.port)
        writer.write(
            f"GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        expected = b"".join(ODD) + encode_close(4001, "odd enough")
        assert await asyncio.wait_for(reader.readexactly(len(expected)), 20) == expected
        writer.write(encode_close(4001, mask=MASK))
        assert await asyncio.wait_for(reader.read(), 20) == b""
        writer.close()


@pytest.mark.parametrize("how", ["reset", "eof"])
async def test_a_server_that_broke_off_breaks_off(tmp_path: Path, how: str) -> None:
    with capture(tmp_path / "a.wsp") as c:
        number = c.open("ws://example.test/chat")
        c.receive(number, encode_frame(1, b"last words"))
        c.close(number, how)
    async with mocking(tmp_path / "a.wsp", **FAST) as mock, mock.connect() as client:
        assert await heard(client, 1) == ["last words"]
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(client.recv(), 20)
        assert closed.value.rcvd is None
        if how == "reset":
            assert isinstance(closed.value.__cause__, ConnectionResetError)


async def test_the_clients_close_is_answered_with_what_was_answered(tmp_path: Path) -> None:
    with capture(tmp_path / "a.wsp") as c:
        number = c.open("ws://example.test/chat")
        c.send(number, encode_close(1000, mask=MASK))
        c.receive(number, encode_close(4002, "until next time"))
        c.close(number)
    async with mocking(tmp_path / "a.wsp") as mock:
        async with mock.connect() as client:
            pass
        assert (client.close_code, client.protocol.close_rcvd.reason) == (4002, "until next time")
        # One that closes before the end is let go.
        other = session(tmp_path / "b.wsp", TALK)
    async with mocking(other) as mock:
        async with mock.connect() as client:
            await heard(client, 1)
            await client.close(4444, "no more")
        assert client.close_code == 4444


@pytest.mark.parametrize(
    ("recorded", "offered"),
    [
        ("permessage-deflate", "permessage-deflate; client_max_window_bits"),
        ("permessage-deflate; server_max_window_bits=10; server_no_context_takeover", "permessage-deflate"),
        ("permessage-deflate", "permessage-deflate; server_max_window_bits=9; server_no_context_takeover"),
        ("permessage-deflate; client_max_window_bits=9", "permessage-deflate; client_max_window_bits"),
        ("permessage-deflate", ""),
        ("", "permessage-deflate"),
    ],
)
async def test_compression_is_negotiated_with_each_client(
    tmp_path: Path, recorded: str, offered: str
) -> None:
    from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

    ticks = [f'{{"tick":{n},"of":"many the same"}}' for n in range(30)]
    path = session(
        tmp_path / "a.wsp", [*received(*ticks[:15]), (">", "go"), *received(*ticks[15:])], extensions=recorded
    )
    options: dict[str, Any] = {}
    if offered:
        options["extensions"] = [
            ClientPerMessageDeflateFactory(
                server_no_context_takeover="server_no" in offered,
                server_max_window_bits=9 if "server_max" in offered else None,
                client_max_window_bits=True if "client_max" in offered else None,
            )
        ]
    async with mocking(path, **FAST) as mock, mock.connect(**options) as client:
        got = await heard(client, 15)
        await client.send("go")
        assert [*got, *await heard(client, 15)] == ticks
        agreed = client.response.headers.get("Sec-WebSocket-Extensions", "")
        assert bool(agreed) is bool(recorded and offered)


async def test_pings_are_answered_and_those_of_the_recording_are_sent(tmp_path: Path) -> None:
    with capture(tmp_path / "a.wsp") as c:
        number = c.open("ws://example.test/chat")
        c.receive(number, encode_frame(10, b"unasked"))
        c.receive(number, encode_frame(9, b"still there?"))
        c.receive(number, encode_frame(1, b"good"))
    async with mocking(tmp_path / "a.wsp", **FAST) as mock, mock.connect() as client:
        assert await heard(client, 1) == ["good"]
        await asyncio.wait_for(await client.ping(b"you?"), 20)


async def test_a_loop_begins_again_instead_of_closing(tmp_path: Path) -> None:
    path = session(tmp_path / "a.wsp", received("a", "b"))
    async with mocking(path, loop=True, **FAST) as mock, mock.connect() as client:
        assert await heard(client, 7) == ["a", "b", "a", "b", "a", "b", "a"]


# By what the client says.


async def test_ws_and_wss_on_one_port(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path / "ca")
    context = authority.issue("localhost", "127.0.0.1").server_context()
    trust = ssl.create_default_context(cafile=str(authority.certificate_path))
    path = session(tmp_path / "a.wsp", received("hello"))
    async with mocking(path, server={"tls": context}, **FAST) as mock:
        async with connect(f"wss://127.0.0.1:{mock.port}/chat", ssl=trust, proxy=None) as client:
            assert await heard(client, 1) == ["hello"]
        async with mock.connect() as client:
            assert await heard(client, 1) == ["hello"]


async def test_whoever_is_no_websocket_client_is_told_so(tmp_path: Path) -> None:
    async with mocking(session(tmp_path / "a.wsp", TALK)) as mock:
        for request, answer in (
            (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", b"HTTP/1.1 426 "),
            (b"\x16\x03\x01junk", b""),
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", mock.port)
            writer.write(request)
            got = b""
            with contextlib.suppress(ConnectionResetError):
                got = await asyncio.wait_for(reader.read(), 20)
            assert got.startswith(answer)
            writer.close()
        assert len(mock.told("refused")) == 2


async def flood(writer: asyncio.StreamWriter) -> None:
    """Send messages until they are no longer taken."""
    block = encode_frame(1, bytes(10_000), mask=MASK) * 10
    for _ in range(1000):
        writer.write(block)
        await asyncio.wait_for(writer.drain(), 0.5)


async def test_a_client_that_talks_and_talks_is_slowed_down_and_not_remembered(tmp_path: Path) -> None:
    path = session(tmp_path / "a.wsp", [("<", "start"), (">", "x"), ("<", "y")])
    async with mocking(path, speed=0.0001) as mock:
        reader, writer = await asyncio.open_connection("127.0.0.1", mock.port)
        writer.write(
            f"GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n".encode()
        )
        await reader.readuntil(b"\r\n\r\n")
        with pytest.raises(TimeoutError):
            await flood(writer)
        assert len(mock.told("heard")) < 1100
        writer.transport.abort()


async def test_what_the_capture_has_not_whole_is_said_as_far_as_it_was_kept(tmp_path: Path) -> None:
    with capture(tmp_path / "a.wsp", Limits(frame=1000)) as c:
        number = c.open("ws://example.test/chat")
        c.receive(number, encode_frame(1, b"t" * 5000))
        c.receive(number, encode_frame(1, b"behind it"))
    async with mocking(tmp_path / "a.wsp", **FAST) as mock, mock.connect() as client:
        assert await heard(client, 2) == ["t" * 1000, "behind it"]

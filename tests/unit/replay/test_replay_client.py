"""Acting as the recorded client, against real servers."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.data.make_capture import _deflated as deflated
from tests.support import tls
from tests.support.captures import MASK, START, capture
from tests.unit.replay.replay_tools import (
    answer,
    closing,
    end,
    events,
    hearing,
    lines,
    noting,
    play,
    reversing,
    server,
    talk,
    text,
)
from wsproxy.errors import ReplayError, UsageError
from wsproxy.filters.parser import parse
from wsproxy.replay.dial import Way
from wsproxy.replay.settings import Settings
from wsproxy.replay.target import Opening, Target
from wsproxy.store.reader import Reader
from wsproxy.store.records import ClosureRecord, ConnectionRecord
from wsproxy.wire.encode import encode_close, encode_frame


async def test_says_what_the_client_said_and_hears_what_the_server_had_said(path: Path) -> None:
    async with server(reversing) as url:
        summary = await play(talk(path, url, "one", "two"))
    assert summary.went_well
    assert (summary.connections, summary.said, summary.heard, summary.expected) == (1, 3, 2, 2)
    assert summary.differences == 0


async def test_is_recorded_and_linked_to_the_original_message_by_message(path: Path) -> None:
    async with server(reversing) as url:
        await play(talk(path, url, "one", "two"))
    replay = path.with_name("replay.wsp")
    assert lines(replay) == [
        "1 → text one of 1",
        "1 ← text eno of 2",
        "1 → text two of 3",
        "1 ← text owt of 4",
        "1 → close \x03\\xe8 of 5",
        "1 ← close \x03\\xe8",
    ]
    [opened, *_, closed] = events(replay)
    assert isinstance(opened, ConnectionRecord)
    assert isinstance(closed, ClosureRecord)
    assert (opened.mode, opened.status, opened.url) == ("replay", 101, url)
    assert (closed.by, closed.code, closed.clean) == ("client", 1000, True)
    with Reader(replay) as reader:
        original = reader.replay_of(1)
    assert original is not None
    assert (original.capture, original.original) == (str(path), 1)
    assert original.created > START


async def test_counts_what_the_server_says_otherwise(path: Path) -> None:
    async def otherwise(connection: Any) -> None:
        async for message in connection:
            await connection.send("changed" if message == "two" else message[::-1])

    async with server(otherwise) as url:
        summary = await play(talk(path, url, "one", "two", "three"))
    assert (summary.differences, summary.heard) == (1, 3)
    assert summary.went_well


async def test_what_a_filter_leaves_out_is_neither_said_nor_waited_for(path: Path) -> None:
    async def chatty(connection: Any) -> None:
        await connection.send("noise")
        async for message in connection:
            await connection.send("noise")
            await connection.send(message[::-1])

    async with server(chatty) as url:
        with capture(path) as c:
            number = c.open(url)
            for said, heard in (("abc", "cba"), ("left out", "tuo tfel"), ("abd", "dba")):
                c.send(number, text(said))
                c.receive(number, answer("noise"))
                c.receive(number, answer(heard))
            end(c, number)
        summary = await play(path, wanted=parse("~text & ~b '^(ab.|.ba)$'"))
    assert (summary.said, summary.heard, summary.expected, summary.differences) == (2, 2, 2, 0)


async def test_connections_overlap_as_they_did(path: Path) -> None:
    open_ones = 0
    seen: list[tuple[str, int]] = []

    async def handler(connection: Any) -> None:
        nonlocal open_ones
        open_ones += 1
        async for message in connection:
            seen.append((message, open_ones))
            await connection.send(message[::-1])
        open_ones -= 1

    async with server(handler) as url:
        with capture(path) as c:
            first = c.open(url)
            c.send(first, text("a"))
            c.receive(first, answer("a"))
            second = c.open(url)
            c.send(second, text("b"))
            c.receive(second, answer("b"))
            end(c, first)
            c.send(second, text("c"))
            c.receive(second, answer("c"))
            end(c, second)
        summary = await play(path)
    assert seen == [("a", 1), ("b", 2), ("c", 1)]
    assert (summary.connections, summary.differences) == (2, 0)


async def test_fragments_pings_and_compression_go_out_as_they_did(path: Path) -> None:
    frames: list[str] = []
    heard: list[Any] = []
    async with server(hearing(heard), compression="deflate") as url:
        with capture(path) as c:
            number = c.open(url, extensions="permessage-deflate")
            c.send(number, encode_frame(1, b"one ", fin=False, mask=MASK))
            c.send(number, encode_frame(9, b"beat", mask=MASK))
            c.send(number, encode_frame(0, b"two", mask=MASK))
            c.send(number, encode_frame(2, deflated(b"squeezed " * 20), rsv=4, mask=MASK))
            c.send(number, closing(4001, "enough"))
            c.receive(number, encode_close(4001))
            c.close(number)
        await play(path)
    for event in events(path.with_name("replay.wsp")):
        if hasattr(event, "frame") and event.frame.from_client:
            frame = event.frame
            frames.append(f"{frame.opcode} {frame.header[0]:08b}")
    assert frames == ["1 00000001", "9 10001001", "0 10000000", "2 11000010", "8 10001000"]
    assert heard == ["one two", b"squeezed " * 20, 4001]


async def test_what_was_compressed_goes_out_plain_to_a_server_without_compression(path: Path) -> None:
    heard: list[Any] = []
    async with server(hearing(heard)) as url:
        with capture(path) as c:
            number = c.open(url, extensions="permessage-deflate")
            c.send(number, encode_frame(1, deflated(b"squeezed"), rsv=4, mask=MASK))
            end(c, number)
        await play(path)
    assert heard == ["squeezed", 1000]


async def test_pings_of_the_server_are_answered_and_recorded_answers_are_not_sent(path: Path) -> None:
    async def pinging(connection: Any) -> None:
        pong = await connection.ping(b"are you there")
        await asyncio.wait_for(pong, 20)
        await connection.send("you are")
        await connection.wait_closed()

    async with server(pinging) as url:
        with capture(path) as c:
            number = c.open(url)
            c.receive(number, encode_frame(9, b"then"))
            c.send(number, encode_frame(10, b"then", mask=MASK))
            c.receive(number, answer("you are"))
            end(c, number)
        summary = await play(path)
    assert (summary.differences, summary.said) == (0, 1)
    pongs = [line for line in lines(path.with_name("replay.wsp")) if " → pong" in line]
    assert pongs == ["1 → pong are you there"]


async def test_over_tls_with_a_ca_to_trust(path: Path, tmp_path: Path) -> None:
    async with server(reversing, tls.server_context()) as url:
        talk(path, url, "one")
        with pytest.raises(ReplayError, match="is not to be trusted"):
            await play(path)
        with_ca = Settings(way=Way(ca=tls.ca_file(tmp_path)), timeout=20)
        assert (await play(path, with_ca, to=tmp_path / "2.wsp")).differences == 0
        insecure = Settings(way=Way(insecure=True), timeout=20)
        assert (await play(path, insecure, to=tmp_path / "3.wsp")).differences == 0
    connection = events(tmp_path / "2.wsp")[0]
    assert isinstance(connection, ConnectionRecord)
    assert connection.tls["server"]["version"].startswith("TLSv1.")


class TestTheHandshake:
    """Is the recorded one, made fit for where it goes."""

    async def head(self, path: Path, opening: Opening, request: bytes | None = None, **options: Any) -> Any:
        notes: list[Any] = []
        async with server(noting(notes), **options) as url:
            talk(path, "ws://recorded.test:9000/there?x=1", "one")
            if request:
                import sqlite3

                with sqlite3.connect(path) as db:
                    db.execute("UPDATE connection SET request = ?", (request,))
                db.close()
            to = Target.parse(url.replace("/chat", ""))
            changed = Opening(
                to,
                opening.headers,
                opening.without,
                opening.cookies,
                opening.subprotocols,
                opening.send_secrets,
            )
            self.summary = await play(path, Settings(opening=changed, timeout=20))
        return notes[0].request

    REQUEST = (
        b"GET /there?x=1 HTTP/1.1\r\nHost: recorded.test:9000\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nCookie: sid=1; theme=dark\r\n"
        b"Authorization: Bearer abc\r\nUser-Agent: Browser\r\nOrigin: https://recorded.test\r\n"
        b"Sec-WebSocket-Protocol: chat.v1\r\n\r\n"
    )

    async def test_keeps_path_and_headers_but_host_and_key(self, path: Path) -> None:
        request = await self.head(path, Opening(), self.REQUEST)
        assert request.path == "/there?x=1"
        assert request.headers["User-Agent"] == "Browser"
        assert request.headers["Origin"] == "https://recorded.test"
        assert request.headers["Host"].startswith("127.0.0.1:")
        assert request.headers["Sec-WebSocket-Key"] != "dGhlIHNhbXBsZSBub25jZQ=="

    async def test_of_a_page_of_the_server_is_of_a_page_of_the_other_server(self, path: Path) -> None:
        own = self.REQUEST.replace(b"https://recorded.test\r\n", b"http://Recorded.test:9000\r\n")
        request = await self.head(path, Opening(), own)
        assert request.headers["Origin"] == f"http://{request.headers['Host']}"

    async def test_has_secrets_for_the_recorded_host_alone(self, path: Path) -> None:
        request = await self.head(path, Opening(), self.REQUEST)
        assert "Cookie" not in request.headers
        assert "Authorization" not in request.headers
        assert self.summary.withheld == {"Authorization", "Cookie"}

    async def test_has_secrets_for_others_where_the_user_says_so(self, path: Path) -> None:
        request = await self.head(path, Opening(send_secrets=True), self.REQUEST)
        assert request.headers["Cookie"] == "sid=1; theme=dark"
        assert request.headers["Authorization"] == "Bearer abc"

    async def test_can_be_changed(self, path: Path) -> None:
        opening = Opening(
            headers=[("user-agent", "Replay"), ("X-New", "1")],
            without=["origin"],
            cookies=[("theme", "light")],
            subprotocols=["chat.v2"],
            send_secrets=True,
        )
        request = await self.head(path, opening, self.REQUEST, subprotocols=["chat.v2"])
        assert request.headers.get_all("User-Agent") == ["Replay"]
        assert request.headers["X-New"] == "1"
        assert "Origin" not in request.headers
        assert request.headers["Cookie"] == "sid=1; theme=light"
        assert request.headers["Sec-WebSocket-Protocol"] == "chat.v2"


@pytest.mark.parametrize("url", ["ftp://x", "ws://", "ws://h:port", "ws://[1"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="is no URL of a WebSocket"):
        Target.parse(url)


class TestExactly:
    """`--exact`"""

    async def test_every_byte_is_as_recorded(self, path: Path) -> None:
        said = [
            encode_frame(1, b"odd", mask=b"abcd", length_bytes=8),
            encode_frame(2, b"", mask=b"\0\0\0\0"),
            encode_frame(1, b"\xff\xfe", mask=MASK),
            encode_frame(5, b"reserved", rsv=7),
            b"\x81\x85abcdcut",
        ]
        received = b""
        done = asyncio.Event()

        async def raw(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal received
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==" in head
            writer.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
            )
            while data := await reader.read(1000):
                received += data
            writer.close()
            done.set()

        listening = await asyncio.start_server(raw, "127.0.0.1", 0)
        async with listening:
            port = listening.sockets[0].getsockname()[1]
            with capture(path) as c:
                number = c.open(f"ws://127.0.0.1:{port}/")
                for one in said:
                    c.send(number, one)
                c.close(number)
            # The server had ended first, and does not now.
            await play(path, Settings(Opening(exact=True), exact=True, timeout=0.5))
            await asyncio.wait_for(done.wait(), 20)
        assert received == b"".join(said)

    async def test_compressed_bytes_fit_a_server_that_agrees_to_the_same(self, path: Path) -> None:
        heard: list[Any] = []
        async with server(hearing(heard), compression="deflate") as url:
            with capture(path) as c:
                number = c.open(url, extensions="permessage-deflate")
                c.send(number, encode_frame(1, deflated(b"squeezed"), rsv=4, mask=MASK))
                end(c, number)
            await play(path, Settings(Opening(exact=True), exact=True, timeout=20))
        assert heard == ["squeezed", 1000]

    async def test_compressed_bytes_are_not_sent_to_a_server_that_does_not(self, path: Path) -> None:
        async with server(reversing) as url:
            with capture(path) as c:
                number = c.open(url, extensions="permessage-deflate")
                c.send(number, encode_frame(1, deflated(b"squeezed"), rsv=4, mask=MASK))
                end(c, number)
            with pytest.raises(UsageError, match=r"connection 1 has compressed messages, and .* does not"):
                await play(path, Settings(Opening(exact=True), exact=True, timeout=20))

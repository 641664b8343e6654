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
from wsproxy.errors import RefusedError, ReplayError, UsageError
from wsproxy.filters.parser import parse
from wsproxy.replay.dial import Way
from wsproxy.replay.pace_fast import FastPace
from wsproxy.replay.pace_lockstep import LockstepPace
from wsproxy.replay.pace_recorded import RecordedPace
from wsproxy.replay.pace_step import Answer, StepPace
from wsproxy.replay.recorded_message import RecordedMessage
from wsproxy.replay.settings import Settings
from wsproxy.replay.target import Opening, Target
from wsproxy.store.limits import Limits
from wsproxy.store.reader import Reader
from wsproxy.store.records import ClosureRecord, ConnectionRecord
from wsproxy.wire.encode import encode_close, encode_frame


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "session.wsp"


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


class TestThePace:
    async def test_recorded_keeps_the_time_of_the_original(self, path: Path) -> None:
        said: list[float] = []
        loop = asyncio.get_running_loop()

        async def timing(connection: Any) -> None:
            async for _ in connection:
                said.append(loop.time())

        async with server(timing) as url:
            with capture(path) as c:
                number = c.open(url)
                for _ in range(3):
                    c.send(number, text("tick"))
                    c.now += 300_000_000
                end(c, number)
            await play(path, pace=RecordedPace(speed=2.0))
        # Half of 310 ms. A loaded machine is late, none is early.
        assert said[1] - said[0] > 0.1
        assert said[2] - said[0] > 0.25

    async def test_fast_does_not_wait_for_the_server(self, path: Path) -> None:
        heard: list[Any] = []
        async with server(hearing(heard)) as url:
            summary = await play(talk(path, url, *map(str, range(500))), pace=FastPace(0.1))
        assert heard == [*map(str, range(500)), 1000]
        assert (summary.said, summary.heard, summary.expected, summary.differences) == (501, 0, 500, 500)

    async def test_fast_says_what_is_no_plain_message_in_its_place(self, path: Path) -> None:
        heard: list[Any] = []
        async with server(hearing(heard)) as url:
            with capture(path) as c:
                first, second = c.open(url), c.open(url)
                for number in range(600):
                    c.send(first if number % 3 else second, text(f"{number}"))
                c.send(first, encode_frame(1, b"in ", fin=False, mask=MASK))
                c.send(first, encode_frame(9, b"between", mask=MASK))
                c.send(first, encode_frame(0, b"pieces", mask=MASK))
                c.send(first, encode_frame(2, b"bytes", mask=MASK))
                end(c, first)
                end(c, second)
            summary = await play(path, pace=FastPace(0.1))
        assert summary.went_well
        assert {word for word in heard if isinstance(word, str)} == {*map(str, range(600)), "in pieces"}
        assert heard.index("in pieces") < heard.index(b"bytes")
        assert "1 → ping between" in lines(path.with_name("replay.wsp"))

    async def test_what_a_server_had_said_to_a_client_that_had_closed_is_left_to_chance(
        self, path: Path
    ) -> None:
        async with server(reversing) as url:
            with capture(path) as c:
                number = c.open(url)
                c.send(number, text("abc"))
                c.receive(number, answer("cba"))
                c.send(number, closing())
                c.receive(number, answer("one price more"))
                c.receive(number, encode_close(1000))
                c.close(number)
            summary = await play(path)
        assert (summary.heard, summary.expected, summary.differences) == (1, 1, 0)
        assert summary.went_well

    async def test_lockstep_waits_for_as_many_messages_as_had_come_before(self, path: Path) -> None:
        order: list[str] = []

        async def slow(connection: Any) -> None:
            async for message in connection:
                order.append(message)
                await asyncio.sleep(0.05)
                order.append("answered")
                await connection.send(message[::-1])

        async with server(slow) as url:
            await play(talk(path, url, "one", "two", "three"))
        assert order == ["one", "answered", "two", "answered", "three", "answered"]

    async def test_lockstep_says_what_was_expected_and_what_came(self, path: Path) -> None:
        async def silent(connection: Any) -> None:
            await connection.send("eno")
            await connection.wait_closed()

        async with server(silent) as url:
            summary = await play(talk(path, url, "one", "two", "three"), pace=LockstepPace(0.2))
        assert not summary.went_well
        assert summary.problem == (
            "connection 1: before text three (frame 5) the server had said 2 messages, now 1 in 0.2 s; "
            "text owt (frame 4) is missing; the last that came is text eno"
        )

    async def test_step_asks_before_each(self, path: Path) -> None:
        asked: list[str] = []
        answers = iter([Answer.SEND, Answer.SKIP, Answer.REST])

        async def ask(message: RecordedMessage) -> Answer:
            asked.append(message.content.decode())
            return next(answers)

        heard: list[Any] = []
        async with server(hearing(heard)) as url:
            summary = await play(talk(path, url, "a", "b", "c", "d"), pace=StepPace(ask))
        assert asked == ["a", "b", "c"]
        assert heard == ["a", "c", "d", 1000]
        assert summary.skipped == 1

    async def test_step_can_be_left(self, path: Path) -> None:
        async def ask(message: RecordedMessage) -> Answer:
            return Answer.QUIT

        heard: list[Any] = []
        async with server(hearing(heard)) as url:
            summary = await play(talk(path, url, "a"), pace=StepPace(ask))
        assert (heard, summary.stopped, summary.went_well) == ([1006], True, False)


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


class TestTrouble:
    async def test_a_refusal_is_told_with_status_and_body(self, path: Path) -> None:
        def refuse(connection: Any, request: Any) -> Any:
            return connection.respond(403, "members only\n")

        async with server(reversing, process_request=refuse) as url:
            with pytest.raises(RefusedError, match="refuses the handshake: 403 Forbidden: members only"):
                await play(talk(path, url, "one"))
        [refused] = [e for e in events(path.with_name("replay.wsp")) if isinstance(e, ConnectionRecord)]
        assert (refused.status, refused.body) == (403, b"members only\n")

    async def test_a_refusal_that_was_recorded_is_as_expected(self, path: Path) -> None:
        def refuse(connection: Any, request: Any) -> Any:
            return connection.respond(403, "members only\n")

        async with server(reversing, process_request=refuse) as url:
            with capture(path) as c:
                c.open(url, status=403, body=b"members only\n")
            summary = await play(path)
        assert (summary.went_well, summary.differences, summary.connections) == (True, 0, 1)

    async def test_a_server_that_is_not_there(self, path: Path, unused_port: int) -> None:
        talk(path, f"ws://127.0.0.1:{unused_port}/", "one")
        with pytest.raises(ReplayError, match=f"cannot reach 127.0.0.1:{unused_port}: "):
            await play(path)

    async def test_a_server_that_speaks_something_else(self, path: Path) -> None:
        async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 mail.example ESMTP\r\n")
            writer.close()

        listening = await asyncio.start_server(other, "127.0.0.1", 0)
        async with listening:
            port = listening.sockets[0].getsockname()[1]
            talk(path, f"ws://127.0.0.1:{port}/", "one")
            with pytest.raises(ReplayError, match=r"the handshake with .* failed: the server ended|reset"):
                await play(path)

    async def test_a_server_without_tls(self, path: Path) -> None:
        async with server(reversing) as url:
            talk(path, url.replace("ws:", "wss:"), "one")
            with pytest.raises(ReplayError, match=r"no TLS with 127\.0\.0\.1"):
                await play(path)

    async def test_a_server_that_closes_early(self, path: Path) -> None:
        async def brief(connection: Any) -> None:
            await connection.send((await connection.recv())[::-1])
            await connection.close(4000, "enough")

        async with server(brief) as url:
            summary = await play(talk(path, url, "one", "two", "three"))
        assert not summary.went_well
        assert (summary.left, summary.outcomes[0].problem) == (
            2,
            "the server ended the connection early (4000); left to be said: text two (frame 3) and 1 more",
        )
        # What it did not say is missing.
        assert summary.differences == 2

    async def test_a_server_that_ends_as_it_had(self, path: Path) -> None:
        async def brief(connection: Any) -> None:
            await connection.send((await connection.recv())[::-1])
            await connection.close(4000, "enough")

        async with server(brief) as url:
            with capture(path) as c:
                number = c.open(url)
                c.send(number, text("one"))
                c.receive(number, answer("eno"))
                c.receive(number, encode_close(4000, "enough"))
                c.send(number, closing(4000, "enough"))
                c.close(number)
            summary = await play(path)
        assert (summary.went_well, summary.differences, summary.left) == (True, 0, 0)
        assert next(line for line in lines(path.with_name("replay.wsp")) if "close" in line).startswith("1 ←")
        closed = events(path.with_name("replay.wsp"))[-1]
        assert isinstance(closed, ClosureRecord)
        assert (closed.by, closed.code, closed.clean) == ("server", 4000, True)

    async def test_a_server_that_does_not_end_as_it_had(self, path: Path) -> None:
        async with server(reversing) as url:
            with capture(path) as c:
                number = c.open(url)
                c.receive(number, encode_close(4000, "enough"))
                c.send(number, closing(4000, "enough"))
                c.close(number)
            summary = await play(path, Settings(timeout=0.2), LockstepPace(0.2))
        assert not summary.went_well
        assert "the server had said 0 messages and closed, now 0 in 0.2 s" in summary.problem

    async def test_a_client_that_broke_off_breaks_off_again(self, path: Path) -> None:
        heard: list[Any] = []
        async with server(hearing(heard)) as url:
            with capture(path) as c:
                number = c.open(url)
                c.send(number, text("one"))
                relay = c.relay(number)
                relay.ended(True, "reset", c.now)
                relay.ended(False, "reset", c.now)
                c.recorder.close(number, relay.closure(), c.now)
            await play(path)
            async with asyncio.timeout(20):
                while len(heard) < 2:
                    await asyncio.sleep(0.01)
        assert heard == ["one", 1006]

    async def test_a_connection_ends_once_also_where_nobody_waits_for_that(self, path: Path) -> None:
        heard: list[Any] = []
        async with server(hearing(heard)) as url:
            with capture(path) as c:
                number = c.open(url)
                c.send(number, text("one"))
                c.close(number)
            # The server had ended it, and does not: then TCP ends, without a word.
            summary = await play(path, Settings(timeout=0.2), RecordedPace(1000))
            async with asyncio.timeout(20):
                while len(heard) < 2:
                    await asyncio.sleep(0.01)
        assert heard == ["one", 1006]
        assert summary.outcomes[0].problem == ""

    async def test_truncated_messages_are_refused(self, path: Path) -> None:
        heard: list[Any] = []
        async with server(hearing(heard)) as url:
            with capture(path, Limits(inline=10, frame=100)) as c:
                number = c.open(url)
                c.send(number, encode_frame(2, bytes(200), mask=MASK))
                c.send(number, text("whole"))
                end(c, number)
            with pytest.raises(UsageError, match=r"binary .* \(frame 1\) is not all in the capture"):
                await play(path)
            skipping = Settings(skip_truncated=True, timeout=20)
            summary = await play(path, skipping, to=path.with_name("2.wsp"))
        assert [one for one in heard if one != 1006] == ["whole", 1000]
        assert summary.skipped == 1

    async def test_a_capture_without_an_end_is_ended_in_order(self, path: Path) -> None:
        heard: list[Any] = []
        async with server(hearing(heard)) as url:
            with capture(path) as c:
                c.send(c.open(url), text("one"))
            assert (await play(path)).went_well
        assert heard == ["one", 1000]

    async def test_what_nobody_answers_is_a_time_out(self, path: Path) -> None:
        async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        listening = await asyncio.start_server(mute, "127.0.0.1", 0)
        async with listening:
            port = listening.sockets[0].getsockname()[1]
            talk(path, f"ws://127.0.0.1:{port}/", "one")
            with pytest.raises(ReplayError, match=r"no answer to the handshake from .*, after 0.2 s"):
                await play(path, Settings(timeout=0.2))

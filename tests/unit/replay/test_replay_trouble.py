"""What can go wrong with a replay: refusals, servers that end early, captures that lack something."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.support.captures import MASK, capture
from tests.unit.replay.replay_tools import (
    answer,
    closing,
    end,
    events,
    hearing,
    lines,
    play,
    reversing,
    server,
    talk,
    text,
)
from wsproxy.errors import RefusedError, ReplayError, UsageError
from wsproxy.replay.pace_lockstep import LockstepPace
from wsproxy.replay.pace_recorded import RecordedPace
from wsproxy.replay.settings import Settings
from wsproxy.store.limits import Limits
from wsproxy.store.records import ClosureRecord, ConnectionRecord
from wsproxy.wire.encode import encode_close, encode_frame


async def test_a_refusal_is_told_with_status_and_body(path: Path) -> None:
    def refuse(connection: Any, request: Any) -> Any:
        return connection.respond(403, "members only\n")

    async with server(reversing, process_request=refuse) as url:
        with pytest.raises(RefusedError, match="refuses the handshake: 403 Forbidden: members only"):
            await play(talk(path, url, "one"))
    [refused] = [e for e in events(path.with_name("replay.wsp")) if isinstance(e, ConnectionRecord)]
    assert (refused.status, refused.body) == (403, b"members only\n")


async def test_a_refusal_that_was_recorded_is_as_expected(path: Path) -> None:
    def refuse(connection: Any, request: Any) -> Any:
        return connection.respond(403, "members only\n")

    async with server(reversing, process_request=refuse) as url:
        with capture(path) as c:
            c.open(url, status=403, body=b"members only\n")
        summary = await play(path)
    assert (summary.went_well, summary.differences, summary.connections) == (True, 0, 1)


async def test_a_server_that_is_not_there(path: Path, unused_port: int) -> None:
    talk(path, f"ws://127.0.0.1:{unused_port}/", "one")
    with pytest.raises(ReplayError, match=f"cannot reach 127.0.0.1:{unused_port}: "):
        await play(path)


async def test_a_server_that_speaks_something_else(path: Path) -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        writer.close()

    listening = await asyncio.start_server(other, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        talk(path, f"ws://127.0.0.1:{port}/", "one")
        with pytest.raises(ReplayError, match=r"the handshake with .* failed: the server ended|reset"):
            await play(path)


async def test_a_server_without_tls(path: Path) -> None:
    async with server(reversing) as url:
        talk(path, url.replace("ws:", "wss:"), "one")
        with pytest.raises(ReplayError, match=r"no TLS with 127\.0\.0\.1"):
            await play(path)


async def test_a_server_that_closes_early(path: Path) -> None:
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


async def test_a_server_that_ends_as_it_had(path: Path) -> None:
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


async def test_a_server_that_does_not_end_as_it_had(path: Path) -> None:
    async with server(reversing) as url:
        with capture(path) as c:
            number = c.open(url)
            c.receive(number, encode_close(4000, "enough"))
            c.send(number, closing(4000, "enough"))
            c.close(number)
        summary = await play(path, Settings(timeout=0.2), LockstepPace(0.2))
    assert not summary.went_well
    assert "the server had said 0 messages and closed, now 0 in 0.2 s" in summary.problem


async def test_a_client_that_broke_off_breaks_off_again(path: Path) -> None:
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


async def test_a_connection_ends_once_also_where_nobody_waits_for_that(path: Path) -> None:
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


async def test_truncated_messages_are_refused(path: Path) -> None:
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


async def test_a_capture_without_an_end_is_ended_in_order(path: Path) -> None:
    heard: list[Any] = []
    async with server(hearing(heard)) as url:
        with capture(path) as c:
            c.send(c.open(url), text("one"))
        assert (await play(path)).went_well
    assert heard == ["one", 1000]


async def test_what_nobody_answers_is_a_time_out(path: Path) -> None:
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listening = await asyncio.start_server(mute, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        talk(path, f"ws://127.0.0.1:{port}/", "one")
        with pytest.raises(ReplayError, match=r"no answer to the handshake from .*, after 0.2 s"):
            await play(path, Settings(timeout=0.2))

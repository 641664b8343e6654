"""When a replay says what: the four clocks."""

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
from wsproxy.replay.pace_fast import FastPace
from wsproxy.replay.pace_lockstep import LockstepPace
from wsproxy.replay.pace_recorded import RecordedPace
from wsproxy.replay.pace_step import Answer, StepPace
from wsproxy.replay.recorded_message import RecordedMessage
from wsproxy.replay.session import Session
from wsproxy.store.tail import FrameEvent
from wsproxy.wire.encode import encode_close, encode_frame


async def test_recorded_keeps_the_time_of_the_original(path: Path) -> None:
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


async def test_fast_does_not_wait_for_the_server(path: Path) -> None:
    heard: list[Any] = []
    async with server(hearing(heard)) as url:
        summary = await play(talk(path, url, *map(str, range(500))), pace=FastPace(0.1))
    assert heard == [*map(str, range(500)), 1000]
    assert (summary.said, summary.heard, summary.expected, summary.differences) == (501, 0, 500, 500)


@pytest.mark.parametrize("changes", [None, Session()], ids=["as it is", "with ids carried over"])
async def test_fast_says_messages_of_every_size_and_kind_and_knows_which_is_which(
    path: Path, changes: Session | None
) -> None:
    contents = [
        *(b"x" * size if size % 3 else "é" * (size // 2) for size in (*range(200), 65_535, 65_536, 300_000)),
        *(f"{number}" for number in range(500)),
    ]
    heard: list[Any] = []
    async with server(hearing(heard)) as url:
        with capture(path) as c:
            number = c.open(url)
            for content in contents:
                is_text = isinstance(content, str)
                frame = (
                    encode_frame(1, content.encode(), mask=MASK)
                    if is_text
                    else encode_frame(2, content, mask=MASK)
                )
                c.send(number, frame)
            end(c, number)
        summary = await play(path, pace=FastPace(0.1), changes=changes)
    assert heard == [*contents, 1000]
    assert summary.said == len(contents) + 1
    then = [event for event in events(path) if isinstance(event, FrameEvent) and event.frame.from_client]
    now = [
        event
        for event in events(path.with_name("replay.wsp"))
        if isinstance(event, FrameEvent) and event.frame.from_client
    ]
    assert [event.original for event in now] == [event.frame.id for event in then]
    assert [(event.frame.opcode, event.frame.payload) for event in now] == [
        (event.frame.opcode, event.frame.payload) for event in then
    ]
    assert all(a.frame.header[-4:] != MASK for a in now)


async def test_fast_says_what_is_no_plain_message_in_its_place(path: Path) -> None:
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


async def test_what_a_server_had_said_to_a_client_that_had_closed_is_left_to_chance(path: Path) -> None:
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


async def test_lockstep_waits_for_as_many_messages_as_had_come_before(path: Path) -> None:
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


async def test_lockstep_says_what_was_expected_and_what_came(path: Path) -> None:
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


async def test_step_asks_before_each(path: Path) -> None:
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


async def test_step_can_be_left(path: Path) -> None:
    async def ask(message: RecordedMessage) -> Answer:
        return Answer.QUIT

    heard: list[Any] = []
    async with server(hearing(heard)) as url:
        summary = await play(talk(path, url, "a"), pace=StepPace(ask))
    assert (heard, summary.stopped, summary.went_well) == ([1006], True, False)

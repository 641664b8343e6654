"""A session many times, many at once, and what is counted."""

import asyncio
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.support.captures import capture
from tests.unit.replay.replay_tools import answer, end, reversing, server, talk, text
from wsproxy.replay.load import Plan, load
from wsproxy.replay.pace_lockstep import LockstepPace
from wsproxy.replay.recorded import Recorded
from wsproxy.replay.session import Session
from wsproxy.replay.settings import Settings
from wsproxy.replay.statistics import Durations, Second, Statistics
from wsproxy.store.reader import Reader


async def run(path: Path, plan: Plan, timeout: float = 20, **more: Any) -> Statistics:
    with Reader(path) as reader:
        async with asyncio.timeout(60):
            return await load(
                Recorded(reader),
                Settings(timeout=timeout),
                path.with_name("load.wsp"),
                plan,
                pace=lambda: LockstepPace(timeout),
                session=Session,
                **more,
            )


async def test_runs_so_often_and_never_more_at_a_time(path: Path) -> None:
    open_now = most = 0

    async def counting(connection: Any) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await reversing(connection)
        open_now -= 1

    async with server(counting) as url:
        found = await run(talk(path, url, "one", "two"), Plan(repeat=10, concurrency=4))
    assert most <= 4
    assert sum(second.opened for second in found.seconds) == 10
    assert sum(second.sent for second in found.seconds) == 20
    assert sum(second.received for second in found.seconds) == 20
    assert len(found.latency) == 20
    assert not found.errors
    with Reader(path.with_name("load.wsp")) as reader:
        assert reader.counts()[0] == 10
        assert all(reader.replay_of(number) for number in range(1, 11))


async def test_each_run_has_ids_of_its_own(path: Path) -> None:
    heard: list[tuple[str, str]] = []
    numbers = iter(range(10_000_000, 10_000_100))

    async def naming(connection: Any) -> None:
        mine = f"session-{next(numbers)}"
        await connection.send(f'{{"session":"{mine}"}}')
        async for message in connection:
            heard.append((mine, message))

    async with server(naming) as url:
        with capture(path) as c:
            number = c.open(url)
            c.receive(number, answer('{"session":"session-recorded"}'))
            c.send(number, text('{"as":"session-recorded"}'))
            end(c, number)
        await run(path, Plan(repeat=6, concurrency=3))
    assert len(heard) == 6
    assert all(message == f'{{"as":"{mine}"}}' for mine, message in heard)


async def test_paired_calls_are_timed_by_their_ids(path: Path) -> None:
    async def slow(connection: Any) -> None:
        async for _ in connection:
            await connection.send('{"jsonrpc":"2.0","method":"noise"}')
            await asyncio.sleep(0.05)
            await connection.send('{"jsonrpc":"2.0","id":1,"result":2}')

    async with server(slow) as url:
        with capture(path) as c:
            number = c.open(url)
            c.send(number, text('{"jsonrpc":"2.0","id":1,"method":"add"}'))
            c.receive(number, answer('{"jsonrpc":"2.0","method":"noise"}'))
            c.receive(number, answer('{"jsonrpc":"2.0","id":1,"result":2}'))
            end(c, number)
        found = await run(path, Plan(repeat=2))
    assert len(found.latency) == 2
    middle = found.latency.percentile(50)
    assert middle is not None
    assert middle > 45_000_000


async def test_errors_are_counted_and_told_apart(path: Path) -> None:
    async def moody(connection: Any) -> None:
        await connection.close(4000, "no")

    async with server(moody) as url:
        found = await run(talk(path, url, "one", "two"), Plan(repeat=3, concurrency=3))
    [(why, number)] = found.errors.items()
    assert number == 3
    assert why.startswith("the server ended the connection early (4000)")


async def test_every_second_is_told_when_it_is_over(path: Path) -> None:
    told: list[Second] = []
    async with server(reversing) as url:
        found = await run(
            talk(path, url, "one"), Plan(repeat=2, concurrency=2, ramp=2.4), on_second=told.append
        )
    assert [second.number for second in told] == list(range(len(told)))
    assert found.seconds == told
    assert len(told) >= 2


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=200), st.sampled_from([50, 95, 99, 100]))
def test_percentiles_are_right_to_within_a_class(values: list[int], percent: int) -> None:
    durations = Durations()
    for value in values:
        durations.add(value)
    ranked = sorted(values)
    exact = ranked[max(-(-len(ranked) * percent // 100) - 1, 0)]
    found = durations.percentile(percent)
    assert found is not None
    assert exact * 0.94 - 2 <= found <= exact * 1.06 + 2


def test_there_is_no_percentile_of_nothing() -> None:
    assert Durations().percentile(50) is None
    assert len(Durations()) == 0

"""Holding and rules, on open connections, between real peers, on the layer and on the fast path."""

import asyncio
import time
from collections import defaultdict
from pathlib import Path
from statistics import median

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from tests.support.lab import pyopenssl_warns
from tests.support.talk import talk
from wsproxy.errors import UsageError
from wsproxy.store.reader import Reader
from wsproxy.store.records import DecisionRecord
from wsproxy.wire.frames import Opcode

pytestmark = pyopenssl_warns

SCHEMES = pytest.mark.parametrize("scheme", ["ws", "wss"])


def decisions(tmp_path: Path) -> list[DecisionRecord]:
    with Reader(tmp_path / "capture.wsp") as reader:
        return reader.decisions(0, 1 << 60)


def ended(closed: pytest.ExceptionInfo[ConnectionClosed]) -> tuple[int, str]:
    assert closed.value.rcvd
    return closed.value.rcvd.code, closed.value.rcvd.reason


@SCHEMES
async def test_a_held_message_is_edited_and_let_go_while_everything_else_flows(tmp_path, monkeypatch, scheme):
    async with talk(tmp_path, monkeypatch, scheme) as t:
        await t.client.send("before")
        assert await t.server.recv() == "before"
        t.desk.add_rule("hold", "~fromclient ~b secret")
        await t.client.send("a secret")
        await t.client.send("behind it")
        [held] = await t.held()
        # Pings both ways, and the other direction.
        await asyncio.wait_for(await t.client.ping(), 5)
        await asyncio.wait_for(await t.server.ping(), 5)
        await t.server.send("meanwhile")
        assert await t.client.recv() == "meanwhile"
        t.desk.edit(held.id, b"no secret")
        assert await t.server.recv() == "no secret"
        assert await t.server.recv() == "behind it"
        await t.client.send("after")
        assert await t.server.recv() == "after"
    edited, *rest = decisions(tmp_path)
    assert (edited.action, edited.by) == ("edit", "rule 1, hand")
    assert edited.held > 0
    assert {d.action for d in rest} == {"recode"}


async def test_a_dropped_message_does_not_arrive_and_is_on_record(tmp_path, monkeypatch):
    async with talk(tmp_path, monkeypatch) as t:
        t.desk.add_rule("drop", "~fromserver ~b noise")
        await t.server.send("noise")
        await t.server.send("signal")
        assert await t.client.recv() == "signal"
    dropped, recoded = decisions(tmp_path)
    assert (dropped.action, dropped.by, dropped.last_sent) == ("drop", "rule 1", None)
    assert (recoded.action, recoded.by) == ("recode", "compression")


async def test_rules_rewrite_in_their_order_and_can_be_switched_off(tmp_path, monkeypatch):
    async with talk(tmp_path, monkeypatch, compression=None) as t:
        first = t.desk.add_rule("rewrite", "~fromclient", "/tea/coffee/")
        t.desk.add_rule("rewrite", "~b coffee", "|(c)offee|\\1ocoa|")
        await t.client.send("tea for two")
        assert await t.server.recv() == "cocoa for two"
        t.desk.enable_rule(first.id, False)
        await t.client.send("tea for two")
        assert await t.server.recv() == "tea for two"
        assert [rule.hits for rule in t.desk.rules.values()] == [1, 1]
        for number in list(t.desk.rules):
            t.desk.remove_rule(number)
        await t.client.send("tea")
        assert await t.server.recv() == "tea"
        assert not t.conversation.relay.is_editing(True)


async def test_a_delayed_message_comes_later_and_in_order(tmp_path, monkeypatch):
    async with talk(tmp_path, monkeypatch) as t:
        t.desk.add_rule("delay", "~b slow", "0.3")
        await t.client.send("slow")
        await t.client.send("quick")
        assert await t.server.recv() == "slow"
        assert await t.server.recv() == "quick"
    delayed, *_ = decisions(tmp_path)
    assert delayed.held >= 300_000_000


async def test_a_rule_can_ask_what_a_message_means(tmp_path, monkeypatch):
    async with talk(tmp_path, monkeypatch) as t:
        await t.client.send('{"jsonrpc": "2.0", "id": 7, "method": "subtract", "params": [42, 23]}')
        await t.server.recv()
        t.desk.add_rule("drop", "~decoder json & ~b secret")
        await t.client.send('{"secret": 1}')
        await t.client.send("a secret that is not JSON")
        assert await t.server.recv() == "a secret that is not JSON"


async def test_a_rule_can_close_with_a_code(tmp_path, monkeypatch):
    async with talk(tmp_path, monkeypatch) as t:
        t.desk.add_rule("close", "~b enough", "4000")
        await t.client.send("enough")
        with pytest.raises(ConnectionClosed) as closed:
            await t.client.recv()
        assert ended(closed) == (4000, "")
        assert await t.server.recv() == "enough"
        with pytest.raises(ConnectionClosed) as closed:
            await t.server.recv()
        assert ended(closed) == (4000, "")


async def test_what_is_held_too_long_goes_on_and_that_is_said(tmp_path, monkeypatch):
    async with talk(tmp_path, monkeypatch, settings=("hold_seconds=0.2",)) as t:
        t.desk.add_rule("hold", "~text")
        await t.client.send("wait")
        assert await t.server.recv() == "wait"
        assert not t.desk.held
        assert any("was let go: held for more than 0.2 s" in line for line in t.running.said)
    [decision] = decisions(tmp_path)
    assert (decision.action, decision.by, decision.note) == (
        "pass",
        "rule 1, limit",
        "held for more than 0.2 s",
    )


async def test_removing_a_rule_lets_go_what_it_holds(tmp_path, monkeypatch):
    async with talk(tmp_path, monkeypatch) as t:
        rule = t.desk.add_rule("hold", "")
        await t.client.send("one")
        await t.client.send("two")
        await t.held(2)
        t.desk.remove_rule(rule.id)
        assert [await t.server.recv(), await t.server.recv()] == ["one", "two"]


@SCHEMES
async def test_the_end_of_a_side_waits_for_what_is_held(tmp_path, monkeypatch, scheme):
    async with talk(tmp_path, monkeypatch, scheme) as t:
        t.desk.add_rule("hold", "~b last")
        await t.client.send("last words")
        [held] = await t.held()
        closing = asyncio.ensure_future(t.client.close(4001, "gone"))
        await asyncio.sleep(0.1)
        assert t.server.state.name == "OPEN"
        t.desk.release(held.id)
        assert await t.server.recv() == "last words"
        with pytest.raises(ConnectionClosed) as closed:
            await t.server.recv()
        assert ended(closed) == (4001, "gone")
        await closing


async def test_what_is_held_when_the_connection_breaks_is_on_record_as_not_sent(tmp_path, monkeypatch):
    async with talk(tmp_path, monkeypatch) as t:
        t.desk.add_rule("hold", "~text")
        await t.client.send("never")
        await t.held()
        t.conversation.cut("hand")
        await asyncio.gather(t.client.wait_closed(), t.server.wait_closed())
        assert (t.client.close_code, t.server.close_code) == (1006, 1006)
        assert not t.desk.held
    found = decisions(tmp_path)
    assert [(d.action, d.note) for d in found if d.last_frame] == [
        ("drop", "the connection ended before it was sent")
    ]
    with Reader(tmp_path / "capture.wsp") as reader:
        [closure] = reader.closures().values()
        assert (closure.by, closure.how, closure.code) == ("proxy", "reset", 1006)


@SCHEMES
async def test_injected_messages_arrive_between_the_others(tmp_path, monkeypatch, scheme):
    async with talk(tmp_path, monkeypatch, scheme) as t:
        sending = [asyncio.ensure_future(send_many(t.client)), asyncio.ensure_future(send_many(t.server))]
        for number in range(20):
            for from_client in (True, False):
                t.conversation.inject(from_client, Opcode.TEXT, b"injected %d" % number, "hand")
            await asyncio.sleep(0.002)
        for peer in (t.server, t.client):
            got = [await asyncio.wait_for(peer.recv(), 10) for _ in range(220)]
            assert [message for message in got if message.startswith("sent")] == [
                f"sent {n}" for n in range(200)
            ]
            assert [message for message in got if message.startswith("inj")] == [
                f"injected {n}" for n in range(20)
            ]
        await asyncio.gather(*sending)


async def send_many(peer: ClientConnection | ServerConnection) -> None:
    for number in range(200):
        # Some of them in fragments.
        await peer.send(f"sent {number}" if number % 3 else iter(["sent", " ", str(number)]))
        if number % 20 == 0:
            await asyncio.sleep(0.001)


@SCHEMES
async def test_rules_come_and_go_under_traffic_and_nothing_is_lost(tmp_path, monkeypatch, scheme):
    async with talk(tmp_path, monkeypatch, scheme) as t:
        sending = asyncio.ensure_future(send_many(t.client))
        got: list[str] = []

        async def receive() -> None:
            while len(got) < 200:
                got.append(await t.server.recv())

        receiving = asyncio.ensure_future(receive())
        for _ in range(10):
            rule = t.desk.add_rule("rewrite", "~fromclient ~b 5", "/sent/SENT/")
            await asyncio.sleep(0.003)
            t.desk.remove_rule(rule.id)
            await asyncio.sleep(0.003)
        await asyncio.wait_for(receiving, 20)
        await sending
        assert [message.lower() for message in got] == [f"sent {n}" for n in range(200)]


@SCHEMES
async def test_a_held_message_does_not_slow_down_pings_nor_the_other_direction(tmp_path, monkeypatch, scheme):
    """Measured in turns, with a message held and without, so that whatever else runs hits both alike."""

    async def ping(t) -> float:
        begun = time.perf_counter()
        await (await t.client.ping())
        return time.perf_counter() - begun

    async def other_way(t) -> float:
        begun = time.perf_counter()
        await t.server.send("other way")
        assert await t.client.recv() == "other way"
        return time.perf_counter() - begun

    took: dict[tuple[bool, object], list[float]] = defaultdict(list)
    async with talk(tmp_path, monkeypatch, scheme) as t:
        t.desk.add_rule("hold", "~fromclient ~b secret")
        for _ in range(15):
            for is_held in (False, True):
                if is_held:
                    await t.client.send("a secret")
                    [held] = await t.held()
                for what in (ping, other_way) * 3:
                    took[is_held, what].append(await what(t))
                if is_held:
                    t.desk.release(held.id)
                    assert await t.server.recv() == "a secret"
    for what in (ping, other_way):
        assert median(took[True, what]) < 2 * median(took[False, what])


async def test_a_rule_that_asks_what_nobody_can_know_yet_is_refused(tmp_path, monkeypatch):
    async with talk(tmp_path, monkeypatch) as t:
        with pytest.raises(UsageError, match="~noreply cannot be asked about messages on their way"):
            t.desk.add_rule("hold", "~up & !~noreply")
        assert t.desk.rules == {}

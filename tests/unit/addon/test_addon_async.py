"""Hooks that are coroutines: the message waits, what is behind it too, and nothing else does."""

import asyncio

from tests.unit.addon.conftest import OVER, Bench, transit_of
from wsproxy.addon import Connection, Frame, Message


class TestAsync:
    async def test_the_message_waits_for_a_hook(self, bench: Bench) -> None:
        seen: list[str] = []
        go_on = asyncio.Event()

        async def ws_message(connection: Connection, message: Message) -> None:
            await go_on.wait()
            message.text += " a"

        bench.add("a", ws_message=ws_message)
        bench.add("b", ws_message=lambda connection, message: message.replace(message.text + " b"))
        transit = transit_of(b"hello")
        bench.manager.dispatch_message(bench.facts, transit, lambda: seen.append("then"))
        await asyncio.sleep(0)
        assert transit.is_held
        assert (transit.content, seen) == (b"hello", [])
        go_on.set()
        await asyncio.gather(*bench.link.tasks)
        assert not transit.is_held
        assert (transit.content, seen) == (b"hello a b", ["then"])

    async def test_several_in_a_row_are_called_one_after_the_other(self, bench: Bench) -> None:
        async def ws_message(connection: Connection, message: Message) -> None:
            before = message.text
            await asyncio.sleep(0)
            message.text = before + "."

        for name in ("a", "b", "c"):
            bench.add(name, ws_message=ws_message)
        transit = bench.message(b"")
        while len(bench.link.tasks) < 3 or transit.is_held:
            await asyncio.sleep(0)
        assert transit.content == b"..."

    async def test_an_exception_takes_back_what_the_hook_did(self, bench: Bench) -> None:
        async def ws_message(connection: Connection, message: Message) -> None:
            message.drop()
            await asyncio.sleep(0)
            raise ValueError("no")

        bench.add(ws_message=ws_message)
        transit = bench.message()
        await asyncio.gather(*bench.link.tasks)
        assert (transit.content, transit.is_dropped, transit.is_held) == (b"hello", False, False)
        assert "failed in ws_message: ValueError: no" in bench.told[0]

    async def test_a_message_that_could_not_wait_any_longer_is_too_late(self, bench: Bench) -> None:
        go_on = asyncio.Event()
        seen: list[str] = []

        async def ws_message(connection: Connection, message: Message) -> None:
            await go_on.wait()
            message.drop()

        bench.add("a", ws_message=ws_message)
        bench.add("b", ws_message=lambda connection, message: seen.append(message.text))
        transit = bench.message()
        await asyncio.sleep(0)
        transit.release_all("limit", "")
        transit.went()
        go_on.set()
        await asyncio.gather(*bench.link.tasks)
        assert "TooLate: the message has been sent" in bench.told[0]
        assert seen == []

    async def test_a_ping_does_not_wait(self, bench: Bench) -> None:
        seen: list[bytes] = []

        async def ws_frame(connection: Connection, frame: Frame) -> None:
            await asyncio.sleep(0)
            seen.append(frame.payload)

        bench.add(ws_frame=ws_frame)
        assert not bench.message(b"beat", 9).is_held
        await asyncio.gather(*bench.link.tasks)
        assert seen == [b"beat"]

    async def test_opening_and_end_may_be_async(self, bench: Bench) -> None:
        seen: list[str] = []

        async def ws_open(connection: Connection) -> None:
            await asyncio.sleep(0)
            seen.append("open")
            raise ValueError("opened")

        async def ws_close(connection: Connection) -> None:
            await asyncio.sleep(0)
            seen.append("close")

        bench.add(ws_open=ws_open, ws_close=ws_close)
        bench.manager.closed(bench.facts, OVER)
        await asyncio.gather(*bench.link.tasks)
        assert seen == ["open", "close"]
        assert "failed in ws_open: ValueError: opened" in bench.told[0]

    async def test_a_stop_lets_go(self, bench: Bench) -> None:
        async def ws_message(connection: Connection, message: Message) -> None:
            await asyncio.Event().wait()

        bench.add(ws_message=ws_message)
        transit = bench.message()
        await asyncio.sleep(0)
        bench.link.tasks[0].cancel()
        await asyncio.gather(*bench.link.tasks, return_exceptions=True)
        assert not transit.is_held

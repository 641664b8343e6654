"""The Compose screen, on a real proxy between real peers."""

import asyncio
import stat
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Checkbox, Input, Select

from tests.support.screen import TIMEOUT, focused
from tests.tui.commanding import Desk, desk
from wsproxy.tui.app import WsproxyApp
from wsproxy.tui.screens.compose import ComposeScreen


async def received(peer: Any) -> object:
    return await asyncio.wait_for(peer.recv(), 10)


async def composing(it: Desk) -> ComposeScreen:
    await it.go("compose")
    screen = it.app.screen
    assert isinstance(screen, ComposeScreen)
    await it.until(lambda: screen.connection.value == 1)
    return screen


def choose(screen: ComposeScreen, **values: str) -> None:
    for name, value in values.items():
        screen.query_one(f"#{name}", Select).value = value


async def test_something_is_sent_to_either_side_and_is_in_the_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, monkeypatch, size=(100, 30)) as it:
        screen = await composing(it)
        await it.type('{"op":"hello"}')
        await it.press("ctrl+s")
        assert await received(it.talk.server) == '{"op":"hello"}'
        await it.shows("Sent text (14 B) to the server of #1")

        choose(screen, to="client", type="binary")
        await it.press("ctrl+t")
        await it.type("00 01 ff")
        await it.press("ctrl+s")
        assert await received(it.talk.client) == b"\x00\x01\xff"
        await it.until(lambda: screen.history.row_count == 2)

        await it.press("escape")
        await it.until(lambda: screen.history.has_focus)
        await it.press("down", "enter")
        await it.until(lambda: screen.editor.content() == b'{"op":"hello"}')
        assert screen.query_one("#to", Select).value == "server"
        await it.press("ctrl+s")
        assert await received(it.talk.server) == '{"op":"hello"}'


async def test_what_was_sent_is_there_again_in_the_next_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, monkeypatch) as it:
        await composing(it)
        await it.type("by hand")
        await it.press("ctrl+s")
        assert await received(it.talk.server) == "by hand"
        file = it.talk.proxy.home / "sent-history.json"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

        run = it.talk.run
        async with WsproxyApp(Path(run.capture), run).run_test(size=(100, 30), notifications=True) as pilot:
            again = Desk(pilot, it.talk)
            screen = await composing(again)
            assert screen.history.row_count == 1
            await again.press("ctrl+r")
            await again.shows("Nothing was sent yet in this session")
            await focused(pilot, screen.history)
            await again.press("enter")
            await again.until(lambda: screen.editor.content() == b"by hand")
            await again.press("ctrl+s")
            assert await received(it.talk.server) == "by hand"
            assert screen.history.row_count == 1


async def test_a_captured_message_is_edited_and_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, monkeypatch) as it:
        await it.talk.client.send('{"price":3}')
        assert await received(it.talk.server) == '{"price":3}'
        await it.until(lambda: it.app.capture.now.last_frame >= 1)
        screen = await composing(it)
        it.app.selected = 1
        await it.press("ctrl+l")
        await it.until(lambda: screen.editor.content() == b'{"price":3}')
        await it.type('{"price":4}')
        await it.press("ctrl+s")
        assert await received(it.talk.server) == '{"price":4}'
        await it.until(lambda: it.app.capture.now.last_frame >= 2)
        async with asyncio.timeout(TIMEOUT):
            # The decision is written a moment after the frame.
            while not (decisions := await it.app.capture.ask(lambda reader: reader.decisions(2, 2))):
                await it.pilot.pause(0.01)
        assert [decision.action for decision in decisions] == ["inject"]


async def test_what_is_repeated_comes_as_often_as_it_should_until_it_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, monkeypatch) as it:
        screen = await composing(it)
        await it.type("again")
        screen.query_one("#times", Input).value = "3"
        screen.query_one("#every", Input).value = "0"
        await it.press("ctrl+s")
        assert [await received(it.talk.server) for _ in range(3)] == ["again"] * 3
        await it.shows("3 times")

        screen.query_one("#times", Input).value = "1000"
        screen.query_one("#every", Input).value = "60"
        await it.press("ctrl+s")
        assert await received(it.talk.server) == "again"
        await it.press("ctrl+x")
        await it.shows("1 time.")


async def test_what_breaks_the_protocol_is_refused_unless_it_is_forced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, monkeypatch) as it:
        screen = await composing(it)
        choose(screen, type="ping")
        await it.type("x" * 200)
        await it.press("ctrl+s")
        await it.shows("a control frame has at most 125 bytes")
        choose(screen, type="3")
        await it.type("?")
        screen.query_one("#force", Checkbox).value = True
        await it.press("ctrl+s")
        await it.shows("Sent 0x3 (1 B)")
        # The server refuses a reserved opcode, as it must.
        with pytest.raises(Exception, match="1002"):
            await received(it.talk.server)


async def test_a_connection_is_closed_with_a_code_and_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, monkeypatch) as it:
        screen = await composing(it)
        choose(screen, type="close", to="client")
        await it.type("bye")
        await it.press("ctrl+s")
        await it.shows("a Close frame is written as its code and a reason")
        await it.type("4001 expired")
        await it.press("ctrl+s")
        with pytest.raises(Exception, match="4001"):
            await received(it.talk.client)
        await it.shows("no WebSocket is open")
        await it.press("ctrl+s")
        await it.shows("no WebSocket is open to send on")

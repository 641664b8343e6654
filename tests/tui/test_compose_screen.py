"""The Compose screen, on a real proxy between real peers."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Checkbox, Input, Select

from tests.tui.commanding import Desk, desk
from wsproxy.tui.inspector.shown import load
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
        assert screen.history.row_count == 2

        screen.history.focus()
        await it.press("down", "enter")
        assert screen.editor.content() == b'{"op":"hello"}'
        assert screen.query_one("#to", Select).value == "server"
        await it.press("ctrl+s")
        assert await received(it.talk.server) == '{"op":"hello"}'


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
        shown = await it.app.capture.ask(lambda reader: load(reader, 2, it.app.factory))
        assert shown is not None
        assert [edited.decision.action for edited in shown.edited] == ["inject"]


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

"""The Hold screen, on a real proxy between real peers."""

import asyncio
from pathlib import Path

import pytest

from tests.tui.commanding import desk
from wsproxy.tui.screens.hold import HoldScreen


async def received(peer: object) -> object:
    return await asyncio.wait_for(peer.recv(), 10)  # type: ignore[attr-defined]


async def test_a_message_is_held_edited_and_released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(tmp_path, monkeypatch) as it:
        await it.go("hold")
        await it.shows("No message is held")
        await it.press("a")
        await it.answer("~fromclient & ~b price")
        await it.shows("Holding ~fromclient & ~b price")

        await it.talk.client.send('{"price": 3}')
        await it.talk.client.send("behind it")
        await it.shows('{"price": 3}', "the server, 1 more", "held since")
        screen = it.app.screen
        assert isinstance(screen, HoldScreen)
        await it.until(lambda: screen.editor.area.text == '{"price": 3}')
        await it.press("e")
        await it.type('{"price": 0}')
        await it.shows("changed")
        await it.press("ctrl+s")
        await it.shows("was changed (12 B) and sent")
        assert await received(it.talk.server) == '{"price": 0}'
        assert await received(it.talk.server) == "behind it"
        await it.shows("No message is held")


async def test_messages_are_released_and_dropped_and_rules_switched_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, monkeypatch, size=(80, 24)) as it:
        await it.go("hold")
        await it.press("a", "enter")
        await it.shows("every message")
        for text in ("one", "two", "three", "four"):
            await it.talk.server.send(text)
        await it.shows("one", "four", "the client, 3 more")
        await it.press("r")
        assert await received(it.talk.client) == "one"
        await it.shows("Message 1 was sent")
        await it.until(lambda: it.app.screen.held.keys == [2, 3, 4])  # type: ignore[attr-defined]
        await it.press("d")
        await it.until(lambda: it.app.screen.held.keys == [3, 4])  # type: ignore[attr-defined]
        await it.press("R")
        assert await received(it.talk.client) == "three"
        assert await received(it.talk.client) == "four"

        await it.shows("No message is held")
        await it.press("space")
        await it.shows("off ")
        await it.talk.server.send("five")
        assert await received(it.talk.client) == "five"
        await it.press("x")
        await it.shows("Nothing is to be held.")


async def test_a_filter_that_is_wrong_is_said_so_and_makes_no_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, monkeypatch) as it:
        await it.go("hold")
        await it.press("a")
        await it.answer("~nosuch")
        await it.shows("there is no operator ~nosuch")
        await it.press("escape")
        await it.shows("Nothing is to be held.")


async def test_bytes_are_edited_as_hex_digits_and_hostile_text_is_spelt_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, monkeypatch) as it:
        await it.go("hold")
        await it.press("a", "enter")
        await it.talk.client.send(b"\x00\xff\x1b")
        await it.shows("00 ff 1b")
        screen = it.app.screen
        assert isinstance(screen, HoldScreen)
        await it.until(lambda: screen.editor.area.text == "00 ff 1b")
        await it.press("e")
        await it.type("00 f")
        await it.shows("hex digits come in pairs")
        await it.press("ctrl+s")
        await it.shows("A byte has two")
        await it.type("00 fe")
        await it.press("ctrl+s")
        assert await received(it.talk.server) == b"\x00\xfe"

        hostile = "\x1b[2J\u202eevil[b]x[/]\r\n"
        await it.talk.client.send(hostile)
        drawn = await it.shows("⟨U+001B⟩[2J⟨U+202E⟩evil[b]x[/]⟨U+000D⟩")
        assert not [char for char in drawn if not char.isprintable() and char != "\n"]
        await it.press("e", "ctrl+s")
        assert await received(it.talk.server) == hostile


async def test_what_is_typed_is_kept_when_other_messages_come_and_when_its_own_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, monkeypatch) as it:
        await it.go("hold")
        await it.press("a", "enter")
        await it.talk.client.send("mine")
        screen = it.app.screen
        assert isinstance(screen, HoldScreen)
        await it.until(lambda: screen.editor.area.text == "mine")
        await it.press("e")
        await it.type("mine, and much typed")
        await it.talk.client.send("another")
        await it.until(lambda: screen.held.keys == [1, 2])
        assert screen.editor.area.text == "mine, and much typed"
        assert screen.editor.area.has_focus
        await it.talk.ctl("release", "1")
        await it.shows("is not held any more; what you made of it")
        assert screen.editor.area.text == "mine, and much typed"


async def test_a_message_too_large_to_be_edited_is_replaced_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, monkeypatch) as it:
        await it.go("hold")
        await it.press("a", "enter")
        await it.talk.client.send("x" * 1_000_000)
        await it.shows("1,000,000 B are too many to be edited here")
        (tmp_path / "new.json").write_text('{"small":true}')
        await it.press("ctrl+o")
        await it.answer(str(tmp_path / "nosuch"))
        await it.shows("No such file")
        await it.press("ctrl+o")
        await it.answer(str(tmp_path / "new.json"))
        await it.shows('{"small":true}')
        await it.press("ctrl+s")
        assert await received(it.talk.server) == '{"small":true}'

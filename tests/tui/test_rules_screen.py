"""The screen of rules, addons and options, on a real proxy."""

import asyncio
from pathlib import Path

import pytest
from textual.screen import ModalScreen
from textual.widgets import TabbedContent

from tests.support.captures import chat
from tests.support.screen import until_shown
from tests.tui.commanding import desk
from wsproxy.tui.app import WsproxyApp
from wsproxy.tui.screens.rules import RulesScreen


async def test_rules_are_made_switched_and_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(tmp_path, monkeypatch) as it:
        await it.go("rules")
        await it.shows("There is no rule")
        await it.press("a")
        await it.until(lambda: isinstance(it.app.screen, ModalScreen))
        await it.press("down", "down", "enter")
        await it.shows("Which messages")
        await it.answer("~fromclient")
        await it.shows("/REGEX/REPLACEMENT")
        await it.answer("/tea/coffee/")
        await it.shows("rewrite", "/tea/coffee/", "1 of 1 rule on")
        await it.talk.client.send("a cup of tea")
        assert await asyncio.wait_for(it.talk.server.recv(), 10) == "a cup of coffee"

        await it.press("space")
        await it.shows("0 of 1 rule on")
        await it.press("x")
        await it.shows("There is no rule")


async def test_addons_are_listed_with_their_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "broken.py"
    script.write_text(
        "from wsproxy.addon import Connection, Message\n\n"
        "def ws_message(connection: Connection, message: Message) -> None:\n"
        "    raise ValueError('\\x1b[31moops')\n"
    )
    async with desk(tmp_path, monkeypatch, "-s", str(script)) as it:
        await it.talk.client.send("hello")
        assert await asyncio.wait_for(it.talk.server.recv(), 10) == "hello"
        await it.go("rules")
        screen = it.app.screen
        assert isinstance(screen, RulesScreen)
        screen.query_one(TabbedContent).active = "addons"
        await it.shows("broken", "1 error in addons")


async def test_options_are_listed_and_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(tmp_path, monkeypatch) as it:
        await it.go("rules")
        screen = it.app.screen
        assert isinstance(screen, RulesScreen)
        screen.query_one(TabbedContent).active = "options"
        await it.shows("hold_seconds")
        row = [option["name"] for option in screen._options].index("hold_seconds")
        screen.options.move_cursor(row=row)
        await it.press("e")
        await it.answer("30")
        await it.until(lambda: screen._options[row]["value"] in (30, "30"))
        assert it.talk.api.options()[[o["name"] for o in it.talk.api.options()].index("hold_seconds")][
            "value"
        ] in (
            30,
            "30",
        )


@pytest.mark.parametrize("key", ["2", "3", "5"])
async def test_without_a_proxy_the_screens_that_command_one_say_so(tmp_path: Path, key: str) -> None:
    app = WsproxyApp(chat(tmp_path / "c.wsp"))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(key)
        await until_shown(pilot, "No proxy is running for this capture")
        for press in ("a", "r", "e", "x", "d", "R", "ctrl+s", "ctrl+l", "ctrl+t", "ctrl+o", "space", "m"):
            await pilot.press(press)
            await pilot.press("escape")
        await pilot.pause()

"""Keys that are typed faster than screens open reach what they were meant for."""

from pathlib import Path

import pytest
from textual.events import Key
from textual.widgets import TextArea

from tests.support.browsing import browsing
from tests.support.captures import MASK, capture
from tests.support.screen import CHARACTERS
from tests.tui.commanding import desk
from wsproxy.tui.app import WsproxyApp
from wsproxy.tui.screens.hold import HoldScreen
from wsproxy.tui.screens.rules import RulesScreen
from wsproxy.wire.encode import encode_frame


def burst(app: WsproxyApp, *keys: str) -> None:
    """All at once, as a terminal hands them on that was busy for a moment."""
    for key in keys:
        app.post_message(Key(key, CHARACTERS.get(key)))


@pytest.fixture
def hundreds(tmp_path: Path) -> Path:
    with capture(tmp_path / "a.wsp") as c:
        c.send(c.open(), encode_frame(1, b"hello", mask=MASK) * 300)
    return c.path


@pytest.mark.usefixtures("home")
async def test_a_number_typed_right_behind_go_to_is_where_it_goes(hundreds: Path) -> None:
    async with browsing(hundreds) as browse:
        burst(browse.app, "g", *"123", "enter")
        await browse.until(lambda: browse.frames.selected == 123)
        # 1 to 5 are also the keys of screens.
        assert browse.app.current_mode == "browse"


@pytest.mark.usefixtures("home")
async def test_a_comment_typed_right_behind_its_key_is_the_comment(hundreds: Path) -> None:
    async with browsing(hundreds) as browse:
        await browse.go(7)
        burst(browse.app, "semicolon", *"xmr2", "enter")
        await browse.shown("at 7 “xmr2”")
        assert browse.app.current_mode == "browse"
        assert browse.frames.view.first == 1


@pytest.mark.usefixtures("home")
async def test_the_same_key_after_a_dialog_does_what_it_does(hundreds: Path) -> None:
    async with browsing(hundreds) as browse:
        burst(browse.app, "home", "g", *"20", "escape", "down", "down")
        await browse.until(lambda: browse.frames.selected == 3)


async def test_a_rule_typed_fast_lets_nothing_go_that_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, monkeypatch) as it:
        await it.go("hold")
        await it.press("a", "enter")
        await it.talk.client.send("hello")
        screen = it.app.screen
        assert isinstance(screen, HoldScreen)
        await it.until(lambda: screen.held.keys == [1])
        # d and r drop and release, x removes a rule.
        burst(it.app, "a", "tilde", "b", "space", *"drxDR", "enter")
        await it.shows("Holding ~b drxDR")
        await it.until(lambda: screen.rules.row_count == 2)
        assert [held["id"] for held in it.talk.api.held()] == [1]


async def test_a_rule_is_made_by_keys_that_are_all_there_before_the_first_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, monkeypatch) as it:
        it.talk.api.add_rule("hold", "~b kept", "")
        await it.go("rules")
        screen = it.app.screen
        assert isinstance(screen, RulesScreen)
        await it.until(lambda: screen.rules.keys == [1])
        # x removes the rule below and a asks for another; 1 to 5 are screens, q leaves.
        burst(it.app, "a", "down", "down", "enter", "tilde", "b", "space", *"xa1q", "enter")
        burst(it.app, "slash", *"xa", "slash", *"q3", "slash", "enter", "space")
        await it.until(lambda: screen.rules.keys == [1, 2])
        await it.shows("rewrite", "~b xa1q", "/xa/q3/")
        await it.until(lambda: [rule["enabled"] for rule in it.talk.api.rules()] == [False, True])
        assert it.app.current_mode == "rules"


async def test_what_is_typed_right_behind_a_key_of_the_editor_comes_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, monkeypatch) as it:
        await it.go("compose")
        await it.type("as it was")
        # All of it is selected and typed over; then the last letter is taken back.
        burst(it.app, "f7", *"anew", "backspace", "s")
        await it.until(lambda: it.app.screen.query_one(TextArea).text == "anes")

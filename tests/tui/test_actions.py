"""Every key is in one registry, and from there in the footer, the palette and help."""

import importlib
import pkgutil

import pytest
from textual.binding import Binding
from textual.widget import Widget

import wsproxy.tui
from tests.support.browsing import browsing
from tests.support.captures import chat
from tests.tui.commanding import desk
from wsproxy.tui.actions import PLACES, Action, actions, register
from wsproxy.tui.app import WsproxyApp
from wsproxy.tui.commands import available
from wsproxy.tui.places import SCREENS

pytestmark = pytest.mark.usefixtures("home")


def modules():
    return [
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(wsproxy.tui.__path__, "wsproxy.tui.")
    ]


def classes():
    """Everything of ours that has keys."""
    found = {WsproxyApp}
    for module in modules():
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, Widget) and kind.__module__ == module.__name__:
                found.add(kind)
    return found


def test_every_action_has_somebody_who_does_it():
    kinds = classes()
    for action in actions():
        doers = [kind for kind in kinds if hasattr(kind, action.method)]
        assert doers, f"{action.where}.{action.name}"


def test_every_key_is_of_an_action_in_the_registry():
    kinds = classes()
    known = {action.name for place in PLACES for action in actions(place)}
    for kind in kinds:
        for binding in vars(kind).get("BINDINGS", ()):
            assert isinstance(binding, Binding), kind
            assert binding.action in known, f"{kind.__name__}: {binding.action}"


def test_every_action_says_what_it_does_in_a_sentence_without_a_full_stop():
    for action in actions():
        assert action.help[0].isupper(), action
        assert not action.help.endswith("."), action
        assert len(action.label) <= 20, action


def test_no_place_has_a_key_twice():
    for place in PLACES:
        keys = [key for action in actions(place) for key in action.keys.split(",") if key]
        assert len(keys) == len(set(keys)), place


def test_two_actions_of_one_name_are_refused():
    register(Action("help", "question_mark,f1", "Help", "Every key, those of where you are first"))
    with pytest.raises(ValueError, match="two actions 'help'"):
        register(Action("help", "h", "Help", "Something else"))
    with pytest.raises(ValueError, match="no place"):
        register(Action("a", "a", "A", "A", "nowhere"))


async def test_help_has_every_key_of_where_one_is(tmp_path):
    async with browsing(chat(tmp_path / "a.wsp"), size=(100, 100)) as browse:
        await browse.press("question_mark")
        known = [action for place in ("frames", "browse", "list", "everywhere") for action in actions(place)]
        await browse.shown("Everywhere", "Filter bar", *(f"{action.label}: " for action in known))
        await browse.press("escape")
        await browse.until(lambda: browse.frames.has_focus)


async def test_the_palette_does_everything_there_is_to_do(tmp_path):
    async with browsing(chat(tmp_path / "a.wsp")) as browse:
        offered = {(action.where, action.name) for action, _ in available(browse.screen)}
        for place in ("everywhere", "browse", "frames", "list"):
            for action in actions(place):
                assert not action.palette or (place, action.name) in offered
        await browse.press("ctrl+p")
        await browse.type("go to frame number")
        await browse.shown("To a frame by its number")
        await browse.press("down", "enter")
        await browse.shown("A frame's number, a time")


async def test_every_screen_is_a_key_and_a_click_away(tmp_path):
    async with browsing(chat(tmp_path / "a.wsp"), size=(120, 30)) as browse:
        for place in SCREENS:
            await browse.press(place.key)
            await browse.until(lambda place=place: browse.app.current_mode == place.name)
        await browse.pilot.click("#tab-browse")
        await browse.until(lambda: browse.app.current_mode == "browse")


@pytest.mark.parametrize("theme", ["ansi-dark", "textual-light"])
async def test_themes_show_the_same_in_other_colours(tmp_path, theme):
    async with browsing(chat(tmp_path / "a.wsp")) as browse:
        # Counted a moment after it is open.
        before = await browse.shown(" 3         4 closed", "grüß dich", "1000 normal closure", "7 frames")
        browse.app.theme = theme
        await browse.pilot.pause()
        await browse.until(lambda: browse.text == before)
        if theme.startswith("ansi"):
            colours = {
                colour.name
                for strip in browse.app.screen._compositor.render_strips()
                for segment in strip
                if segment.style
                for colour in (segment.style.color, segment.style.bgcolor)
                if colour is not None and colour.type.name == "TRUECOLOR"
            }
            assert not colours


async def test_every_screen_says_at_80_columns_how_to_get_help_and_out(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch, size=(80, 24)) as it:
        await it.talk.client.send("hello")
        for place in SCREENS:
            await it.go(place.name)
            await it.until(lambda: it.screen.splitlines()[-1].endswith((" Quit  ? Help", " Quit  F1 Help")))
        await it.go("browse")
        await it.until(lambda: it.app.screen.frames.row(1))
        await it.press("enter")
        await it.shows("Decoded")
        await it.press("tab")
        await it.until(lambda: "Pretty" in it.screen.splitlines()[-1])
        await it.until(lambda: it.screen.splitlines()[-1].endswith((" Quit  ? Help", " Quit  F1 Help")))


async def test_the_footer_shows_no_key_that_would_be_typed(tmp_path):
    async with browsing(chat(tmp_path / "a.wsp"), size=(160, 45)) as browse:
        await browse.shown("q Quit  ? Help")
        await browse.press("f")
        await browse.shown("^q Quit  F1 Help")
        await browse.press("escape")
        await browse.shown("q Quit  ? Help")

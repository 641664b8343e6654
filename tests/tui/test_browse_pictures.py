"""
Pictures of screens, in colours: how they looked when somebody last looked at them.

    python -m pytest tests/tui/test_browse_pictures.py --snapshot-update    take them anew; then look at them

They are of one Textual, which the extra `test` names: another may draw a line differently.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.support.captures import MASK, capture, chat
from tests.support.screen import until
from wsproxy.tui.app import WsproxyApp
from wsproxy.tui.screens.browse import BrowseScreen
from wsproxy.wire.encode import encode_close, encode_frame

pytestmark = [pytest.mark.usefixtures("home", "utc")]
each_size = pytest.mark.parametrize("size", [(80, 24), (160, 45)], ids=["80x24", "160x45"])


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """A capture with something of everything."""
    with capture(tmp_path / "talk.wsp") as c:
        number = c.open(
            "wss://example.test/chat", subprotocol="chat.v1", tls={"server": {"version": "TLSv1.3"}}
        )
        c.send(number, encode_frame(1, b'{"op": "join", "room": "tea"}', mask=MASK))
        c.receive(number, encode_frame(1, '{"op": "joined", "greeting": "grüß dich"}'.encode()))
        c.receive(number, encode_frame(9, b"beat"))
        c.send(number, encode_frame(10, b"beat", mask=MASK))
        c.send(number, encode_frame(1, b"one ", fin=False, mask=MASK))
        c.send(number, encode_frame(0, b"message", mask=MASK))
        c.receive(number, encode_frame(3, b"reserved"))
        calls = c.open("ws://calls.test/rpc?token=1")
        c.send(calls, encode_frame(1, b'{"jsonrpc":"2.0","method":"sum","id":1,"params":[1,2]}', mask=MASK))
        c.receive(calls, encode_frame(1, b'{"jsonrpc":"2.0","error":{"code":-32000,"message":"no"},"id":1}'))
        c.receive(number, encode_frame(2, b"\x89PNG\r\n\x1a\n"))
        c.send(number, encode_close(4001, "expired", mask=MASK))
        c.receive(number, encode_close(4001))
        c.close(number)
        c.open("ws://example.test/secret", status=403, body=b"no entry")
    return c.path


def picture(
    snap_compare: Any, path: Path, size: tuple[int, int], *keys: str, theme: str = "", paste: str = ""
) -> None:
    """Compare the screen after some keys."""
    app = WsproxyApp(path)

    async def settle(pilot: Any) -> None:
        await until(pilot, lambda: isinstance(app.screen, BrowseScreen) and app.capture.now.last_frame)
        screen = app.screen
        assert isinstance(screen, BrowseScreen)
        frames, connections = screen.frames, screen.connections
        if theme:
            app.theme = theme
        await until(pilot, lambda: app.capture.traffic.counted == app.capture.now.last_frame)
        for key in keys:
            await pilot.press(key)
        if paste:
            screen.bar.input.insert_text_at_cursor(paste)
            await pilot.press("end")
        await until(
            pilot,
            lambda: (
                frames.view.searched
                and all(frames.row(frames.key_at(row)) for row in range(frames.count))
                and all(connections.row(n + 1) for n in range(connections.count))
            ),
        )
        if screen.has_class("-inspecting"):
            await until(pilot, lambda: screen._shown == frames.selected)
        # What blinks is not to be compared.
        screen.bar.input.cursor_blink = False
        connections.refresh()
        frames.refresh()
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=settle)


@each_size
def test_browse(snap_compare, talk, size):
    picture(snap_compare, talk, size)


@each_size
def test_an_inspected_frame(snap_compare, talk, size):
    picture(snap_compare, talk, size, "home", "down", "enter")


@each_size
def test_a_filter_with_something_wrong(snap_compare, talk, size):
    picture(snap_compare, talk, size, "f", paste="~up & ~txt & a")


@each_size
def test_operators_being_completed(snap_compare, talk, size):
    picture(snap_compare, talk, size, "f", paste="~up & ~co")


@each_size
def test_the_terminals_own_colours(snap_compare, talk, size):
    picture(snap_compare, talk, size, "home", "o", theme="ansi-dark")


@each_size
def test_help(snap_compare, talk, size):
    picture(snap_compare, talk, size, "question_mark")


def test_an_empty_view(snap_compare, tmp_path):
    picture(snap_compare, chat(tmp_path / "a.wsp"), (80, 24), "x")

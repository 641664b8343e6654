"""
Browse: what people complain about in other tools does not happen here.

Views that jump when something comes, a focus that is lost, lists that freeze, no way to clear or filter.
"""

import stat
import time
from pathlib import Path

import pytest

from tests.support.browsing import browsing
from tests.support.captures import MASK, Capture, capture, chat
from tests.support.screen import FREEZE, focused, standstill
from wsproxy.store.marks import Marks, path_of
from wsproxy.store.reader import Reader
from wsproxy.tui.inspector import Inspector
from wsproxy.tui.inspector.text_view import TextView
from wsproxy.wire.encode import encode_close, encode_frame

HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202eevil\u200b[bold red]x[/]\x9b31m\r\n\u2028日本 é\u0301"

pytestmark = [pytest.mark.usefixtures("home")]


def say(number: int) -> bytes:
    return encode_frame(
        1, b'{"n": %d, "event": "%s"}' % (number, b"tick" if number % 2 else b"tock"), mask=MASK
    )


def many(path: Path, count: int) -> Path:
    """One connection, whose frames say their numbers."""
    with capture(path) as c:
        number = c.open()
        for start in range(1, count + 1, 500):
            c.send(number, b"".join(say(n) for n in range(start, min(start + 500, count + 1))))
    return path


def written(c: Capture, count: int) -> None:
    """Wait until the recorder's thread has written so many frames."""
    deadline = time.monotonic() + 20
    with Reader(c.path) as reader:
        while reader.last_frame() < count:
            assert time.monotonic() < deadline
            time.sleep(0.005)


async def test_the_end_of_a_capture_is_shown_and_followed(tmp_path):
    async with browsing(many(tmp_path / "a.wsp", 200)) as browse:
        assert browse.listed[-1] == 200
        assert browse.frames.following
        await browse.shown("following")


async def test_a_view_that_was_scrolled_stays_where_it_is_when_frames_come(tmp_path):
    with capture(tmp_path / "a.wsp") as c:
        number = c.open()
        c.send(number, b"".join(say(n) for n in range(1, 201)))
        written(c, 200)
        async with browsing(c.path) as browse:
            await browse.go(100)
            before = browse.listed
            c.send(number, b"".join(say(n) for n in range(201, 301)))
            await browse.shown("100 new")
            assert browse.listed == before
            assert browse.frames.selected == 100


async def test_following_leaves_the_selection_alone_and_it_can_be_returned_to(tmp_path):
    with capture(tmp_path / "a.wsp") as c:
        number = c.open()
        c.send(number, b"".join(say(n) for n in range(1, 201)))
        written(c, 200)
        async with browsing(c.path) as browse:
            await browse.go(100)
            await browse.press("space")
            c.send(number, say(201))
            await browse.until(lambda: browse.listed[-1] == 201)
            assert browse.frames.selected == 100
            assert browse.frames.following
            await browse.press("up")
            assert browse.frames.selected == 99
            assert 99 in browse.listed


async def test_end_follows_and_the_wheel_stops_that(tmp_path):
    async with browsing(many(tmp_path / "a.wsp", 200)) as browse:
        await browse.pilot._post_mouse_events([_wheel_up()], browse.frames)
        await browse.until(lambda: not browse.frames.following)
        assert browse.listed[-1] == 197
        await browse.press("end")
        assert browse.frames.following
        assert browse.listed[-1] == 200


def _wheel_up():
    from textual.events import MouseScrollUp

    return MouseScrollUp


async def test_what_is_being_typed_keeps_its_focus_and_its_letters_while_frames_come(tmp_path):
    with capture(tmp_path / "a.wsp") as c:
        number = c.open()
        c.send(number, b"".join(say(n) for n in range(1, 201)))
        written(c, 200)
        async with browsing(c.path) as browse:
            await browse.press("f")
            for n, key in enumerate(["tilde", *"text", "space", "ampersand", "space", *"tock"]):
                await browse.press(key)
                c.send(number, say(201 + n))
                written(c, 201 + n)
            await browse.until(lambda: browse.app.capture.now.last_frame == 212)
            await browse.until(lambda: browse.bar.input.value == "~text & tock")
            assert browse.bar.input.has_focus
            await browse.press("enter")
            await browse.until(lambda: browse.frames.view.searched and browse.frames.count == 106)


@pytest.mark.still
async def test_a_list_of_fifty_thousand_frames_neither_freezes_nor_is_kept(tmp_path):
    async with browsing(many(tmp_path / "a.wsp", 50_000)) as browse, standstill() as still:
        for number in (1, 49_999, 25_000, 12_345):
            await browse.go(number)
            assert number in browse.listed
        await browse.press("pageup", "pageup", "pagedown", "home", "end")
        await browse.press("r")
        await browse.until(lambda: browse.frames.view.searched and browse.frames.count == 50_000)
        assert len(browse.frames._rows) <= browse.frames.KEPT
    assert still.longest < FREEZE


async def test_clearing_the_view_keeps_the_capture_and_can_be_undone(tmp_path):
    with capture(tmp_path / "a.wsp") as c:
        number = c.open()
        c.send(number, b"".join(say(n) for n in range(1, 21)))
        written(c, 20)
        async with browsing(c.path) as browse:
            await browse.press("x")
            await browse.shown("the view was cleared", "cleared up to 20")
            c.send(number, say(21))
            await browse.lists(21)
            await browse.press("X")
            await browse.until(lambda: browse.frames.count == 21)
            with Reader(c.path) as reader:
                assert reader.last_frame() == 21


async def test_a_filter_narrows_the_list_and_backspace_takes_it_away(tmp_path):
    async with browsing(chat(tmp_path / "a.wsp")) as browse:
        await browse.filter("~ping | ~pong")
        await browse.lists(3, 4)
        await browse.shown("2 of 7 frames")
        await browse.press("backspace")
        await browse.until(lambda: browse.frames.count == 7)
        assert browse.bar.input.value == ""


async def test_a_selected_frame_stays_in_place_when_a_filter_comes_and_goes(tmp_path):
    async with browsing(many(tmp_path / "a.wsp", 20_000)) as browse:
        await browse.go(5_000)
        line = browse.listed.index(5_000)
        await browse.filter("tock")
        await browse.until(lambda: browse.frames.count == 10_000 and browse.listed[line] == 5_000)
        await browse.press("backspace")
        await browse.until(lambda: browse.frames.count == 20_000 and browse.listed[line] == 5_000)


async def test_what_is_wrong_with_a_filter_stands_under_the_word(tmp_path):
    async with browsing(chat(tmp_path / "a.wsp")) as browse:
        await browse.press("f")
        await browse.type("~up & ~txt x")
        await browse.press("enter")
        screen = await browse.shown("there is no operator ~txt")
        lines = screen.splitlines()
        [below] = [n for n, line in enumerate(lines) if "^ there is no operator" in line]
        assert lines[below].index("^") == lines[below - 1].index("~txt")
        assert browse.frames.count == 7
        await browse.press("escape")
        await browse.until(lambda: browse.frames.has_focus)
        assert browse.bar.input.value == ""


async def test_operators_are_completed_with_what_they_mean(tmp_path):
    async with browsing(chat(tmp_path / "a.wsp")) as browse:
        await browse.press("f")
        await browse.type("~fromc")
        await browse.shown("~fromclient", "from the client to the server")
        await browse.press("tab")
        await browse.until(lambda: browse.bar.input.value == "~fromclient")
        await browse.type(" & ~s")
        await browse.shown("~size")
        await browse.press("tab")
        await browse.until(lambda: browse.bar.input.value == "~fromclient & ~size ")
        assert browse.bar.input.has_focus


async def test_words_of_the_filter_are_found_in_the_inspector_too(tmp_path):
    with capture(tmp_path / "a.wsp") as c:
        number = c.open()
        c.send(number, encode_frame(1, b"\n".join(b"line %d" % n for n in range(300)), mask=MASK))
    async with browsing(tmp_path / "a.wsp", size=(160, 45)) as browse:
        await browse.filter("~b 'line 271'")
        await browse.go(1)
        await browse.press("enter")
        await browse.shown("Decoded", "Text")
        browse.app.screen.query_one(Inspector).action_tab("text")
        await browse.shown("line 7")
        await focused(browse.pilot, browse.app.screen.query_one(TextView))
        await browse.press("n")
        await browse.shown("line 271")


async def test_filters_used_before_and_saved_ones_come_back(tmp_path, home):
    async with browsing(chat(tmp_path / "a.wsp")) as browse:
        await browse.filter("~ping")
        await browse.press("f", "ctrl+s")
        await browse.answer("pings")
        await browse.until(lambda: len(browse.app.screen_stack) == 1)
        await browse.press("escape")
        await browse.until(lambda: browse.frames.has_focus)
        await browse.press("backspace")
        await browse.until(lambda: browse.frames.count == 7)
        await browse.filter("@pings")
        await browse.lists(3)
    async with browsing(tmp_path / "a.wsp") as browse:
        await browse.press("f", "up")
        await browse.until(lambda: browse.bar.input.value == "@pings")
        await browse.press("up")
        await browse.until(lambda: browse.bar.input.value == "~ping")
    history = home / "filter-history.json"
    assert stat.S_IMODE(history.stat().st_mode) == 0o600


async def test_finding_hides_nothing_and_goes_from_match_to_match(tmp_path):
    async with browsing(many(tmp_path / "a.wsp", 300)) as browse:
        await browse.press("home")
        await browse.press("slash")
        await browse.type("'n.: [12]00'")
        await browse.press("enter")
        await browse.until(lambda: browse.frames.selected == 100 and browse.frames.has_focus)
        await browse.press("n")
        await browse.until(lambda: browse.frames.selected == 200)
        await browse.press("n")
        await browse.shown("No match after this")
        await browse.press("N")
        await browse.until(lambda: browse.frames.selected == 100)
        assert browse.frames.count == 300


async def test_a_quick_filter_is_made_from_the_selected_frame(tmp_path):
    async with browsing(chat(tmp_path / "a.wsp")) as browse:
        await browse.go(3)
        await browse.press("equals_sign")
        await browse.shown("Hide heartbeats", "Only this connection")
        await browse.press("down", "down", "enter")
        await browse.until(lambda: browse.bar.texts["filter"] == "~ping")
        await browse.lists(3)


async def test_a_connection_is_chosen_and_let_go_by_keyboard_and_mouse(tmp_path):
    with capture(tmp_path / "a.wsp") as c:
        first, second = c.open("ws://a.test/"), c.open("ws://b.test/")
        c.send(first, say(1))
        c.send(second, say(2) + say(3))
    async with browsing(tmp_path / "a.wsp") as browse:
        await browse.pilot.click(browse.screen.connections, offset=(5, 2))
        await browse.until(lambda: browse.screen.connections.selected == 2)
        await browse.press("enter")
        await browse.lists(2, 3)
        await browse.shown("only #2")
        await browse.pilot.click(browse.screen.connections, offset=(5, 2), times=2)
        await browse.lists(1, 2, 3)


async def test_a_click_selects_a_frame_and_a_second_one_inspects_it(tmp_path):
    async with browsing(chat(tmp_path / "a.wsp"), size=(120, 30)) as browse:
        await browse.pilot.click(browse.frames, offset=(5, 2))
        await browse.until(lambda: browse.frames.selected == 2)
        await browse.pilot.click(browse.frames, offset=(5, 2), times=2)
        await browse.shown("Decoded", "grüß dich")


async def test_connections_tell_how_they_do_and_how_they_ended(tmp_path):
    path = chat(tmp_path / "a.wsp")
    async with browsing(path, size=(160, 45)) as browse:
        screen = await browse.shown("403 Forbidden", "10.0 ms")
        [line] = [line for line in screen.splitlines() if "example.test/chat" in line]
        assert "○#1" in line
        assert "chat.v1" in line
        assert "10.0 ms" in line
        assert "closed by client, 1000 normal" in line


def rpc(number: int, rest: str, mask: bytes | None = None) -> bytes:
    return encode_frame(1, b'{"jsonrpc": "2.0", "id": %d, %s}' % (number, rest.encode()), mask=mask)


async def test_the_list_of_calls_without_a_reply_is_kept_up_to_date(tmp_path):
    with capture(tmp_path / "a.wsp") as c:
        number = c.open()
        c.send(number, rpc(1, '"method": "a"', MASK) + rpc(2, '"method": "b"', MASK))
        written(c, 2)
        async with browsing(c.path) as browse:
            await browse.filter("~noreply")
            await browse.until(lambda: browse.listed == [1, 2])
            c.receive(number, rpc(1, '"result": 1'))
            await browse.until(lambda: browse.listed == [2])
            c.send(number, rpc(3, '"method": "c"', MASK))
            await browse.until(lambda: browse.listed == [2, 4])


async def test_the_newest_connections_are_seen_until_somebody_scrolls_away(tmp_path):
    with capture(tmp_path / "a.wsp") as c:
        c.send(c.open("ws://example.test/first"), say(1))
        written(c, 1)
        async with browsing(c.path) as browse:
            await browse.shown("example.test/first")
            for number in range(20):
                c.open(f"ws://example.test/later-{number}")
            await browse.shown("example.test/later-19")
            browse.screen.connections.go(0)
            for number in range(20, 40):
                c.open(f"ws://example.test/later-{number}")
            await browse.until(lambda: browse.app.capture.now.connections == 41)
            await browse.shown("example.test/first")


async def test_messages_are_put_together_with_one_key(tmp_path):
    with capture(tmp_path / "a.wsp") as c:
        number = c.open()
        c.send(number, encode_frame(1, b"one ", fin=False, mask=MASK))
        c.receive(number, encode_frame(9, b"beat"))
        c.send(number, encode_frame(0, b"message", mask=MASK))
    async with browsing(tmp_path / "a.wsp") as browse:
        await browse.lists(1, 2, 3)
        await browse.press("r")
        await browse.lists(2, 3)
        await browse.shown("2 of 3 frames", "messages")


async def test_marks_and_comments_are_kept_beside_a_capture_that_is_not_touched(tmp_path):
    path = chat(tmp_path / "a.wsp")
    before = path.read_bytes()
    async with browsing(path) as browse:
        await browse.go(2)
        await browse.press("m")
        await browse.go(5)
        await browse.press("semicolon")
        await browse.answer("look")
        await browse.shown("“look”", "◆", "✎")
        await browse.press("home", "right_square_bracket")
        await browse.until(lambda: browse.frames.selected == 2)
        await browse.press("right_square_bracket")
        await browse.until(lambda: browse.frames.selected == 5)
        await browse.press("m")
    assert path.read_bytes() == before
    assert stat.S_IMODE(path_of(path).stat().st_mode) == 0o600
    with Reader(path) as reader:
        marks = Marks(path, reader.info().created)
    marks.load()
    assert list(marks) == [2]


async def test_a_time_is_jumped_to(tmp_path, utc):
    async with browsing(many(tmp_path / "a.wsp", 2000)) as browse:
        await browse.press("g")
        await browse.answer("12:00:00.03")
        # The capture begins at 12:00:00.00; each read of 500 frames is 10 ms after the one before.
        await browse.until(lambda: browse.frames.selected == 1001)
        await browse.press("g")
        await browse.answer("noon")
        await browse.shown("'noon' is not a time")


async def test_a_call_leads_to_its_reply_and_back(tmp_path):
    with capture(tmp_path / "a.wsp") as c:
        number = c.open()
        c.send(number, encode_frame(1, b'{"jsonrpc":"2.0","method":"sum","id":1,"params":[1,2]}', mask=MASK))
        c.send(number, encode_frame(1, b'{"jsonrpc":"2.0","method":"log"}', mask=MASK))
        c.receive(number, encode_frame(1, b'{"jsonrpc":"2.0","result":3,"id":1}'))
    async with browsing(tmp_path / "a.wsp") as browse:
        await browse.go(1)
        await browse.press("p")
        await browse.until(lambda: browse.frames.selected == 3)
        await browse.press("p")
        await browse.until(lambda: browse.frames.selected == 1)


@pytest.mark.still
@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_nothing_a_peer_sends_is_obeyed(tmp_path, size):
    with capture(tmp_path / "a.wsp") as c:
        number = c.open(f"ws://example.test/{HOSTILE}", subprotocol=None)
        c.send(number, encode_frame(1, HOSTILE.encode(), mask=MASK))
        c.receive(number, encode_frame(2, HOSTILE.encode("utf-16")))
        c.receive(number, encode_frame(1, b'{"a": "' + b"x" * (10 << 20) + b'"}'))
        c.receive(number, encode_frame(1, b"[" * 100_000 + b"]" * 100_000))
        c.receive(number, encode_close(4000, "\u202e[red]"[:40]))
        c.close(number)
    async with browsing(tmp_path / "a.wsp", size=size) as browse, standstill() as still:
        for number in range(1, 6):
            await browse.go(number)
            await browse.press("enter")
            await browse.until(lambda number=number: browse.screen._shown == number)
            assert not set(browse.text) & set("\x1b\x07\u202e\u200b\x9b\u2028")
            assert browse.frames.has_focus
        await browse.shown("\\x1b]0;owned")
    assert still.longest < FREEZE


async def test_the_screen_follows_the_size_of_the_terminal(tmp_path):
    async with browsing(many(tmp_path / "a.wsp", 200), size=(80, 24)) as browse:
        await browse.go(100)
        await browse.press("enter")
        for size in ((160, 45), (40, 12), (80, 24)):
            await browse.pilot.resize_terminal(*size)
            await browse.until(lambda size=size: browse.app.screen.size == size and 100 in browse.listed)
        await browse.press("up")
        await browse.until(lambda: browse.frames.selected == 99)

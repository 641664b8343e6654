"""Following a capture that grows: what is drawn is there, and is drawn once."""

import pytest

from tests.support.browsing import browsing
from tests.support.captures import MASK, Capture, capture
from wsproxy.tui.app import pause
from wsproxy.tui.capture.frames import FrameReader
from wsproxy.wire.encode import encode_frame

pytestmark = [pytest.mark.usefixtures("home")]


def say(c: Capture, number: int, *numbers: int) -> None:
    """Frames that say their numbers."""
    c.send(number, b"".join(encode_frame(1, b'{"n": %d}' % n, mask=MASK) for n in numbers))


async def test_a_line_is_not_drawn_before_what_it_says_is_there(tmp_path):
    with capture(tmp_path / "a.wsp") as c:
        number = c.open()
        say(c, number, *range(1, 101))
        async with browsing(c.path) as browse:
            await browse.shown('{"n": 100}')
            drawn: list[str] = []
            real = browse.frames.render_lines

            def watched(crop):
                strips = real(crop)
                drawn.extend(strip.text for strip in strips)
                return strips

            browse.frames.render_lines = watched
            for start in range(101, 1101, 100):
                say(c, number, *range(start, start + 100))
                await browse.shown(f'{{"n": {start + 99}}}')
            # The scrollbar apart, a line without its frame is its number alone.
            assert drawn
            assert not [line for line in drawn if line.rstrip().endswith("…")]


async def test_what_comes_while_another_screen_is_seen_is_there_on_the_way_back(tmp_path):
    with capture(tmp_path / "a.wsp") as c:
        number = c.open()
        say(c, number, *range(1, 101))
        async with browsing(c.path) as browse:
            await browse.shown('{"n": 100}')
            await browse.press("4")
            await browse.until(lambda: browse.app.screen is not browse.screen)
            say(c, number, *range(101, 201))
            await browse.until(lambda: browse.app.capture.now.last_frame == 200)
            assert browse.frames.row(200) is None
            await browse.press("1")
            await browse.shown('{"n": 200}')


async def test_a_dialog_does_not_stop_the_list_behind_it(tmp_path):
    with capture(tmp_path / "a.wsp") as c:
        number = c.open()
        say(c, number, 1)
        async with browsing(c.path) as browse:
            await browse.shown('{"n": 1}')
            await browse.press("g")
            say(c, number, 2)
            await browse.until(lambda: browse.frames.row(2) is not None)


@pytest.mark.parametrize(
    ("cost", "seconds"),
    [(0.0, 0.1), (0.01, 0.1), (0.03, 0.25), (5.0, 0.5)],
    ids=["idle", "light", "heavy", "worst"],
)
def test_the_more_a_look_costs_the_less_often_it_looks(cost, seconds):
    assert pause(cost) == pytest.approx(seconds)


async def test_what_came_too_fast_to_be_decoded_is_when_no_more_comes(tmp_path, monkeypatch):
    # A machine on which there is time only for who asks for more of it.
    monkeypatch.setattr(FrameReader.rows, "__defaults__", (-1,))
    call = b'{"jsonrpc":"2.0","method":"tea","params":[%d],"id":%d}'

    def calls(c: Capture, number: int, *numbers: int) -> None:
        c.send(number, b"".join(encode_frame(1, call % (n, n), mask=MASK) for n in numbers))

    with capture(tmp_path / "a.wsp") as c:
        number = c.open()
        calls(c, number, *range(100))
        async with browsing(c.path) as browse:
            await browse.shown("call tea(99)")
            calls(c, number, *range(100, 300))
            await browse.shown("call tea(299)")

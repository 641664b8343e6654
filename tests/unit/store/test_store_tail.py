"""Following a capture: everything once, in order, in pages of any size, to its end."""

import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.captures import MASK, START, STEP, capture, chat
from tests.unit.store.store_tools import AT_ONCE, REPOSITORY, counts, until
from wsproxy.store import tail as module
from wsproxy.store.limits import Limits
from wsproxy.store.reader import Reader
from wsproxy.store.records import ClosureRecord, ConnectionRecord, GapRecord
from wsproxy.store.tail import Event, FrameEvent, Tail, follow
from wsproxy.wire.encode import encode_close, encode_frame
from wsproxy.wire.frames import Anomaly


def name(event: Event) -> str:
    match event:
        case ConnectionRecord():
            return f"+{event.id}"
        case ClosureRecord():
            return f"-{event.connection}"
        case GapRecord():
            return "gap"
    assert isinstance(event, FrameEvent)
    return f"{event.frame.id}{'...' if event.arriving else ''}{' again' if event.again else ''}"


def pages(tail: Tail, limit: int) -> Iterator[list[str]]:
    while page := tail.read(limit):
        yield [name(event) for event in page]


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three connections, opened, used and closed in turns, and a gap."""
    path = tmp_path_factory.mktemp("tail") / "three.wsp"
    with capture(path) as c:
        first = c.open()
        second = c.open()
        for number in (first, second, second, first):
            c.receive(number, encode_frame(1, b"x"))
        c.close(first)
        third = c.open()
        c.close(second)
        c.send(third, encode_frame(1, b"ab", fin=False, mask=MASK) + encode_frame(0, b"c", mask=MASK))
        c.close(third)
        c.open(status=403)
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("INSERT INTO gap VALUES (1, ?, ?, 2, 7, 70, 'full')", (START, START + STEP))
    db.close()
    return path


EVERYTHING = ["+1", "+2", "1", "2", "gap", "3", "4", "-1", "+3", "-2", "5", "6", "-3", "+4"]


class TestReading:
    @pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 6, 7, 1000])
    def test_gives_every_event_once_and_in_order_whatever_the_size_of_a_page(
        self, three: Path, limit: int
    ) -> None:
        with Reader(three) as reader:
            found = list(pages(Tail(reader), limit))
        assert [event for page in found for event in page] == EVERYTHING
        assert all(sum(event.isdigit() for event in page) <= limit for page in found)

    def test_goes_on_where_it_stopped(self, three: Path) -> None:
        with Reader(three) as reader:
            tail = Tail(reader)
            assert [name(event) for event in tail.read(2)] == ["+1", "+2", "1", "2"]
            assert [name(event) for event in tail.read(1)] == ["gap", "3"]
            assert [name(event) for event in tail.read()] == EVERYTHING[6:]
            assert tail.read() == []

    def test_may_begin_behind_any_frame(self, three: Path) -> None:
        for after, found in ((1, "2"), (2, "gap"), (3, "4"), (4, "-1"), (5, "6"), (6, "-3")):
            with Reader(three) as reader:
                events = [name(event) for event in Tail(reader, after_frame=after).read()]
            assert events == EVERYTHING[EVERYTHING.index(found) :]

    @pytest.mark.parametrize("limit", [1, 2, 1000])
    @pytest.mark.parametrize(
        ("connection", "found"),
        [
            (1, ["+1", "1", "4", "-1"]),
            (2, ["+2", "2", "3", "-2"]),
            (3, ["+3", "5", "6", "-3"]),
            (4, ["+4"]),
            (5, []),
        ],
    )
    def test_may_be_of_one_connection(
        self, three: Path, connection: int, found: list[str], limit: int
    ) -> None:
        with Reader(three) as reader:
            assert [e for page in pages(Tail(reader, connection=connection), limit) for e in page] == found

    def test_brings_the_message_with_the_frame_that_ended_it(self, three: Path) -> None:
        with Reader(three) as reader:
            events = [event for event in Tail(reader).read() if isinstance(event, FrameEvent)]
        assert [event.frame.id for event in events if event.message] == [6]
        assert events[-1].message is not None
        assert (events[-1].message.first_frame, events[-1].message.frames) == (5, 2)

    def test_takes_fewer_frames_where_they_are_large(
        self, three: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "PAGE_BYTES", 250)
        with capture(tmp_path / "a.wsp") as c:
            number = c.open()
            for size in (100, 100, 100, 1000, 100, 0):
                c.receive(number, encode_frame(2, bytes(size)))
        with Reader(tmp_path / "a.wsp") as reader:
            for only in (None, number):
                assert list(pages(Tail(reader, connection=only), 1000)) == [
                    *(["+1", "1", "2"], ["3"], ["4"], ["5", "6"])
                ]

    @given(
        st.lists(st.tuples(st.sampled_from(["open", "frame", "close"]), st.integers(0, 3)), max_size=25),
        st.integers(1, 8),
    )
    def test_of_anything_that_may_happen_gives_it_as_it_happened(
        self, happened: list[tuple[str, int]], limit: int
    ) -> None:
        expected: list[str] = []
        open_now: list[int] = []
        sent = 0
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "a.wsp")
            with capture(path, AT_ONCE) as c:
                for what, which in happened:
                    if what == "open" or not open_now:
                        open_now.append(c.open())
                        expected.append(f"+{open_now[-1]}")
                    elif what == "frame":
                        c.receive(open_now[which % len(open_now)], encode_frame(1, b"x"))
                        sent += 1
                        expected.append(str(sent))
                    else:
                        number = open_now.pop(which % len(open_now))
                        c.close(number)
                        expected.append(f"-{number}")
            with Reader(path) as reader:
                assert [event for page in pages(Tail(reader), limit) for event in page] == expected


class TestLargeFrames:
    def test_are_shown_as_they_arrive_and_again_when_they_are_whole(self, tmp_path: Path) -> None:
        path = tmp_path / "a.wsp"
        raw = encode_frame(2, bytes(1000))
        with capture(path, Limits(inline=100, interval=0)) as c:
            number = c.open()
            c.receive(number, raw[:400])
            until(lambda: counts(path) == (1, 1))
            with Reader(path) as reader:
                tail = Tail(reader)
                assert list(pages(tail, 1000)) == [["+1", "1..."]]
                c.send(number, encode_frame(9, b"", mask=MASK))
                until(lambda: reader.counts() == (1, 2))
                assert list(pages(tail, 1000)) == [["2"]]
                c.receive(number, raw[400:])
                found: list[str] = []
                until(lambda: bool(found.extend(name(event) for event in tail.read()) or found))
                assert found == ["1 again"]
                assert tail.unfinished() == []

    @pytest.mark.parametrize("after", [[encode_frame(1, b"next")], []])
    def test_that_are_not_kept_whole_are_over_with_the_next_frame_or_the_connection(
        self, tmp_path: Path, after: list[bytes]
    ) -> None:
        path = tmp_path / "a.wsp"
        with capture(path, Limits(inline=100, frame=200, interval=0)) as c:
            number = c.open()
            c.receive(number, encode_frame(2, bytes(1000))[:600])
            until(lambda: counts(path) == (1, 1))
            with Reader(path) as reader:
                tail = Tail(reader)
                assert list(pages(tail, 1000)) == [["+1", "1..."]]
                c.receive(number, encode_frame(2, bytes(1000))[600:])
                for raw in after:
                    c.receive(number, raw)
                if not after:
                    c.close(number)
                found: list[str] = []
                until(lambda: bool(found.extend(name(event) for event in tail.read()) or len(found) == 2))
                assert found == ["1 again", "2" if after else "-1"]

    def test_with_something_wrong_at_their_end_come_again_with_it(self, tmp_path: Path) -> None:
        path = tmp_path / "a.wsp"
        raw = encode_frame(1, b"x" * 299 + b"\xff")
        with capture(path, Limits(inline=100, frame=200, interval=0)) as c:
            number = c.open()
            c.receive(number, raw[:250])
            until(lambda: counts(path) == (1, 1))
            with Reader(path) as reader:
                tail = Tail(reader)
                assert list(pages(tail, 1000)) == [["+1", "1..."]]
                c.receive(number, raw[250:])
                found: list[Event] = []
                until(lambda: bool(found.extend(tail.read()) or found))
        [event] = found
        assert isinstance(event, FrameEvent)
        assert event.again
        assert event.message is not None
        assert event.message.anomalies == Anomaly.INVALID_UTF8

    def test_of_an_ended_capture_are_never_arriving(self, tmp_path: Path) -> None:
        path = tmp_path / "a.wsp"
        with capture(path, Limits(inline=100, frame=200)) as c:
            number = c.open()
            c.receive(number, encode_frame(2, bytes(1000)))
            c.receive(number, encode_frame(2, bytes(1000))[:600])
        with Reader(path) as reader:
            assert list(pages(Tail(reader), 1000)) == [["+1", "1", "2"]]

    def test_still_arriving_at_the_end_are_shown_as_far_as_they_came(self, tmp_path: Path) -> None:
        path = tmp_path / "a.wsp"
        with capture(path, Limits(inline=100, interval=0)) as c:
            number = c.open()
            c.receive(number, encode_frame(2, bytes(1000))[:600])
            until(lambda: counts(path) == (1, 1))
            with Reader(path) as reader:
                tail = Tail(reader)
                tail.read()
                [event] = tail.unfinished()
                assert tail.unfinished() == []
        assert isinstance(event, FrameEvent)
        assert (name(event), event.frame.stored) == ("1 again", 596)


class TestFollowing:
    def test_an_ended_capture_gives_it_and_ends(self, tmp_path: Path) -> None:
        with Reader(chat(tmp_path / "a.wsp")) as reader:
            found = [name(event) for page in follow(Tail(reader), reader) for event in page]
        assert found == ["+1", *"1234567", "-1", "+2"]

    def test_goes_on_until_the_writer_closes_the_capture(self, tmp_path: Path) -> None:
        path = tmp_path / "a.wsp"
        seen, more = [], threading.Event()

        def watch() -> None:
            with Reader(path) as reader:
                for page in follow(Tail(reader), reader):
                    seen.extend(name(event) for event in page)
                    more.set()

        with capture(path, AT_ONCE) as c:
            number = c.open()
            viewer = threading.Thread(target=watch)
            viewer.start()
            for count in range(1, 4):
                c.receive(number, encode_frame(1, b"x"))
                until(lambda count=count: str(count) in seen)  # type: ignore[misc]
            c.receive(number, encode_close())
            c.close(number)
        viewer.join(20)
        assert not viewer.is_alive()
        assert seen == ["+1", "1", "2", "3", "4", "-1"]

    def test_ends_when_it_is_told_to(self, tmp_path: Path) -> None:
        path = tmp_path / "a.wsp"
        looks = 0

        def stop() -> bool:
            nonlocal looks
            looks += 1
            return looks > 5

        with capture(path, AT_ONCE) as c:
            c.open()
            until(lambda: counts(path) == (1, 0))
            with Reader(path) as reader:
                assert [name(e) for page in follow(Tail(reader), reader, stop) for e in page] == ["+1"]

    def test_ends_with_what_is_still_arriving(self, tmp_path: Path) -> None:
        path = tmp_path / "a.wsp"
        with capture(path, Limits(inline=100, interval=0)) as c:
            number = c.open()
            c.receive(number, encode_frame(2, bytes(1000))[:600])
            until(lambda: counts(path) == (1, 1))
            with Reader(path) as reader:
                following = follow(Tail(reader), reader)
                assert [name(event) for event in next(following)] == ["+1", "1..."]
                c.stop()
                assert [[name(event) for event in page] for page in following] == [["1 again"]]

    def test_ends_soon_after_the_writer_was_killed(self, tmp_path: Path) -> None:
        path = tmp_path / "a.wsp"
        script = (
            "import sys; from pathlib import Path; from tests.support.captures import capture\n"
            "with capture(Path(sys.argv[1])) as c:\n"
            "    c.receive(c.open(), b'\\x81\\x02hi'); print(flush=True); sys.stdin.read()"
        )
        with subprocess.Popen(
            [sys.executable, "-c", script, str(path)],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            until(lambda: counts(path) == (1, 1))
            with Reader(path) as reader:
                found = []
                for page in follow(Tail(reader), reader):
                    found += [name(event) for event in page]
                    writer.kill()
                    writer.wait()
                    killed = time.monotonic()
                assert time.monotonic() - killed < 5
        assert found == ["+1", "1"]

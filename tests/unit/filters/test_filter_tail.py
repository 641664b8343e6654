"""What is told around the frames that match."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.support.captures import MASK, START, Capture, capture
from tests.unit.filters.filter_tools import decide
from wsproxy.filters.parser import parse
from wsproxy.filters.search import Search
from wsproxy.filters.tail import FilteredTail
from wsproxy.store.limits import Limits
from wsproxy.store.reader import Reader
from wsproxy.store.records import (
    ClosureRecord,
    ConnectionRecord,
    DecisionRecord,
    GapRecord,
)
from wsproxy.store.tail import Event, FrameEvent
from wsproxy.wire.encode import encode_frame


def _events(path: Path, text: str, page: int = 1000, **more: Any) -> list[Event]:
    with Reader(path) as reader:
        tail = FilteredTail(reader, Search(reader, parse(text), more.get("connection")), **more)
        found: list[Event] = []
        while events := tail.read(page):
            found += events
        return found


def _told(events: list[Event]) -> list[str]:
    words = []
    for event in events:
        if isinstance(event, FrameEvent):
            words.append(str(event.frame.id))
        elif isinstance(event, ConnectionRecord):
            words.append(f"open{event.id}")
        elif isinstance(event, ClosureRecord):
            words.append(f"close{event.connection}")
        elif isinstance(event, DecisionRecord):
            words.append(event.action)
        else:
            words.append("gap")
    return words


class TestEvents:
    @pytest.mark.parametrize("page", [1, 2, 1000])
    def test_a_connection_is_introduced_by_its_first_frame(self, path: Path, page: int) -> None:
        assert _told(_events(path, "~pong | ~binary & ~compressed", page)) == [
            "open1",
            "5",
            "open2",
            "21",
            "22",
            "close1",
        ]

    def test_what_is_about_the_connection_finds_its_opening_and_end(self, path: Path) -> None:
        told = _told(_events(path, "~d 'carol|dave' & !~control"))
        assert told == ["open3", *(f"{what}{n}" for n in range(4, 9) for what in ("open", "close"))]

    def test_an_end_is_found_by_its_code(self, path: Path) -> None:
        assert _told(_events(path, "~code 1005")) == [
            f"{what}{n}" for n in (4, 5) for what in ("open", "close")
        ]

    def test_hiding_something_hides_nothing_else(self, path: Path) -> None:
        with Reader(path) as reader:
            total = len(reader.frames()) + len(reader.connections()) + len(reader.closures())
            decisions = len(reader.decisions(1, reader.last_frame()))
        # One of the pings was dropped.
        assert len(_events(path, "!(~ping | ~pong)")) == total - 4 + decisions - 1
        assert _told(_events(path, "~all")) == _told(_events(path, "!~b doesnotoccur"))

    def test_begins_where_it_was_asked_to(self, path: Path) -> None:
        assert _told(_events(path, "~ping", after_frame=30)) == ["37", "drop"]

    def test_decisions_are_told_with_their_frames(self, path: Path) -> None:
        assert " ".join(_told(_events(path, "~dropped"))) == "open1 6 8 9 drop close1 open2 37 drop"

    def test_what_was_not_recorded_is_always_told(self, tmp_path: Path) -> None:
        with capture(tmp_path / "gap.wsp") as c:
            c.open()
        with sqlite3.connect(tmp_path / "gap.wsp") as db:
            db.execute("INSERT INTO gap VALUES (1, ?, ?, 0, 3, 300, 'disk full')", (START, START + 1))
        db.close()
        [event] = _events(tmp_path / "gap.wsp", "nothing")
        assert isinstance(event, GapRecord)

    def test_says_whether_it_has_found_anything(self, path: Path) -> None:
        for text, expected in (
            ("~ping", True),
            ("doesnotoccur", False),
            ("~code 1006", True),
            ("~d carol", True),
        ):
            with Reader(path) as reader:
                tail = FilteredTail(reader, Search(reader, parse(text)))
                while tail.read():
                    pass
                assert tail.found is expected, text

    def test_tells_how_far_it_has_come(self, path: Path) -> None:
        told: list[tuple[int, int]] = []
        with Reader(path) as reader:
            tail = FilteredTail(
                reader,
                Search(reader, parse("doesnotoccur")),
                progress=lambda done, whole: told.append((done, whole)),
            )
            assert tail.read() == []
        assert told == [(38, 38)]

    def test_pages_are_bounded_in_bytes(self, tmp_path: Path) -> None:
        with capture(tmp_path / "big.wsp") as c:
            number = c.open()
            for _ in range(300):
                c.send(number, encode_frame(2, bytes(65_000), mask=MASK))
        sizes = []
        with Reader(tmp_path / "big.wsp") as reader:
            tail = FilteredTail(reader, Search(reader, parse("~binary")))
            while events := tail.read():
                sizes.append(
                    sum(len(event.frame.payload) for event in events if isinstance(event, FrameEvent))
                )
        assert sum(sizes) == 300 * 65_000
        assert max(sizes) <= 8 * 1024 * 1024


class TestLive:
    @pytest.fixture
    def live(self, tmp_path: Path):
        made = Capture(tmp_path / "live.wsp", Limits(interval=0))
        yield made
        made.stop()

    @staticmethod
    def read(tail: FilteredTail, count: int) -> list[Event]:
        found: list[Event] = []
        while len(found) < count:
            found += tail.read()
        return found

    def test_a_frame_is_looked_at_when_all_of_it_has_arrived(self, live: Capture) -> None:
        number = live.open()
        data = encode_frame(1, b"x" * 100_000 + b"needle", mask=MASK)
        with Reader(live.path) as reader:
            tail = FilteredTail(reader, Search(reader, parse("needle")))
            everything = FilteredTail(reader, Search(reader, parse("~up")))
            live.send(number, data[:50_000])
            live.receive(number, encode_frame(1, b"a needle"))
            assert _told(self.read(tail, 2)) == ["open1", "2"]
            while reader.last_frame() != 2:
                pass
            assert everything.read() == []
            live.send(number, data[50_000:])
            [event] = self.read(tail, 1)
            assert isinstance(event, FrameEvent)
            assert event.frame.stored == 100_006
            assert not event.arriving
            assert not event.again
            assert _told(self.read(everything, 2)) == ["open1", "1"]

    def test_a_frame_that_never_ends_is_looked_at_in_the_end(self, live: Capture) -> None:
        number = live.open()
        live.send(number, encode_frame(1, b"needle" + b"x" * 100_000, mask=MASK)[:90_000])
        with Reader(live.path) as reader:
            while not reader.last_frame():
                pass
            tail = FilteredTail(reader, Search(reader, parse("needle")))
            other = FilteredTail(reader, Search(reader, parse("other")))
            assert tail.read() == other.read() == []
            assert _told(tail.unfinished()) == ["open1", "1"]
            assert other.unfinished() == []

    def test_a_frame_is_told_when_something_is_decided_about_it(self, live: Capture) -> None:
        number = live.open()
        for word in (b"one", b"two"):
            live.send(number, encode_frame(1, word, mask=MASK))
        with Reader(live.path) as reader:
            while reader.last_frame() != 2:
                pass
            dropped = FilteredTail(reader, Search(reader, parse("~dropped")))
            everything = FilteredTail(reader, Search(reader, parse("~up")))
            assert dropped.read() == []
            assert _told(self.read(everything, 3)) == ["open1", "1", "2"]
            decide(live.path, "drop", (1, 1), held=5)
            assert _told(self.read(dropped, 3)) == ["open1", "1", "drop"]
            assert _told(self.read(everything, 1)) == ["drop"]

    def test_relative_times_count_from_now(self, live: Capture) -> None:
        number = live.open()
        live.send(number, encode_frame(1, b"old", mask=MASK))
        with Reader(live.path) as reader:
            while not reader.last_frame():
                pass
            assert Search(reader, parse("~t -5m")).pick(0, 1) == []

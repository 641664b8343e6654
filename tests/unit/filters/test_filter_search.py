"""A filter over a capture: SQL and Python agree, and what is told around the frames that match."""

import sqlite3
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.captures import MASK, START, STEP, Capture, capture
from tests.support.strategies import STREAMS
from tests.unit.filters.filter_tools import FILTERS, Meaning
from wsproxy.filters.nodes import Filter
from wsproxy.filters.parser import parse
from wsproxy.filters.rows import FrameSubject
from wsproxy.filters.search import Search
from wsproxy.filters.sql import Statement
from wsproxy.filters.subject import LOOKED_AT
from wsproxy.filters.tail import FilteredTail
from wsproxy.store.limits import Limits
from wsproxy.store.reader import Reader
from wsproxy.store.records import (
    ClosureRecord,
    ConnectionRecord,
    DecisionRecord,
    FrameFlag,
    FrameRecord,
    GapRecord,
)
from wsproxy.store.tail import Event, FrameEvent
from wsproxy.wire.encode import encode_close, encode_frame

JSON = b'{"a": {"b": [1, "ada"]}, "a b": true, "big": 12345678901234567890}'


def _deflate(compressor: Any, content: bytes) -> bytes:
    return (compressor.compress(content) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def _decide(path: Path, action: str, arrived: Any = None, sent: Any = None, held: int = 0) -> None:
    """What was decided about these frames, `(first, last)`; those sent are the proxy's then."""
    with sqlite3.connect(path) as db:
        number = (sent or arrived)[1]
        connection, from_client, time = db.execute(
            "SELECT connection, from_client, time FROM frame WHERE id = ?", (number,)
        ).fetchone()
        columns = "connection, time, at_frame, from_client, action, by, first_frame, last_frame, first_sent"
        values = (*(arrived or (None, None)), *(sent or (None, None)), held)
        db.execute(
            f"INSERT INTO decision ({columns}, last_sent, held, note)"
            " VALUES (?, ?, ?, ?, ?, 'rule 1', ?, ?, ?, ?, ?, '')",
            (connection, time, number, from_client, action, *values),
        )
        if sent:
            db.execute(
                "UPDATE frame SET flags = flags | 32 WHERE connection = ? AND from_client = ? AND opcode < 8"
                " AND id BETWEEN ? AND ?",
                (connection, from_client, *sent),
            )
    db.close()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of everything."""
    made = tmp_path_factory.mktemp("filters") / "everything.wsp"
    with capture(made) as c:
        chat = c.open("wss://ada.test:8443/chat?token=1", subprotocol="chat.v1")
        c.send(chat, encode_frame(1, JSON, mask=MASK))  # 1
        c.receive(chat, encode_frame(1, "grüß Ada".encode()))  # 2
        c.receive(chat, encode_frame(2, bytes(range(256))))  # 3
        c.receive(chat, encode_frame(9, b"beat"))  # 4
        c.send(chat, encode_frame(10, b"beat", mask=MASK))  # 5
        c.send(chat, encode_frame(1, "frag grü".encode()[:-1], fin=False, mask=MASK))  # 6
        c.send(chat, encode_frame(9, b"between", mask=MASK))  # 7
        c.send(chat, encode_frame(0, "ü ment".encode()[1:], fin=False, mask=MASK))  # 8
        c.send(chat, encode_frame(0, b" end", mask=MASK))  # 9
        c.send(chat, encode_frame(1, b'{"a": "' + b"x" * 70_000 + b' needle"}', mask=MASK))  # 10
        c.send(chat, encode_frame(2, b"\xff" * 70_000, fin=False, mask=MASK))  # 11
        c.send(chat, encode_frame(0, b"tail", mask=MASK))  # 12
        c.receive(chat, encode_frame(1, b"\xff\xfe"))  # 13
        c.receive(chat, encode_frame(3, b"reserved"))  # 14
        c.receive(chat, encode_frame(0, b"of nothing"))  # 15
        c.receive(chat, encode_frame(1, b"cut off", fin=False))  # 16
        c.receive(chat, encode_frame(1, b"b", fin=False))  # 17
        c.receive(chat, encode_frame(0, b""))  # 18
        packed = c.open("ws://bob.test/packed", extensions="permessage-deflate")
        ours, theirs = zlib.compressobj(wbits=-15), zlib.compressobj(wbits=-15)
        c.send(packed, encode_frame(1, _deflate(ours, JSON), rsv=4, mask=MASK))  # 19
        c.send(packed, encode_frame(1, _deflate(ours, JSON), rsv=4, mask=MASK))  # 20
        data = _deflate(theirs, b"needle " * 50)
        c.receive(packed, encode_frame(2, data[:5], rsv=4, fin=False))  # 21
        c.receive(packed, encode_frame(0, data[5:]))  # 22
        c.receive(packed, encode_frame(1, b"no deflate", rsv=4))  # 23
        c.send(packed, encode_frame(1, b"", mask=MASK))  # 24
        c.open("ws://carol.test/refused", status=403, body=b"no")
        for payload in (b"", b"\x03", b"\x03\xe8", b"\x0f\xa1app", b"\x03\xe8" + b"z" * 70_000):
            last = c.open("ws://dave.test/")
            c.receive(last, encode_frame(8, payload))  # 25 to 29
            c.close(last)
        c.close(chat)
        for word in (b"one", b"two", b"three", b"four"):
            c.send(packed, encode_frame(1, word, mask=MASK))  # 30 to 33
        c.send(packed, encode_frame(1, b"in two", fin=False, mask=MASK))  # 34
        c.send(packed, encode_frame(0, b" parts", mask=MASK))  # 35
        c.receive(packed, encode_frame(2, b"a", fin=False))  # 36
        c.send(packed, encode_frame(9, b"", mask=MASK))  # 37
        c.receive(packed, encode_frame(0, b"b"))  # 38
    _decide(made, "edit", (1, 1), (30, 30))
    _decide(made, "pass", (2, 2), held=5)
    _decide(made, "drop", (6, 9), held=7)
    _decide(made, "inject", None, (34, 35))
    _decide(made, "recode", (20, 20), (31, 31))
    _decide(made, "drop", (37, 37))
    _decide(made, "edit", (36, 38), held=1)
    return made


def _subjects(reader: Reader, decode: Any = None) -> list[FrameSubject]:
    now = reader.last_time()
    found = []
    for frame in reader.frames():
        connection = reader.connection(frame.connection)
        assert connection is not None
        message = reader.messages(frame.id, frame.id).get(frame.id)
        found.append(FrameSubject(reader, frame, message, connection, now, decode))
    return found


def _ids(path: Path, text: str, **more: Any) -> list[int]:
    with Reader(path) as reader:
        return Search(reader, parse(text), **more).pick(0, reader.last_frame())


def _check(reader: Reader, wanted: Filter, decode: Any = None) -> None:
    """What SQL says is what Python says, where it says anything; and so is what is found."""
    subjects = _subjects(reader, decode)
    expected = {subject.frame.id: wanted.match(subject) for subject in subjects}
    statement = Statement(decoding=decode is not None)
    expression = wanted.to_sql(statement)
    statement.install(reader.db)
    said = dict(
        reader.db.execute(
            f"SELECT frame.id, {expression} FROM frame LEFT JOIN message ON message.last_frame = frame.id",
            {**statement.values, "now": reader.last_time()},
        ).fetchall()
    )
    assert {number: bool(value) for number, value in said.items() if value is not None} == {
        number: expected[number] for number, value in said.items() if value is not None
    }
    found = Search(reader, wanted, decode=decode).pick(0, reader.last_frame())
    assert found == [number for number, matches in expected.items() if matches]


def _decode(subject: FrameSubject) -> Meaning | None:
    if subject.opcode != 1 or subject.frame.id % 3 == 0:
        return None
    return Meaning("ab", "ada" * (subject.frame.id % 2), "a", subject.from_client, subject.frame.id % 5 == 0)


class TestSqlAndPython:
    @given(FILTERS)
    @settings(max_examples=400)
    def test_agree_about_one_of_everything(self, path: Path, wanted: Filter) -> None:
        with Reader(path) as reader:
            _check(reader, wanted)

    @given(FILTERS)
    def test_agree_with_a_decoder(self, path: Path, wanted: Filter) -> None:
        with Reader(path) as reader:
            _check(reader, wanted, _decode)

    @given(STREAMS, STREAMS, st.lists(FILTERS, min_size=3, max_size=3), st.data())
    def test_agree_about_anything(
        self,
        tmp_path_factory: pytest.TempPathFactory,
        up: bytes,
        down: bytes,
        wanted: Any,
        data: st.DataObject,
    ) -> None:
        made = tmp_path_factory.mktemp("any") / "any.wsp"
        with capture(made, Limits(inline=50, frame=200)) as c:
            number = c.open(extensions=data.draw(st.sampled_from(["", "permessage-deflate"])))
            c.send(number, up)
            c.receive(number, down)
            c.close(number)
        with Reader(made) as reader:
            last = reader.last_frame()
        if last:
            for _ in range(data.draw(st.integers(0, 3))):
                number = data.draw(st.integers(1, last))
                action = data.draw(st.sampled_from(["pass", "edit", "drop", "recode"]))
                _decide(made, action, (number, number), held=data.draw(st.integers(0, 1)))
        with Reader(made) as reader:
            for each in wanted:
                _check(reader, each)

    @pytest.mark.parametrize("operators", ["~text", "!~text", "~up", "~b a", "~json a"])
    def test_agree_about_very_long_filters(self, path: Path, operators: str) -> None:
        with Reader(path) as reader:
            for between in (" & ", " | "):
                _check(reader, parse(between.join([operators] * 1000)))


class TestFinding:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("grüß", [2]),
            # A fragmented message is whole where it ends; the fragments before are seen as they are.
            ("'frag grü ment end'", [9]),
            ("'^.. ment'", []),
            ("frag", [6, 9]),
            ("needle", [10, 22]),
            ("'^needle'", [22]),
            ("tail", [12]),
            ("~size 70004", [12]),
            ("~size 350", [22]),
            ("~text & ~fragmented", [6, 9, 16, 17, 18, 34, 35]),
            ("~compressed", [19, 20, 21, 22, 23]),
            ("~json a.b[*] = ada", [1, 19, 20]),
            ("~json a ~ needle", [10]),
            ("~code 1000", [27, 29]),
            ("~code 1000-4999", [27, 28, 29]),
            ("~edited", [1, 30, 36, 38]),
            ("~dropped", [6, 8, 9, 37]),
            ("~injected", [34, 35]),
            ("~held", [2, 6, 8, 9, 36, 38]),
            ("~held & !~edited & !~dropped", [2]),
            ("~anomaly", [13, 14, 15, 17, 23, 26, 29]),
            ("~anomaly inflate_failed", [23]),
            ("~d bob & ~ping", [37]),
            ("~conn 3-5", [25, 26]),
            ("~proto chat & ~binary & ~down", [3]),
            ("~op 3", [14]),
            ("~t -20ms & ~down", [36, 38]),
            ("~decoder x | ~heartbeat | ~noreply | ~id 1 | ~event .", []),
        ],
    )
    def test_finds(self, path: Path, text: str, expected: list[int]) -> None:
        assert _ids(path, text) == expected

    def test_one_connection_can_be_all_that_matters(self, path: Path) -> None:
        assert _ids(path, "~text & ~size 0", connection=1) == []
        assert _ids(path, "~text & ~size 0", connection=2) == [23, 24]

    def test_a_part_of_the_frames_can_be_asked_about(self, path: Path) -> None:
        with Reader(path) as reader:
            search = Search(reader, parse("~up"))
            assert search.pick(4, 7) == [5, 6, 7]
            assert search.pick(7, 7) == []

    def test_content_beyond_what_is_looked_at_is_not_found(self, tmp_path: Path) -> None:
        with capture(tmp_path / "big.wsp") as c:
            number = c.open()
            half = LOOKED_AT // 2
            c.send(number, encode_frame(2, b" " * half + b"one", fin=False, mask=MASK))
            c.send(number, encode_frame(0, b" " * half + b"two", mask=MASK))
            c.send(number, encode_frame(2, b" " * LOOKED_AT + b"three", mask=MASK))
        assert _ids(tmp_path / "big.wsp", "one") == [1, 2]
        assert _ids(tmp_path / "big.wsp", "two") == []
        assert _ids(tmp_path / "big.wsp", "three") == []

    def test_frames_of_the_proxy_between_fragments_are_not_part_of_the_message(self, tmp_path: Path) -> None:
        made = tmp_path / "mixed.wsp"
        with capture(made) as c:
            number = c.open()
            c.send(number, encode_frame(1, b"he", fin=False, mask=MASK))
            c.send(number, encode_frame(0, b"NO", fin=False, mask=MASK))
            c.send(number, encode_frame(0, b"llo", mask=MASK))
        with sqlite3.connect(made) as db:
            db.execute("UPDATE frame SET flags = flags | 32 WHERE id = 2")
        db.close()
        assert _ids(made, "^hello$") == [3]

    def test_captures_from_before_there_were_decisions_have_none(self) -> None:
        old = Path(__file__).parents[2] / "data" / "schema-1.wsp"
        assert _ids(old, "~edited | ~held | ~dropped | ~injected") == []
        assert _ids(old, "~text & !~edited") == _ids(old, "~text") != []

    def test_ctrl_c_in_the_middle_of_a_regex_ends_the_search(self, path: Path, monkeypatch) -> None:
        with Reader(path) as reader:
            wanted = parse("x")

            def interrupted(content: bytes) -> bool:
                raise KeyboardInterrupt

            monkeypatch.setattr(type(wanted), "test", property(lambda self: interrupted))
            search = Search(reader, wanted)
            with pytest.raises(KeyboardInterrupt):
                search.pick(0, 5)


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
            _decide(live.path, "drop", (1, 1), held=5)
            assert _told(self.read(dropped, 3)) == ["open1", "1", "drop"]
            assert _told(self.read(everything, 1)) == ["drop"]

    def test_relative_times_count_from_now(self, live: Capture) -> None:
        number = live.open()
        live.send(number, encode_frame(1, b"old", mask=MASK))
        with Reader(live.path) as reader:
            while not reader.last_frame():
                pass
            assert Search(reader, parse("~t -5m")).pick(0, 1) == []


def test_the_last_thing_in_a_capture_is_its_end(tmp_path: Path) -> None:
    with capture(tmp_path / "a.wsp") as c:
        number = c.open()
        c.send(number, encode_frame(1, b"x", mask=MASK))
        c.send(number, encode_close(1000, mask=MASK))
        for _ in range(4):
            c.open()
    with Reader(tmp_path / "a.wsp") as reader:
        assert reader.last_time() == START + 6 * STEP
    assert _ids(tmp_path / "a.wsp", "~t ..-50ms") == [1]
    assert _ids(tmp_path / "a.wsp", "~t -40ms") == [2]


def test_flags_and_records_are_what_the_expressions_take_them_for(path: Path) -> None:
    with Reader(path) as reader:
        frames: list[FrameRecord] = reader.frames()
    assert [frame.id for frame in frames if frame.flags & FrameFlag.FROM_PROXY] == [30, 31, 34, 35]

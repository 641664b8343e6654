"""A filter over a capture: SQL and Python agree, and what is told around the frames that match."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.captures import MASK, START, STEP, capture
from tests.support.strategies import STREAMS, few
from tests.unit.filters.filter_tools import FILTERS, Meaning, decide
from wsproxy.filters.nodes import Filter
from wsproxy.filters.parser import parse
from wsproxy.filters.rows import FrameSubject
from wsproxy.filters.search import Search
from wsproxy.filters.sql import Statement
from wsproxy.filters.subject import LOOKED_AT
from wsproxy.store.limits import Limits
from wsproxy.store.reader import Reader
from wsproxy.store.records import (
    FrameFlag,
    FrameRecord,
)
from wsproxy.wire.encode import encode_close, encode_frame


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
    @settings(max_examples=few(400))
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
                decide(made, action, (number, number), held=data.draw(st.integers(0, 1)))
        with Reader(made) as reader:
            for each in wanted:
                _check(reader, each)

    @pytest.mark.parametrize(
        ("operators", "count"),
        [("~text", 1000), ("!~text", 1000), ("~up", 1000), ("~b a", 200), ("~json a", 200)],
    )
    def test_agree_about_very_long_filters(self, path: Path, operators: str, count: int) -> None:
        with Reader(path) as reader:
            for between in (" & ", " | "):
                _check(reader, parse(between.join([operators] * count)))


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

"""Reading a capture by key and in pages."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.captures import MASK, START, STEP, capture
from tests.unit.store.store_tools import AT_ONCE, until
from wsproxy.store import totals
from wsproxy.store.limits import Limits
from wsproxy.store.reader import Reader
from wsproxy.store.records import ClosureRecord
from wsproxy.store.totals import Traffic
from wsproxy.wire.encode import encode_close, encode_frame, encode_header
from wsproxy.wire.frames import Anomaly


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """Two connections: six frames and four, the second one still open at the end."""
    with capture(tmp_path / "a.wsp", Limits(inline=100)) as c:
        first, second = c.open("ws://one.test/"), c.open("ws://two.test/")
        for number in (first, second):
            c.send(number, encode_frame(1, b"abc", mask=MASK))
            c.receive(number, encode_frame(2, b"12345"))
            c.receive(number, encode_frame(2, b"1"))
            c.send(number, encode_frame(9, b"", mask=MASK))
        c.receive(first, encode_frame(11, b""))
        c.receive(first, encode_close(1000, "bye"))
        c.close(first)
    with Reader(tmp_path / "a.wsp") as opened:
        yield opened


def ids(found: list) -> list[int]:  # type: ignore[type-arg]
    return [row.id for row in found]


def test_frames_come_in_pages(reader: Reader) -> None:
    assert ids(reader.frames()) == list(range(1, 11))
    assert ids(reader.frames(limit=3)) == [1, 2, 3]
    assert ids(reader.frames(after=3, limit=3)) == [4, 5, 6]
    assert ids(reader.frames(after=8)) == [9, 10]
    assert ids(reader.frames(after=10)) == []
    assert ids(reader.frames(after=2, up_to=4)) == [3, 4]
    assert ids(reader.frames(connection=2)) == [5, 6, 7, 8]
    assert ids(reader.frames(after=5, limit=2, connection=2)) == [6, 7]
    assert ids(reader.frames(connection=1, up_to=9)) == [1, 2, 3, 4, 9]
    assert ids(reader.frames(connection=3)) == []


def test_rows_are_found_by_their_id(reader: Reader) -> None:
    frame = reader.frame(2)
    assert frame is not None
    assert (frame.id, frame.payload, frame.time) == (2, b"12345", START + 3 * STEP)
    assert reader.frame(11) is None
    connection = reader.connection(2)
    assert connection is not None
    assert connection.url == "ws://two.test/"
    assert reader.connection(3) is None
    assert list(reader.payload(2)) == [b"12345"]
    assert list(reader.payload(11)) == []


def test_connections_come_in_pages(reader: Reader) -> None:
    assert ids(reader.connections()) == [1, 2]
    assert ids(reader.connections(after=1)) == [2]
    assert ids(reader.connections(limit=1)) == [1]


def test_connections_that_are_open_have_no_closure(reader: Reader) -> None:
    assert reader.closures() == {
        1: ClosureRecord(1, START + 12 * STEP, "server", 1000, "bye", False, "eof"),
    }


def test_what_went_over_the_wire_is_summed_up(reader: Reader) -> None:
    assert reader.counts() == (2, 10)
    assert totals.traffic(reader) == {
        (1, True): Traffic(2, 3),
        (1, False): Traffic(4, 11),
        (2, True): Traffic(2, 3),
        (2, False): Traffic(2, 6),
    }
    assert totals.opcodes(reader) == {
        (1, True, 1): 1, (1, True, 9): 1, (1, False, 2): 2, (1, False, 11): 1, (1, False, 8): 1,
        (2, True, 1): 1, (2, True, 9): 1, (2, False, 2): 2,
    }  # fmt: skip
    assert totals.anomalies(reader) == {(1, Anomaly.UNKNOWN_OPCODE): 1}
    assert reader.gaps() == []


def test_lengths_that_no_integer_holds_are_summed_up_all_the_same(tmp_path: Path) -> None:
    with capture(tmp_path / "a.wsp") as c:
        for _ in range(2):
            number = c.open()
            c.receive(number, encode_header(2, (1 << 64) - 1))
        assert number == 2
    with Reader(tmp_path / "a.wsp") as reader:
        assert {side.bytes for side in totals.traffic(reader).values()} == {1 << 63}


def test_a_large_frame_of_which_nothing_came_is_empty(tmp_path: Path) -> None:
    with capture(tmp_path / "a.wsp") as c:
        c.receive(c.open(), encode_header(2, 1 << 20))
    with Reader(tmp_path / "a.wsp") as reader:
        [frame] = reader.frames()
        assert (frame.payload, frame.stored, frame.length) == (b"", 0, 1 << 20)
        assert list(reader.payload(1)) == []


def test_nothing_can_be_written_through_a_reader(reader: Reader) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.db.execute("DELETE FROM frame")


def test_a_snapshot_is_of_one_moment(tmp_path: Path) -> None:
    path = tmp_path / "a.wsp"
    with capture(path, AT_ONCE) as c:
        number = c.open()
        with Reader(path) as reader, Reader(path) as other:
            until(lambda: reader.counts() == (1, 0))
            with reader.snapshot():
                assert reader.counts() == (1, 0)
                c.receive(number, encode_frame(1, b"x"))
                until(lambda: other.counts() == (1, 1))
                assert reader.counts() == (1, 0)
            assert reader.counts() == (1, 1)


@pytest.mark.parametrize(
    ("pid", "ended", "live"),
    [
        (os.getpid(), None, True),
        # Init, which is there, though nobody may signal it but root.
        (1, None, True),
        (os.getpid(), START, False),
        (None, None, False),
        (2**31 - 1, None, False),
        (2**62, None, False),
    ],
    ids=["running", "init", "finished", "unwritten", "gone", "impossible"],
)
def test_a_capture_is_live_while_its_writer_runs(
    tmp_path: Path, pid: int | None, ended: int | None, live: bool
) -> None:
    path = tmp_path / "a.wsp"
    with capture(path):
        pass
    db = sqlite3.connect(path, isolation_level=None)
    db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", [("writer_pid", pid), ("ended", ended)])
    db.close()
    with Reader(path) as reader:
        assert reader.is_live() is live

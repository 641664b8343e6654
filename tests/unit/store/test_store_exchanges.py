"""Bodies of long-polling in a capture: what was recorded comes back, in order, in pages of any size."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.captures import MASK, START, STEP, Capture, capture
from tests.unit.store.store_tools import AT_ONCE, Said, events
from wsproxy.store import tail as module
from wsproxy.store.reader import Reader
from wsproxy.store.recorder import Recorder
from wsproxy.store.records import ClosureRecord, ConnectionRecord, ExchangeFlag, ExchangeRecord
from wsproxy.store.tail import Event, FrameEvent, Tail
from wsproxy.wire.encode import encode_frame

WEBSOCKET = "ws://example.test/socket.io/?EIO=4&transport=websocket&sid="

RECORD = ExchangeRecord(
    id=1,
    time=START,
    sid="abcd",
    from_client=False,
    began=START - STEP,
    client="127.0.0.1:50000",
    server="[::1]:80",
    method="GET",
    url="http://example.test/socket.io/?EIO=4&transport=polling",
    status=200,
    type="text/plain; charset=UTF-8",
    encoding="gzip",
    length=5,
    body=b"\x1f\x8b\x00",
    flags=ExchangeFlag.TRUNCATED,
    error="broken off",
)


def name(event: Event) -> str:
    match event:
        case ExchangeRecord():
            return f"e{event.id}"
        case ConnectionRecord():
            return f"+{event.id}"
        case ClosureRecord():
            return f"-{event.connection}"
    assert isinstance(event, FrameEvent)
    return str(event.frame.id)


def frame(c: Capture, number: int) -> None:
    c.send(number, encode_frame(1, b"x", mask=MASK))


@pytest.mark.parametrize(
    "record",
    [
        RECORD,
        replace(RECORD, from_client=True, status=None, method="POST", error=None, flags=ExchangeFlag(0)),
        replace(RECORD, status=None, body=b"", sid="", server=""),
    ],
)
def test_what_is_recorded_comes_back(tmp_path: Path, record: ExchangeRecord) -> None:
    recorder = Recorder(tmp_path / "a.wsp")
    recorder.exchange(record)
    recorder.stop()
    assert events(tmp_path / "a.wsp") == [record]


def test_bytes_that_are_no_text_do_not_harm(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.wsp")
    recorder.exchange(replace(RECORD, url="http://a/\udcff", type="\udcfe"))
    recorder.stop()
    [record] = events(tmp_path / "a.wsp")
    assert isinstance(record, ExchangeRecord)
    assert (record.url, record.type) == ("http://a/\ufffd", "\ufffd")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sessions over long-polling, one of which moves to a WebSocket; and another WebSocket."""
    path = tmp_path_factory.mktemp("exchanges") / "mixed.wsp"
    with capture(path) as c:
        c.exchange(False, "one", sid="one")
        other = c.open()
        c.exchange(False, "two", sid="two")
        frame(c, other)
        c.exchange(True, "one", sid="one")
        c.exchange(True, "two", sid="two")
        one = c.open(WEBSOCKET + "one")
        frame(c, one)
        c.exchange(False, "one", sid="one")
        c.close(one)
        frame(c, other)
        for _ in range(3):
            c.exchange(False, "two", sid="two")
        c.close(other)
        c.exchange(False, "none", sid="", status=400)
    return path


IN_ORDER = ["e1", "+1", "e2", "1", "e3", "e4", "+2", "2", "e5", "-2", "3", "e6", "e7", "e8", "-1", "e9"]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
def test_everything_comes_once_and_in_order(mixed: Path, limit: int) -> None:
    assert [name(event) for event in events(mixed, limit)] == IN_ORDER


@pytest.mark.parametrize("most", [1, 5, 9, 1000])
def test_a_page_is_bounded_in_bytes(mixed: Path, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE_BYTES", most)
    assert [name(event) for event in events(mixed)] == IN_ORDER


class Odd:
    """Picks frames with an odd number."""

    def pick(self, after: int, up_to: int) -> list[int]:
        return [number for number in range(after + 1, up_to + 1) if number % 2]


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_frames_that_are_left_out_change_nothing_about_that(mixed: Path, limit: int) -> None:
    with Reader(mixed) as reader:
        tail = Tail(reader, picker=Odd())
        found: list[str] = []
        while page := tail.read(limit):
            found += [name(event) for event in page]
    assert found == [each for each in IN_ORDER if each != "2"]


@pytest.mark.parametrize(
    ("connection", "expected"), [(1, "+1 1 3 -1"), (2, "e1 e3 +2 2 e5 -2")], ids=["alone", "of a session"]
)
def test_one_connection_comes_with_what_its_session_said_before(
    mixed: Path, connection: int, expected: str
) -> None:
    with Reader(mixed) as reader:
        assert " ".join(name(event) for event in Tail(reader, connection=connection).read()) == expected


def test_what_was_before_a_frame_is_left_out(mixed: Path) -> None:
    with Reader(mixed) as reader:
        assert [name(event) for event in Tail(reader, 2).read()] == [
            "e5",
            "-2",
            "3",
            "e6",
            "e7",
            "e8",
            "-1",
            "e9",
        ]


def test_one_session_can_be_asked_for(mixed: Path) -> None:
    with Reader(mixed) as reader:
        assert [record.id for record in reader.exchanges(sid="one")] == [1, 3, 5]
        assert [record.id for record in reader.exchanges(2, 1, "two")] == [4]
        assert [record.id for record in reader.exchanges(up_to_frame=1)] == [1, 2, 3, 4]
        assert [record.id for record in reader.exchanges(before=3)] == [1, 2]
        assert [reader.sid(number) for number in (1, 2, 3)] == ["", "one", ""]


STEPS = st.lists(st.sampled_from(["exchange", "frame", "open", "close"]), max_size=25)


@given(STEPS, st.integers(1, 4), st.integers(1, 60))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pages_of_any_size_hold_what_one_page_holds(
    tmp_path: Path, steps: list[str], limit: int, most: int
) -> None:
    path = tmp_path / "a.wsp"
    path.unlink(missing_ok=True)
    with capture(path) as c:
        open_ones = [c.open()]
        for step in steps:
            match step:
                case "exchange":
                    c.exchange(True, "x" * 20)
                case "open":
                    open_ones.append(c.open())
                case "close" if len(open_ones) > 1:
                    c.close(open_ones.pop(0))
                case _:
                    frame(c, open_ones[-1])
    whole = events(path, 10_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PAGE_BYTES", most)
        assert events(path, limit) == whole


def test_while_the_disk_is_full_bodies_are_lost_and_connections_are_not(tmp_path: Path) -> None:
    path = tmp_path / "a.wsp"
    said = Said()
    c = Capture(path, AT_ONCE)
    c.recorder._told = said
    other = sqlite3.connect(path, isolation_level=None)
    c.recorder._db.execute("PRAGMA busy_timeout = 0")
    other.execute("BEGIN IMMEDIATE")
    c.exchange(True, "lost")
    said.wait_for("RECORDING STOPPED")
    number = c.open()
    other.execute("ROLLBACK")
    other.close()
    said.wait_for("recording goes on")
    c.exchange(True, "kept")
    c.stop()
    with Reader(path) as reader:
        assert [record.body for record in reader.exchanges()] == [b"kept"]
        assert reader.connection(number) is not None
        assert next(gap.bytes for gap in reader.gaps()) >= 4

"""The recorder: what it writes, and when."""

import os
import time
from pathlib import Path

from tests.support.captures import START, capture
from tests.unit.store.store_tools import (
    AT_ONCE,
    NOTHING,
    Said,
    batch,
    counts,
    frames,
    record,
    until,
)
from wsproxy.store.limits import KIB, Limits
from wsproxy.store.reader import Reader
from wsproxy.store.recorder import Recorder
from wsproxy.store.records import ClosureRecord
from wsproxy.wire.closing import Closure
from wsproxy.wire.encode import encode_frame


class TestWriting:
    def test_is_to_be_seen_while_it_goes_on(self, tmp_path: Path) -> None:
        path = tmp_path / "a.wsp"
        with capture(path, AT_ONCE) as c, Reader(path) as reader:
            assert reader.is_live()
            assert reader.info().writer_pid == os.getpid()
            number = c.open()
            until(lambda: reader.counts() == (1, 0))
            before = reader.data_version()
            c.receive(number, encode_frame(1, b"x"))
            until(lambda: reader.counts() == (1, 1))
            assert reader.data_version() != before
            assert reader.closures() == {}
            c.close(number)
            until(lambda: bool(reader.closures()))
        with Reader(path) as reader:
            info = reader.info()
            assert not reader.is_live()
        assert (info.program, info.writer_pid) == ("wsproxy test", None)
        assert info.created < (info.ended or 0) <= time.time_ns()

    def test_gives_ids_in_the_order_of_arrival_over_all_connections(self, tmp_path: Path) -> None:
        path = tmp_path / "a.wsp"
        with capture(path) as c:
            first, second = c.open(), c.open()
            for number in (second, first, second):
                c.receive(number, encode_frame(1, b"a") + encode_frame(1, b"b"))
        assert (first, second) == (1, 2)
        assert [(frame.id, frame.connection) for frame in frames(path)] == [
            *((1, 2), (2, 2), (3, 1), (4, 1), (5, 2), (6, 2))
        ]

    def test_goes_on_with_the_ids_of_a_capture_it_appends_to(self, tmp_path: Path) -> None:
        path = tmp_path / "a.wsp"
        for run in range(3):
            with capture(path, append=run > 0) as c:
                number = c.open()
                assert number == run + 1
                c.receive(number, encode_frame(1, b"a") + encode_frame(1, b"b"))
                c.close(number)
        assert [(frame.id, frame.connection) for frame in frames(path)] == [
            *((1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (6, 3))
        ]
        with Reader(path) as reader:
            assert set(reader.closures()) == {1, 2, 3}
            assert reader.info().ended is not None

    def test_keeps_the_time_a_capture_was_made_and_notes_that_it_grows_again(self, tmp_path: Path) -> None:
        path = tmp_path / "a.wsp"
        with capture(path):
            pass
        with Reader(path) as reader:
            before = reader.info()
        with capture(path, append=True), Reader(path) as reader:
            during = reader.info()
            assert reader.is_live()
        assert (during.created, during.ended) == (before.created, None)

    def test_needs_no_order_to_stop_twice(self, tmp_path: Path) -> None:
        recorder = Recorder(tmp_path / "a.wsp")
        recorder.stop()
        recorder.stop()
        assert counts(tmp_path / "a.wsp") == (0, 0)

    def test_of_everything_waiting_ends_before_it_stops(self, tmp_path: Path) -> None:
        path = tmp_path / "a.wsp"
        # Less than one frame is taken for a transaction.
        with capture(path, Limits(queue=4 * KIB)) as c:
            number = c.open()
            for _ in range(100):
                c.receive(number, encode_frame(2, bytes(2 * KIB)))
        assert counts(path) == (1, 100)


class TestConnections:
    def test_have_everything_that_was_known(self, tmp_path: Path) -> None:
        path = tmp_path / "a.wsp"
        full = record(
            url="wss://example.test/ü", client="127.0.0.1:1", server="[::1]:443", mode="reverse",
            http_version="HTTP/1.1", request=b"GET\xff", response=b"101\x00", status=101, body=b"b",
            body_length=7, subprotocol="chat", extensions="x", findings=("one", "zwei – ü"), error="e",
            tls={"server": {"version": "TLSv1.3", "names": ["ü", None]}},
        )  # fmt: skip
        recorder = Recorder(path)
        assert recorder.open(full, NOTHING) == 1
        recorder.stop()
        with Reader(path) as reader:
            [found] = reader.connections()
            assert found == reader.connection(1)
            assert reader.connection(2) is None
        assert found == record(**{**{f: getattr(full, f) for f in full.__dataclass_fields__}, "id": 1})

    def test_with_headers_that_are_not_utf8_harm_nobody(self, tmp_path: Path) -> None:
        path, said = tmp_path / "a.wsp", Said()
        recorder = Recorder(path, tell=said)
        hostile = "a\udcff\ud800b"
        number = recorder.open(
            record(
                url=hostile,
                subprotocol=hostile,
                extensions=hostile,
                findings=(hostile,),
                error=hostile,
                tls={"sni": hostile},
                request=b"\xff",
            ),
            NOTHING,
        )
        recorder.add(batch(number, encode_frame(1, b"x")))
        recorder.stop()
        assert said.messages == []
        with Reader(path) as reader:
            [found] = reader.connections()
            assert reader.counts() == (1, 1)
        legible = "a\ufffd\ufffdb"
        assert (found.url, found.subprotocol, found.extensions, found.error) == (legible,) * 4
        assert (found.findings, found.tls) == ((legible,), {"sni": legible})
        assert found.request == b"\xff"

    def test_are_closed_once(self, tmp_path: Path) -> None:
        path = tmp_path / "a.wsp"
        recorder = Recorder(path)
        number = recorder.open(record(), NOTHING)
        recorder.close(number, Closure("server", 1001, "bye", True, "eof"), START)
        recorder.close(number, Closure("client", 1006, "", False, "reset"), START + 1)
        recorder.stop()
        with Reader(path) as reader:
            assert reader.closures() == {1: ClosureRecord(1, START, "server", 1001, "bye", True, "eof")}

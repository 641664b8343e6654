"""The recorder is patient with a slow disk and honest about a full one."""

import sqlite3
import threading
import time
import zlib
from pathlib import Path

import pytest

from tests.support.captures import MASK, START, STEP, Capture, capture
from tests.unit.store.store_tools import (
    AT_ONCE,
    NOTHING,
    Said,
    batch,
    counts,
    events,
    frames,
    locked,
    record,
    until,
)
from wsproxy.store import recorder as module
from wsproxy.store.limits import KIB, Limits
from wsproxy.store.reader import Reader
from wsproxy.store.recorder import Recorder
from wsproxy.store.records import ClosureRecord, ConnectionRecord, GapRecord
from wsproxy.store.tail import FrameEvent
from wsproxy.wire.closing import Closure
from wsproxy.wire.deflate import TAIL
from wsproxy.wire.encode import encode_frame
from wsproxy.wire.frames import FrameScanner


class TestASlowDisk:
    LIMITS = Limits(queue=64 * KIB, interval=0)

    def fill(self, c: Capture, number: int) -> int:
        """Frames, until the queue is full; how many."""
        sent = 0
        while not c.recorder.full:
            c.receive(number, encode_frame(2, bytes(KIB)))
            sent += 1
            assert sent < 10_000
        return sent

    def test_makes_the_queue_full_and_loses_nothing(self, tmp_path: Path) -> None:
        path, room = tmp_path / "a.wsp", threading.Event()
        with capture(path, self.LIMITS) as c:
            c.recorder.on_room = room.set
            number = c.open()
            until(lambda: counts(path) == (1, 0))
            with locked(path):
                sent = self.fill(c, number)
                assert c.recorder.queued >= self.LIMITS.queue
                # What was read already is taken all the same.
                for _ in range(10):
                    c.receive(number, encode_frame(2, bytes(KIB)))
                assert c.recorder.full
                assert not room.is_set()
            assert room.wait(20)
            assert c.recorder.queued <= self.LIMITS.queue // 2
            assert not c.recorder.full
        assert c.said == []
        assert counts(path) == (1, sent + 10)
        assert [frame.id for frame in frames(path)] == list(range(1, sent + 11))

    def test_is_waited_for_as_often_as_it_takes(self, tmp_path: Path) -> None:
        path, room = tmp_path / "a.wsp", threading.Event()
        sent = 0
        with capture(path, self.LIMITS) as c:
            c.recorder.on_room = room.set
            number = c.open()
            for _ in range(3):
                with locked(path):
                    sent += self.fill(c, number)
                assert room.wait(20)
                room.clear()
        assert counts(path) == (1, sent)

    def test_needs_nobody_who_waits_for_room(self, tmp_path: Path) -> None:
        path = tmp_path / "a.wsp"
        with capture(path, self.LIMITS) as c:
            number = c.open()
            with locked(path):
                sent = self.fill(c, number)
            until(lambda: not c.recorder.full)
        assert counts(path) == (1, sent)

    def test_that_makes_room_just_when_it_is_asked_for_is_not_waited_for(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "a.wsp"
        with capture(path, self.LIMITS) as c:
            number = c.open()
            until(lambda: counts(path) == (1, 0))
            wake, engine = c.recorder._wake.set, threading.current_thread()
            with locked(path) as release:
                self.fill(c, number)

                def wake_and_be_overtaken() -> None:
                    wake()
                    if threading.current_thread() is engine:
                        release()
                        until(lambda: c.recorder.queued == 0)

                with monkeypatch.context() as patched:
                    patched.setattr(c.recorder._wake, "set", wake_and_be_overtaken)
                    assert not c.recorder.full

    def test_makes_the_queue_full_of_refused_upgrades_too(self, tmp_path: Path) -> None:
        path = tmp_path / "a.wsp"
        with capture(path, self.LIMITS) as c, locked(path):
            for _ in range(3):
                assert not c.recorder.full
                c.open(status=403, body=bytes(30 * KIB))
            assert c.recorder.full
        assert counts(path) == (3, 0)

    def test_is_not_given_more_than_a_bounded_transaction_after_inflating(self, tmp_path: Path) -> None:
        path = tmp_path / "a.wsp"
        deflate = zlib.compressobj(wbits=-15)
        bomb = (deflate.compress(bytes(100 * KIB)) + deflate.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)
        assert len(bomb) < KIB
        transactions: list[str] = []
        with capture(path, Limits(queue=256 * KIB, message=100 * KIB, interval=0)) as c:
            number = c.open(extensions="permessage-deflate; server_no_context_takeover")
            until(lambda: counts(path) == (1, 0))
            with locked(path):
                for _ in range(40):
                    c.receive(number, encode_frame(2, bomb, rsv=4))
                c.recorder._db.set_trace_callback(transactions.append)
        # A quarter of the queue holds less than one of them.
        assert transactions.count("COMMIT") >= 39
        with Reader(path) as reader:
            assert reader.db.execute("SELECT sum(length(content)) FROM message").fetchone() == (
                40 * 100 * KIB,
            )


class TestAFullDisk:
    @pytest.fixture(autouse=True)
    def impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "_RETRY", 0.02)

    def resize(self, recorder: Recorder, pages: int) -> None:
        """The file may grow by so many pages and no more."""
        (now,) = recorder._db.execute("PRAGMA page_count").fetchone()
        recorder._db.execute(f"PRAGMA max_page_count = {now + pages}")

    def test_stops_the_recording_which_goes_on_when_there_is_room_and_tells_what_is_missing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Not before there is room: a row so small that it fits into the last page would be written.
        monkeypatch.setattr(module, "_RETRY", 60)
        path, said = tmp_path / "a.wsp", Said()
        recorder = Recorder(path, limits=AT_ONCE, tell=said)
        number = recorder.open(record(), NOTHING)
        recorder.add(batch(number, encode_frame(1, b"before"), START))
        until(lambda: counts(path) == (1, 1))

        self.resize(recorder, 0)
        lost = encode_frame(2, bytes(50_000))
        started = time.time_ns()
        recorder.add(batch(number, lost, START + STEP))
        stopped = said.wait_for("RECORDING STOPPED")
        assert f"cannot write {path}: database or disk is full" in stopped
        assert "Traffic goes on, unrecorded" in stopped
        recorder.add(batch(number, lost * 2, START + 2 * STEP))
        refused = recorder.open(record(status=403), NOTHING)
        recorder.close(refused, Closure("server", 1006, "", False, "eof"), START + 3 * STEP)
        until(lambda: recorder.queued == 0)
        assert counts(path) == (1, 1)

        self.resize(recorder, 1000)
        recorder._next_try = 0
        recorder._wake.set()
        assert "3 frames were relayed and not recorded" in said.wait_for("recording goes on")
        recorder.add(batch(number, encode_frame(1, b"after"), START + 4 * STEP))
        recorder.stop()

        with Reader(path) as reader:
            [gap] = reader.gaps()
        assert (gap.frames, gap.bytes, gap.reason) == (3, 3 * len(lost), "database or disk is full")
        # From the first frame that is missing.
        assert gap.started == START + STEP
        assert started < gap.ended <= time.time_ns()
        assert [describe(event) for event in events(path)] == [
            "connection 1", "frame 1", "connection 2", "gap", "closure 2", "frame 5",
        ]  # fmt: skip

    def test_that_stays_full_is_told_of_at_the_end(self, tmp_path: Path) -> None:
        path, said = tmp_path / "a.wsp", Said()
        recorder = Recorder(path, limits=AT_ONCE, tell=said)
        number = recorder.open(record(), NOTHING)
        until(lambda: counts(path) == (1, 0))
        self.resize(recorder, 0)
        recorder.add(batch(number, encode_frame(2, bytes(50_000)) * 4))
        said.wait_for("RECORDING STOPPED")
        recorder.add(batch(number, encode_frame(2, bytes(50_000))))
        recorder.stop()
        assert "frames since" in said.messages[-1]
        assert f"are not in {path}: database or disk is full" in said.messages[-1]
        assert counts(path) == (1, 0)

    def test_cuts_large_payloads_where_it_became_full(self, tmp_path: Path) -> None:
        path, said = tmp_path / "a.wsp", Said()
        recorder = Recorder(path, limits=Limits(inline=10, interval=0), tell=said)
        number = recorder.open(record(), NOTHING)
        scanner = FrameScanner()

        def receive(raw: bytes) -> None:
            recorder.add((number, False, START, scanner.feed(raw), len(raw)))

        raw = encode_frame(2, bytes(100_000), fin=False)
        receive(raw[:1000])
        until(lambda: counts(path) == (1, 1))
        self.resize(recorder, 0)
        receive(raw[1000:60_000])
        said.wait_for("RECORDING STOPPED")
        self.resize(recorder, 1000)
        said.wait_for("recording goes on")
        # The rest of it would not stand behind its start.
        receive(raw[60_000:] + encode_frame(0, b"after the disk was full"))
        recorder.close(number, Closure(None, 1006, "", False, "eof"), START)
        recorder.stop()
        with Reader(path) as reader:
            first, second = reader.frames()
            [gap] = reader.gaps()
            [message] = reader.messages(1, 2).values()
            assert b"".join(reader.payload(2)) == b"after the disk was full"
        assert (first.length, first.stored) == (100_000, 990)
        assert (gap.frames, gap.bytes) == (0, 59_000)
        assert (message.last_frame, message.length) == (second.id, 100_023)

    def test_leaves_no_trace_of_a_large_frame_that_never_began_or_never_ended(self, tmp_path: Path) -> None:
        path, said = tmp_path / "a.wsp", Said()
        recorder = Recorder(path, limits=Limits(inline=10, interval=0), tell=said)
        number = recorder.open(record(), NOTHING)
        until(lambda: counts(path) == (1, 0))
        self.resize(recorder, 0)
        raw = encode_frame(1, b"\xff" * 100_000)
        scanner = FrameScanner()
        recorder.add((number, False, START, scanner.feed(raw[:90_000]), 90_000))
        said.wait_for("RECORDING STOPPED")
        self.resize(recorder, 1000)
        said.wait_for("recording goes on")
        recorder.close(number, Closure(None, 1006, "", False, "eof"), START)
        recorder.stop()
        with Reader(path) as reader:
            assert reader.frames() == []
            assert reader.messages(0, 100) == {}
            assert [gap.frames for gap in reader.gaps()] == [1]

    def test_does_not_make_memory_grow_with_refused_upgrades(self, tmp_path: Path) -> None:
        path, said = tmp_path / "a.wsp", Said()
        recorder = Recorder(path, limits=Limits(queue=100 * KIB, interval=0), tell=said)
        self.resize(recorder, 0)
        for _ in range(20):
            recorder.open(record(status=403, body=bytes(20 * KIB)), NOTHING)
            until(lambda: recorder.queued == 0)
        said.wait_for("RECORDING STOPPED")
        assert recorder._outage
        assert recorder._outage.kept <= 100 * KIB
        self.resize(recorder, 1000)
        said.wait_for("recording goes on")
        recorder.stop()
        with Reader(path) as reader:
            kept = [connection.id for connection in reader.connections()]
        assert kept == list(range(21 - len(kept), 21))
        assert 3 <= len(kept) <= 5

    def test_shows_closures_in_their_order_afterwards_in_pages_of_any_size(self, tmp_path: Path) -> None:
        path, said = tmp_path / "a.wsp", Said()
        recorder = Recorder(path, limits=AT_ONCE, tell=said)
        first, second = recorder.open(record(), NOTHING), recorder.open(record(), NOTHING)
        until(lambda: counts(path) == (2, 0))
        self.resize(recorder, 0)
        # Lost frames have numbers too, so the closures stand at different ones.
        lost = encode_frame(2, bytes(50_000))
        recorder.add(batch(first, lost))
        third = recorder.open(record(), NOTHING)
        recorder.add(batch(second, lost))
        recorder.close(second, Closure("server", 1000, "", True, "eof"), START)
        recorder.add(batch(first, lost))
        recorder.close(first, Closure("server", 1000, "", True, "eof"), START)
        recorder.close(third, Closure("server", 1000, "", True, "eof"), START)
        said.wait_for("RECORDING STOPPED")
        until(lambda: recorder.queued == 0)
        self.resize(recorder, 1000)
        said.wait_for("recording goes on")
        fourth = recorder.open(record(opened=START + STEP), NOTHING)
        for _ in range(3):
            recorder.add(batch(fourth, encode_frame(1, b"x")))
        recorder.stop()
        for limit in (1, 2, 1000):
            found = [describe(event) for event in events(path, limit)]
            assert [name for name in found if "closure" in name] == ["closure 2", "closure 1", "closure 3"]
            assert found.index("connection 4") > found.index("closure 3")

    @pytest.mark.parametrize("error", [OSError("no space left on device"), ValueError("closed file")])
    def test_may_hold_the_log_file_that_should_say_so(self, tmp_path: Path, error: Exception) -> None:
        path, tried = tmp_path / "a.wsp", threading.Event()

        def tell(message: str) -> None:
            tried.set()
            raise error

        recorder = Recorder(path, limits=AT_ONCE, tell=tell)
        number = recorder.open(record(), NOTHING)
        until(lambda: counts(path) == (1, 0))
        self.resize(recorder, 0)
        recorder.add(batch(number, encode_frame(2, bytes(50_000))))
        assert tried.wait(20)
        self.resize(recorder, 1000)
        recorder.add(batch(number, encode_frame(1, b"after")))
        recorder.stop()
        with Reader(path) as reader:
            assert sum(gap.frames for gap in reader.gaps()) + reader.counts()[1] == 2

    def test_is_not_the_only_thing_to_recover_from(self, tmp_path: Path) -> None:
        path, said = tmp_path / "a.wsp", Said()
        recorder = Recorder(path, limits=AT_ONCE, tell=said)
        number = recorder.open(record(), NOTHING)
        until(lambda: counts(path) == (1, 0))
        db = sqlite3.connect(path, isolation_level=None)
        db.execute("INSERT INTO frame VALUES (2, 1, 0, 0, 1, 1, 0, x'8100', x'', 0)")
        db.close()
        recorder.add(batch(number, encode_frame(1, b"a") + encode_frame(1, b"b")))
        assert "UNIQUE constraint failed: frame.id" in said.wait_for("RECORDING STOPPED")
        said.wait_for("recording goes on")
        recorder.add(batch(number, encode_frame(1, b"c")))
        recorder.stop()
        assert [frame.id for frame in frames(path)] == [2, 3]
        with Reader(path) as reader:
            assert [gap.frames for gap in reader.gaps()] == [2]

    def test_of_which_nobody_wants_to_hear_is_noted_all_the_same(self, tmp_path: Path) -> None:
        path = tmp_path / "a.wsp"
        recorder = Recorder(path, limits=AT_ONCE)
        number = recorder.open(record(), NOTHING)
        until(lambda: counts(path) == (1, 0))
        self.resize(recorder, 0)
        recorder.add(batch(number, encode_frame(2, bytes(50_000))))
        until(lambda: recorder.queued == 0)
        self.resize(recorder, 1000)
        recorder.stop()
        with Reader(path) as reader:
            assert [gap.frames for gap in reader.gaps()] == [1]


def describe(event: object) -> str:
    match event:
        case ConnectionRecord():
            return f"connection {event.id}"
        case ClosureRecord():
            return f"closure {event.connection}"
        case FrameEvent(frame):
            return f"frame {frame.id}"
    assert isinstance(event, GapRecord)
    return "gap"


def test_the_queue_counts_what_waits(tmp_path: Path) -> None:
    path = tmp_path / "a.wsp"
    with capture(path, AT_ONCE) as c:
        number = c.open()
        until(lambda: c.recorder.queued == 0)
        with locked(path):
            c.send(number, encode_frame(2, bytes(10_000), mask=MASK))
            assert c.recorder.queued >= 10_000
        until(lambda: c.recorder.queued == 0)

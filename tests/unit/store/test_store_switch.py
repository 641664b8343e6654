"""Frames that nobody wanted recorded: the capture says so, at once and afterwards."""

import zlib
from pathlib import Path

import pytest

from tests.support.captures import START, STEP, Capture, capture
from tests.unit.store.store_tools import events, until
from wsproxy.store.reader import Reader
from wsproxy.store.recorder import SWITCHED_OFF, Recorder
from wsproxy.store.records import ClosureRecord, ConnectionRecord, GapRecord, MessageRecord
from wsproxy.store.tail import FrameEvent
from wsproxy.wire.deflate import TAIL
from wsproxy.wire.encode import encode_frame
from wsproxy.wire.frames import Anomaly


def unrecorded_since(path: Path) -> int | None:
    with Reader(path) as reader:
        return reader.info().unrecorded_since


def test_a_capture_says_at_once_that_frames_are_not_recorded_any_more(tmp_path: Path) -> None:
    with capture(tmp_path / "a.wsp") as c:
        assert unrecorded_since(c.path) is None
        c.recorder.switch(False, START + 1)
        until(lambda: unrecorded_since(c.path) == START + 1)
        c.recorder.switch(True, START + 5)
        until(lambda: unrecorded_since(c.path) is None)
    with Reader(tmp_path / "a.wsp") as reader:
        assert reader.gaps() == []


def test_what_went_by_is_a_gap_where_it_happened(tmp_path: Path) -> None:
    with capture(tmp_path / "a.wsp") as c:
        number = c.open()
        c.receive(number, encode_frame(1, b"before"))
        c.recorder.switch(False, START + 10 * STEP)
        other = c.open()
        c.close(other)
        c.recorder.switch(True, START + 20 * STEP, 3, 21)
        c.receive(number, encode_frame(1, b"after"))
    kinds = [type(event) for event in events(tmp_path / "a.wsp")]
    expected = [ConnectionRecord, FrameEvent, ConnectionRecord, ClosureRecord, GapRecord, FrameEvent]
    assert kinds == expected
    with Reader(tmp_path / "a.wsp") as reader:
        assert reader.gaps() == [GapRecord(1, START + 10 * STEP, START + 20 * STEP, 3, 21, SWITCHED_OFF)]


def test_a_killed_process_leaves_the_note_and_the_next_one_makes_it_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "a.wsp"
    killed = Capture(path)
    killed.recorder.switch(False, START + 7)
    until(lambda: unrecorded_since(path) == START + 7)
    copy = tmp_path / "b.wsp"
    for suffix in ("", "-wal"):
        Path(f"{copy}{suffix}").write_bytes(Path(f"{path}{suffix}").read_bytes())
    killed.stop()
    Recorder(copy, append=True).stop()
    with Reader(copy) as reader:
        assert reader.info().unrecorded_since is None
        [gap] = reader.gaps()
    assert (gap.started, gap.frames) == (START + 7, 0)
    assert "how many went by is not known" in gap.reason


@pytest.mark.parametrize("fresh", [False, True], ids=["context takeover", "no context takeover"])
def test_what_needs_content_that_was_not_inflated_is_cut_short_and_no_mistake_of_its_sender(
    tmp_path: Path, fresh: bool
) -> None:
    extension = "permessage-deflate" + ("; server_no_context_takeover" if fresh else "")
    engine = zlib.compressobj(wbits=-15)

    def compressed(content: bytes) -> bytes:
        nonlocal engine
        data = engine.compress(content) + engine.flush(zlib.Z_SYNC_FLUSH)
        if fresh:
            engine = zlib.compressobj(wbits=-15)
        return encode_frame(1, data.removesuffix(TAIL), rsv=4)

    text = b"the same words again and again"
    with capture(tmp_path / "a.wsp") as c:
        number = c.open(extensions=extension)
        c.receive(number, compressed(text))
        c.omit()
        c.receive(number, compressed(b"other " + text))
        c.resume()
        for _ in range(3):
            c.receive(number, compressed(b"other " + text))
        c.receive(number, encode_frame(1, b"not compressed"))
        c.close(number)
    with Reader(tmp_path / "a.wsp") as reader:
        frames, messages = reader.frames(), reader.messages(1, 10)
        assert [gap.frames for gap in reader.gaps()] == [1]
    assert [frame.anomalies for frame in frames] == [Anomaly(0)] * 5
    assert (messages[1].content, messages[1].truncated) == (text, False)
    for number in (2, 3, 4):
        message: MessageRecord = messages[number]
        assert message.anomalies == Anomaly(0)
        assert message.truncated is not fresh
        assert message.content == (b"other " + text if fresh else b"")


def test_a_message_that_was_in_flight_when_recording_stopped_interrupts_nothing_later(tmp_path: Path) -> None:
    with capture(tmp_path / "a.wsp") as c:
        number = c.open()
        c.receive(number, encode_frame(1, b"begun", fin=False))
        c.omit()
        c.receive(number, encode_frame(0, b"ended"))
        c.resume()
        c.receive(number, encode_frame(1, b"next"))
    with Reader(tmp_path / "a.wsp") as reader:
        assert [frame.payload for frame in reader.frames()] == [b"begun", b"next"]
        assert [frame.anomalies for frame in reader.frames()] == [Anomaly(0)] * 2
        assert reader.messages(1, 5) == {}

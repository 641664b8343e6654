"""`wsproxy log`: what it prints, where it begins, and how it ends."""

import json
import os
import signal
import subprocess
import sys
import threading
import zlib

import pytest

from tests.support.captures import MASK, Capture, capture, chat
from wsproxy.cli.viewer import show
from wsproxy.store.limits import Limits
from wsproxy.store.reader import Reader
from wsproxy.store.tail import Tail
from wsproxy.wire.encode import encode_frame

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and pipes")
COMMAND = [sys.executable, "-m", "wsproxy", "log"]


@pytest.fixture
def path(tmp_path):
    return chat(tmp_path / "chat.wsp")


@pytest.fixture
def live(tmp_path):
    """A capture that is being written."""
    made = Capture(tmp_path / "live.wsp", Limits(interval=0.001))
    yield made
    made.stop()


@pytest.fixture
def viewer(home, monkeypatch):
    """Start `wsproxy log` in a process of its own; its lines come through a pipe."""
    monkeypatch.setenv("PYTHONUNBUFFERED", "")
    started = []

    def start(*words):
        process = subprocess.Popen(
            [*COMMAND, *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONIOENCODING": "utf-8", "TZ": "UTC"},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ids(result):
    return [event["id"] for event in map(json.loads, result.stdout.splitlines()) if event["event"] == "frame"]


def test_it_prints_a_line_per_event(wsproxy, path):
    result = wsproxy("log", path)

    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 11  # one more for the date
    assert '    1 12:00:00.010 #1 → text        14 B {"user":"ada"}' in result.stdout
    assert result.stderr == ""


def test_json_is_one_object_per_event(wsproxy, path):
    kinds = [json.loads(line)["event"] for line in wsproxy("log", path, "--json").stdout.splitlines()]

    assert kinds == ["open", *["frame"] * 7, "close", "open"]


def test_colour_is_for_terminals_unless_asked_for(wsproxy, path, monkeypatch):
    assert "\x1b" not in wsproxy("log", path).stdout
    assert "\x1b" not in wsproxy("log", path, "--color", "always", "--json").stdout
    assert "\x1b[32m" in wsproxy("log", path, "--color", "always").stdout


def test_a_range_begins_where_it_was_asked_to(wsproxy, path):
    assert ids(wsproxy("log", path, "--json", "--from", 5)) == [5, 6, 7]
    assert ids(wsproxy("log", path, "--json", "--last", 2)) == [6, 7]
    assert ids(wsproxy("log", path, "--json", "--last", 0)) == []
    assert ids(wsproxy("log", path, "--json", "--last", 100)) == [1, 2, 3, 4, 5, 6, 7]
    assert wsproxy("log", path, "--from", 5, "--last", 2).exit_code == 2


def test_one_connection_can_be_picked(wsproxy, tmp_path):
    with capture(tmp_path / "two.wsp") as c:
        one, two = c.open("ws://one.test/"), c.open("ws://two.test/")
        for number in (one, two, one, two):
            c.send(number, encode_frame(1, b"x", mask=MASK))
        c.close(one)
        c.close(two)

    assert ids(wsproxy("log", tmp_path / "two.wsp", "--json", "--connection", 2)) == [2, 4]
    assert ids(wsproxy("log", tmp_path / "two.wsp", "--json", "--connection", 2, "--last", 1)) == [4]
    shown = wsproxy("log", tmp_path / "two.wsp", "--connection", 2).stdout
    assert "two.test" in shown
    assert "#1" not in shown


def test_a_connection_that_is_not_there_is_a_wrong_call(wsproxy, path):
    result = wsproxy("log", path, "--connection", 9)

    assert result.exit_code == 2
    assert "there is no connection 9" in result.stderr
    assert "It has 2" in result.stderr


def test_a_large_capture_is_written_in_portions_of_bounded_size(tmp_path):
    payload = b"\x01" * 1000  # six times that in JSON
    with capture(tmp_path / "big.wsp") as c:
        number = c.open()
        for _ in range(60):
            c.send(number, b"".join(encode_frame(1, payload, mask=MASK) for _ in range(50)))
    portions = []
    with Reader(tmp_path / "big.wsp") as reader:
        show(reader, Tail(reader), as_json=True, write=lambda text, color: portions.append(text))

    assert sum(portion.count("\n") for portion in portions) == 3001
    assert max(map(len, portions)) < 1_100_000


def test_memory_does_not_grow_with_what_messages_inflate_to(tmp_path):
    compressor = zlib.compressobj(wbits=-15)
    content = bytes(1_000_000)
    data = (compressor.compress(content) + compressor.flush(zlib.Z_FULL_FLUSH))[:-4]
    with capture(tmp_path / "bombs.wsp") as c:
        number = c.open(extensions="permessage-deflate")
        for _ in range(40):
            c.send(number, encode_frame(2, data, rsv=4, mask=MASK))
    sizes = []
    with Reader(tmp_path / "bombs.wsp") as reader:
        tail = Tail(reader)
        while events := tail.read():
            sizes.append(len(events))

    assert sum(sizes) == 41
    assert max(sizes) <= 10


def test_something_that_is_no_capture_is_refused(wsproxy, tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    result = wsproxy("log", tmp_path / "notes.txt")

    assert result.exit_code == 3
    assert "is not a wsproxy capture" in result.stderr
    assert result.stdout == ""


def test_a_damaged_capture_ends_in_one_sentence(wsproxy, tmp_path):
    with capture(tmp_path / "big.wsp") as c:
        number = c.open()
        for _ in range(100):
            c.send(number, encode_frame(1, b"y" * 5000, mask=MASK))
    damaged = tmp_path / "big.wsp"
    data = bytearray(damaged.read_bytes())
    for page in range(12, len(data) // 16384):
        data[page * 16384 : page * 16384 + 4096] = b"\xff" * 4096
    damaged.write_bytes(data)
    result = wsproxy("log", damaged)

    assert result.exit_code == 3
    assert "cannot read" in result.stderr
    assert "malformed" in result.stderr


@POSIX
def test_a_reader_that_goes_away_is_no_failure(viewer, tmp_path):
    with capture(tmp_path / "big.wsp") as c:
        number = c.open()
        c.send(number, b"".join(encode_frame(1, b"y" * 100, mask=MASK) for _ in range(5000)))
    process = viewer(tmp_path / "big.wsp")
    process.stdout.readline()
    process.stdout.close()

    assert process.wait() == 0
    assert process.stderr.read() == ""


def test_following_prints_frames_as_they_come(viewer, live):
    number = live.open()
    process = viewer(live.path, "--follow", "--json")
    assert json.loads(process.stdout.readline())["event"] == "open"

    for word in ("one", "two"):
        live.send(number, encode_frame(1, word.encode(), mask=MASK))
        assert json.loads(process.stdout.readline())["text"] == word

    live.close(number)
    live.stop()
    assert json.loads(process.stdout.readline())["event"] == "close"
    assert process.stdout.read() == ""
    assert process.wait() == 0


def test_following_a_finished_capture_ends_with_it(wsproxy, path):
    assert wsproxy("log", path, "--follow").stdout == wsproxy("log", path).stdout


@pytest.mark.parametrize("command", [("log", "last", "--follow"), ("dump", "-p", "0")])
def test_what_a_later_frame_decides_cannot_be_followed(wsproxy, path, command):
    result = wsproxy(*[path if word == "last" else word for word in command], "-f", "~up & ~noreply")
    assert result.exit_code == 2
    assert "~noreply cannot be followed" in result.stderr
    assert "wsproxy log FILE -f '~noreply'" in result.stderr


@POSIX
def test_ctrl_c_ends_following_quietly(viewer, live):
    number = live.open()
    live.send(number, encode_frame(1, b"one", mask=MASK))
    process = viewer(live.path, "--follow", "--json")
    process.stdout.readline()
    process.send_signal(signal.SIGINT)

    assert process.wait() == 130
    assert process.stderr.read().strip() == ""


@POSIX
def test_until_closed_outlives_ctrl_c_and_prints_everything(viewer, live):
    number = live.open()
    process = viewer(live.path, "--follow", "--until-closed", "--json")
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    live.send(number, encode_frame(1, b"after the signal", mask=MASK))
    live.stop()

    assert "after the signal" in process.stdout.read()
    assert process.wait() == 0


@POSIX
def test_following_ends_when_the_writer_was_killed(viewer, tmp_path):
    script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from tests.support.captures import *\n"
        "from wsproxy.wire.encode import encode_frame\n"
        f"c = Capture(Path({str(tmp_path / 'k.wsp')!r}))\n"
        "n = c.open()\n"
        "c.send(n, encode_frame(1, b'x' * 70000, mask=MASK)[:40000])\n"
        "while c.recorder._queue: time.sleep(0.01)\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    try:
        assert writer.stdout.readline() == "ready\n"
        process = viewer(tmp_path / "k.wsp", "--follow", "--json")
        assert json.loads(process.stdout.readline())["event"] == "open"
    finally:
        writer.kill()
        writer.communicate()
    # What had arrived of the frame in progress is there at the end.
    [frame] = [json.loads(line) for line in process.stdout.read().splitlines()]

    assert frame["length"] == 70_000
    assert 0 < frame["stored"] < 40_000
    assert process.wait() == 0


def test_a_frame_still_arriving_is_shown_at_once_and_again_when_it_is_whole(viewer, live):
    number = live.open()
    data = encode_frame(1, b"x" * 100_000, mask=MASK)
    process = viewer(live.path, "--follow")
    process.stdout.readline(), process.stdout.readline()  # the date, and the opening
    live.send(number, data[:50_000])
    assert "#1 → text   100,000 B ·arriving xxx" in process.stdout.readline()

    live.receive(number, encode_frame(1, b"meanwhile"))
    assert "meanwhile" in process.stdout.readline()

    live.send(number, data[50_000:])
    assert "#1 → text   100,000 B ·arrived xxx" in process.stdout.readline()


def test_in_json_a_frame_comes_once_and_whole(viewer, live):
    number = live.open()
    data = encode_frame(1, b"x" * 99_999 + b"\xff", mask=MASK)
    process = viewer(live.path, "--follow", "--json")
    process.stdout.readline()
    live.send(number, data[:50_000])
    live.receive(number, encode_frame(1, b"meanwhile"))
    assert json.loads(process.stdout.readline())["id"] == 2

    live.send(number, data[50_000:])
    frame = json.loads(process.stdout.readline())
    assert frame["id"] == 1
    assert frame["stored"] == 100_000
    assert frame["anomalies"] == ["invalid_utf8"]


def test_a_frame_cut_off_by_the_end_of_its_connection_is_shown_as_far_as_it_came(viewer, live):
    number = live.open()
    process = viewer(live.path, "--follow", "--json")
    process.stdout.readline()
    live.send(number, encode_frame(2, b"x" * 100_000, mask=MASK)[:50_000])
    live.close(number, how="reset")

    frame = json.loads(process.stdout.readline())
    assert frame["anomalies"] == ["incomplete"]
    assert frame["stored"] < frame["length"]
    assert json.loads(process.stdout.readline())["event"] == "close"


def test_a_viewer_that_does_not_read_does_not_hold_the_writer_up(viewer, live):
    number = live.open()
    process = viewer(live.path, "--follow", "--json")
    process.stdout.readline()
    for _ in range(200):
        live.send(number, encode_frame(1, b"z" * 10_000, mask=MASK))
    done = threading.Thread(target=live.stop)
    done.start()
    done.join(20)

    assert not done.is_alive()
    assert len(process.stdout.read().splitlines()) == 200

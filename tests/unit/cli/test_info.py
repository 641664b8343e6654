"""`wsproxy info`: a capture in numbers."""

import json
import sqlite3

from tests.support.captures import MASK, Capture, capture, chat
from wsproxy.wire.encode import encode_frame


def test_a_finished_capture_is_summed_up(wsproxy, tmp_path):
    path = chat(tmp_path / "chat.wsp")
    result = wsproxy("info", path)

    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == f"File         {path}"
    assert lines[2].endswith("by wsproxy test (schema 3)")
    assert lines[3].startswith("State        finished ")
    assert lines[4:] == [
        "Connections  2 (1 refused)",
        "Traffic      → 3 frames 23 B   ← 4 frames 25 B",
        "",
        "#1 wss://example.test/chat",
        "   chat.v1  TLSv1.3",
        '   closed by client  1000 normal closure "bye"  clean (eof)  after 80 ms',
        "   → 3 frames 23 B: 1 text, 1 close, 1 pong",
        "   ← 4 frames 25 B: 1 text, 1 binary, 1 close, 1 ping",
        "   2 heartbeats, 40% of all messages",
        '   → json                         1 ×         14 B {"user":"ada"}',
        "   ← text                         1 ×         11 B grüß dich",
        "   ← hex                          1 ×          8 B 89 50 4e 47 0d 0a 1a 0a",
        "",
        "#2 ws://example.test/secret",
        "   refused: 403 Forbidden",
        "   no entry",
    ]


def test_json_has_the_same(wsproxy, tmp_path):
    path = chat(tmp_path / "chat.wsp")
    found = json.loads(wsproxy("info", path, "--json").stdout)

    assert found["state"] == "finished"
    assert found["totals"] == {
        "connections": 2,
        "refused": 1,
        "failed": 0,
        "send": {"frames": 3, "bytes": 23},
        "receive": {"frames": 4, "bytes": 25},
    }
    first, second = found["connections"]
    assert first["send"]["opcodes"] == {"text": 1, "close": 1, "pong": 1}
    assert first["closed"]["clean"] is True
    assert (second["state"], second["status"], second["closed"]) == ("refused", 403, None)


def test_anomalies_are_counted_once_each(wsproxy, tmp_path):
    with capture(tmp_path / "a.wsp") as c:
        number = c.open()
        for _ in range(3):
            c.send(number, encode_frame(1, b"x"))
        # In a fragment and in its message; in a large frame, known only at its end; in both.
        c.send(number, encode_frame(1, b"\xff", fin=False, mask=MASK))
        c.send(number, encode_frame(0, b"a", mask=MASK))
        c.send(number, encode_frame(1, b"\xff" * 70_000, mask=MASK))
        c.send(number, encode_frame(1, b"a", fin=False, mask=MASK))
        c.send(number, encode_frame(0, b"\xff" * 70_000, mask=MASK))
    found = json.loads(wsproxy("info", tmp_path / "a.wsp", "--json").stdout)

    assert found["connections"][0]["anomalies"] == {"unmasked_by_client": 3, "invalid_utf8": 3}
    assert "! 3 × unmasked frame from the client" in wsproxy("info", tmp_path / "a.wsp").stdout


def test_a_live_capture_says_who_writes_it(wsproxy, tmp_path):
    c = Capture(tmp_path / "live.wsp")
    try:
        c.open()
        while not json.loads(wsproxy("info", c.path, "--json").stdout)["connections"]:
            pass
        result = wsproxy("info", c.path)
    finally:
        c.stop()

    assert "live: process" in result.stdout
    assert "Connections  1 (1 open)" in result.stdout


def test_an_interrupted_capture_says_so(wsproxy, tmp_path):

    path = chat(tmp_path / "chat.wsp")
    with capture(path, append=True) as c:
        c.open()
    # As a writer leaves it that was killed; this number is above any process id.
    db = sqlite3.connect(path)
    db.execute("UPDATE meta SET value = NULL WHERE key = 'ended'")
    db.execute("UPDATE meta SET value = 2000000000 WHERE key = 'writer_pid'")
    db.commit()
    db.close()
    result = wsproxy("info", path)

    assert "State        interrupted: process 2000000000 ended without closing it" in result.stdout
    assert "the capture ends before its end" in result.stdout


def test_a_capture_whose_writer_was_killed_while_it_recorded_no_frames_says_so(wsproxy, tmp_path):
    path = chat(tmp_path / "a.wsp")
    db = sqlite3.connect(path)
    db.execute("INSERT INTO meta VALUES ('unrecorded_since', 1709640000000000000)")
    db.commit()
    db.close()
    told = "NOT RECORDED since 2024-03-05 12:00:00: recording of frames was switched off"
    assert told in wsproxy("info", path).stdout
    assert told in wsproxy("log", path).stderr
    assert json.loads(wsproxy("info", path, "--json").stdout)["unrecorded_since"].startswith(
        "2024-03-05T12:00"
    )


def test_gaps_and_failures_are_not_overlooked(wsproxy, tmp_path):

    with capture(tmp_path / "a.wsp") as c:
        c.open("ws://nowhere.test/", status=None, error="cannot\x1b[2J resolve")
    db = sqlite3.connect(tmp_path / "a.wsp")
    db.execute(
        "INSERT INTO gap VALUES (1, 1709640000000000000, 1709640005000000000, 0, 12, 345, 'disk full')"
    )
    db.commit()
    db.close()
    shown = wsproxy("info", tmp_path / "a.wsp").stdout

    assert "NOT RECORDED 2024-03-05 12:00:00 to 2024-03-05 12:00:05: 12 frames (345 B)" in shown
    assert "failed: cannot\\x1b[2J resolve" in shown
    assert "NOT RECORDED until 12:00:05" in wsproxy("log", tmp_path / "a.wsp").stdout

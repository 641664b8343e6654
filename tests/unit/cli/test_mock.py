"""`wsproxy mock`: what it refuses, what it tells, and that it can be stopped."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.support.captures import capture
from tests.support.sessions import received, session

EVIL = "\x1b[2J\u202eevil"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return session(tmp_path / "a.wsp", [*received("hello"), (">", "known"), ("<", "answer")])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--reply", "a", "--live", "ws://h"], "exclude each other"),
        (["--reply", "a", "--unmatched", "live"], "exclude each other"),
        (["--unmatched", "reply"], "needs an answer"),
        (["--by", "time", "--match", "json"], "need --by match"),
        (["--ignore", "id"], "need --by match"),
        (["--match", "json", "--ignore", "a["], "is not a path"),
        (["--live", "http://h"], "is no URL"),
        (["--speed", "0"], "0"),
        (["--connection", "7"], "no connection to act out"),
    ],
)
def test_what_cannot_be_done_is_refused(wsproxy, path, words, says) -> None:
    done = wsproxy("mock", path, "-p", "0", *words)
    assert done.exit_code == 2
    assert says in done.stderr


def test_an_empty_capture_has_nothing_to_act_out(wsproxy, tmp_path) -> None:
    with capture(tmp_path / "empty.wsp"):
        pass
    assert wsproxy("mock", tmp_path / "empty.wsp").exit_code == 2


def test_a_port_that_is_taken_is_said(wsproxy, path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = wsproxy("mock", path, "-p", taken.getsockname()[1])
    assert done.exit_code == 3
    assert "cannot listen" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_it_tells_what_happens_and_ends_with_ctrl_c(home, path) -> None:
    command = [sys.executable, "-m", "wsproxy", "mock", str(path), "-p", "0", "--match", "exact", "--json"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            assert process.stdout is not None
            start = json.loads(process.stdout.readline())
            assert (start["event"], start["paths"]) == ("start", ["/chat"])
            with connect(f"ws://{start['listen']}/chat", proxy=None) as client:
                assert client.recv(timeout=20) == "hello"
                client.send(EVIL)
                client.send("known")
                assert client.recv(timeout=20) == "answer"
            told = []
            while not told or told[-1]["event"] != "closed":
                told.append(json.loads(process.stdout.readline()))
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 0
    events = [each["event"] for each in told]
    assert events[0] == "open"
    assert [each["text"] for each in told if each["event"] == "unmatched"] == [EVIL]
    assert "matched" in events
    assert "says what was not recorded: \\x1b[2J\\u202eevil" in said
    assert "\x1b" not in said

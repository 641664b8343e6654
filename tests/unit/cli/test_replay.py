"""`wsproxy replay`: its options, what it says, and how it ends."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.server import ServerConnection, serve

from tests.support.captures import capture
from wsproxy.cli.replay_talk import bar
from wsproxy.wire.encode import encode_close, encode_frame

MASK = b"abcd"


@pytest.fixture
def url() -> Iterator[str]:
    """A server that says everything back in reverse, on another thread: the command has its own loop."""

    def reverse(connection: ServerConnection) -> None:
        for message in connection:
            connection.send(message[::-1])

    with serve(reverse, "127.0.0.1", 0, compression=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/chat"
        server.shutdown()
        thread.join()


@pytest.fixture
def session(tmp_path: Path, url: str) -> Path:
    path = tmp_path / "session.wsp"
    with capture(path) as c:
        number = c.open(url)
        c.send(number, encode_frame(1, b"one", mask=MASK))
        c.receive(number, encode_frame(1, b"eno"))
        c.send(number, encode_frame(1, b"two", mask=MASK))
        c.receive(number, encode_frame(1, b"other"))
        c.send(number, encode_close(1000, mask=MASK))
        c.receive(number, encode_close(1000))
        c.close(number)
    return path


Run = Callable[..., Any]


def test_says_what_came_of_it(wsproxy: Run, session: Path, tmp_path: Path) -> None:
    result = wsproxy("replay", session, "-w", tmp_path / "again.wsp")
    assert (result.exit_code, result.stdout) == (
        0,
        "3 messages sent on 1 connection, 2 of 2 heard, 1 difference\n",
    )
    assert f"recorded in {tmp_path / 'again.wsp'}" in result.stderr


def test_says_it_in_json(wsproxy: Run, session: Path, tmp_path: Path, url: str) -> None:
    result = wsproxy("replay", session, "-w", tmp_path / "again.wsp", "--json", "--pace", "fast")
    said = json.loads(result.stdout)
    assert (said["event"], said["capture"], said["replay"]) == (
        "replay",
        str(session),
        str(tmp_path / "again.wsp"),
    )
    assert (said["sent"], said["received"], said["expected"], said["differences"]) == (3, 2, 2, 1)
    [connection] = said["connections"]
    assert (connection["original"], connection["connection"], connection["url"]) == (1, 1, url)
    assert connection["closed"]["code"] == 1000


def test_records_among_the_users_captures_unless_told_otherwise(
    wsproxy: Run, session: Path, captures_dir: Path
) -> None:
    assert wsproxy("replay", session).exit_code == 0
    assert len(list(captures_dir.glob("*.wsp"))) == 1


def test_log_and_info_show_the_original(wsproxy: Run, session: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.wsp"
    wsproxy("replay", session, "-w", again)
    opened, first, *_ = [json.loads(line) for line in wsproxy("log", again, "--json").stdout.splitlines()]
    assert opened["replay_of"] == {"capture": str(session), "connection": 1}
    assert (first["replay_of"], first["text"]) == (1, "one")
    assert f"replay of #1 in {session}" in wsproxy("info", again).stdout
    [connection] = json.loads(wsproxy("info", again, "--json").stdout)["connections"]
    assert connection["replay_of"] == {"capture": str(session), "connection": 1}


def test_a_part_is_chosen_by_frame_connection_and_filter(wsproxy: Run, session: Path) -> None:
    part = ("replay", session, "--connection", 1, "--from", 3, "--until", 4, "--json")
    assert json.loads(wsproxy(*part).stdout)["sent"] == 1
    filtered = json.loads(wsproxy("replay", session, "-f", "~text & ~b '(one|eno)'", "--json").stdout)
    assert (filtered["sent"], filtered["received"], filtered["expected"]) == (1, 1, 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--connection", "9"], "there is no connection 9 in"),
        (["--from", "4", "--until", "2"], "--until 2 is before --from 4"),
        (["--from", "100"], "there is nothing to send in"),
        (["-f", "~b nowhere"], "there is nothing to send in"),
        (["--to", "7"], "--to 7 is no URL"),
        (["--to", "ftp://x"], "'ftp://x' is no URL of a WebSocket"),
        (["--header", "nonsense"], "--header 'nonsense' is not understood"),
        (["--header", "A: b\r\nC: d"], "is not understood"),
        (["--cookie", "=x"], "--cookie '=x' is not understood"),
        (["--proxy", "gopher://x:1"], "is no proxy that can be used"),
        (["--proxy", "host"], "is no proxy that can be used"),
        (["--speed", "2"], "--speed goes with --pace recorded"),
        (["--diff", "--repeat", "2"], "--diff compares one replay"),
        (["--ramp", "2"], "--ramp goes with --concurrency"),
        (["--repeat", "2", "--pace", "step"], "a load test does not go with --pace step"),
        (["--exact", "--var", "a=b"], "--exact changes nothing"),
        (["--map", "nonsense"], "--map 'nonsense' is not understood"),
        (["-w", "+more.wsp"], "a replay is a capture of its own"),
    ],
)
def test_wrong_usage(wsproxy: Run, session: Path, words: list[str], said: str) -> None:
    result = wsproxy("replay", session, *words)
    assert result.exit_code == 2, result.output
    assert said in result.stderr


def test_a_server_that_is_not_there(wsproxy: Run, session: Path) -> None:
    result = wsproxy("replay", session, "--to", "ws://127.0.0.1:1")
    assert result.exit_code == 3
    assert "cannot reach 127.0.0.1:1" in result.stderr


def test_a_server_that_falls_behind(wsproxy: Run, session: Path) -> None:
    def mute(connection: ServerConnection) -> None:
        for _ in connection:
            pass

    with serve(mute, "127.0.0.1", 0, compression=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        port = server.socket.getsockname()[1]
        result = wsproxy("replay", session, "--to", f"ws://127.0.0.1:{port}", "--timeout", "0.3")
        server.shutdown()
        thread.join()
    assert result.exit_code == 1
    assert "before text two (frame 3) the server had said 1 messages, now 0" in result.stdout
    assert "0 of 1 heard" in result.stdout


def test_what_differs_is_shown_as_diff_does(wsproxy: Run, session: Path, tmp_path: Path) -> None:
    result = wsproxy("replay", session, "--diff", "--color", "never")
    assert result.exit_code == 1
    assert "other" in result.stdout
    assert "owt" in result.stdout
    result = wsproxy("replay", session, "--diff", "--ignore-regex", "other|owt")
    assert result.exit_code == 0, result.stdout
    assert "0 differences" in result.stdout
    result = wsproxy("replay", session, "--diff", "--json", "--junit", tmp_path / "report.xml")
    outcome, *rest = [json.loads(line) for line in result.stdout.splitlines()]
    assert outcome["event"] == "replay"
    assert rest
    assert "<testsuite" in (tmp_path / "report.xml").read_text()


def test_a_load_test_tells_every_second_and_the_whole(wsproxy: Run, session: Path, tmp_path: Path) -> None:
    words = ("replay", session, "--repeat", 4, "--concurrency", 2, "-w", tmp_path / "load.wsp")
    result = wsproxy(*words, "--json")
    *seconds, whole = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert {second["event"] for second in seconds} == {"second"}
    assert (whole["event"], whole["opened"], whole["sent"], whole["received"]) == ("load", 4, 8, 8)
    assert (whole["latency"]["count"], whole["errors"]) == (8, 0)
    assert sum(second["sent"] for second in seconds) == 8
    (tmp_path / "load.wsp").unlink()
    result = wsproxy(*words)
    assert "8 sent (" in result.stdout
    assert "on 4 connections, p50 " in result.stdout
    assert " open " in result.stderr


def test_the_progress_bar_tells_messages_rate_differences_and_time_left() -> None:
    assert bar(500, 2000, 3, 10.0) == ("replaying 25 %: 500 of 2,000 sent, 50/s, 3 differences, 30.0 s left")
    assert bar(0, 0, 0, 0.0) == "replaying 100 %: 0 of 0 sent, 0/s, 0 differences"

"""What was sent by hand is kept, as far as it is small, and read with care."""

import json
from pathlib import Path

import pytest

from wsproxy.tui.sending import Composed
from wsproxy.tui.sent import FILE, KEPT, LARGEST, TOGETHER, SentHistory


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WSPROXY_HOME", str(tmp_path))
    return tmp_path


def said(content: bytes, connection: int = 3) -> Composed:
    return Composed(connection, "server", "text", content)


def contents() -> list[bytes]:
    history = SentHistory()
    return [history[number].composed.content for number in range(len(history))]


def test_the_newest_comes_first_and_the_same_thing_is_there_once() -> None:
    history = SentHistory()
    for content in (b"one", b"two", b"one"):
        history.add(said(content))
    assert contents() == [b"one", b"two"]


def test_a_connection_of_another_session_is_none_of_this_one() -> None:
    SentHistory().add(said(b"one"))
    again = SentHistory()
    assert again[0].composed.connection == 0
    again.add(said(b"one"))
    assert len(again) == 1
    assert again[0].composed.connection == 3


def test_no_more_is_kept_than_there_is_room_for(home: Path) -> None:
    history = SentHistory()
    history.add(said(b"x" * (LARGEST + 1)))
    for number in range(KEPT + 5):
        history.add(said(b"%d" % number + bytes(LARGEST // 2)))
    assert len(history) == KEPT
    assert contents()[0].startswith(b"%d" % (KEPT + 4))
    assert (home / FILE).stat().st_size < 2 * TOGETHER


@pytest.mark.parametrize(
    "found",
    [
        "nothing of the sort",
        {"time": 1},
        {"time": 1, "type": "no such", "to": "server", "base64": "", "force": False},
        {"time": 1, "type": "text", "to": "nobody", "base64": "", "force": False},
        {"time": 1, "type": "text", "to": "server", "base64": "?", "force": False},
        {"time": 1e300, "type": "text", "to": "server", "base64": "", "force": False},
        {"time": "soon", "type": "text", "to": "server", "base64": "", "force": False},
        {"time": 1, "type": ["text"], "to": "server", "base64": "", "force": False},
    ],
)
def test_what_cannot_be_understood_is_left_out(home: Path, found: object) -> None:
    right = {"time": 1, "type": "text", "to": "server", "base64": "aGk=", "force": True}
    (home / FILE).write_text(json.dumps([found, right]))
    assert contents() == [b"hi"]


@pytest.mark.parametrize("data", [b"", b"{", b'{"a": 1}', b"\xff\xfe", b"[" * 100_000])
def test_a_file_that_is_broken_is_done_without(home: Path, data: bytes) -> None:
    (home / FILE).write_bytes(data)
    assert contents() == []

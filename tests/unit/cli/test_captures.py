"""`wsproxy captures`, and finding the capture a person means."""

import json
import os

import click
import pytest

from tests.support.captures import Capture, chat
from wsproxy.cli import library
from wsproxy.cli.log import log
from wsproxy.errors import CaptureError


def made(folder, name, created):
    """A capture in the folder, made at that time (ns)."""
    import sqlite3

    path = chat(folder / name)
    db = sqlite3.connect(path)
    db.execute("UPDATE meta SET value = ? WHERE key = 'created'", (created,))
    db.commit()
    db.close()
    return path


DAY = 86_400_000_000_000


@pytest.fixture
def two(captures_dir):
    """Captures of two days; the older one was written to last."""
    newer = made(captures_dir, "tuesday.wsp", 1_709_640_000_000_000_000)
    older = made(captures_dir, "monday.wsp", 1_709_640_000_000_000_000 - DAY)
    os.utime(newer, (1, 1))
    return newer, older


def test_without_captures_it_says_how_to_make_one(wsproxy):
    result = wsproxy("captures")

    assert result.exit_code == 0
    assert result.stdout == ""
    assert "`wsproxy dump` makes one" in result.stderr


def test_the_newest_comes_first(wsproxy, two):
    header, first, second = wsproxy("captures").stdout.splitlines()

    assert header.split() == ["NAME", "CREATED", "SIZE", "CONNS", "FRAMES", "STATE"]
    assert first.split()[:3] == ["tuesday", "2024-03-05", "12:00"]
    assert first.split()[5:] == ["2", "7", "finished"]
    assert second.startswith("monday ")


def test_one_that_cannot_be_read_is_listed_with_the_reason(wsproxy, two, captures_dir):
    (captures_dir / "broken\x1b.wsp").write_bytes(b"SQLite format 3\x00" + b"x" * 5000)
    (captures_dir / "empty.wsp").touch()
    (captures_dir / "notes.txt").write_text("not looked at")
    found = [json.loads(line) for line in wsproxy("captures", "--json").stdout.splitlines()]
    shown = wsproxy("captures").stdout

    by_name = {one["name"]: one for one in found}
    assert set(by_name) == {"tuesday", "monday", "broken\x1b", "empty"}
    assert by_name["empty"]["state"] == "unreadable"
    assert "is not a wsproxy capture" in by_name["empty"]["error"]
    assert by_name["broken\x1b"]["frames"] is None
    assert "\x1b" not in shown
    assert "is not a wsproxy capture" in shown


def test_a_live_one_is_marked(wsproxy, captures_dir):
    c = Capture(captures_dir / "now.wsp")
    try:
        [found] = [json.loads(line) for line in wsproxy("captures", "--json").stdout.splitlines()]
    finally:
        c.stop()

    assert found["state"] == "live"


def test_json_has_the_documented_keys(wsproxy, two):
    first = json.loads(wsproxy("captures", "--json").stdout.splitlines()[0])

    assert first == {
        "name": "tuesday",
        "path": str(two[0]),
        "created": "2024-03-05T12:00:00.000000000Z",
        "size": two[0].stat().st_size,
        "state": "finished",
        "connections": 2,
        "frames": 7,
        "error": None,
    }


def test_a_capture_is_found_by_path_by_name_and_as_the_last_one(two, tmp_path, monkeypatch):
    newer, older = two

    assert library.resolve("last") == newer
    assert library.resolve("monday") == library.resolve("monday.wsp") == older
    assert library.resolve(str(older)) == older
    monkeypatch.chdir(tmp_path)
    mine = chat(tmp_path / "monday.wsp")
    assert library.resolve("monday.wsp").absolute() == mine


def test_a_name_nearly_right_gets_a_suggestion(two):
    with pytest.raises(CaptureError, match="there is no capture mnday") as caught:
        library.resolve("mnday")

    assert "Did you mean monday?" in caught.value.hint


def test_without_captures_there_is_no_last_one(captures_dir):
    with pytest.raises(CaptureError, match="there is no capture in") as caught:
        library.resolve("last")

    assert "wsproxy dump" in caught.value.hint


def test_an_unreadable_one_is_never_the_last(two, captures_dir):
    (captures_dir / "zzz.wsp").write_text("no capture")

    assert library.resolve("last") == two[0]


def test_names_are_completed(two):
    ctx = click.Context(log)

    [argument] = [param for param in log.params if isinstance(param, click.Argument)]
    items = argument.shell_complete(ctx, "mo")
    assert [(item.value, item.type) for item in items] == [("monday", "plain"), ("mo", "file")]
    assert "last" in [item.value for item in argument.shell_complete(ctx, "")]

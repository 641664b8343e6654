"""Temporary folders: gone when nobody uses them any more, and never before."""

import json
import os
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from wsproxy import throwaway
from wsproxy.throwaway import NOTE

PREFIX = "wsproxy-test-"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files are."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@contextmanager
def other_process() -> Iterator[subprocess.Popen[bytes]]:
    """One that lasts as long as the block, at most."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdin
        process.stdin.close()


def noted_as(made: Path, **changes: object) -> None:
    """Let the note say something else."""
    (made / NOTE).write_text(json.dumps({**throwaway.noted(made), **changes}))


def owned_by_nobody(made: Path) -> None:
    with other_process() as process:
        gone = process.pid
    noted_as(made, users=[[gone, ""]])


def test_one_lasts_as_long_as_the_block_and_is_private(place: Path) -> None:
    before = os.umask(0)
    try:
        with throwaway.folder(PREFIX) as made:
            assert made.parent == place
            (made / "below").mkdir()
            assert stat.S_IMODE(made.stat().st_mode) == 0o700
            assert stat.S_IMODE((made / NOTE).stat().st_mode) == 0o600
    finally:
        os.umask(before)
    assert list(place.iterdir()) == []


def test_what_a_killed_process_leaves_the_next_removes(place: Path) -> None:
    left = throwaway.make(PREFIX, mine="something")
    (left / "secret").touch()
    assert list(throwaway.abandoned(PREFIX)) == [], "we are still here"

    owned_by_nobody(left)
    assert list(throwaway.abandoned(PREFIX)) == [left]
    assert throwaway.noted(left)["mine"] == "something"

    with throwaway.folder(PREFIX) as made:
        assert list(place.iterdir()) == [made]


def test_one_is_in_use_as_long_as_anybody_uses_it() -> None:
    made = throwaway.make(PREFIX)
    owned_by_nobody(made)
    with other_process() as process:
        throwaway.used_too(made, process.pid)
        assert list(throwaway.abandoned(PREFIX)) == []
    assert list(throwaway.abandoned(PREFIX)) == [made]


@pytest.mark.skipif(sys.platform != "linux", reason="when a process began is known on Linux only")
def test_a_process_that_was_given_the_same_number_is_another() -> None:
    made = throwaway.make(PREFIX)
    noted_as(made, users=[[os.getpid(), "long ago"]])
    assert list(throwaway.abandoned(PREFIX)) == [made]


def test_those_of_another_machine_are_left_alone() -> None:
    made = throwaway.make(PREFIX)
    owned_by_nobody(made)
    noted_as(made, host="elsewhere")
    assert list(throwaway.abandoned(PREFIX)) == []


@pytest.mark.parametrize(
    "note",
    ["", "[]", "{", '{"users": 7}', '{"users": [["x", "y"]]}', "[" * 50_000],
    ids=lambda note: note[:20],
)
def test_what_cannot_be_understood_is_left_alone(place: Path, note: str) -> None:
    made = throwaway.make(PREFIX)
    (made / NOTE).write_text(note)
    os.utime(made, (0, 0))
    assert list(throwaway.abandoned(PREFIX)) == []


def test_one_without_a_note_is_given_time_and_must_be_empty(place: Path) -> None:
    fresh, old, full = (place / f"{PREFIX}{name}" for name in ("fresh", "old", "full"))
    for made in (fresh, old, full):
        made.mkdir()
    (full / "something").touch()
    for made in (old, full):
        os.utime(made, (time.time() - 3600,) * 2)
    assert list(throwaway.abandoned(PREFIX)) == [old]


def test_links_files_and_other_names_are_left_alone(place: Path) -> None:
    made = throwaway.make("other-")
    owned_by_nobody(made)
    (place / f"{PREFIX}link").symlink_to(made)
    (place / f"{PREFIX}file").touch()
    assert list(throwaway.abandoned(PREFIX)) == []
    assert list(throwaway.abandoned(PREFIX, place / "not there")) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
def test_those_of_somebody_else_are_left_alone(place: Path) -> None:
    made = throwaway.make(PREFIX)
    owned_by_nobody(made)
    os.chown(made, 12345, -1)
    assert list(throwaway.abandoned(PREFIX)) == []

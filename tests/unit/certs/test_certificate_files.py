"""Files that appear whole or not at all, with and without hard links."""

import errno
import os
import stat
import sys
from pathlib import Path

import pytest

from wsproxy.certs import files

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no permission bits")


@pytest.fixture(params=["links", "no links"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if request.param == "no links":

        def link(source: object, target: object) -> None:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

        # No file system here can be asked to be without links.
        monkeypatch.setattr(os, "link", link)
    return tmp_path / "file"


def test_the_first_to_publish_wins(place: Path) -> None:
    assert files.publish_new(place, b"first", files.SECRET)
    assert not files.publish_new(place, b"second", files.SECRET)

    assert place.read_bytes() == b"first"
    assert list(place.parent.iterdir()) == [place]


def test_publishing_replaces_what_was_there(place: Path) -> None:
    files.publish(place, b"first", files.SECRET)
    files.publish(place, b"second", files.SECRET)

    assert place.read_bytes() == b"second"
    assert list(place.parent.iterdir()) == [place]


@POSIX
def test_the_mode_is_as_asked(place: Path) -> None:
    files.publish(place, b"", files.PUBLIC)
    assert stat.S_IMODE(place.stat().st_mode) == 0o644

    files.publish(place, b"", files.SECRET)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600


@POSIX
def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    # A full disk cannot be had on command.
    for name, publish in (("link", files.publish_new), ("replace", files.publish), ("fsync", files.publish)):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, full)
            with pytest.raises(OSError, match="No space left"):
                publish(tmp_path / "file", b"data", files.SECRET)

    assert list(tmp_path.iterdir()) == []


def test_sweeping_leaves_other_files_and_young_ones_alone(tmp_path: Path) -> None:
    for name, age in (("old", 3600), ("young", 0)):
        path = tmp_path / f".wsproxy-{name}.tmp"
        path.touch()
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - age))
    foreign = tmp_path / "notes.tmp"
    foreign.touch()
    os.utime(foreign, (0, 0))

    files.sweep(tmp_path)

    assert {path.name for path in tmp_path.iterdir()} == {".wsproxy-young.tmp", "notes.tmp"}

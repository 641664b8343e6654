"""Capture files: their names, who may read them, and what is said of files that are none."""

import os
import re
import socket
import sqlite3
import stat
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from tests.support.captures import capture, chat
from tests.support.unprivileged import unprivileged
from tests.unit.store.store_tools import AT_ONCE, REPOSITORY, counts, until
from wsproxy.errors import CaptureError
from wsproxy.store import files, schema
from wsproxy.store.reader import Reader

NOON = datetime(2024, 3, 5, 12, 0, 0)
posix = pytest.mark.skipif(os.name != "posix", reason="file modes and locks of POSIX")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def refusal(path: Path) -> str:
    """What is said when `path` is opened; the same for every way to open it."""
    said = set()
    for open_it in (files.check, files.open_to_read, files.open_to_append, Reader):
        with pytest.raises(CaptureError) as caught:
            open_it(path)
        said.add(str(caught.value))
    [message] = said
    return message


class TestNames:
    @pytest.fixture(autouse=True)
    def home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("WSPROXY_HOME", str(tmp_path / "home"))
        return tmp_path / "home"

    def test_are_the_time(self, home: Path) -> None:
        assert files.new_path(NOON) == home / "captures" / "2024-03-05_12-00-00.wsp"

    def test_are_the_present_time_unless_told_otherwise(self) -> None:
        assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d\.wsp", files.new_path().name)

    def test_never_meet(self, home: Path) -> None:
        made = []
        for _ in range(3):
            made.append(files.new_path(NOON))
            files.create(made[-1]).close()
        assert [path.name for path in made] == [
            "2024-03-05_12-00-00.wsp",
            "2024-03-05_12-00-00-2.wsp",
            "2024-03-05_12-00-00-3.wsp",
        ]

    def test_need_a_folder_that_can_be_made(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "file").touch()
        monkeypatch.setenv("WSPROXY_HOME", str(tmp_path / "file"))
        with pytest.raises(CaptureError, match=r"cannot make the folder of captures .*captures: .*-w FILE"):
            files.new_path()

    @posix
    def test_stand_in_a_folder_nobody_else_can_open(self) -> None:
        assert mode(files.new_path().parent) == 0o700


class TestCreating:
    @posix
    def test_makes_files_that_only_their_owner_can_read(self, tmp_path: Path) -> None:
        before = os.umask(0)
        try:
            db = files.create(tmp_path / "a.wsp")
        finally:
            os.umask(before)
        db.execute("INSERT INTO meta VALUES ('x', 1)")
        assert {path.name: mode(path) for path in tmp_path.iterdir()} == {
            "a.wsp": 0o600,
            "a.wsp-shm": 0o600,
            "a.wsp-wal": 0o600,
        }
        db.close()

    def test_never_overwrites(self, tmp_path: Path) -> None:
        path = tmp_path / "a.wsp"
        path.write_bytes(b"mine")
        with pytest.raises(CaptureError, match=re.escape(f"{path} exists already. Choose another name, or")):
            files.create(path)
        assert path.read_bytes() == b"mine"

    def test_never_writes_through_a_link(self, tmp_path: Path) -> None:
        target = tmp_path / "target"
        path = tmp_path / "a.wsp"
        path.symlink_to(target)
        with pytest.raises(CaptureError, match="exists already"):
            files.create(path)
        assert not target.exists()

    def test_says_why_a_place_cannot_be_written(self, tmp_path: Path) -> None:
        path = tmp_path / "missing" / "a.wsp"
        with pytest.raises(
            CaptureError, match=re.escape(f"cannot write {path}: no such file or directory. Choose")
        ):
            files.create(path)

    @posix
    def test_leaves_nothing_behind_on_a_full_disk(self, tmp_path: Path) -> None:
        script = (
            "import resource, sys; from pathlib import Path; from wsproxy.store import files\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
            "try: files.create(Path(sys.argv[1]))\n"
            "except files.CaptureError as e: print(e)"
        )
        path = tmp_path / "a.wsp"
        done = subprocess.run(
            [sys.executable, "-c", script, str(path)],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.startswith(f"cannot write {path}: ")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("name", ["a b.wsp", "ü?.wsp", "100%.wsp", "#1&mode=memory.wsp", "a'b.wsp"])
    def test_takes_any_name(self, tmp_path: Path, name: str) -> None:
        chat(tmp_path / name)
        assert [path.name for path in tmp_path.iterdir()] == [name]
        assert counts(tmp_path / name) == (2, 7)

    @pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux alone")
    def test_takes_a_name_that_is_not_utf8(self, tmp_path: Path) -> None:
        path = tmp_path / os.fsdecode(b"\xff.wsp")
        chat(path)
        assert counts(path) == (2, 7)

    @posix
    def test_takes_a_path_with_two_slashes_before_it(self, tmp_path: Path) -> None:
        path = Path(f"/{tmp_path}/a.wsp")
        chat(path)
        assert counts(path) == (2, 7)


class TestWhatIsNoCapture:
    def test_is_missing(self, tmp_path: Path) -> None:
        path = tmp_path / "a.wsp"
        assert refusal(path) == f"there is no file {path}. `wsproxy captures` lists yours"

    def test_is_empty(self, tmp_path: Path) -> None:
        path = tmp_path / "a.wsp"
        path.touch()
        assert refusal(path) == f"{path} is not a wsproxy capture. It is empty"

    @pytest.mark.parametrize("content", [b"x", b"hello\n" * 1000, b"SQLite format 2\x00" + bytes(5000)])
    def test_is_something_else(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "a.wsp"
        path.write_bytes(content)
        assert refusal(path) == (
            f"{path} is not a wsproxy capture. Captures are SQLite files that `wsproxy dump` writes"
        )
        assert path.read_bytes() == content

    def test_belongs_to_another_program(self, tmp_path: Path) -> None:
        path = tmp_path / "a.wsp"
        db = sqlite3.connect(path)
        db.execute("CREATE TABLE frame (id INTEGER PRIMARY KEY)")
        db.close()
        assert refusal(path) == f"{path} is not a wsproxy capture. It is an SQLite file of another program"

    def test_is_newer_than_this_program(self, tmp_path: Path) -> None:
        path = chat(tmp_path / "a.wsp")
        db = sqlite3.connect(path)
        db.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
        db.close()
        assert refusal(path) == (
            f"{path} was written by a newer wsproxy (schema {schema.VERSION + 1}, this one knows"
            f" {schema.VERSION}). Update wsproxy to read it"
        )

    def test_was_left_before_it_was_made(self, tmp_path: Path) -> None:
        path = tmp_path / "a.wsp"
        db = sqlite3.connect(path)
        db.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        db.close()
        assert refusal(path) == f"there is nothing in {path}: making it was interrupted"

    def test_is_a_directory(self, tmp_path: Path) -> None:
        assert refusal(tmp_path) == f"cannot read {tmp_path}: is a directory"

    @posix
    def test_is_not_a_file(self, tmp_path: Path) -> None:
        path = tmp_path / "s"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            assert refusal(path) == f"cannot read {path}: is not a file"

    def test_is_behind_a_file(self, tmp_path: Path) -> None:
        path = chat(tmp_path / "a.wsp") / "b.wsp"
        assert refusal(path).startswith(f"cannot read {path}: not a directory")

    @unprivileged
    def test_is_not_ours_to_read(self, tmp_path: Path) -> None:
        path = chat(tmp_path / "a.wsp")
        path.chmod(0)
        assert refusal(path) == f"cannot read {path}: permission denied"

    @pytest.mark.parametrize("kept", [20, 99, 500, 16_384, 100_000])
    def test_was_cut_short(self, tmp_path: Path, kept: int) -> None:
        path = chat(tmp_path / "a.wsp")
        content = path.read_bytes()
        assert len(content) > 150_000
        path.write_bytes(content[:kept])
        message = refusal(path)
        assert str(path) in message
        assert "malformed" in message or "not a wsproxy capture" in message


class TestAppending:
    @pytest.mark.parametrize("table", ["meta", "frame"])
    def test_says_what_is_missing_in_a_damaged_capture(self, tmp_path: Path, table: str) -> None:
        path = chat(tmp_path / "a.wsp")
        db = sqlite3.connect(path)
        db.execute(f"DROP TABLE {table}")
        db.close()
        with (
            pytest.raises(CaptureError, match=rf"cannot (read|write) .*: no such table: {table}"),
            capture(path, append=True),
        ):
            pass

    @unprivileged
    def test_says_why_a_capture_cannot_be_written(self, tmp_path: Path) -> None:
        path = chat(tmp_path / "a.wsp")
        path.chmod(0o400)
        with (
            pytest.raises(CaptureError, match=re.escape(f"cannot write {path}: attempt to write a readonly")),
            capture(path, append=True),
        ):
            pass

    def test_is_refused_while_another_process_is_writing(self, tmp_path: Path) -> None:
        path = tmp_path / "a.wsp"
        script = (
            "import sys; from pathlib import Path; from wsproxy.store.recorder import Recorder\n"
            "recorder = Recorder(Path(sys.argv[1])); print(flush=True); sys.stdin.read(); recorder.stop()"
        )
        with subprocess.Popen(
            [sys.executable, "-c", script, str(path)],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as other:
            assert other.stdout is not None
            other.stdout.readline()
            with (
                pytest.raises(CaptureError, match=f"is being written by process {other.pid}. End that one"),
                capture(path, append=True),
            ):
                pass
        assert other.returncode == 0
        with capture(path, append=True) as c:
            assert c.open() == 1

    def test_is_not_refused_because_a_killed_writers_number_was_given_to_another(
        self, tmp_path: Path
    ) -> None:
        path = chat(tmp_path / "a.wsp")
        db = sqlite3.connect(path, isolation_level=None)
        db.execute("UPDATE meta SET value = ? WHERE key = 'writer_pid'", (os.getppid(),))
        db.execute("UPDATE meta SET value = NULL WHERE key = 'ended'")
        db.close()
        with Reader(path) as reader:
            assert reader.is_live()
        with capture(path, append=True) as c:
            assert c.open() == 3


class TestOneFile:
    """A capture is one plain file as soon as nobody has it open."""

    def names(self, path: Path) -> list[str]:
        return sorted(entry.name for entry in path.parent.iterdir())

    def test_when_the_writer_ends(self, tmp_path: Path) -> None:
        path = chat(tmp_path / "a.wsp")
        assert self.names(path) == ["a.wsp"]

    def test_when_the_last_reader_leaves_after_the_writer(self, tmp_path: Path) -> None:
        path = tmp_path / "a.wsp"
        with capture(path) as c:
            c.open()
            first, second = Reader(path), Reader(path)
        assert self.names(path) != ["a.wsp"]
        first.close()
        assert second.counts() == (1, 0)
        second.close()
        assert self.names(path) == ["a.wsp"]
        assert counts(path) == (1, 0)

    def test_that_is_complete_even_while_it_is_being_read(self, tmp_path: Path) -> None:
        path, copy = tmp_path / "a.wsp", tmp_path / "copy.wsp"
        with capture(path) as c:
            number = c.open()
            c.receive(number, b"\x81\x02hi")
            reader = Reader(path)
        # What somebody does who does not know of the files beside it.
        copy.write_bytes(path.read_bytes())
        assert counts(copy) == (1, 1)
        reader.close()

    def test_when_a_killed_writer_left_more(self, tmp_path: Path) -> None:
        path = tmp_path / "a.wsp"
        script = (
            "import os, sys; from pathlib import Path; from wsproxy.store.recorder import Recorder\n"
            "Recorder(Path(sys.argv[1])); os._exit(1)"
        )
        subprocess.run([sys.executable, "-c", script, str(path)], check=False, cwd=REPOSITORY)
        assert "a.wsp-wal" in self.names(path)
        assert counts(path) == (0, 0)
        assert self.names(path) == ["a.wsp"]

    def test_cannot_be_made_of_what_is_no_capture(self, tmp_path: Path) -> None:
        assert not files.tidy(tmp_path / "missing.wsp")


@posix
def test_looking_at_a_capture_in_the_writers_process_leaves_the_writers_locks_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.wsp"
    with capture(path, AT_ONCE) as c:
        number = c.open()
        until(lambda: counts(path) == (1, 0), "the connection's row")
        # A program that is the last to leave an SQLite file merges the log and removes it.
        leave = (
            "import sqlite3, sys; db = sqlite3.connect(sys.argv[1])\n"
            "db.execute('SELECT count(*) FROM frame').fetchone(); db.close()"
        )
        subprocess.run([sys.executable, "-c", leave, str(path)], check=True)
        assert files.log_of(path).exists()
        c.receive(number, b"\x81\x02hi")
        until(lambda: counts(path) == (1, 1), "the frame's row")


class TestFoldersWeMayNotWriteTo:
    @pytest.fixture
    def folder(self, tmp_path: Path):  # type: ignore[no-untyped-def]
        folder = tmp_path / "read-only"
        folder.mkdir()
        yield folder
        folder.chmod(0o700)

    @unprivileged
    def test_hold_captures_that_can_be_read(self, folder: Path) -> None:
        path = folder / "a.wsp"
        with capture(path) as c:
            c.open()
            reader = Reader(path)
        # Still in WAL mode, and without the files that belong to it.
        reader.db.close()
        for name in ("a.wsp-wal", "a.wsp-shm"):
            (folder / name).unlink()
        folder.chmod(0o500)
        assert counts(path) == (1, 0)

    @unprivileged
    def test_hold_captures_whose_end_would_be_missing(self, folder: Path) -> None:
        path = folder / "a.wsp"
        db = files.create(path)
        db.execute("INSERT INTO meta VALUES ('x', 1)")
        content, log = path.read_bytes(), files.log_of(path).read_bytes()
        db.close()
        path.write_bytes(content)
        files.log_of(path).write_bytes(log)
        folder.chmod(0o500)
        assert refusal(path) == (
            f"cannot read {path}: its end is still in a.wsp-wal, in a read-only folder."
            " Copy both files to a folder of your own"
        )

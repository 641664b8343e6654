"""Run files: private, found, told from what others left or planted."""

import json
import os
import stat
import subprocess
import sys

import pytest

from wsproxy import config
from wsproxy.control import runfile
from wsproxy.control.client import find
from wsproxy.control.runfile import RunFile
from wsproxy.errors import ControlError
from wsproxy.store.processes import born, is_alive


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where they are; not there yet."""
    monkeypatch.setenv("WSPROXY_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "run"


def run(port: int = 4000, **values) -> RunFile:
    given = {"token": "secret", "listen": ("127.0.0.1:8080",), "capture": "/a.wsp", "started": port}
    return RunFile(port=port, **{**given, **values})


def gone() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_is_written_is_found_and_removed(folder):
    path = runfile.write(run())
    assert runfile.running() == [run()]
    runfile.remove(path)
    assert runfile.running() == []
    runfile.remove(path)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_they_are_private_whatever_the_umask(folder, mask):
    before = os.umask(mask)
    try:
        path = runfile.write(run())
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_is_open_to_others_is_closed(folder):
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    runfile.write(run())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_they_are_in_the_order_they_were_started(folder):
    for port, started in ((1, 30), (2, 10), (3, 20)):
        runfile.write(run(port, started=started))
    assert [found.port for found in runfile.running()] == [2, 3, 1]


def test_a_symbolic_link_in_place_of_the_folder_is_refused(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    folder.parent.mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    for attempt in (lambda: runfile.write(run()), runfile.running):
        with pytest.raises(ControlError, match="is a symbolic link"):
            attempt()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_symbolic_link_in_place_of_the_file_is_refused_and_left_alone(folder, tmp_path):
    folder.mkdir(parents=True, mode=0o700)
    target = tmp_path / "target"
    (folder / run().name).symlink_to(target)
    with pytest.raises(ControlError, match="is in the way"):
        runfile.write(run())
    assert not target.exists()


def test_a_symbolic_link_is_not_followed_by_who_looks(folder, tmp_path):
    real = runfile.write(run())
    real.rename(tmp_path / "moved")
    real.symlink_to(tmp_path / "moved")
    assert runfile.running() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_belongs_to_others_is_not_believed(folder):
    path = runfile.write(run())
    os.chown(path, 65534, 65534)
    assert runfile.running() == []
    os.chown(folder, 65534, 65534)
    for attempt in (lambda: runfile.write(run(2)), runfile.running):
        with pytest.raises(ControlError, match="belongs to somebody else"):
            attempt()


def test_a_place_where_everybody_may_write_is_refused(folder):
    folder.mkdir(parents=True)
    folder.parent.chmod(0o777)
    with pytest.raises(ControlError, match="everybody may write"):
        runfile.write(run())
    folder.parent.chmod(0o1777)
    runfile.write(run())


def test_a_file_in_place_of_the_folder_is_refused(folder):
    folder.parent.mkdir()
    folder.write_text("")
    with pytest.raises(ControlError):
        runfile.write(run())
    with pytest.raises(ControlError, match="is not a folder"):
        runfile.running()


def test_a_file_that_others_could_read_is_not_believed(folder):
    runfile.write(run()).chmod(0o644)
    assert runfile.running() == []


def test_what_a_dead_process_left_is_cleaned_up(folder):
    stale = runfile.write(run(1, pid=gone()))
    runfile.write(run(2))
    assert [found.port for found in runfile.running()] == [2]
    assert not stale.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only there it can be found out")
def test_a_process_that_got_the_number_of_another_is_not_taken_for_it(folder):
    assert born(os.getpid())
    assert is_alive(os.getpid())
    stale = runfile.write(run(1, born=born(os.getpid()) + "0"))
    assert runfile.running() == []
    assert not stale.exists()


def test_processes_of_another_machine_are_left_alone(folder):
    path = runfile.write(run(1, host="elsewhere", pid=gone()))
    assert runfile.running() == []
    assert path.exists()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff", b"{}", b'{"port":"x"}', b"[" * 60_000, b'{"listen":1}']
)
def test_what_is_no_run_file_is_left_alone(folder, content):
    path = runfile.write(run())
    path.write_bytes(content)
    assert runfile.running() == []
    assert path.exists()


@pytest.mark.parametrize("kind", ["fifo", "folder"])
def test_what_is_no_file_is_left_alone(folder, kind):
    folder.mkdir(parents=True, mode=0o700)
    path = folder / "1-1.json"
    if kind == "fifo":
        os.mkfifo(path, 0o600)
    else:
        path.mkdir()
    assert runfile.running() == []


def test_the_token_is_not_shown(folder):
    assert "secret" not in repr(run())
    assert json.loads(runfile.write(run()).read_bytes())["token"] == "secret"


def test_the_only_one_is_found_or_the_one_on_a_port(folder):
    with pytest.raises(ControlError, match="no proxy is running"):
        find()
    runfile.write(run(4000))
    assert find().port == 4000
    runfile.write(run(4001, listen=("127.0.0.1:9000", "[::1]:9001")))
    with pytest.raises(ControlError, match="several proxies are running") as refused:
        find()
    assert "127.0.0.1:9000 and [::1]:9001 (control 4001" in refused.value.hint
    for port, expected in ((4000, 4000), (8080, 4000), (4001, 4001), (9000, 4001), (9001, 4001)):
        assert find(port).port == expected
    with pytest.raises(ControlError, match="on port 1"):
        find(1)
    runfile.write(run(4002))
    with pytest.raises(ControlError, match="several proxies are running on port 8080"):
        find(8080)


def test_without_a_home_of_its_own_it_is_the_users_runtime_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("WSPROXY_HOME", raising=False)
    tmp_path.chmod(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    if sys.platform == "linux":
        assert config.runtime_dir() == tmp_path / "wsproxy"
        runfile.write(run())
        assert runfile.running() == [run()]

"""A forked `python -m wsproxy` is what a started one is."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.support import forking
from tests.support.captures import capture
from wsproxy.wire.encode import encode_frame

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are adopted on Linux only")

COMMAND = [sys.executable, "-m", "wsproxy"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder the program is started in, with a capture and a home."""
    with capture(tmp_path / "a.wsp") as c:
        c.receive(c.open(), encode_frame(1, "grüße".encode()))
    monkeypatch.setenv("WSPROXY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--version"], 0),
        (["log", "a.wsp"], 0),
        (["log", "a.wsp", "--json"], 0),
        (["log", "b.wsp"], 3),
        (["log", "a.wsp", "-f", "nothing"], 1),
        (["nonsense"], 2),
        ([], 0),
        (["export", "-"], 3),
    ],
)
def test_it_says_the_same_and_ends_with_the_same_code(
    here: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int
) -> None:
    ends = []
    for way in ("fork", "exec"):
        monkeypatch.setenv(forking.SPAWN, way)
        done = subprocess.run([*COMMAND, *words], cwd=here, capture_output=True, stdin=subprocess.DEVNULL)
        ends.append((done.returncode, done.stdout, done.stderr))
    assert ends[0] == ends[1]
    assert ends[0][0] == code


# The addon that looks about itself writes what it finds into the file that a variable names.
LOOKING = """
import json, os, signal, sys

streams = [sys.stdin, sys.stdout, sys.stderr]
mask = os.umask(0)
os.umask(mask)
found = {
    "parent": os.getppid(),
    "argv": sys.argv,
    "folder": os.getcwd(),
    "path": sys.path[0],
    "umask": mask,
    "own session": os.getsid(0) == os.getpid(),
    "environment": {name: value for name, value in os.environ.items() if name != "WSPROXY_TEST_SPAWN"},
    "files": sorted(map(int, os.listdir("/proc/self/fd")))[:-1],
    "main": sys.modules["__main__"].__spec__.name,
    "streams": [
        [s.fileno(), s.encoding, s.errors, s.line_buffering, s.newlines, s.closed, s.name] for s in streams
    ],
    "signals": {number.name: str(signal.getsignal(number)).split(" at ")[0] for number in signal.Signals},
    "flags": str(sys.flags),
    "threads": len(os.listdir("/proc/self/task")),
}
with open(os.environ["WSPROXY_TEST_FOUND"], "w") as file:
    json.dump(found, file)
"""


def test_it_has_the_place_streams_and_parent_that_were_asked_for(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "looking.py").write_text(LOOKING)
    found = []
    for way in ("fork", "exec"):
        monkeypatch.setenv(forking.SPAWN, way)
        monkeypatch.setenv("WSPROXY_TEST_FOUND", str(here / "found.json"))
        done = subprocess.run(
            [*COMMAND, "addons", "./looking.py"],
            cwd=here, env=dict(os.environ), capture_output=True, umask=0o031, start_new_session=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
        found.append(json.loads((here / "found.json").read_text()))
    assert found[0] == found[1]
    assert found[0]["parent"] == os.getpid()
    assert (found[0]["folder"], found[0]["umask"], found[0]["own session"]) == (str(here), 0o031, True)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_how_it_was_ended_is_seen(here: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    ends = []
    with capture(here / "b.wsp") as c:
        c.receive(c.open(), encode_frame(1, b"hello"))
        for way in ("fork", "exec"):
            monkeypatch.setenv(forking.SPAWN, way)
            process = await asyncio.create_subprocess_exec(
                *COMMAND, "log", str(here / "b.wsp"), "--follow", "--json", stdout=asyncio.subprocess.PIPE
            )
            assert process.stdout
            assert b'"open"' in await asyncio.wait_for(process.stdout.readline(), 20)
            cmdline = psutil.Process(process.pid).cmdline()
            assert any("forking.py" in word for word in cmdline) is (way == "fork")
            process.send_signal(number)
            ends.append(await asyncio.wait_for(process.wait(), 20))
            process._transport.close()  # type: ignore[attr-defined]
    assert ends[0] == ends[1] != 0


def test_a_variable_that_python_reads_while_it_starts_starts_python(here: Path) -> None:
    env = {
        **os.environ,
        "PYTHONWARNINGS": "error::SyntaxWarning",
        "WSPROXY_TEST_FOUND": str(here / "found.json"),
    }
    (here / "looking.py").write_text(
        "import os, pathlib\n"
        "pathlib.Path(os.environ['WSPROXY_TEST_FOUND']).write_bytes(pathlib.Path('/proc/self/cmdline').read_bytes())\n"
    )
    subprocess.run([*COMMAND, "addons", "./looking.py"], cwd=here, env=env, check=True, capture_output=True)
    assert (here / "found.json").read_bytes().startswith(b"\0".join(word.encode() for word in COMMAND))

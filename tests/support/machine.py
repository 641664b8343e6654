"""
A machine of its own, as far as a test needs one: a network, mounts and processes that nobody else has.

Namespaces of Linux (unshare(1)): all ports are free there, files can lie over those of the system, and with
its first process everything ends.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

_NEEDED = ("unshare", "nsenter", "ip", "mount")
_NAMESPACES = ("--net", "--mount", "--pid")
_FIRST = """
import signal, subprocess, sys
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
# Processes whose parents have ended are left to this one. Nobody need wait for them then.
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print("up", flush=True)
sys.stdin.read()
"""


@cache
def missing() -> str | None:
    """Why there can be none here; None if there can."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return "only root on Linux can make a machine of its own"
    if lacking := [name for name in _NEEDED if shutil.which(name) is None]:
        return f"only root on Linux can make a machine of its own, with {' and '.join(lacking)}"
    tried = subprocess.run(
        ["unshare", *_NAMESPACES, "--fork", "true"], capture_output=True, text=True, check=False
    )
    return f"only root on Linux can make a machine of its own: {tried.stderr}" if tried.returncode else None


once = pytest.mark.skipif(
    os.environ.get("WSPROXY_TEST_WAYS") == "regular", reason="the same on every Python: the newest tries it"
)
"""For what takes long (`make test`)."""

needs_machine = pytest.mark.skipif(missing() is not None, reason=str(missing()))


class Machine:
    """
    Attributes:
        pid: of its first process, as it is called out here.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["unshare", *_NAMESPACES, "--fork", "--kill-child", "--mount-proc", sys.executable, "-c", _FIRST],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"up\n"
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        self.pid = int(children.read_text())
        self._started: list[Started] = []

    def command(self, *words: str, folder: Path | None = None) -> list[str]:
        """
        `words`, to be run out here, with which they run in there.

        Args:
            folder: the working directory; the root if None.
        """
        into = ["nsenter", "--target", str(self.pid), *_NAMESPACES]
        if folder is None:
            return [*into, *words]
        return [*into, "sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", str(folder), *words]

    def run(
        self, *words: str, folder: Path | None = None, env: Mapping[str, str] | None = None, given: str = ""
    ) -> str:
        """Run `words` there to their end, which must be a good one, with that on stdin; what they printed."""
        done = subprocess.run(
            self.command(*words, folder=folder),
            env=env,
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def start(
        self, *words: str, folder: Path | None = None, env: Mapping[str, str] | None = None
    ) -> "Started":
        """Start `words` there."""
        announced = ("sh", "-c", 'echo $$ && exec "$@"', "sh", *words)
        process = subprocess.Popen(
            self.command(*announced, folder=folder),
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._started.append(Started(self, process))
        return self._started[-1]

    def cover(self, folder: Path, scratch: Path) -> None:
        """Let all changes below `folder` be this machine's alone, kept in `scratch`."""
        layers = [scratch / folder.name / layer for layer in ("upper", "work")]
        for layer in layers:
            layer.mkdir(parents=True)
        upper, work = layers
        options = f"lowerdir={folder},upperdir={upper},workdir={work}"
        self.run("mount", "-t", "overlay", "overlay", "-o", options, str(folder))

    def processes(self) -> dict[str, str]:
        """What runs there but the first process and this question: command lines by process number."""
        listed = self.run("ps", "-e", "-o", "pid=,args=").splitlines()
        found = dict(line.split(maxsplit=1) for line in listed)
        return {pid: args for pid, args in found.items() if pid != "1" and not args.startswith("ps -e")}

    def end(self) -> None:
        """End all of it."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        for started in self._started:
            started.forget()


class Started:
    """
    A program that runs there.

    Attributes:
        pid: as it is called in there.
        said: the lines that were read so far, of stdout and stderr.
    """

    def __init__(self, where: Machine, process: subprocess.Popen[str]) -> None:
        self._where = where
        self._process = process
        assert process.stdout is not None
        self._lines = process.stdout
        self.pid = int(self._lines.readline())
        self.said: list[str] = []

    def until(self, words: str) -> str:
        """The first line with `words` in it, as soon as it is said."""
        for line in self._lines:
            self.said.append(line)
            if words in line:
                return line
        raise AssertionError(f"{words!r} was never said:\n{''.join(self.said)}")

    def kill(self, name: str) -> None:
        """Send it a signal, `INT` or another."""
        self._where.run("kill", f"-{name}", str(self.pid))

    def end(self, name: str = "INT") -> int:
        """Send it a signal, and wait until it has ended; its exit code."""
        self.kill(name)
        self.said += self._lines
        return self._process.wait(60)

    def forget(self) -> None:
        """Let go of it, once all of the machine has ended."""
        self._process.wait()
        self._lines.close()


@contextmanager
def machine() -> Iterator[Machine]:
    """One for the time of the block."""
    made = Machine()
    try:
        yield made
    finally:
        made.end()

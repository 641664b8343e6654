"""
Programs the benchmark starts: their lines, and their end.
"""

import contextlib
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")

_KEPT = 50
"""Lines kept for the case that something goes wrong."""


class ProgramFailed(Exception):
    """A program did not do what it was started for; says which and what it said."""


class Program:
    """
    A running program; a context manager that ends it.

    Args:
        command: to run.
        env: added to the environment.
        pass_fds: file descriptors it inherits.
        cwd: where it runs.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: dict[str, str] | None = None,
        pass_fds: Sequence[int] = (),
        cwd: Path = ROOT,
    ) -> None:
        self._name = Path(command[0]).name + " " + " ".join(command[1:4])
        self._said: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.process = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=pass_fds,
            cwd=cwd,
            text=True,
            errors="replace",
        )
        self.pid = self.process.pid
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._said = [*self._said[1 - _KEPT :], line.rstrip()]
            self._lines.put(line)
        self._lines.put(None)

    def say(self, line: str) -> None:
        """Give it a line."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except OSError:
            raise self.failed("went away") from None

    def line(self, wanted: Callable[[str], T | None], timeout: float) -> T:
        """
        Its next line that means something.

        Args:
            wanted: what a line means, None for nothing.
            timeout: in seconds, for each line.

        Raises:
            ProgramFailed: it ended, or said nothing for too long.
        """
        while True:
            try:
                line = self._lines.get(timeout=timeout)
            except queue.Empty:
                raise self.failed(f"said nothing for {timeout:.0f} s") from None
            if line is None:
                raise self.failed(f"ended with {self.process.wait()}")
            meaning = wanted(line)
            if meaning is not None:
                return meaning

    def failed(self, what: str) -> ProgramFailed:
        """The error to raise, with what it said."""
        return ProgramFailed("\n".join([f"{self._name} {what}", *self._said[-15:]]))

    def stop(self) -> None:
        """End it: its stdin closes, then SIGINT, then SIGKILL."""
        with contextlib.suppress(OSError):
            assert self.process.stdin is not None
            self.process.stdin.close()
        for number, seconds in ((None, 0.3), (signal.SIGINT, 15.0), (signal.SIGKILL, 15.0)):
            if number is not None:
                self.process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
                return

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

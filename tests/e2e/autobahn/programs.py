"""
Child processes that talk in lines, several of them into one queue.
"""

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[3]
SUITE = Path(__file__).parent / "suite.py"
START_TIMEOUT = 60
"""Seconds for a program to say that it is ready; an import on a busy machine takes a while."""
STOP_TIMEOUT = 60
HOST = "127.0.0.1"

Lines = queue.Queue[tuple["Program", str | None]]
"""What was said and by whom; None when it ended."""


class RunFailed(Exception):
    """There is no result to compare; the message says why."""


class Program:
    """
    A running child process.

    Args:
        name: for messages.
        command: what to run.
        lines: where its lines go.
        listen_to: `stdout` or `stderr`, the one that has the lines.
        log: a file that gets its stderr.
        env: added to the environment.
    """

    def __init__(
        self, name: str, command: list[str], lines: Lines, listen_to: str, log: Path, env: dict[str, str]
    ) -> None:
        self.name = name
        self.log = log
        file = log.open("wb", buffering=0)
        streams: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": file, listen_to: subprocess.PIPE}
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, env={**os.environ, **env}, **streams
        )
        pipe = getattr(self.process, listen_to)

        def read() -> None:
            with file, pipe:
                for line in pipe:
                    if listen_to == "stderr":
                        file.write(line)
                    lines.put((self, line.decode(errors="replace").rstrip("\n")))
            lines.put((self, None))

        self._reader = threading.Thread(target=read, name=name, daemon=True)
        self._reader.start()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it with a signal, or else by force; returns its status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join()
        return self.process.returncode

    def failed(self, what: str) -> RunFailed:
        """The error that says `what` went wrong, with the last this program said."""
        said = self.log.read_text(errors="replace").strip().splitlines()
        return RunFailed("\n  ".join([f"{self.name} {what}", *said[-5:]]))


@contextmanager
def suite(role: str, python: Path, lines: Lines, folder: Path, **options: Any) -> Iterator[Program]:
    """One end of the suite (`suite.py`) for the time of the block."""
    command = [str(python), str(SUITE), role, json.dumps(options)]
    program = Program(role, command, lines, "stdout", folder / f"{role}.log", {})
    try:
        yield program
    finally:
        program.stop()


def port_of(program: Program, lines: Lines) -> tuple[int, list[str]]:
    """
    Wait until a server of the suite listens.

    Returns:
        Its port, and the cases if it is the fuzzer.

    Raises:
        RunFailed: it does not.
    """
    cases: list[str] = []
    while True:
        line = _next(program, lines)
        event = json.loads(line)
        if event["event"] == "cases":
            cases = event["cases"]
        elif event["event"] == "listening":
            return event["port"], cases


class Proxy:
    """
    A running `wsproxy dump -q`, and its capture.

    Args:
        folder: where the capture goes.
        home: its `WSPROXY_HOME`.
        arguments: more arguments.

    Raises:
        RunFailed: it does not start.
    """

    def __init__(self, folder: Path, home: Path, *arguments: str) -> None:
        self.capture = folder / "capture.wsp"
        for old in folder.glob("capture.wsp*"):
            old.unlink()
        self._lines: Lines = queue.Queue()
        dump = ["-m", "wsproxy", "dump", "-q", "-p", "0", "-w", str(self.capture), *arguments]
        self.program = Program(
            "the proxy",
            [sys.executable, *dump],
            self._lines,
            "stderr",
            folder / "proxy.log",
            {
                "WSPROXY_HOME": str(home),
                "PYTHONPATH": os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")])),
                "NO_COLOR": "1",
            },
        )
        self.said: list[str] = []
        """What it said on stderr apart from where it listens and what it captured."""
        try:
            self.port = self._listening()
        except BaseException:
            self.program.stop()
            raise

    def _listening(self) -> int:
        while True:
            line = _next(self.program, self._lines)
            if found := re.search(r"listening on .*?:(\d+);", line):
                return int(found[1])
            self.said.append(line)

    @property
    def is_running(self) -> bool:
        return self.program.process.poll() is None

    def stop(self) -> int:
        """End it in order; returns its status and completes `said`."""
        status = self.program.stop(signal.SIGINT)
        while not self._lines.empty():
            _, line = self._lines.get()
            if line is not None and "captured in " not in line:
                self.said.append(line)
        return status


def _next(program: Program, lines: Lines) -> str:
    try:
        speaker, line = lines.get(timeout=START_TIMEOUT)
    except queue.Empty:
        raise program.failed(f"is not ready after {START_TIMEOUT} s") from None
    if line is None:
        raise speaker.failed(f"ended with status {speaker.process.wait()} before it was ready")
    return line

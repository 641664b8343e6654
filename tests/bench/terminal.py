"""
The terminal UI in a pseudo-terminal, as a person would run it: what it writes is read and thrown away.
"""

import contextlib
import fcntl
import os
import pty
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable

import psutil

WIDTH, HEIGHT = 160, 45
PATIENCE = 60
"""Seconds after which what is waited for will not come."""


class Terminal:
    """
    `wsproxy WORDS`; a context manager that kills it.

    Args:
        words: after the command's name.
        env: added to the environment.
    """

    def __init__(self, *words: str, env: dict[str, str] | None = None) -> None:
        self._leader, self._follower = pty.openpty()
        fcntl.ioctl(self._follower, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        self.process = psutil.Popen(
            [sys.executable, "-m", "wsproxy", *words],
            stdin=self._follower,
            stdout=self._follower,
            stderr=self._follower,
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(env or {})},
            start_new_session=True,
        )
        self.written = bytearray()
        """What it wrote since somebody cleared that."""
        threading.Thread(target=self._drain, daemon=True).start()

    def _drain(self) -> None:
        # Once nobody has the other end, reading it fails.
        with contextlib.suppress(OSError):
            while data := os.read(self._leader, 1 << 16):
                self.written.extend(data)

    def until(self, is_so: Callable[[], bool], pause: float = 0.05) -> None:
        """Return when `is_so()`. Raises TimeoutError: it never is, or the program has ended."""
        deadline = time.monotonic() + PATIENCE
        while not is_so():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise TimeoutError(f"it never came; the end of what did: {bytes(self.written[-500:])!r}")
            time.sleep(pause)

    def press(self, key: str) -> None:
        """As if it had been typed."""
        os.write(self._leader, key.encode())

    def reaction(self, key: str, shows: str) -> float:
        """Seconds from a key to the first byte of what it makes show, which must not have been there."""
        wanted = shows.encode()
        self.written.clear()
        began = time.perf_counter()
        self.press(key)
        self.until(lambda: wanted in self.written, 0.001)
        return time.perf_counter() - began

    @property
    def cpu(self) -> float:
        """Seconds it has used."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._follower)

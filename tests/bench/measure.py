"""
What the operating system says about a process, its threads and its children: CPU and memory.

On Linux the CPU clock of a process is read (`clock_getcpuclockid(3)`): nanoseconds, with threads
that have ended. Elsewhere psutil's times, which come in steps of up to 10 ms, must do.
"""

import threading
import time

import psutil

from tests.bench.loads.base import Reading

_QUIET = 0.03
"""Share of a core below which a process counts as having finished its work."""
_LOOK = 0.12
"""Seconds between two looks."""


def _clock(pid: int) -> float:
    # The kernel's MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED).
    return time.clock_gettime(~pid << 3 | 2)


def cpu(pid: int) -> float:
    """Seconds used by a process and its children, those that have ended included."""
    total = 0.0
    root = psutil.Process(pid)
    for process in (root, *root.children(recursive=True)):
        try:
            times = process.cpu_times()
            if psutil.LINUX:
                total += _clock(process.pid)
            else:
                total += times.user + times.system
            total += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
        except (psutil.NoSuchProcess, OSError):
            continue
    return total


def memory(pid: int) -> float:
    """Bytes in memory of a process and its children; pages they share are counted once, where known."""
    total = 0.0
    root = psutil.Process(pid)
    for process in (root, *root.children(recursive=True)):
        try:
            full = process.memory_full_info()
            total += getattr(full, "pss", full.rss)
        except (psutil.NoSuchProcess, OSError):
            continue
    return total


def settle(pid: int, seconds: float = 15.0) -> None:
    """Return when the process has nothing more to do, a queue it writes to disk included."""
    deadline = time.monotonic() + seconds
    before = cpu(pid)
    quiet = 0
    while quiet < 2 and time.monotonic() < deadline:
        begun = time.monotonic()
        time.sleep(_LOOK)
        now = cpu(pid)
        quiet = quiet + 1 if now - before < _QUIET * (time.monotonic() - begun) else 0
        before = now


def read(pid: int) -> Reading:
    """How it is, once it has settled."""
    settle(pid)
    return Reading(cpu(pid), memory(pid))


class Peak:
    """
    The most memory seen while it runs, as resident pages; a context manager.

    Args:
        pid: of the process.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.growth = 0.0
        """Bytes above the first look."""

    def _watch(self) -> None:
        process = psutil.Process(self._pid)
        try:
            first = process.memory_info().rss
            while not self._stop.wait(0.2):
                self.growth = max(self.growth, process.memory_info().rss - first)
        except psutil.NoSuchProcess:
            pass

    def __enter__(self) -> "Peak":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

"""
While the disk takes nothing: what goes by is counted, and what everything else refers to is kept for later.

A disk that fails holds no traffic hostage (`wsproxy.store.recorder`); but the capture says afterwards from
when to when it has nothing, and how much that would have been.
"""

from collections import deque
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from wsproxy.store import inserts
from wsproxy.store.inserts import Statement
from wsproxy.store.waiting import OVERHEAD


class Outage:
    """
    What could not be recorded, while it lasts.

    Args:
        started: from when on, ns.
        reason: why, in the words of SQLite.
        limit: bytes that may be kept for later.

    Attributes:
        kept: bytes that are.
    """

    def __init__(self, started: int, reason: str, limit: int) -> None:
        self.started = started
        self.reason = reason
        self.kept = 0
        self._limit = limit
        self._frames = 0
        self._bytes = 0
        self._statements: deque[Statement] = deque()

    def lose(self, frames: int, size: int, statements: Iterable[Statement]) -> None:
        """So many frames and bytes are lost; connections, and how they ended, are kept."""
        self._frames += frames
        self._bytes += size
        # Those are few, and everything else refers to them: in order, and bounded like the queue.
        for statement in statements:
            if inserts.is_exchange(statement):
                self._bytes += _size(statement) - OVERHEAD
                continue
            self._statements.append(statement)
            self.kept += _size(statement)
        while self.kept > self._limit:
            self.kept -= _size(self._statements.popleft())

    def statements(self, now: int, at_frame: int) -> list[Statement]:
        """What is written as soon as that works again: what was kept, and the gap that ends `now`."""
        gap = inserts.gap(self.started, now, at_frame, self._frames, self._bytes, self.reason)
        return [*self._statements, gap]

    def begins(self, path: Path) -> str:
        """Said when it begins."""
        return (
            f"RECORDING STOPPED at {_clock(self.started)}: cannot write {path}: {self.reason}. "
            "Traffic goes on, unrecorded. Free some space: recording then goes on by itself"
        )

    def is_over(self, now: int) -> str:
        """Said when it is over."""
        return (
            f"recording goes on; {self._frames} frames were relayed and not recorded "
            f"between {_clock(self.started)} and {_clock(now)}"
        )

    def stays(self, path: Path) -> str:
        """Said when the recorder stops before it is over."""
        return f"{self._frames} frames since {_clock(self.started)} are not in {path}: {self.reason}"


def _size(statement: Statement) -> int:
    return OVERHEAD + sum(len(value) for value in statement[1] if isinstance(value, bytes))


def _clock(ns: int) -> str:
    return datetime.fromtimestamp(ns / 1e9).strftime("%H:%M:%S")

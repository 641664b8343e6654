"""
Which frames of a capture a viewer wants to see, where not all: looked for from the beginning, in portions.
"""

import time
from collections.abc import Callable
from typing import Protocol

from wsproxy.store.arriving import Arriving
from wsproxy.store.reader import Reader


class Picker(Protocol):
    """Says which frames a viewer wants to see."""

    def pick(self, after: int, up_to: int) -> list[int]:
        """The ids above `after` and up to `up_to`, in order."""


Progress = Callable[[int, int], None]
"""Told how far the picker has come: frames, and of how many."""

_FEWEST, _MOST = 4096, 1 << 16
"""Frames that a picker is asked about at a time: as many as take it about `_MOMENT`."""
_MOMENT = 0.1
"""Seconds, so that progress shows and Ctrl-C is heard."""


class Picking:
    """
    How far a picker has come in a capture.

    Args:
        reader: the capture.
        picker: asked about every frame once.
        after: only about those behind this one.
        arriving: gets those whose payload is still on its way; they are asked about when they are whole.
        progress: told after every portion.

    Attributes:
        found: the ids that are picked and were not taken yet.
        searched: the last frame that was asked about.
    """

    def __init__(
        self, reader: Reader, picker: Picker, after: int, arriving: Arriving, progress: Progress
    ) -> None:
        self._reader = reader
        self._picker = picker
        self._arriving = arriving
        self._progress = progress
        self._at_once = _FEWEST
        self.found: list[int] = []
        self.searched = after

    @property
    def is_at_the_end(self) -> bool:
        """Whether it has been asked about all there are."""
        return self.searched >= self._reader.last_frame()

    def search(self) -> None:
        """Ask about further frames, until some are picked or all are known."""
        if self.found:
            return
        last = self._reader.last_frame()
        while not self.found and self.searched < last:
            began = time.monotonic()
            up_to = min(self.searched + self._at_once, last)
            self.found = self._picker.pick(self.searched, up_to)
            self._postpone(up_to)
            self.searched = up_to
            self._progress(up_to, last)
            took = time.monotonic() - began
            self._at_once = (
                min(self._at_once * 2, _MOST) if took < _MOMENT else max(self._at_once // 2, _FEWEST)
            )

    def take(self, count: int) -> list[int]:
        """The next `count` that were found; they are not found again."""
        taken, self.found = self.found[:count], self.found[count:]
        return taken

    def picks(self, number: int) -> bool:
        """Whether it picks this frame, which is whole by now."""
        return bool(self._picker.pick(number - 1, number))

    def _postpone(self, up_to: int) -> None:
        """Take out what is still arriving: the picker has not seen all of it."""
        if not self._reader.is_live():
            return
        rows = self._reader.db.execute(
            "SELECT id FROM frame WHERE id > ? AND id <= ? AND payload IS NULL", (self.searched, up_to)
        )
        for (number,) in rows.fetchall():
            frame, messages = self._reader.frame(number), self._reader.messages(number, number)
            if frame is None or number in messages or frame.stored >= frame.length:
                continue
            if self._arriving.takes(frame):
                self.found = [found for found in self.found if found != number]

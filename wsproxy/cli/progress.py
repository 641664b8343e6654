"""How far a long search has come: on stderr, if that is a terminal, after half a second."""

import sys
import time

from wsproxy.cli import output

_AFTER = 0.5
_EVERY = 0.1
"""Seconds."""


class Progress:
    """
    One line that is written over again and again; `clear` it before anything else is printed.

    Args:
        what: what goes on, in one word.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._shows = output.is_terminal(sys.stderr)
        self._next: float | None = time.monotonic() + _AFTER
        """When to show again; None between two searches."""
        self._visible = False

    def __call__(self, done: int, whole: int) -> None:
        """So much of the whole is done. What is added to it later is a new search."""
        now = time.monotonic()
        if done >= whole:
            self.clear()
            self._next = None
        elif self._next is None:
            self._next = now + _AFTER
        elif self._shows and now >= self._next:
            self._next = now + _EVERY
            self._visible = True
            output.talk(f"\r\x1b[K{self._what} {done * 100 // whole} %", True, end="")

    def clear(self) -> None:
        """Take the line away."""
        if self._visible:
            self._visible = False
            output.talk("\r\x1b[K", True, end="")

"""What the proxy says to people, kept for who looks up only later."""

import time
from collections import deque
from dataclasses import dataclass

from wsproxy.decoders.text import printable

_KEPT = 200
"""Sentences; what repeats is said once in a while by the proxy itself."""
_LONGEST = 2000
"""Columns of one: hosts, and what they answer, are anybody's."""
_QUIET = 3.0
"""Seconds after one in which others are not put before people's eyes, only counted."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One."""

    time: float
    """When it was heard, in seconds since the epoch."""
    text: str
    """Harmless."""


class Said:
    """All of them, the newest last."""

    def __init__(self) -> None:
        self.sentences: deque[Sentence] = deque(maxlen=_KEPT)
        self.unread = 0
        """How many came since somebody last read them."""
        self._shown = float("-inf")

    def add(self, text: str) -> Sentence | None:
        """
        Another one.

        Returns:
            It, if it is to be put before people's eyes: a page whose forty hosts all fail says so once.
        """
        now = time.monotonic()
        sentence = Sentence(time.time(), printable(text, _LONGEST))
        self.sentences.append(sentence)
        self.unread += 1
        if now - self._shown < _QUIET:
            return None
        self._shown = now
        return sentence

    @property
    def last(self) -> str:
        """The newest; mostly there is none."""
        return self.sentences[-1].text if self.sentences else ""

"""What a person has sent, the last one first: also in sessions before, as far as it is small."""

import base64
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from wsproxy.tui.history import remember, remembered
from wsproxy.tui.sending import TYPES, Composed

FILE = "sent-history.json"
KEPT = 200
"""Things that were sent."""
LARGEST = 32 * 1024
"""Bytes of one that is kept for the next session."""
TOGETHER = 512 * 1024
"""Bytes of all of them."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One thing."""

    time: float
    """Seconds since the epoch."""
    composed: Composed
    """To connection 0, if it was sent in a session before: numbers mean something else by now."""

    @property
    def when(self) -> str:
        """For people."""
        then = time.localtime(self.time)
        today = time.localtime(time.time())[:3] == then[:3]
        return time.strftime("%H:%M:%S" if today else "%Y-%m-%d", then)


class SentHistory:
    """All of them."""

    def __init__(self) -> None:
        self._sent = list(_read())[:KEPT]

    def __len__(self) -> int:
        return len(self._sent)

    def __getitem__(self, number: int) -> Sent:
        return self._sent[number]

    def add(self, composed: Composed) -> None:
        """It was sent just now; the same thing twice is one."""
        same = replace(composed, connection=0)
        self._sent = [one for one in self._sent if one.composed not in (same, composed)]
        self._sent.insert(0, Sent(time.time(), composed))
        del self._sent[KEPT:]
        remember(FILE, list(_written(self._sent)))


def _written(sent: list[Sent]) -> Iterator[dict[str, Any]]:
    size = 0
    for one in sent:
        composed = one.composed
        length = len(composed.content)
        if length > LARGEST or size + length > TOGETHER:
            continue
        size += length
        yield {
            "time": one.time,
            "to": composed.to,
            "type": composed.kind,
            "base64": base64.b64encode(composed.content).decode(),
            "force": composed.force,
        }


def _read() -> Iterator[Sent]:
    """What can be understood of the file."""
    kinds = {value for _, value in TYPES}
    for one in remembered(FILE):
        try:
            kind, to, force, when = one["type"], one["to"], one["force"], float(one["time"])
            content = base64.b64decode(one["base64"], validate=True)
            time.localtime(when)
        except (TypeError, KeyError, ValueError, OverflowError, OSError):
            continue
        if isinstance(kind, str) and kind in kinds and to in ("server", "client") and isinstance(force, bool):
            yield Sent(when, Composed(0, to, kind, content, force))

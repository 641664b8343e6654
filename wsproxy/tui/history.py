"""What a person has typed before, the last one last: kept in files of theirs alone (0600)."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from wsproxy import config

KEPT = 100
_LARGEST = 1 << 20
"""Bytes of a file that are read."""


def remembered(name: str) -> list[Any]:
    """What is in a file in the user's folder; a file that cannot be read is done without."""
    with contextlib.suppress(OSError, ValueError, RecursionError):
        found = json.loads(Path(config.config_dir() / name).read_bytes()[:_LARGEST])
        if isinstance(found, list):
            return found
    return []


def remember(name: str, lines: list[Any]) -> None:
    """Write it; a file that cannot be written is done without."""
    path = config.config_dir() / name
    with contextlib.suppress(OSError, UnicodeEncodeError):
        config.private_dir(path.parent)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with open(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
            json.dump(lines, file)


class History:
    """The filters that were used."""

    FILE = "filter-history.json"

    def __init__(self) -> None:
        self.lines = [line for line in remembered(self.FILE) if isinstance(line, str)][-KEPT:]
        self._place = len(self.lines)

    def add(self, line: str) -> None:
        """It was used."""
        if line:
            self.lines = [*(other for other in self.lines if other != line), line][-KEPT:]
            remember(self.FILE, self.lines)
        self._place = len(self.lines)

    def back(self) -> str | None:
        """The one before."""
        if self._place == 0:
            return None
        self._place -= 1
        return self.lines[self._place]

    def forward(self) -> str | None:
        """The one after; empty behind the last."""
        if self._place >= len(self.lines):
            return None
        self._place += 1
        return self.lines[self._place] if self._place < len(self.lines) else ""

"""The filters a person has used, the last one last: kept in a file of theirs alone (0600)."""

import contextlib
import json
import os

from wsproxy import config

KEPT = 100
_LARGEST = 1 << 20


class History:
    """What was typed before. A file that cannot be read or written is done without."""

    def __init__(self) -> None:
        self._path = config.config_dir() / "filter-history.json"
        self.lines: list[str] = []
        with contextlib.suppress(OSError, ValueError, RecursionError):
            found = json.loads(self._path.read_bytes()[:_LARGEST])
            if isinstance(found, list):
                self.lines = [line for line in found if isinstance(line, str)][-KEPT:]
        self._place = len(self.lines)

    def add(self, line: str) -> None:
        """It was used."""
        if line:
            self.lines = [*(other for other in self.lines if other != line), line][-KEPT:]
            self._write()
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

    def _write(self) -> None:
        with contextlib.suppress(OSError, UnicodeEncodeError):
            config.private_dir(self._path.parent)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            with open(os.open(self._path, flags, 0o600), "w", encoding="utf-8") as file:
                json.dump(self.lines, file)

"""
Marks and comments on frames: kept beside the capture, because who looks at one opens it read-only.

A small JSON file of the same name with `.marks` behind it, for its owner alone (0600):

    {"1709640000000000000": {"17": {"mark": true, "comment": "here it starts"}}}

The first key is when the capture was created, so that marks of a file that was replaced are neither shown
nor lost.
"""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wsproxy.errors import CaptureError

SUFFIX = ".marks"
_LARGEST = 64 * 1024 * 1024
"""Bytes of a file that is read."""
LONGEST = 10_000
"""Characters of a comment."""


def path_of(capture: Path) -> Path:
    """The file; it need not be there."""
    return capture.with_name(f"{capture.name}{SUFFIX}")


class Marks:
    """
    The marks of one capture.

    Args:
        capture: its file.
        created: when it was, as it says itself, ns.
    """

    def __init__(self, capture: Path, created: int) -> None:
        self.path = path_of(capture)
        self._key = str(created)
        self._marks: dict[int, str] = {}
        """Comments by frame; empty ones for those that are marked only."""

    def __contains__(self, frame: object) -> bool:
        return frame in self._marks

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._marks))

    def __len__(self) -> int:
        return len(self._marks)

    def comment(self, frame: int) -> str:
        """What was said about a frame; not escaped."""
        return self._marks.get(frame, "")

    def load(self) -> None:
        """
        Read them, also those that somebody else has made meanwhile.

        Raises:
            CaptureError: the file cannot be read.
        """
        self._marks = {
            int(number): str(mark.get("comment") or "")[:LONGEST]
            for number, mark in self._read().get(self._key, {}).items()
            if number.isdecimal() and isinstance(mark, dict)
        }

    def set(self, frame: int, comment: str = "") -> None:
        """Mark a frame, with a comment or without. Raises CaptureError: that cannot be kept."""
        self._change(frame, {"mark": True, **({"comment": comment[:LONGEST]} if comment else {})})

    def remove(self, frame: int) -> None:
        """Forget mark and comment. Raises CaptureError: that cannot be kept."""
        self._change(frame, None)

    def next(self, frame: int, backward: bool = False) -> int | None:
        """The nearest marked frame behind one, or before it."""
        if backward:
            return max((number for number in self._marks if number < frame), default=None)
        return min((number for number in self._marks if number > frame), default=None)

    def _change(self, frame: int, mark: dict[str, Any] | None) -> None:
        everything = self._read()
        own = everything.setdefault(self._key, {})
        if mark is None:
            own.pop(str(frame), None)
        else:
            own[str(frame)] = mark
        self._write(everything)
        self.load()

    def _read(self) -> dict[str, Any]:
        try:
            with open(self.path, encoding="utf-8") as file:
                found = json.loads(file.read(_LARGEST))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            why = (error.strerror or str(error)).lower() if isinstance(error, OSError) else "it is damaged"
            raise CaptureError(f"cannot read {self.path}: {why}", "Move it away to begin anew") from None
        if not isinstance(found, dict) or not all(isinstance(marks, dict) for marks in found.values()):
            raise CaptureError(f"cannot read {self.path}: it is damaged", "Move it away to begin anew")
        return found

    def _write(self, everything: dict[str, Any]) -> None:
        """A new file in the place of the old one, whole or not at all."""
        try:
            # Made for its owner alone (0600).
            handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=".marks-")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    json.dump(everything, file)
                os.replace(name, self.path)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(name)
                raise
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise CaptureError(f"cannot keep marks in {self.path}: {why}") from None

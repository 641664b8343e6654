"""
How everything of ours is written as JSON: in one line of printable ASCII, with times a computer can read.
"""

import json
import time
from typing import Any

_encode = json.JSONEncoder(separators=(",", ":")).encode


def dumps(value: Any) -> str:
    """One line of JSON without its newline, in printable ASCII."""
    line = _encode(value)
    # The only control character that JSON allows to stand for itself.
    return line.replace("\x7f", "\\u007f") if "\x7f" in line else line


class Timestamps:
    """RFC 3339 in UTC with nanoseconds, quick for times close to each other."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def __call__(self, ns: int) -> str:
        """`2025-11-21T12:00:01.250000000Z` for nanoseconds since the epoch."""
        second, rest = divmod(ns, 1_000_000_000)
        if second != self._second:
            self._second = second
            self._text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._text}.{rest:09}Z"

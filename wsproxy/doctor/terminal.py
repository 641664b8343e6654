"""What the terminal can show."""

import os
import shutil
import sys

from wsproxy.doctor.check import Check

_COLUMNS, _LINES = 80, 24
"""Everything is made for this much."""


def check() -> Check:
    """Size, characters and colours of stdout."""
    encoding = (getattr(sys.stdout, "encoding", None) or "unknown").lower()
    if not sys.stdout.isatty():
        return Check("terminal", "note", f"stdout is no terminal, in {encoding}")
    kind = os.environ.get("TERM", "unknown")
    size = shutil.get_terminal_size()
    colours = "no colours (NO_COLOR)" if os.environ.get("NO_COLOR") else _colours(kind)
    found = f"{kind}, {size.columns}x{size.lines}, {encoding}, {colours}"
    if size.columns < _COLUMNS or size.lines < _LINES:
        return Check("terminal", "note", found, f"Make it {_COLUMNS}x{_LINES} at least, or lines are cut")
    if encoding.replace("-", "") != "utf8":
        return Check("terminal", "note", found, "Choose a UTF-8 locale, or other characters are replaced")
    if kind == "dumb":
        return Check(
            "terminal", "note", found, "Set TERM to what the terminal is, for instance xterm-256color"
        )
    return Check("terminal", "ok", found)


def _colours(kind: str) -> str:
    if os.environ.get("COLORTERM") in ("truecolor", "24bit"):
        return "16 million colours"
    if kind == "dumb":
        return "no colours"
    return "256 colours" if "256" in kind else "16 colours"

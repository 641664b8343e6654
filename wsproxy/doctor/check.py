"""What one check found."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "wrong"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    check: str
    """In one word."""
    state: State
    """`note` is worth knowing; with `wrong` something will not work."""
    found: str
    """What was found, in one line."""
    advice: str = ""
    """What to do about it; empty where there is nothing to do."""

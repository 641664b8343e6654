"""Numbers in filters: one, a range, a comparison with a size."""

import operator
import re
from collections.abc import Callable
from typing import Any

LARGEST = (1 << 63) - 1
"""As in a capture."""

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

UNITS = {"": 1, "k": 1024, "M": 1024**2, "G": 1024**3}


def span(text: str, what: str) -> tuple[int, int]:
    """
    `7` or `1000-1011`, both ends included.

    Args:
        text: as written.
        what: the argument's name, for the error.

    Raises:
        ValueError: it is neither.
    """
    found = re.fullmatch(r"([0-9]{1,19})(?:-([0-9]{1,19}))?", text)
    if not found or any(int(number) > LARGEST for number in found.groups() if number):
        raise ValueError(f"{text!r} is not {what}")
    first = int(found[1])
    last = int(found[2] or first)
    if last < first:
        raise ValueError(f"{text} ends before it begins")
    return first, last


def write_span(first: int, last: int) -> str:
    """The range as it is written."""
    return str(first) if first == last else f"{first}-{last}"


def size(text: str) -> int:
    """
    Bytes from `512`, `10k`, `1M` or `2G`, in units of 1,024.

    Raises:
        ValueError: it is no such number.
    """
    found = re.fullmatch(r"([0-9]{1,19})([kKmMgG]?)", text)
    if not found:
        raise ValueError(f"{text!r} is not a number of bytes such as 512, 10k or 1M")
    number = int(found[1]) * UNITS[found[2].upper().replace("K", "k")]
    if number > LARGEST:
        raise ValueError(f"{text} is more bytes than a frame can have")
    return number


def write_size(number: int) -> str:
    """A number of bytes, as short as it can be written."""
    for unit, factor in reversed(UNITS.items()):
        if number and number % factor == 0:
            return f"{number // factor}{unit}"
    return "0"

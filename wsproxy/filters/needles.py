"""
Plain words without which a regex cannot match, read off its text.

What is not understood gives none, which costs time and nothing else.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_OPTIONAL = ("*", "?", "{")
_ELSEWHERE = frozenset("dDwWsSbBAZ")
"""Escapes that stand for no character in particular, or for none."""
_COUNT = re.compile(r"\{[0-9]*,?[0-9]*\}")
_CLASS = re.compile(r"\[\^?\]?(?:[^\]\\]|\\.)*\]", re.DOTALL)
_GROUP = re.compile(r"\((?:\?:|\?P<[A-Za-z_][A-Za-z0-9_]*>|(?!\?))")


@dataclass(slots=True)
class _Scan:
    text: str
    place: int = 0


@dataclass(slots=True)
class _Sequence:
    """What stands between two `|`: of each of these sets of words, content must have one word."""

    sets: list[frozenset[str]] = field(default_factory=list)
    stretch: str = ""
    plain: bool = True
    """It is nothing but its stretch."""

    def cut(self) -> None:
        """The stretch ends here."""
        if self.stretch:
            self.sets.append(frozenset({self.stretch}))
        self.stretch = ""
        self.plain = False

    def best(self) -> frozenset[str] | None:
        """The set whose shortest word is the longest."""
        sets = [*self.sets, frozenset({self.stretch})] if self.stretch else self.sets
        return max(sets, key=lambda words: min(map(len, words)), default=None)


class _NotUnderstood(Exception):
    pass


def needles(pattern: str) -> tuple[frozenset[str], bool]:
    """
    Words of which content must have one for `pattern` to match, and whether that is all it takes.

    Args:
        pattern: a valid regex, without flags such as VERBOSE.

    Returns:
        No words where there are none to be found, or not in ASCII.
    """
    if not pattern.isascii():
        return frozenset(), False
    scan = _Scan(pattern)
    try:
        found, plain = _alternatives(scan)
    except (_NotUnderstood, RecursionError):
        return frozenset(), False
    if scan.place < len(pattern) or not found:
        return frozenset(), False
    return found, plain


def _alternatives(scan: _Scan) -> tuple[frozenset[str] | None, bool]:
    """Up to the end or a closing parenthesis."""
    found: list[frozenset[str] | None] = []
    plain = True
    while True:
        sequence = _sequence(scan)
        found.append(sequence.best())
        plain = plain and sequence.plain and bool(sequence.stretch)
        if scan.text[scan.place : scan.place + 1] != "|":
            break
        scan.place += 1
    return _union(found), plain


def _union(sets: Iterable[frozenset[str] | None]) -> frozenset[str] | None:
    words: frozenset[str] = frozenset()
    for each in sets:
        if each is None:
            return None
        words |= each
    return words


def _sequence(scan: _Scan) -> _Sequence:
    text, found = scan.text, _Sequence()
    while scan.place < len(text) and text[scan.place] not in "|)":
        char = text[scan.place]
        if char == "(":
            found.cut()
            inner = _group(scan)
            if inner and not text.startswith(_OPTIONAL, scan.place):
                found.sets.append(inner)
        elif char == "[":
            found.cut()
            scan.place = _behind(_CLASS, scan)
        elif char == "{" and (count := _COUNT.match(text, scan.place)):
            found.cut()
            scan.place = count.end()
        elif char in ".^$*+?":
            found.cut()
            scan.place += 1
        elif char == "\\" and text[scan.place + 1] in _ELSEWHERE:
            found.cut()
            scan.place += 2
        else:
            if char == "\\":
                scan.place += 1
                char = text[scan.place]
                if char.isalnum():
                    raise _NotUnderstood
            scan.place += 1
            if text.startswith(_OPTIONAL, scan.place):
                found.cut()
            else:
                found.stretch += char
    return found


def _group(scan: _Scan) -> frozenset[str] | None:
    scan.place = _behind(_GROUP, scan)
    inner, _ = _alternatives(scan)
    if scan.text[scan.place : scan.place + 1] != ")":
        raise _NotUnderstood
    scan.place += 1
    return inner


def _behind(pattern: re.Pattern[str], scan: _Scan) -> int:
    found = pattern.match(scan.text, scan.place)
    if found is None:
        raise _NotUnderstood
    return found.end()

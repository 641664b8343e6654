"""
Where the lines of a text are: what the Text tab draws from.

A payload may be one line of ten megabytes, or nested ten thousand deep. So nothing is parsed, nothing
is copied and nothing recurses: a layout is a list of spans of the text, found from its beginning on, as
many at a time as the caller has time for. JSON and XML are put on lines of their own by their brackets
alone, whether or not they are well-formed, and nothing is added or left out but white space.
"""

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from enum import StrEnum

from wsproxy.decoders.text import fit

STEP = 500
"""Rows, or brackets, after which `Layout.steps` lets the caller do something else."""

_INDENT = 2
_ROOM = 24
"""Columns that are left for text, however deep it is nested."""

_IN_STRING = 0x8000
_WRAPPED = 0x4000
_COLUMNS = 0x3FFF

# Socket.IO and SockJS put a few characters before it: `42["event"]`, `451-/chat,12["event"]`, `a["..."]`.
_JSON_START = re.compile(r"(?:a|\d{1,3}+(?:\d*+-)?+(?:/[\w/.-]{1,60}+,)?+\d{0,10}+)?+[\[{]")
# Possessive, so that a hostile string costs neither memory nor a second look; one that does not end
# reaches to the end of the text.
_STRUCTURE = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{},]', re.DOTALL)
_SPACE = re.compile(r"\s*+")
_EMPTY = re.compile(r"\s*+[\]}]")
_TAG = re.compile(r"<!--.*?(?:-->|\Z)|<!\[CDATA\[.*?(?:\]\]>|\Z)|<[^<>]*+>", re.DOTALL)
_LINE = re.compile(r"[^\n]*+\n?")


class Kind(StrEnum):
    """How a text is broken into lines and coloured."""

    JSON = "json"
    XML = "xml"
    PLAIN = "plain"


def kind_of(text: str) -> Kind:
    """What a text looks like, by its first characters."""
    start = _SPACE.match(text)
    begin = start.end() if start else 0
    if _JSON_START.match(text, begin):
        return Kind.JSON
    if text.startswith("<", begin):
        return Kind.XML
    return Kind.PLAIN


class Layout:
    """
    The rows of one text, at one width.

    Args:
        text: the whole of it.
        width: columns of a row.
        kind: how to break it.

    Drive it with `steps()`; rows that were found may be read at any time, from any thread.
    """

    def __init__(self, text: str, width: int, kind: Kind) -> None:
        self.text = text
        self.width = max(width, 8)
        self.kind = kind
        self.complete = False
        """All rows are there."""
        self._starts = array("I")
        self._ends = array("I")
        self._marks = array("H")
        self._is_simple = text.isascii() and text.isprintable()
        """A character is a column, everywhere."""
        self._strings: list[tuple[int, int]] = []
        """Of the line in the making."""

    def __len__(self) -> int:
        """Rows that were found."""
        return len(self._marks)

    def row(self, number: int) -> tuple[int, int]:
        """From where to where in the text a row goes."""
        return self._starts[number], self._ends[number]

    def indent(self, number: int) -> int:
        """Columns before the text of a row."""
        return self._marks[number] & _COLUMNS

    def begins_in_string(self, number: int) -> bool:
        """A row goes on with a string that began above."""
        return bool(self._marks[number] & _IN_STRING)

    def is_wrapped(self, number: int) -> bool:
        """A row goes on with the line above."""
        return bool(self._marks[number] & _WRAPPED)

    def row_at(self, position: int) -> int:
        """The row that has a place of the text, or the last before it."""
        return max(bisect_right(self._starts, position) - 1, 0)

    def steps(self) -> Iterator[None]:
        """Find the rows, some at a time."""
        ways = {Kind.JSON: self._json, Kind.XML: self._xml, Kind.PLAIN: self._plain}
        yield from ways[self.kind]()
        self.complete = True

    def _plain(self) -> Iterator[None]:
        for line in _LINE.finditer(self.text):
            start, end = line.span()
            if start == end:
                continue
            yield from self._add(start, end - 1 if self.text[end - 1] == "\n" else end, 0)

    def _json(self) -> Iterator[None]:
        text = self.text
        depth = 0
        start = _after_space(text, 0)
        closed = 0
        for count, token in enumerate(_STRUCTURE.finditer(text), 1):
            if not count % STEP:
                yield
            at, after = token.span()
            first = text[at]
            if first == '"':
                self._strings.append((at, after))
            elif at < closed:
                continue
            elif first == ",":
                if not self._fits(start, after, depth):
                    yield from self._add(start, after, depth)
                start = _after_space(text, after)
            elif first in "[{":
                if empty := _EMPTY.match(text, after):
                    closed = empty.end()
                    continue
                if not self._fits(start, after, depth):
                    yield from self._add(start, after, depth)
                depth += 1
                start = _after_space(text, after)
            else:
                if start < at and not self._fits(start, at, depth):
                    yield from self._add(start, at, depth)
                depth = max(depth - 1, 0)
                start = at
        if start < len(text):
            yield from self._add(start, len(text), depth)

    def _xml(self) -> Iterator[None]:
        text = self.text
        depth = 0
        start = _after_space(text, 0)
        is_leaf = False
        for count, tag in enumerate(_TAG.finditer(text), 1):
            if not count % STEP:
                yield
            at, after = tag.span()
            if text.startswith("</", at):
                depth = max(depth - 1, 0)
                if not is_leaf and start < at:
                    yield from self._add(start, at, depth + 1)
                    start = at
                yield from self._add(start, after, depth)
                start = _after_space(text, after)
                is_leaf = False
                continue
            if start < at:
                yield from self._add(start, at, depth - is_leaf)
            start = at
            is_leaf = not text.startswith(("<!", "<?"), at) and not text.startswith("/>", after - 2)
            if is_leaf:
                depth += 1
            else:
                yield from self._add(start, after, depth)
                start = _after_space(text, after)
        if start < len(text):
            yield from self._add(start, len(text), depth)

    def _fits(self, start: int, end: int, depth: int) -> bool:
        """Add a line in one row, if that shows quickly: as most are."""
        indent = depth * _INDENT
        if not self._is_simple or end - start + indent + _ROOM > self.width or self.text[end - 1] == " ":
            return False
        self._starts.append(start)
        self._ends.append(end)
        self._marks.append(indent)
        if self._strings:
            self._strings.clear()
        return True

    def _add(self, start: int, end: int, depth: int) -> Iterator[None]:
        """A line, in as many rows as it takes."""
        text = self.text
        if self.kind is not Kind.PLAIN and text[end - 1].isspace():
            end = start + len(text[start:end].rstrip())
        indent = max(min(depth * _INDENT, self.width - _ROOM, _COLUMNS), 0)
        # A blank is shown behind the colon of a member.
        room = self.width - indent - (self.kind is Kind.JSON)
        mark = indent
        strings = self._strings
        passed = 0
        while True:
            taken = _taken(text, start, end, room)
            self._starts.append(start)
            self._ends.append(start + taken)
            self._marks.append(mark)
            start += taken
            if not len(self._marks) % STEP:
                yield
            if start >= end:
                break
            while passed < len(strings) and strings[passed][1] <= start:
                passed += 1
            inside = passed < len(strings) and strings[passed][0] < start
            mark = indent | _WRAPPED | (_IN_STRING if inside else 0)
        strings.clear()


def _taken(text: str, start: int, end: int, room: int) -> int:
    """How many characters fit."""
    part = text[start : min(end, start + room)]
    if part.isascii() and part.isprintable():
        return len(part)
    return max(fit(part, room)[1], 1)


def _after_space(text: str, start: int) -> int:
    found = _SPACE.match(text, start)
    return found.end() if found else start

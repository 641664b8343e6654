"""Which part of a row of text has which colour: tokens of JSON and XML, and what was searched for."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from wsproxy.tui.inspector.layout import Kind, Layout

KEY, STRING, NUMBER, WORD, MARK, TAG, PLAIN = "key", "string", "number", "word", "mark", "tag", "plain"
"""What a part of a text is; `text--KEY` and so on are its component classes."""
PARTS = (KEY, STRING, NUMBER, WORD, MARK, TAG, PLAIN)
COLOURS = """
    & > .text--key { color: $primary; }
    & > .text--string { color: $success; }
    & > .text--number { color: $accent; }
    & > .text--word { color: $accent; text-style: bold; }
    & > .text--mark { color: $text-muted; }
    & > .text--tag { color: $primary; }
    & > .text--plain { color: $foreground; }
"""
"""For the styles of a widget that shows them."""

Piece = tuple[str, str, bool]
"""Text, what it is, and whether it was searched for."""

_BEHIND = 64
"""Characters looked at for the colon that makes a string a name."""
_JSON = re.compile(
    r'(?P<string>"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z))|(?P<number>-?\d[\d.eE+-]*+)'
    r"|(?P<word>true|false|null)\b|(?P<mark>[\[\]{},:])",
    re.DOTALL,
)
_REST = re.compile(r'[^"\\]*+(?:\\.[^"\\]*+)*+"?+', re.DOTALL)
_COLON = re.compile(r"\s*+:")
_XML = re.compile(r'(?P<tag></?[^\s<>/"=]*+|/?>)|(?P<string>"[^"]*+"|\'[^\']*+\')|(?P<key>[\w:.-]++(?==))')


def pieces(layout: Layout, row: int, needles: Sequence[re.Pattern[str]]) -> Iterator[Piece]:
    """The parts of a row, in order; together they are its text."""
    start, end = layout.row(row)
    text = layout.text[start:end]
    behind = layout.text[end : end + _BEHIND]
    marks = list(spans(text, layout.kind, behind, layout.begins_in_string(row)))
    hits = _hits(layout.text, start, end, needles)
    if not hits:
        yield from ((text[a:b], what, False) for a, b, what in marks)
        return
    edges = sorted({0, len(text), *(edge for hit in hits for edge in hit)})
    for a, b, what in marks:
        cuts = [a, *(edge for edge in edges if a < edge < b), b]
        for left, right in pairwise(cuts):
            yield text[left:right], what, any(from_ <= left < to for from_, to in hits)


def spans(text: str, kind: Kind, behind: str = "", in_string: bool = False) -> Iterator[tuple[int, int, str]]:
    """
    From, to and what, without holes.

    Args:
        text: a row, or a line.
        kind: of the whole text.
        behind: what follows the row.
        in_string: it goes on with a string that began before.
    """
    if kind is Kind.PLAIN:
        yield 0, len(text), PLAIN
        return
    at = 0
    if in_string and (rest := _REST.match(text)):
        at = rest.end()
        yield 0, at, STRING
    pattern = _JSON if kind is Kind.JSON else _XML
    for token in pattern.finditer(text, at):
        if token.start() > at:
            yield at, token.start(), PLAIN
        at = token.end()
        what = token.lastgroup or PLAIN
        if what == STRING and kind is Kind.JSON:
            what = KEY if _COLON.match(text[at : at + _BEHIND] or behind) else STRING
        yield token.start(), at, what
    if at < len(text):
        yield at, len(text), PLAIN


def _hits(text: str, start: int, end: int, needles: Sequence[re.Pattern[str]]) -> list[tuple[int, int]]:
    """Where in a row, as offsets in it, something was found that may have begun above or go on below."""
    found: list[tuple[int, int]] = []
    for needle in needles:
        reach = len(needle.pattern)
        for hit in needle.finditer(text, max(start - reach, 0), min(end + reach, len(text))):
            a, b = max(hit.start(), start), min(hit.end(), end)
            if a < b:
                found.append((a - start, b - start))
    return found

"""
Make what came from the network harmless to show: one line, known width, nothing a terminal obeys.

Whoever sends a frame must not be able to move the cursor, recolour the screen, reverse the reading
order, hide a part of the payload or push the rest of the line away. So everything but plain
visible characters is shown as an escape in Python's manner:

    \\n \\r \\t      the usual three
    \\x1b          any other ASCII control character
    \\xff          a byte that is not UTF-8
    \\u202e        any other invisible or unsafe character, `\\U000e0041` beyond the first plane

A backslash of the text itself is left as it is, because JSON is full of them. What must be exact
is read from `--json`, not from here.
"""

import codecs
import unicodedata

ELLIPSIS = "…"

_MARKS = 4
"""Combining marks shown on one character; real scripts need no more."""

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

# Letters and marks by category, but nothing to see: fillers, joiners and variation selectors.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
_IDEOGRAPHIC_SPACE = "\u3000"
_EMOJI_STYLE = "\ufe0f"
_SELECTORS = range(0xFE00, 0xFE0E)
_MORE_SELECTORS = range(0xE0100, 0xE01F0)

_BYTES_PER_COLUMN = 4 + 4 * _MARKS
"""UTF-8 that can hide in one column of output: a character and its marks."""

_LOOKED_AT = 256
"""Bytes of a binary payload that are looked at to see whether it is text."""

_GUTTER = bytes(byte if 0x20 <= byte < 0x7F else ord(".") for byte in range(256))


def printable(text: str, width: int | None = None) -> str:
    """
    `text` on one line, with everything unsafe or invisible escaped. Never raises.

    Args:
        text: anything; lone surrogates U+DC80 to U+DCFF stand for undecodable bytes, as Python's
            `surrogateescape` makes them.
        width: columns of a terminal it may take; longer text is cut and ends in an ellipsis.
    """
    if text.isascii() and text.isprintable():
        if width is None or len(text) <= width:
            return text
        return text[: width - 1] + ELLIPSIS if width > 0 else ""
    if width is None:
        return fit(text, None)[0]
    shown, taken = fit(text, width)
    if taken == len(text):
        return shown
    return fit(text, width - 1)[0] + ELLIPSIS if width > 0 else ""


def preview(payload: bytes, is_text: bool, width: int, length: int | None = None) -> str:
    """
    The beginning of a payload on one line, and how much of it is not shown. Never raises.

    Args:
        payload: unmasked and inflated; the beginning of it is enough.
        is_text: it is meant to be UTF-8. Otherwise it is shown as text where it clearly is, else
            as hex pairs and ASCII.
        width: columns of a terminal it may take.
        length: bytes of the whole payload, if `payload` is not all of it.
    """
    total = len(payload) if length is None else max(length, len(payload))
    if width <= 0 or not total:
        return ""
    if is_text or _reads_as_text(payload):
        return _text(payload, width, total)
    return _hex(payload, width, total)


def columns(text: str) -> int:
    """Columns of a terminal that `text` takes; it must be `printable` already."""
    return len(text) if text.isascii() else sum(_cells(char) for char in text)


def _text(payload: bytes, width: int, total: int) -> str:
    rest = f"{ELLIPSIS} +{total:,} B"
    head = payload[:width]
    if head.isascii():
        text = head.decode("ascii")
        if text.isprintable():
            # Most payloads: nothing to escape, one column per byte.
            if len(head) == total:
                return text
            if len(rest) + 4 > width:
                return text[: width - 1] + ELLIPSIS
            room = min(width - len(rest), len(text))
            return f"{text[:room]}{ELLIPSIS} +{total - room:,} B"
    head = payload[: width * _BYTES_PER_COLUMN]
    whole = len(head) == total
    # A character cut in two at the end of the part is not a fault of the payload.
    text = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(head, final=whole)
    shown, taken = fit(text, width)
    if whole and taken == len(text):
        return shown
    if len(rest) + 4 > width:
        return fit(text, width - 1)[0] + ELLIPSIS
    shown, taken = fit(text, width - len(rest))
    hidden = total - len(text[:taken].encode("utf-8", "surrogateescape"))
    return f"{shown}{ELLIPSIS} +{hidden:,} B" if hidden else shown


def _hex(payload: bytes, width: int, total: int) -> str:
    count = (width - 3) // 4
    rest = ""
    if total > count or total > len(payload):
        rest = f"{ELLIPSIS} +{total:,} B"
        count = min((width - 3 - len(rest)) // 4, len(payload))
        if count < 1:
            return ELLIPSIS
        rest = f"{ELLIPSIS} +{total - count:,} B"
    part = payload[:count]
    return f"{part.hex(' ')}  |{part.translate(_GUTTER).decode('ascii')}|{rest}"


def _reads_as_text(payload: bytes) -> bool:
    if len(payload) < 4:
        return False
    head = payload[:_LOOKED_AT]
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head, final=len(head) == len(payload))
    except UnicodeDecodeError:
        return False
    return all(char.isprintable() or char in "\t\r\n" for char in text)


def fit(text: str, width: int | None) -> tuple[str, int]:
    """As much of `text` as fits, escaped, and how many of its characters that is."""
    shown: list[str] = []
    used = 0
    marks = 0
    taken = 0
    for char in text:
        if " " <= char <= "~":
            piece, cells, marks = char, 1, _MARKS
        elif marks and _is_mark(char):
            piece, cells, marks = char, _cells(char), marks - 1
        elif _is_visible(char):
            piece, cells, marks = char, _cells(char), _MARKS
        else:
            # A mark behind it would sit on the escape and change what it says.
            piece = _escape(char)
            cells, marks = len(piece), 0
        if width is not None and used + cells > width:
            break
        used += cells
        shown.append(piece)
        taken += 1
    return "".join(shown), taken


def _is_mark(char: str) -> bool:
    if char in _BLANK or ord(char) in _SELECTORS or ord(char) in _MORE_SELECTORS:
        return False
    return unicodedata.category(char) in ("Mn", "Me")


def _is_visible(char: str) -> bool:
    if char == _IDEOGRAPHIC_SPACE:
        return True
    return char.isprintable() and char not in _BLANK and unicodedata.category(char) not in ("Mn", "Me")


def _cells(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me"):
        # It makes some characters an emoji of two columns.
        return 1 if char == _EMOJI_STYLE else 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _escape(char: str) -> str:
    code = ord(char)
    if char in _NAMED:
        return _NAMED[char]
    if code < 0x80:
        return f"\\x{code:02x}"
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"

"""
JSON that keeps what Python's `json` loses: how numbers are spelt, names that occur twice, and the
style of the whole, so that a tree that was not edited is written as it came.
"""

import json
import math
from typing import Any

from wsproxy.decoders.decoded import DEPTH, Node, Tree, Unfit, is_deeper

_LONGEST_INT = 600
"""Digits that an int is made of; converting takes time by the square of it."""


class Number(str):
    """A number as it is spelt, where Python would spell it otherwise: `1.10`, `-0`, `1e999`."""

    __slots__ = ()


class Pairs(list[tuple[str, Tree]]):
    """An object in which a name occurs twice, as pairs in their order."""

    __slots__ = ()


def parse(text: str) -> Tree:
    """
    Read JSON (RFC 8259; NaN and infinities too, as Python and others write them).

    Returns:
        dict, list, str, int, float, bool, None; `Number` and `Pairs` where those would lose something.

    Raises:
        ValueError: it is none, or nested too deeply.
    """
    try:
        tree = _parse(text)
    except RecursionError:
        raise Unfit("JSON nested too deeply") from None
    if text.count("{") + text.count("[") > DEPTH and is_deeper(tree, DEPTH):
        raise Unfit(f"JSON nested more than {DEPTH} deep")
    return tree


def quoted(text: str) -> str:
    """Text as JSON has it, characters beyond ASCII as they are."""
    return json.encoder.encode_basestring(text)


def dumps(tree: Tree, indent: int | None = None, *, spaces: bool = False, ascii_only: bool = False) -> str:
    """
    Write JSON, numbers as they were spelt.

    Args:
        tree: as `parse` gives it.
        indent: columns per level, on lines of their own; all on one line by default.
        spaces: `, ` and `: ` on the one line.
        ascii_only: escape everything else.

    Raises:
        Unfit: there is something in it that JSON cannot hold, or it is nested too deeply.
    """
    comma = "," if indent is not None or not spaces else ", "
    colon = ": " if indent is not None or spaces else ":"
    quote = json.encoder.encode_basestring_ascii if ascii_only else json.encoder.encode_basestring
    parts: list[str] = []
    _write(tree, parts.append, quote, comma, colon, indent, 0)
    return "".join(parts)


def rewrite(tree: Tree, text: str) -> str:
    """
    Write an edited tree in the style of the text it was read from.

    Args:
        tree: edited.
        text: the original.

    Raises:
        Unfit: the original has a style of its own, so that even unedited it would come out otherwise.
    """
    lead = text[: len(text) - len(text.lstrip())]
    tail = text[len(text.rstrip()) :]
    body = text.strip()
    original = parse(body)
    for spaces, indent, ascii_only in _STYLES:
        if (indent is None) == ("\n" in body):
            continue
        if dumps(original, indent, spaces=spaces, ascii_only=ascii_only) == body:
            return lead + dumps(tree, indent, spaces=spaces, ascii_only=ascii_only) + tail
    raise Unfit("this JSON is written in a style of its own")


_STYLES = [
    (spaces, indent, ascii_only)
    for indent in (None, 2, 4, 1, 3)
    for spaces in ((False, True) if indent is None else (True,))
    for ascii_only in (False, True)
]


def _float(text: str) -> Tree:
    value = float(text)
    return value if math.isfinite(value) and repr(value) == text else Number(text)


def _int(text: str) -> Tree:
    return Number(text) if text == "-0" or len(text) > _LONGEST_INT else int(text)


def _object(pairs: list[tuple[str, Tree]]) -> Tree:
    found = dict(pairs)
    return found if len(found) == len(pairs) else Pairs(pairs)


_parse = json.JSONDecoder(parse_float=_float, parse_int=_int, object_pairs_hook=_object).decode


def _write(tree: Tree, put: Any, quote: Any, comma: str, colon: str, indent: int | None, level: int) -> None:
    if level > DEPTH:
        raise Unfit("nested too deeply to be written")
    if isinstance(tree, Number):
        put(str(tree))
    elif isinstance(tree, str):
        put(quote(tree))
    elif tree is None:
        put("null")
    elif tree is True:
        put("true")
    elif tree is False:
        put("false")
    elif isinstance(tree, int):
        put(int.__repr__(tree))
    elif isinstance(tree, float):
        put(_constant(tree))
    elif isinstance(tree, dict | Pairs):
        pairs = list(tree.items()) if isinstance(tree, dict) else tree
        _write_all("{}", [(name, value) for name, value in pairs], put, quote, comma, colon, indent, level)
    elif isinstance(tree, list | tuple):
        _write_all("[]", [(None, value) for value in tree], put, quote, comma, colon, indent, level)
    elif isinstance(tree, Node):
        raise Unfit(f"JSON cannot hold a {tree.label}")
    else:
        raise Unfit(f"JSON cannot hold {type(tree).__name__}")


def _write_all(
    ends: str,
    items: list[tuple[Any, Tree]],
    put: Any,
    quote: Any,
    comma: str,
    colon: str,
    indent: int | None,
    level: int,
) -> None:
    put(ends[0])
    for n, (name, value) in enumerate(items):
        if n:
            put(comma)
        if indent is not None:
            put("\n" + " " * (indent * (level + 1)))
        if ends == "{}":
            if not isinstance(name, str):
                raise Unfit(f"a name in JSON is text, not {type(name).__name__}")
            put(quote(name))
            put(colon)
        _write(value, put, quote, comma, colon, indent, level + 1)
    if items and indent is not None:
        put("\n" + " " * (indent * level))
    put(ends[1])


def _constant(value: float) -> str:
    if math.isfinite(value):
        return float.__repr__(value)
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"

"""
A tree for people: on one line of bounded length, or over many lines to look at.

Both look like JSON and are not: numbers as they were spelt, bytes as `h'01 02'`, a `Node` with its label.
"""

from collections.abc import Iterable, Iterator

from wsproxy.decoders.decoded import DEPTH, Node, Tree
from wsproxy.decoders.json_ import Number, Pairs, quoted

LONGEST = 4096
"""Characters of a line, roughly."""
_SCALARS = frozenset({str, int, float, bool, type(None), bytes, Number})
_LISTS = (list, tuple)

BYTES = 32
"""Bytes of a binary value shown on one line."""


def brief(tree: Tree, limit: int = LONGEST) -> str:
    """
    A tree on one line. Plain text, not escaped for a terminal; never raises.

    Args:
        tree: any.
        limit: characters after which the rest is left out, marked by an ellipsis; a name may go over it.
    """
    parts: list[str] = []
    if _add(tree, parts, limit, 0) < 0:
        parts.append("…")
    return "".join(parts)


def arguments(values: Iterable[Tree], limit: int = LONGEST) -> str:
    """Values side by side, as the arguments of a call: `"tea", 2, {"milk": true}`."""
    return brief(list(values), limit)[1:-1]


def pretty(tree: Tree, width: int = 80) -> str:
    """
    A tree over as many lines as it needs, indented by two. Plain text; never raises.

    Args:
        tree: any.
        width: what fits on one line is not broken, within this many columns.
    """
    return "\n".join(_lines(tree, "", "", width, 0))


def scalar(value: Tree) -> str:
    """One value that holds no others."""
    if type(value) is str:
        return quoted(value)
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, str):
        return quoted(value)
    if value is None or value is True or value is False:
        return "null" if value is None else str(value).lower()
    if isinstance(value, bytes | bytearray | memoryview):
        data = bytes(value[:BYTES])
        rest = f"… +{len(value) - BYTES:,} B" if len(value) > BYTES else ""
        return f"h'{data.hex(' ')}'{rest}"
    if isinstance(value, int) and value.bit_length() > 2000:
        return hex(value)
    return str(value)


def _add(tree: Tree, parts: list[str], left: int, level: int) -> int:
    """Add a tree to the parts of a line. Returns how many characters are left; below 0 it is full."""
    kind = type(tree)
    if kind in _SCALARS:
        piece = scalar(tree)
        if len(piece) > left + 1:
            parts.append(piece[: left + 1])
            return -1
        parts.append(piece)
        return left - len(piece)
    if level > DEPTH:
        parts.append("…")
        return left - 1
    if kind is Node:
        parts.append(f"{tree.label[: left + 1]}: ")
        left -= len(parts[-1])
        return left if left < 0 else _add(tree.value, parts, left, level + 1)
    if kind is Pairs or kind is dict:
        comma = "{"
        for name, value in tree.items() if kind is dict else tree:
            parts.append(f"{comma}{_name(name)}: ")
            left -= len(parts[-1])
            if left < 0:
                return left
            left = _add(value, parts, left, level + 1)
            if left < 0:
                return left
            comma = ", "
        parts.append("}" if comma == ", " else "{}")
        return left - 1
    if isinstance(tree, _LISTS):
        comma = "["
        for value in tree:
            parts.append(comma)
            left = _add(value, parts, left - len(comma), level + 1)
            if left < 0:
                return left
            comma = ", "
        parts.append("]" if comma == ", " else "[]")
        return left - 1
    # Nothing that a decoder should put into a tree.
    return _add(Number(scalar(tree)), parts, left, level)


def _lines(tree: Tree, lead: str, tail: str, width: int, level: int) -> Iterator[str]:
    indent = "  " * level
    room = width - len(indent) - len(lead) - len(tail)
    line = brief(tree, max(room, 16))
    if len(line) <= room or level > DEPTH or not _holds_others(tree):
        yield f"{indent}{lead}{line if _holds_others(tree) else scalar(tree)}{tail}"
    elif isinstance(tree, Node):
        yield from _lines(tree.value, f"{lead}{tree.label}: ", tail, width, level)
    else:
        pairs = tree.items() if isinstance(tree, dict) else tree if isinstance(tree, Pairs) else None
        items = (
            [("", value) for value in tree]
            if pairs is None
            else [(f"{_name(name)}: ", value) for name, value in pairs]
        )
        yield f"{indent}{lead}{'[' if pairs is None else '{'}"
        for n, (name, value) in enumerate(items):
            yield from _lines(value, name, "" if n == len(items) - 1 else ",", width, level + 1)
        yield f"{indent}{']' if pairs is None else '}'}{tail}"


def _holds_others(tree: Tree) -> bool:
    return isinstance(tree, Node | dict | list | tuple)


def _name(name: Tree) -> str:
    return quoted(name[:LONGEST]) if isinstance(name, str) else brief(name, 100)

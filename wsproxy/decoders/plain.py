"""A tree as JSON can hold it, for `--json`."""

import json
import math
from base64 import b64encode

from wsproxy.decoders import json_
from wsproxy.decoders.decoded import DEPTH, Node, Tree
from wsproxy.decoders.json_ import Number, Pairs


def plain_json(tree: Tree) -> str:
    """
    A tree as JSON on one line, in printable ASCII but for U+007F; numbers as they were spelt.

    Bytes become `{"base64": ...}`, a `Node` `{"label": ..., "value": ...}`, an object with a name that
    occurs twice `{"pairs": [[name, value], ...]}`, names that are no text their text, and what JSON has no
    number for (NaN and infinities) text.
    """
    walk = _Walk()
    value = walk.plain(tree, 0)
    return json_.dumps(value, ascii_only=True) if walk.spelt else _encode(value)


_encode = json.JSONEncoder(separators=(",", ":")).encode


_LONGEST = 2000
"""Bits of an int that is written in decimal; for more Python wants much time, or refuses."""


class _Walk:
    def __init__(self) -> None:
        self.spelt = False
        """There are numbers that the encoder of Python would spell otherwise."""

    def plain(self, tree: Tree, level: int) -> Tree:
        kind = type(tree)
        if kind is str:
            return plain_text(tree)
        if tree is None or kind is bool:
            return tree
        if kind is int:
            return tree if tree.bit_length() < _LONGEST else hex(tree)
        if kind is Number:
            self.spelt = True
            return tree
        if kind is float:
            return tree if math.isfinite(tree) else str(tree)
        if level > DEPTH // 2:
            return "nested too deeply to be shown"
        if kind is dict:
            return {_name(name): self.plain(value, level + 1) for name, value in tree.items()}
        if kind is Node:
            return {"label": plain_text(tree.label), "value": self.plain(tree.value, level + 1)}
        if kind is Pairs:
            pairs = [[self.plain(name, level + 3), self.plain(value, level + 3)] for name, value in tree]
            return {"pairs": pairs}
        if kind is list or kind is tuple:
            return [self.plain(value, level + 1) for value in tree]
        if isinstance(tree, bytes | bytearray | memoryview):
            return {"base64": b64encode(tree).decode("ascii")}
        return plain_text(str(tree))


def _name(name: Tree) -> str:
    return plain_text(name if isinstance(name, str) else str(name))


def plain_text(text: str) -> str:
    """Bytes that are no UTF-8 (surrogates, here) as the escapes that `printable` makes of them."""
    if text.isascii():
        return text
    return "".join(f"\\x{ord(char) - 0xDC00:02x}" if 0xDC80 <= ord(char) <= 0xDCFF else char for char in text)

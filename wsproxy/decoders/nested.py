"""
What is packed in the strings of a tree: JSON in a string, base64 of something known.

Unpacked, it stands in the tree as a `Node` that keeps the string; `packed` puts it back.
"""

import base64
import binascii
import re

from wsproxy.decoders import files, json_
from wsproxy.decoders.decoded import Node, Tree, Unfit

JSON = "JSON in a string"
BASE64 = "base64"

LEVELS = 4
"""Of packing, one in the other."""
CHARACTERS = 1 << 20
"""That are looked at in one tree."""
SHORTEST = 16
"""Characters of base64: shorter ones are mostly words."""

_BASE64 = re.compile(
    r"(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
    r"|(?:[A-Za-z0-9_-]{4})+(?:[A-Za-z0-9_-]{2}(?:==)?|[A-Za-z0-9_-]{3}=?)?"
)
_BEGINS_JSON = re.compile(r"\s*[\[{]")


def unpacked(tree: Tree) -> Tree:
    """A tree with what its strings hold; strings that hold nothing stay as they are."""
    return _Unpacker().value(tree, LEVELS)


def packed(tree: Tree) -> Tree:
    """
    The tree as it was before `unpacked`, with what was edited inside.

    Raises:
        Unfit: something inside cannot be written back.
    """
    if isinstance(tree, Node):
        # Others were not made here: whoever writes the rest knows them, or refuses them.
        return _string(tree) if isinstance(tree.raw, str) else tree
    if isinstance(tree, json_.Pairs):
        return json_.Pairs((name, packed(value)) for name, value in tree)
    if isinstance(tree, dict):
        return {name: packed(value) for name, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [packed(value) for value in tree]
    return tree


def from_base64(text: str) -> bytes | None:
    """What base64 stands for, in either alphabet; None if it is none, or mostly not meant to be."""
    if len(text) < SHORTEST or not _BASE64.fullmatch(text):
        return None
    standard = text.rstrip("=").translate(_STANDARD)
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


_STANDARD = str.maketrans("-_", "+/")


def known(data: bytes) -> Node | None:
    """What decoded base64 holds, if that is certain: JSON, a file of a known type, or readable text."""
    if data[:1] in (b"{", b"["):
        try:
            return Node("JSON", json_.parse(data.decode()))
        except ValueError:
            return None
    if found := files.recognised(data):
        return Node(found.words, data)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    # Chance alone makes this of one string in ten thousand.
    return Node("text", text) if len(text) >= 12 and text.isprintable() else None


class _Unpacker:
    def __init__(self) -> None:
        self._left = CHARACTERS

    def value(self, tree: Tree, levels: int) -> Tree:
        if isinstance(tree, json_.Pairs):
            return json_.Pairs((name, self.value(value, levels)) for name, value in tree)
        if isinstance(tree, dict):
            return {name: self.value(value, levels) for name, value in tree.items()}
        if isinstance(tree, list):
            return [self.value(value, levels) for value in tree]
        if type(tree) is str and levels and len(tree) <= self._left:
            return self._text(tree, levels)
        return tree

    def _text(self, text: str, levels: int) -> Tree:
        if _BEGINS_JSON.match(text):
            self._left -= len(text)
            try:
                return Node(JSON, self.value(json_.parse(text), levels - 1), text)
            except ValueError:
                return text
        if len(text) >= SHORTEST and (data := from_base64(text)) is not None:
            self._left -= len(text)
            if inner := known(data):
                value = self.value(inner.value, levels - 1) if inner.label == "JSON" else inner.value
                return Node(f"{BASE64}, {inner.label}", value, text)
        return text


def _string(node: Node) -> str:
    raw = node.raw
    if not isinstance(raw, str):
        raise Unfit(f"a {node.label} is not written back into a string")
    if node == _Unpacker().value(raw, LEVELS):
        return raw
    if node.label == JSON:
        return json_.rewrite(packed(node.value), raw)
    original = from_base64(raw) or b""
    value = node.value
    if node.label == f"{BASE64}, JSON":
        data = json_.rewrite(packed(value), original.decode()).encode()
    elif isinstance(value, str):
        data = value.encode()
    elif isinstance(value, bytes):
        data = value
    else:
        raise Unfit(f"a {node.label} is not written back into a string")
    return _like(raw, data)


def _like(raw: str, data: bytes) -> str:
    """Base64 in the alphabet, and with the padding, of `raw`."""
    url_safe = "-" in raw or "_" in raw
    text = (base64.urlsafe_b64encode if url_safe else base64.b64encode)(data).decode()
    return text if len(raw) % 4 == 0 else text.rstrip("=")

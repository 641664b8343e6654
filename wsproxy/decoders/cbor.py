"""CBOR (RFC 8949)."""

import io
from collections.abc import Mapping
from typing import Any

import cbor2

from wsproxy.decoders.api import DEPTH, Decoded, Decoder, Kind, Message, Node, Tree, Unfit, is_deeper
from wsproxy.decoders.brief import brief
from wsproxy.decoders.json_messages import name_of

_TAG = "tag "
_SIMPLE = "simple value "
_UNDEFINED = Node("undefined", None)
_MEANINGS = {
    0: "date and time",
    1: "seconds since 1970",
    4: "decimal fraction",
    24: "CBOR in bytes",
    30: "rational number",
    32: "URI",
    37: "UUID",
    55799: "CBOR",
}

# What a tag means is said, not done: a shared reference (28, 29) can make a tree without end, a decimal
# fraction (4) a number of any size, big integers (2, 3) as the keys of a map have hashes that collide.
_UNTOUCHED = frozenset(
    {0, 1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799}
)
SHORTEST = 4
"""Bytes: shorter ones are CBOR by chance too often."""
_BIG = (2, 3)
_STYLES: list[dict[str, Any]] = [{}, {"canonical": True}, {"indefinite_containers": True}]


def _kept(tag: int) -> Any:
    return lambda value, _immutable: cbor2.CBORTag(tag, value)


_DECODERS: Mapping[int, Any] = {tag: _kept(tag) for tag in _UNTOUCHED}


def load(data: bytes) -> Tree:
    """
    Read one value that is all of `data`.

    Returns:
        Plain data; tags and simple values are `Node`s.

    Raises:
        Unfit: it is none.
    """
    stream = io.BytesIO(data)
    try:
        value = cbor2.CBORDecoder(
            stream,
            semantic_decoders=_DECODERS,
            str_errors="surrogateescape",
            read_size=1,
            max_depth=DEPTH,
            allow_duplicate_keys=False,
        ).decode()
        tree = _plain(value)
    except Exception as error:
        raise Unfit(f"no CBOR: {str(error)[:100] or type(error).__name__}") from None
    if stream.tell() != len(data):
        raise Unfit(f"no CBOR: {len(data) - stream.tell():,} B more than one value")
    if is_deeper(tree, DEPTH):
        raise Unfit(f"CBOR nested more than {DEPTH} deep")
    return tree


def dump(tree: Tree, like: bytes) -> bytes:
    """
    Write an edited tree in the style of the original.

    Raises:
        Unfit: the original has a style of its own, or there is something that cannot be written.
    """
    original = load(like)
    for style in _STYLES:
        if _dump(original, style) == like:
            return _dump(tree, style)
    raise Unfit("this CBOR is written in a style of its own")


class Cbor(Decoder):
    """
    CBOR (RFC 8949) that belongs to no protocol known here.

    In binary messages that are one whole map, array or tagged value. What tags mean is said, not carried
    out. An edited message is written only if the original was in the usual form.
    """

    name = "cbor"
    matches = "a map, array or tagged value that ends with the message"
    editable = True

    def decode(self, message: Message) -> Decoded:
        """Raises Unfit if it is none, or nothing but a number or text."""
        content = message.content
        if len(content) < SHORTEST or not 0x80 <= content[0] <= 0xDB:
            raise Unfit("no map, array or tag of CBOR")
        tree = load(content)
        return self.say(brief(tree), Kind.DATA, name_of(tree), tree=tree)

    def reencode(self, tree: Tree, message: Message) -> bytes:
        """In the original's style."""
        return dump(tree, message.content)


def _plain(value: Any) -> Tree:
    if isinstance(value, cbor2.CBORTag):
        if value.tag in _BIG and isinstance(value.value, bytes):
            number = int.from_bytes(value.value)
            return number if value.tag == 2 else -1 - number
        return _tagged(value)
    if isinstance(value, cbor2.CBORSimpleValue):
        return Node(f"{_SIMPLE}{value.value}", None)
    if value is cbor2.undefined:
        return _UNDEFINED
    if isinstance(value, Mapping):
        return {_key(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value


def _key(value: Any) -> Any:
    """A name in a map: what can be one in a dict, and is written back as it was."""
    if isinstance(value, cbor2.CBORTag):
        return Node(f"{_TAG}{value.tag}", _key(value.value))
    if isinstance(value, cbor2.CBORSimpleValue):
        return Node(f"{_SIMPLE}{value.value}", None)
    return _UNDEFINED if value is cbor2.undefined else value


def _tagged(value: Any) -> Node:
    meaning = _MEANINGS.get(value.tag)
    return Node(f"{_TAG}{value.tag}{f', {meaning}' if meaning else ''}", _plain(value.value))


def _value(tree: Tree) -> Any:
    if tree == _UNDEFINED:
        return cbor2.undefined
    if isinstance(tree, Node):
        kind, rest = tree.label, tree.label.partition(",")[0]
        if kind.startswith(_TAG):
            return cbor2.CBORTag(int(rest[len(_TAG) :]), _value(tree.value))
        if kind.startswith(_SIMPLE):
            return cbor2.CBORSimpleValue(int(rest[len(_SIMPLE) :]))
        raise Unfit(f"CBOR cannot hold a {kind}")
    if isinstance(tree, dict):
        return {_value(name): _value(inner) for name, inner in tree.items()}
    if isinstance(tree, list):
        return [_value(inner) for inner in tree]
    return tree


def _dump(tree: Tree, style: dict[str, Any]) -> bytes:
    try:
        return bytes(cbor2.dumps(_value(tree), **style))
    except Unfit:
        raise
    except Exception as error:
        raise Unfit(f"cannot be written as CBOR: {error}") from None

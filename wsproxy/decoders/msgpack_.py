"""MessagePack."""

import datetime
import re
from typing import Any

import msgpack

from wsproxy.decoders.api import DEPTH, Decoded, Decoder, Kind, Message, Node, Tree, Unfit, is_deeper
from wsproxy.decoders.brief import brief
from wsproxy.decoders.json_ import Pairs
from wsproxy.decoders.json_messages import name_of

_EXTENSION = "extension "
_TIMES = re.compile(rb"[\xd6\xd7\xc7]")
"""What every time begins with; mostly it is something else."""
SHORTEST = 4
"""Bytes: shorter ones are MessagePack by chance too often."""
_STYLES = [
    {"use_bin_type": new, "use_single_float": single} for new in (True, False) for single in (False, True)
]


def unpack(data: bytes) -> Tree:
    """
    Read one value that is all of `data`.

    Returns:
        Plain data; extensions are `Node`s, maps with doubtful keys `Pairs`.

    Raises:
        Unfit: it is none.
    """
    try:
        tree = msgpack.unpackb(
            data,
            strict_map_key=False,
            unicode_errors="surrogateescape",
            object_pairs_hook=_map,
            ext_hook=_extension,
            timestamp=0,
        )
    except Exception as error:
        raise Unfit(f"no MessagePack: {str(error)[:100] or type(error).__name__}") from None
    if is_deeper(tree, DEPTH):
        raise Unfit(f"MessagePack nested more than {DEPTH} deep")
    return _without_times(tree) if _TIMES.search(data) else tree


def pack(tree: Tree, like: bytes) -> bytes:
    """
    Write an edited tree in the style of the original.

    Raises:
        Unfit: the original has a style of its own, or there is something that cannot be written.
    """
    original = unpack(like)
    for style in _STYLES:
        if _pack(original, style) == like:
            return _pack(tree, style)
    raise Unfit("this MessagePack is not written in the shortest form")


class MessagePack(Decoder):
    """
    MessagePack that belongs to no protocol known here.

    In binary messages that are one whole map or array. Extensions and times are labelled. An edited message
    is written only if the original was in the usual, shortest form.
    """

    name = "msgpack"
    matches = "a map or array that ends with the message"
    editable = True

    def decode(self, message: Message) -> Decoded:
        """Raises Unfit if it is none, or nothing but a number or text."""
        content = message.content
        if len(content) < SHORTEST or not (0x80 <= content[0] <= 0x9F or 0xDC <= content[0] <= 0xDF):
            raise Unfit("no map or array of MessagePack")
        tree = unpack(content)
        return self.say(brief(tree), Kind.DATA, name_of(tree), tree=tree)

    def reencode(self, tree: Tree, message: Message) -> bytes:
        """In the original's style."""
        return pack(tree, message.content)


def _map(pairs: list[tuple[Any, Any]]) -> Tree:
    try:
        found = dict(pairs)
    except TypeError:
        return Pairs(pairs)
    return found if len(found) == len(pairs) else Pairs(pairs)


def _extension(code: int, data: bytes) -> Node:
    return Node(f"{_EXTENSION}{code}", data, data)


def _without_times(tree: Tree) -> Tree:
    if isinstance(tree, msgpack.Timestamp):
        data = tree.to_bytes()
        try:
            seconds = datetime.datetime.fromtimestamp(tree.seconds, datetime.UTC)
            words = f"{seconds:%Y-%m-%dT%H:%M:%S}.{tree.nanoseconds:09}Z"
        except (ValueError, OverflowError, OSError):
            words = f"{tree.seconds}.{tree.nanoseconds:09} s"
        return Node(f"{_EXTENSION}-1, time", words, data)
    if isinstance(tree, Pairs):
        return Pairs((name, _without_times(value)) for name, value in tree)
    if isinstance(tree, dict):
        return {name: _without_times(value) for name, value in tree.items()}
    if isinstance(tree, list):
        return [_without_times(value) for value in tree]
    return tree


def _pack(tree: Tree, style: dict[str, bool]) -> bytes:
    try:
        packed: bytes = msgpack.packb(tree, default=_default, unicode_errors="surrogateescape", **style)
    except Unfit:
        raise
    except Exception as error:
        raise Unfit(f"cannot be written as MessagePack: {error}") from None
    return packed


def _default(value: Any) -> Any:
    if isinstance(value, Node) and value.label.startswith(_EXTENSION):
        code = int(value.label[len(_EXTENSION) :].partition(",")[0])
        if code != -1 and isinstance(value.value, bytes):
            return msgpack.ExtType(code, value.value)
        original = value.raw if isinstance(value.raw, bytes) else b""
        if _without_times(msgpack.Timestamp.from_bytes(original)) != value:
            raise Unfit("a time of MessagePack cannot be edited")
        return msgpack.Timestamp.from_bytes(original)
    raise Unfit(f"MessagePack cannot hold {type(value).__name__}")

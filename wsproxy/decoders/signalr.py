"""
SignalR of ASP.NET Core: the hub protocols `json`, `messagepack` and `blazorpack`
(https://github.com/dotnet/aspnetcore/blob/main/src/SignalR/docs/specs/HubProtocol.md).
"""

import re
from typing import Any

from wsproxy.decoders import json_, nested
from wsproxy.decoders.api import (
    CERTAIN,
    LIKELY,
    UNKNOWN,
    Context,
    Decoded,
    Decoder,
    Kind,
    Message,
    Opening,
    Tree,
    Unfit,
)
from wsproxy.decoders.brief import arguments, brief
from wsproxy.decoders.json_protocol import parsed, tree_of, word
from wsproxy.decoders.msgpack_ import pack, unpack

END = "\x1e"
"""Ends every record of JSON, and the handshake of either protocol."""

_HANDSHAKE = re.compile(rb'\s*\{\s*"protocol"\s*:\s*"[a-z]+"\s*,\s*"version"\s*:\s*\d+\s*\}\x1e')
_TYPES = {
    1: ("headers", "invocationId", "target", "arguments", "streamIds"),
    2: ("headers", "invocationId", "item"),
    3: ("headers", "invocationId", "resultKind", "result"),
    4: ("headers", "invocationId", "target", "arguments", "streamIds"),
    5: ("headers", "invocationId"),
    6: (),
    7: ("error", "allowReconnect"),
    8: ("sequenceId",),
    9: ("sequenceId",),
}
"""What is in the arrays of MessagePack behind the type."""
_NAMES = {1: "invoke", 2: "item", 3: "completion", 4: "stream", 5: "cancel", 6: "ping", 7: "close"}
_NAMES |= {8: "ack", 9: "sequence"}
_LONGEST_LENGTH = 5


class SignalR(Decoder):
    """
    SignalR of ASP.NET Core, in JSON and MessagePack, and Blazor's variant.

    Invocations with an id are calls of either side, paired with their completion; the items of a stream are
    partial answers. MessagePack is shown with the names that JSON has for its parts.
    """

    name = "signalr"
    matches = "the handshake of the first message"
    editable = True
    size_limit = 4 << 20

    def __init__(self, opening: Opening, context: Context) -> None:
        super().__init__(opening, context)
        self._greeted = {True: False, False: False}

    @classmethod
    def score(cls, message: Message) -> int:
        """By the handshake, and the mark behind every record."""
        if message.from_client and _HANDSHAKE.match(message.content):
            return CERTAIN
        if message.content.startswith(b"{}\x1e") or (not message.is_text and _are_messages(message.content)):
            return LIKELY
        if message.is_text and message.content[:8] == b'{"type":' and message.content[-1:] == b"\x1e":
            return LIKELY
        return UNKNOWN

    def decode(self, message: Message) -> Decoded:
        """Raises Unfit if it is neither handshake nor records."""
        parts: list[Decoded] = []
        data = message.content
        if not self._greeted[message.from_client]:
            self._greeted[message.from_client] = True
            record, end, rest = data.partition(END.encode())
            if record[:1] == b"{" and end and b'"type"' not in record:
                parts.append(self._handshake(message, parsed(record.decode("utf-8", "replace"))))
                data = rest
        if message.is_text:
            texts = _records(data.decode("utf-8", "surrogateescape"))
            values = [parsed(text) for text in texts]
        else:
            values = [_named(unpack(piece)) for piece in _pieces(data)]
        for value in values:
            parts.append(self._read(message, value))
        return self.several(parts)

    def _handshake(self, message: Message, value: Any) -> Decoded:
        tree = tree_of(value)
        if not isinstance(value, dict):
            raise Unfit("no handshake of SignalR")
        if message.from_client:
            protocol = f"{word(value.get('protocol'))} {brief(value.get('version'))}"
            return self.call(message, "handshake", "handshake", f"handshake {protocol}", tree=tree)
        error = word(value.get("error"))
        event = f"refused {error}" if error else "accepted"
        return self.reply(message, "handshake", event, name="handshake", error=bool(error), tree=tree)

    def _read(self, message: Message, value: Any) -> Decoded:
        kind = value.get("type") if isinstance(value, dict) else None
        if type(kind) is not int or kind not in _NAMES:
            raise Unfit(f"no type of SignalR: {brief(kind, 100)}")
        id, target = value.get("invocationId"), word(value.get("target"))
        more: dict[str, Any] = {"tree": tree_of(value)}
        name = _NAMES[kind]
        if kind in (1, 4):
            given = value.get("arguments")
            event = f"{name} {target}({arguments(given) if isinstance(given, list) else brief(given)})"
            if value.get("streamIds"):
                event += f" with streams {brief(value['streamIds'])}"
            if id is None:
                return self.say(event, Kind.NOTIFICATION, target, **more)
            return self.call(message, id, target, event, **more)
        if kind == 2:
            return self.reply(message, id, f"item {brief(value.get('item'))}", last=False, name=name, **more)
        if kind == 3:
            error = value.get("error")
            event = brief(value["result"]) if "result" in value else "done"
            if error is not None:
                event = f"error {brief(error)}"
            return self.reply(message, id, event, name=name, error=error is not None, **more)
        if kind == 5:
            call = self.ended(message, id)
            if call:
                more["pairs_with"] = call.number
            event = f"cancel {call.name if call else id}"
            return self.say(event, Kind.CONTROL, name, id=str(id), **more)
        if kind == 7:
            error = word(value.get("error"))
            again = ", may reconnect" if value.get("allowReconnect") else ""
            return self.say(f"close {error}{again}".rstrip(), Kind.CONTROL, name, error=bool(error), **more)
        number = f" {brief(value.get('sequenceId'))}" if kind > 7 else ""
        return self.say(f"{name}{number}", Kind.CONTROL, name, heartbeat=kind == 6, **more)

    def reencode(self, tree: Tree, message: Message) -> bytes:
        """Each record in its own style."""
        text = message.text
        if not message.is_text or text is None:
            return _write(tree, message.content)
        texts = _records(text)
        trees = [tree] if len(texts) == 1 else tree
        if not isinstance(trees, list) or len(trees) != len(texts):
            raise Unfit("as many records as there were")
        written = [json_.rewrite(nested.packed(new), old) for new, old in zip(trees, texts, strict=True)]
        return "".join(record + END for record in written).encode("utf-8", "surrogatepass")


def _write(tree: Tree, content: bytes) -> bytes:
    handshake, mark, rest = content.partition(END.encode())
    if not (mark and handshake[:1] == b"{"):
        handshake, mark, rest = b"", b"", content
    pieces = _pieces(rest)
    trees = [tree] if len(pieces) + bool(mark) == 1 else tree
    if not isinstance(trees, list) or len(trees) != len(pieces) + bool(mark):
        raise Unfit("as many messages as there were")
    written = b""
    if mark:
        written = json_.rewrite(nested.packed(trees[0]), handshake.decode()).encode() + mark
    for new, old in zip(trees[bool(mark) :], pieces, strict=True):
        original = unpack(old)
        if _unnamed(_named(original), original) != original:
            raise Unfit("the message is written in a way of its own")
        piece = pack(_unnamed(nested.packed(new), original), old)
        written += _varint(len(piece)) + piece
    return written


def _records(text: str) -> list[str]:
    records = text.split(END)
    if records.pop():
        raise Unfit("a record without its end")
    return records


def _pieces(data: bytes) -> list[bytes]:
    """Messages of MessagePack, each behind its length in groups of 7 bits."""
    pieces: list[bytes] = []
    at = 0
    while at < len(data):
        length = shift = 0
        while True:
            if at >= len(data) or shift >= 7 * _LONGEST_LENGTH:
                raise Unfit("no length of a message")
            byte = data[at]
            length |= (byte & 0x7F) << shift
            shift += 7
            at += 1
            if byte < 0x80:
                break
        if at + length > len(data):
            raise Unfit("a message is cut short")
        pieces.append(data[at : at + length])
        at += length
    return pieces


def _are_messages(data: bytes) -> bool:
    """Whether it is arrays of MessagePack that begin with a type, each behind its length."""
    try:
        pieces = _pieces(data)
    except Unfit:
        return False
    return bool(pieces) and all(
        len(piece) > 1 and 0x91 <= piece[0] <= 0x98 and piece[1] in _TYPES for piece in pieces
    )


def _named(value: Tree) -> Tree:
    """The array of a message as the object it is in JSON."""
    if not isinstance(value, list) or not value or type(value[0]) is not int or value[0] not in _TYPES:
        raise Unfit("no message of SignalR")
    kind = value[0]
    found: dict[str, Tree] = {"type": kind}
    found |= {name: part for name, part in zip(_TYPES[kind], value[1:], strict=False) if part is not None}
    if kind == 3:
        # 1: an error, 2: nothing, 3: a result; in JSON that shows by which member is there.
        result_kind = found.pop("resultKind", None)
        if result_kind == 1:
            found["error"] = found.pop("result", None)
        elif result_kind == 3:
            found.setdefault("result", None)
    return found


def _unnamed(tree: Tree, original: Tree) -> Tree:
    """The array for an edited object; of what the original had."""
    if not isinstance(tree, dict) or not isinstance(original, list) or tree.get("type") != original[0]:
        raise Unfit("the type of a message cannot be edited")
    names = _TYPES[original[0]]
    values = [tree.get(name) for name in names]
    if original[0] == 3:
        kind = 1 if "error" in tree else 3 if "result" in tree else 2
        values[2:] = [kind, tree.get("error", tree.get("result"))]
    unknown = set(tree) - {"type", "error", "result", *names}
    if unknown or any(value is not None for value in values[len(original) - 1 :]):
        raise Unfit("a message in MessagePack has no place for that")
    return [original[0], *values[: len(original) - 1], *original[len(names) + 1 :]]


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)

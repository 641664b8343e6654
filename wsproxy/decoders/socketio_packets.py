"""
Packets of Socket.IO (https://socket.io/docs/v4/socket-io-protocol/): versions 2 to 5, text and MessagePack.

As text: the type, the number of attachments and a dash, the namespace and a comma, the id for the
acknowledgement, JSON; each of them only where there is one:

    51-/admin,7["picture",{"_placeholder":true,"num":0}]
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from wsproxy.decoders import json_, nested
from wsproxy.decoders.decoded import Node, Tree, Unfit
from wsproxy.decoders.json_protocol import parsed
from wsproxy.decoders.msgpack_ import pack, unpack

CONNECT, DISCONNECT, EVENT, ACK, ERROR, BINARY_EVENT, BINARY_ACK = range(7)
TYPES = ("CONNECT", "DISCONNECT", "EVENT", "ACK", "CONNECT_ERROR", "BINARY_EVENT", "BINARY_ACK")

_PACKET = re.compile(r"([0-6])(?:([0-9]+)-)?(?:(/[^,]*)(?:,|$))?([0-9]*)(.*)", re.DOTALL)
_ATTACHMENT = "attachment "
_TO_COME = "…"
_LONGEST_ID = 20
_UNDEFINED = Node("extension 0", b"\0", b"\0")
"""How JavaScript's notepack writes `undefined`."""
MOST = 10_000
"""Attachments of a packet."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet."""

    type: int
    namespace: str
    id: int | None
    """For the acknowledgement."""
    data: Any
    """What it carries; attachments as `Node`s, whose value is an ellipsis until they have come."""
    attachments: int = 0
    """How many binary messages follow, as the packet claims."""
    prefix: str = ""
    """What stands before the JSON."""
    json: str = ""

    @property
    def is_event(self) -> bool:
        """It calls a handler of the other side."""
        return self.type in (EVENT, BINARY_EVENT)

    @property
    def is_ack(self) -> bool:
        """It answers an event."""
        return self.type in (ACK, BINARY_ACK)

    def tree(self) -> dict[str, Tree]:
        """The packet as a tree, from which `written` makes it again."""
        found: dict[str, Tree] = {"packet": TYPES[self.type], "namespace": self.namespace}
        if self.id is not None:
            found["ack"] = self.id
        if self.json or self.data is not None:
            found["data"] = nested.unpacked(self.data)
        return found

    def joined(self, attachments: Sequence[bytes | None]) -> "Packet":
        """The same with those attachments that have come."""
        return replace(self, data=_filled(self.data, attachments))


def read(text: str) -> Packet:
    """
    A packet of text.

    Raises:
        Unfit: it is none.
    """
    match = _PACKET.fullmatch(text)
    if not match:
        raise Unfit("no packet of Socket.IO")
    kind = int(match[1])
    attachments, namespace, id, body = match[2], match[3], match[4], match[5]
    if (attachments is not None) != (kind in (BINARY_EVENT, BINARY_ACK)):
        raise Unfit("attachments belong to binary packets")
    if len(id) > _LONGEST_ID or len(attachments or "") > _LONGEST_ID:
        raise Unfit("a number too long to be one of Socket.IO")
    data = _placed(parsed(body)) if body else None
    count = int(attachments or 0)
    if count > MOST:
        raise Unfit(f"more than {MOST:,} attachments")
    packet = Packet(
        kind, namespace or "/", int(id) if id else None, data, count, text[: len(text) - len(body)], body
    )
    _check(packet)
    return packet


def read_msgpack(data: bytes) -> Packet:
    """
    A packet of the parser `socket.io-msgpack-parser`.

    Raises:
        Unfit: it is none.
    """
    value = unpack(data)
    if not isinstance(value, dict) or type(value.get("type")) is not int or not 0 <= value["type"] <= ERROR:
        raise Unfit("no packet of Socket.IO")
    namespace, id = value.get("nsp"), value.get("id")
    if not isinstance(namespace, str) or not (id is None or type(id) is int):
        raise Unfit("no packet of Socket.IO")
    carried = value.get("data")
    packet = Packet(value["type"], namespace, id, None if carried == _UNDEFINED else carried)
    _check(packet)
    return packet


def written(tree: Tree, original: Packet) -> str:
    """
    An edited tree of a packet of text.

    Raises:
        Unfit: it is none, or only written otherwise than the peer would.
    """
    if _written(original.tree(), original) != original.prefix + original.json:
        raise Unfit("the packet is written in a way of its own")
    return _written(tree, original)


def written_msgpack(tree: Tree, original: bytes) -> bytes:
    """
    An edited tree of a packet in MessagePack.

    Raises:
        Unfit: it is none, or only written otherwise than the peer would.
    """
    kind, namespace, id = _parts(tree)
    value = {**unpack(original), "type": TYPES.index(kind), "nsp": namespace}
    for name, given in (("id", id), ("data", tree.get("data"))):
        if given is not None or value.get(name) not in (None, _UNDEFINED):
            value[name] = nested.packed(given)
    return pack(value, original)


def _parts(tree: Tree) -> tuple[str, str, int | None]:
    """Type, namespace and id, if they can be those of a packet."""
    if not isinstance(tree, dict) or not {"packet", "namespace"} <= set(tree) <= _NAMES:
        raise Unfit(f"a packet has {', '.join(sorted(_NAMES))}")
    kind, namespace, id = tree["packet"], tree["namespace"], tree.get("ack")
    if kind not in TYPES or not isinstance(namespace, str) or namespace[:1] != "/" or "," in namespace:
        raise Unfit("no packet, or no namespace, of Socket.IO")
    if id is not None and (type(id) is not int or id < 0):
        raise Unfit("an id of Socket.IO is a number")
    return kind, namespace, id


def _written(tree: Tree, original: Packet) -> str:
    kind, namespace, id = _parts(tree)
    body = ""
    if "data" in tree:
        body = json_.rewrite(nested.packed(_unfilled(tree["data"])), original.json or "[]")
    attachments = f"{original.attachments}-" if kind.startswith("BINARY") else ""
    # A packet without anything behind the namespace has no comma in some versions.
    comma = "" if original.prefix.endswith(namespace) and not body and id is None else ","
    return (
        str(TYPES.index(kind))
        + attachments
        + ("" if namespace == "/" else namespace + comma)
        + ("" if id is None else str(id))
        + body
    )


_NAMES = {"packet", "namespace", "ack", "data"}


def _check(packet: Packet) -> None:
    data = packet.data
    if packet.is_event and not (isinstance(data, list) and data):
        raise Unfit("an event has a name")
    if packet.is_ack and not isinstance(data, list):
        raise Unfit("an acknowledgement has an array")
    if packet.type == DISCONNECT and packet.json:
        raise Unfit("nothing comes with a disconnect")


def _placed(tree: Tree) -> Tree:
    """Placeholders of attachments as nodes."""
    if isinstance(tree, json_.Pairs):
        return json_.Pairs((name, _placed(value)) for name, value in tree)
    if isinstance(tree, dict):
        number = tree.get("num")
        if tree.get("_placeholder") is True and type(number) is int and number >= 0:
            return Node(f"{_ATTACHMENT}{number + 1}", _TO_COME, _TO_COME)
        return {name: _placed(value) for name, value in tree.items()}
    if isinstance(tree, list):
        return [_placed(value) for value in tree]
    return tree


def _number(node: Node) -> int | None:
    digits = node.label.removeprefix(_ATTACHMENT)
    return int(digits) if node.label != digits and digits.isdigit() and len(digits) < _LONGEST_ID else None


def _filled(tree: Tree, attachments: Sequence[bytes | None]) -> Tree:
    if isinstance(tree, Node) and (number := _number(tree)):
        data = attachments[number - 1] if number <= len(attachments) else None
        return tree if data is None else Node(tree.label, data, data)
    if isinstance(tree, json_.Pairs):
        return json_.Pairs((name, _filled(value, attachments)) for name, value in tree)
    if isinstance(tree, dict):
        return {name: _filled(value, attachments) for name, value in tree.items()}
    if isinstance(tree, list):
        return [_filled(value, attachments) for value in tree]
    return tree


def _unfilled(tree: Tree) -> Tree:
    if isinstance(tree, Node) and (number := _number(tree)):
        if tree.value != tree.raw:
            raise Unfit("an attachment is edited in the message that carries it")
        return {"_placeholder": True, "num": number - 1}
    if isinstance(tree, json_.Pairs):
        return json_.Pairs((name, _unfilled(value)) for name, value in tree)
    if isinstance(tree, dict):
        return {name: _unfilled(value) for name, value in tree.items()}
    if isinstance(tree, list):
        return [_unfilled(value) for value in tree]
    return tree

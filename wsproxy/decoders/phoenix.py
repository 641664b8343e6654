"""
Channels of the Phoenix framework, of Elixir (Phoenix.Socket.V1.JSONSerializer and V2.JSONSerializer).

Version 2 is an array, `[join_ref, ref, topic, event, payload]`, and a binary form for payloads that are
bytes: the kind, a byte for the size of each string, the strings, the payload.
"""

import struct
from dataclasses import dataclass
from typing import Any

from wsproxy.decoders import content, json_, nested
from wsproxy.decoders.api import LIKELY, UNKNOWN, Decoded, Decoder, Kind, Message, Opening, Tree, Unfit
from wsproxy.decoders.brief import brief
from wsproxy.decoders.json_protocol import tree_of, value_of

_PARTS = ("join_ref", "ref", "topic", "event", "payload")
_PUSH, _REPLY, _BROADCAST = 0, 1, 2
_STRINGS = {
    (_PUSH, True): ("join_ref", "ref", "topic", "event"),
    (_PUSH, False): ("join_ref", "topic", "event"),
    (_REPLY, True): ("join_ref", "ref", "topic", "status"),
    (_REPLY, False): ("join_ref", "ref", "topic", "status"),
    (_BROADCAST, True): ("topic", "event"),
    (_BROADCAST, False): ("topic", "event"),
}
"""What stands before the payload, by kind and whether it is of the client."""
_KINDS = {"push": _PUSH, "reply": _REPLY, "broadcast": _BROADCAST}


@dataclass(frozen=True, slots=True)
class _Said:
    """One message of either version."""

    topic: str
    event: str
    payload: Any
    ref: str | None
    tree: Tree


class Phoenix(Decoder):
    """
    Channels of Phoenix and its LiveView, version 1 (objects) and 2 (arrays, and binary).

    A push is a call that is answered by `phx_reply` with its `ref`; a server need not answer. Version 2 is
    shown with the names of its parts, and written back as the array it is.
    """

    name = "phoenix"
    subprotocols = ("phoenix",)
    matches = "path `.../websocket` with the query `vsn`; `phx_` events"
    editable = True
    size_limit = 4 << 20

    @classmethod
    def recognises(cls, opening: Opening) -> bool:
        """By path and query together."""
        return opening.path.endswith("/websocket") and opening.query.get("vsn", [""])[0][:1] in ("1", "2")

    @classmethod
    def score(cls, message: Message) -> int:
        """By the shape, and the events or topics of the framework itself."""
        value = message.json
        if isinstance(value, dict) and {"topic", "event", "payload", "ref"} <= value.keys():
            topic, event = value["topic"], value["event"]
        elif isinstance(value, list) and len(value) == 5:
            topic, event = value[2], value[3]
        else:
            return UNKNOWN
        if not isinstance(topic, str) or not isinstance(event, str):
            return UNKNOWN
        return LIKELY if event.startswith("phx_") or topic == "phoenix" or ":" in topic else UNKNOWN

    def decode(self, message: Message) -> Decoded:
        """Raises Unfit if it is of neither version."""
        if not message.is_text:
            return self._read(message, _binary(message))
        value = value_of(message)
        if isinstance(value, list) and len(value) == 5:
            value = dict(zip(_PARTS, value, strict=True))
        if not isinstance(value, dict) or not {"topic", "event", "payload"} <= value.keys():
            raise Unfit("neither version 1 nor version 2 of Phoenix")
        topic, event, ref = value["topic"], value["event"], value.get("ref")
        if not isinstance(topic, str) or not isinstance(event, str):
            raise Unfit("topic and event are text")
        return self._read(
            message, _Said(topic, event, value["payload"], None if ref is None else str(ref), tree_of(value))
        )

    def _read(self, message: Message, said: _Said) -> Decoded:
        heartbeat = said.topic == "phoenix"
        more: dict[str, Any] = {"tree": said.tree, "channel": said.topic, "heartbeat": heartbeat}
        given = _given(said.payload)
        where = f" {said.topic}"
        if said.event == "phx_reply" and said.ref is not None:
            answer = said.payload if isinstance(said.payload, dict) else {}
            status = answer.get("status")
            event = f"{status or 'reply'}{_given(answer.get('response'))}"
            return self.reply(message, said.ref, event, error=status == "error", **more)
        if said.ref is not None and message.from_client:
            name = {"phx_join": "join", "phx_leave": "leave"}.get(said.event, said.event)
            verb = "" if name != said.event or heartbeat else "push "
            return self.call(
                message, said.ref, name, f"{verb}{name}{given}{'' if heartbeat else where}", **more
            )
        if said.event in ("phx_close", "phx_error"):
            failed = said.event == "phx_error"
            what = said.event.removeprefix("phx_")
            return self.say(f"{what}{where}{given}", Kind.CONTROL, said.event, error=failed, **more)
        verb = "push" if message.from_client else "receive"
        return self.say(f"{verb} {said.event}{given}{where}", Kind.NOTIFICATION, said.event, **more)

    def reencode(self, tree: Tree, message: Message) -> bytes:
        """In the version, and the style, of the original."""
        if not isinstance(tree, dict):
            raise Unfit("the tree of Phoenix is an object")
        if not message.is_text:
            return _bytes(tree, message)
        text = message.text or ""
        if text.lstrip()[:1] == "[":
            if set(tree) != set(_PARTS):
                raise Unfit(f"version 2 has exactly the parts {', '.join(_PARTS)}")
            tree = [tree[part] for part in _PARTS]
        return json_.rewrite(nested.packed(tree), text).encode("utf-8", "surrogatepass")


def _given(payload: Any) -> str:
    if isinstance(payload, bytes):
        return f" {content.said(payload)}"
    return "" if payload is None or payload == {} else f" {brief(payload)}"


def _binary(message: Message) -> _Said:
    data = message.content
    names = _STRINGS.get((data[0], message.from_client)) if data else None
    if names is None or len(data) < 1 + len(names):
        raise Unfit("no binary message of Phoenix")
    at = 1 + len(names)
    parts: dict[str, Any] = {"kind": next(kind for kind, code in _KINDS.items() if code == data[0])}
    for name, size in zip(names, data[1:at], strict=True):
        if at + size > len(data):
            raise Unfit("cut short")
        parts[name] = data[at : at + size].decode()
        at += size
    payload = data[at:]
    parts["payload"] = payload
    status = parts.get("status")
    return _Said(
        parts["topic"],
        "phx_reply" if status is not None else parts["event"],
        payload if status is None else {"status": status, "response": payload},
        parts.get("ref"),
        lambda: parts | {"payload": content.tree_of(payload)},
    )


def _bytes(tree: dict[str, Tree], message: Message) -> bytes:
    kind = _KINDS.get(tree.get("kind", ""))
    names = _STRINGS.get((-1 if kind is None else kind, message.from_client))
    if names is None or set(tree) != {"kind", *names, "payload"}:
        raise Unfit("not the parts of a binary message of Phoenix")
    strings = [str(tree[name]).encode() for name in names]
    if any(len(string) > 255 for string in strings):
        raise Unfit("a string of a binary message has at most 255 B")
    sizes = bytes(len(string) for string in strings)
    return struct.pack("B", kind) + sizes + b"".join(strings) + content.data_of(tree["payload"])

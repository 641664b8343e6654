"""
WAMP 2 (https://wamp-proto.org/spec.html): remote calls and publications through a router.

A message is an array whose first element says what it is, in JSON, MessagePack or CBOR as the subprotocol
says. Batched, several are in one message of the WebSocket: each JSON behind which a control character stands,
or each of the others behind its length.
"""

import re
import struct
from collections.abc import Callable
from typing import Any

from wsproxy.decoders import cbor, json_, msgpack_, nested
from wsproxy.decoders.api import (
    LIKELY,
    UNKNOWN,
    Context,
    Decoded,
    Decoder,
    Kind,
    Memory,
    Message,
    Opening,
    Tree,
    Unfit,
)
from wsproxy.decoders.brief import arguments, brief
from wsproxy.decoders.json_protocol import parsed, tree_of, word

HELLO, WELCOME, ABORT, CHALLENGE, AUTHENTICATE, GOODBYE, ERROR = 1, 2, 3, 4, 5, 6, 8
PUBLISH, PUBLISHED, SUBSCRIBE, SUBSCRIBED, UNSUBSCRIBE, UNSUBSCRIBED, EVENT = 16, 17, 32, 33, 34, 35, 36
CALL, CANCEL, RESULT, REGISTER, REGISTERED, UNREGISTER, UNREGISTERED = 48, 49, 50, 64, 65, 66, 67
INVOCATION, INTERRUPT, YIELD = 68, 69, 70

_NAMES = {
    HELLO: "hello", WELCOME: "welcome", ABORT: "abort", CHALLENGE: "challenge", AUTHENTICATE: "authenticate",
    GOODBYE: "goodbye", ERROR: "error", PUBLISH: "publish", PUBLISHED: "published", SUBSCRIBE: "subscribe",
    SUBSCRIBED: "subscribed", UNSUBSCRIBE: "unsubscribe", UNSUBSCRIBED: "unsubscribed", EVENT: "event",
    CALL: "call", CANCEL: "cancel", RESULT: "result", REGISTER: "register", REGISTERED: "registered",
    UNREGISTER: "unregister", UNREGISTERED: "unregistered", INVOCATION: "invoke", INTERRUPT: "interrupt",
    YIELD: "yield",
}  # fmt: skip

# The specification says 30, the library Autobahn octal 30, which is 24.
_MARKS = re.compile("[\x1e\x18]")


class Wamp(Decoder):
    """
    WAMP 2: calls, registrations, subscriptions and publications through a router.

    In JSON, MessagePack and CBOR, also batched. Calls, and everything else that is answered, are paired by
    the ids of requests; events and invocations get the names of their topics and procedures from when those
    were subscribed and registered.
    """

    name = "wamp"
    subprotocols = ("wamp.2.*",)
    matches = 'arrays such as `[1, "realm", ...]`'
    editable = True
    size_limit = 4 << 20

    def __init__(self, opening: Opening, context: Context) -> None:
        super().__init__(opening, context)
        words = (opening.subprotocol or "").lower().split(".")
        self._serializer = words[2] if len(words) > 2 else ""
        self._batched = words[-1] == "batched"
        self._asked: Memory[Any, str] = Memory()
        """Names that are being subscribed or registered, by the ids of the requests."""
        self._topics: Memory[Any, str] = Memory()
        self._procedures: Memory[Any, str] = Memory()

    @classmethod
    def score(cls, message: Message) -> int:
        """By the shapes of the most frequent messages in JSON."""
        value = message.json
        if not isinstance(value, list) or len(value) < 3 or type(value[0]) is not int:
            return UNKNOWN
        kind, second, third = value[:3]
        if kind == HELLO and isinstance(second, str) and isinstance(third, dict):
            return LIKELY if "roles" in third else UNKNOWN
        if kind == WELCOME and type(second) is int and isinstance(third, dict):
            return LIKELY if "roles" in third else UNKNOWN
        if kind in (CALL, PUBLISH, SUBSCRIBE, REGISTER) and type(second) is int and isinstance(third, dict):
            return LIKELY if len(value) > 3 and isinstance(value[3], str) else UNKNOWN
        return UNKNOWN

    def decode(self, message: Message) -> Decoded:
        """Raises Unfit if it is no message of WAMP."""
        return self.several([self._read(message, value) for value in map(self._load, self._pieces(message))])

    def reencode(self, tree: Tree, message: Message) -> bytes:
        """In the serialization, and the style, of the original."""
        pieces = self._pieces(message)
        trees = [tree] if len(pieces) == 1 else tree
        if not isinstance(trees, list) or len(trees) != len(pieces):
            raise Unfit("as many messages as there were")
        written = [self._dump(new, old) for new, old in zip(trees, pieces, strict=True)]
        if not self._batched:
            return written[0]
        if message.is_text:
            mark = message.content[-1:]
            return b"".join(piece + mark for piece in written)
        return b"".join(struct.pack(">I", len(piece)) + piece for piece in written)

    def _pieces(self, message: Message) -> list[bytes]:
        content = message.content
        if not self._batched:
            return [content]
        if message.is_text:
            # Text as JSON writes it has neither of them inside.
            pieces = [part.encode() for part in _MARKS.split(content.decode())]
            if pieces.pop():
                raise Unfit("a message without its end")
            return pieces
        found: list[bytes] = []
        at = 0
        while at < len(content):
            if at + 4 > len(content) or at + 4 + (length := _length(content, at)) > len(content):
                raise Unfit("a message is cut short")
            found.append(content[at + 4 : at + 4 + length])
            at += 4 + length
        return found

    def _load(self, data: bytes) -> Tree:
        if self._serializer not in ("", "json", "msgpack", "cbor"):
            raise Unfit(f"WAMP in {self._serializer} is not read here")
        if self._serializer == "json" or (not self._serializer and data[:1] == b"["):
            try:
                return parsed(data.decode())
            except UnicodeDecodeError:
                raise Unfit("not UTF-8") from None
        if self._serializer == "cbor":
            return cbor.load(data)
        return msgpack_.unpack(data)

    def _dump(self, tree: Tree, like: bytes) -> bytes:
        if self._serializer == "json" or (not self._serializer and like[:1] == b"["):
            return json_.rewrite(nested.packed(tree), like.decode()).encode("utf-8", "surrogatepass")
        tree = nested.packed(tree)
        return cbor.dump(tree, like) if self._serializer == "cbor" else msgpack_.pack(tree, like)

    def _read(self, message: Message, value: Tree) -> Decoded:
        if not isinstance(value, list) or len(value) < 2:
            raise Unfit("no message of WAMP")
        kind = value[0]
        read = _READERS.get(kind) if type(kind) is int else None
        if read is None:
            raise Unfit(f"no message of WAMP: {brief(kind, 100)}")
        try:
            return read(self, message, value, {"tree": tree_of(value)})
        except IndexError:
            raise Unfit(f"a {_NAMES[value[0]]} is too short") from None

    def _hello(self, message: Message, value: list[Any], more: dict[str, Any]) -> Decoded:
        details = value[2] if isinstance(value[2], dict) else {}
        user = f" as {details['authid']}" if word(details.get("authid")) else ""
        return self.call(message, "hello", "hello", f"hello {brief(value[1])}{user}", **more)

    def _welcome(self, message: Message, value: list[Any], more: dict[str, Any]) -> Decoded:
        return self.reply(message, "hello", f"welcome session {value[1]}", name="hello", **more)

    def _abort(self, message: Message, value: list[Any], more: dict[str, Any]) -> Decoded:
        event = f"abort {value[2]} {brief(value[1])}"
        return self.reply(message, "hello", event, name="abort", error=True, **more)

    def _challenge(self, message: Message, value: list[Any], more: dict[str, Any]) -> Decoded:
        return self.reply(message, "hello", f"challenge {value[1]}", last=False, name="challenge", **more)

    def _authenticate(self, message: Message, value: list[Any], more: dict[str, Any]) -> Decoded:
        return self.say("authenticate", Kind.CONTROL, "authenticate", **more)

    def _goodbye(self, message: Message, value: list[Any], more: dict[str, Any]) -> Decoded:
        details = f" {brief(value[1])}" if value[1] else ""
        return self.say(f"goodbye {value[2]}{details}", Kind.CONTROL, "goodbye", **more)

    def _error(self, message: Message, value: list[Any], more: dict[str, Any]) -> Decoded:
        event = f"error {value[4]}{_given(value, 5) if len(value) > 5 else ''}"
        return self.reply(message, value[2], event, name="error", error=True, **more)

    def _publish(self, message: Message, value: list[Any], more: dict[str, Any]) -> Decoded:
        topic = word(value[3])
        event = f"publish {topic}{_given(value, 4)}"
        if isinstance(value[2], dict) and value[2].get("acknowledge"):
            return self.call(message, value[1], topic, event, channel=topic, **more)
        return self.say(event, Kind.NOTIFICATION, topic, channel=topic, **more)

    def _asks(self, message: Message, value: list[Any], more: dict[str, Any]) -> Decoded:
        """Subscribe or register."""
        verb, name = _NAMES[value[0]], word(value[3])
        self._asked[message.from_client, value[0], str(value[1])] = name
        options = f" {brief(value[2])}" if value[2] else ""
        return self.call(message, value[1], verb, f"{verb} {name}{options}", channel=name, **more)

    def _granted(self, message: Message, value: list[Any], more: dict[str, Any]) -> Decoded:
        """Subscribed or registered."""
        name = self._asked.pop((not message.from_client, value[0] - 1, str(value[1]))) or ""
        (self._topics if value[0] == SUBSCRIBED else self._procedures)[str(value[2])] = name
        return self.reply(message, value[1], f"{name} as {value[2]}", name=_NAMES[value[0] - 1], **more)

    def _ends(self, message: Message, value: list[Any], more: dict[str, Any]) -> Decoded:
        """Unsubscribe or unregister."""
        verb = _NAMES[value[0]]
        name = (self._topics if value[0] == UNSUBSCRIBE else self._procedures).get(str(value[2])) or str(
            value[2]
        )
        return self.call(message, value[1], verb, f"{verb} {name}", channel=name, **more)

    def _done(self, message: Message, value: list[Any], more: dict[str, Any]) -> Decoded:
        """Published, unsubscribed or unregistered."""
        return self.reply(message, value[1], _NAMES[value[0]], **more)

    def _event(self, message: Message, value: list[Any], more: dict[str, Any]) -> Decoded:
        details = value[3] if isinstance(value[3], dict) else {}
        topic = word(details.get("topic")) or self._topics.get(str(value[1])) or str(value[1])
        return self.say(f"event {topic}{_given(value, 4)}", Kind.NOTIFICATION, topic, channel=topic, **more)

    def _call(self, message: Message, value: list[Any], more: dict[str, Any]) -> Decoded:
        procedure = word(value[3])
        event = f"call {procedure}{_given(value, 4)}"
        return self.call(message, value[1], procedure, event, channel=procedure, **more)

    def _invocation(self, message: Message, value: list[Any], more: dict[str, Any]) -> Decoded:
        details = value[3] if isinstance(value[3], dict) else {}
        known = self._procedures.get(str(value[2]))
        procedure = word(details.get("procedure")) or known or f"registration {value[2]}"
        event = f"invoke {procedure}{_given(value, 4)}"
        return self.call(message, value[1], procedure, event, channel=procedure, **more)

    def _result(self, message: Message, value: list[Any], more: dict[str, Any]) -> Decoded:
        """Result or yield."""
        progress = isinstance(value[2], dict) and bool(value[2].get("progress"))
        verb = "progress" if progress else _NAMES[value[0]]
        event = f"{verb}{_given(value, 3)}"
        return self.reply(message, value[1], event, last=not progress, name=_NAMES[value[0]], **more)

    def _cancels(self, message: Message, value: list[Any], more: dict[str, Any]) -> Decoded:
        """Cancel or interrupt: an error still answers the call."""
        verb = _NAMES[value[0]]
        return self.say(f"{verb} {value[1]} {brief(value[2])}", Kind.CONTROL, verb, id=str(value[1]), **more)


_READERS: dict[int, Callable[[Wamp, Message, list[Any], dict[str, Any]], Decoded]] = {
    HELLO: Wamp._hello,
    WELCOME: Wamp._welcome,
    ABORT: Wamp._abort,
    CHALLENGE: Wamp._challenge,
    AUTHENTICATE: Wamp._authenticate,
    GOODBYE: Wamp._goodbye,
    ERROR: Wamp._error,
    PUBLISH: Wamp._publish,
    PUBLISHED: Wamp._done,
    SUBSCRIBE: Wamp._asks,
    SUBSCRIBED: Wamp._granted,
    UNSUBSCRIBE: Wamp._ends,
    UNSUBSCRIBED: Wamp._done,
    EVENT: Wamp._event,
    CALL: Wamp._call,
    CANCEL: Wamp._cancels,
    RESULT: Wamp._result,
    REGISTER: Wamp._asks,
    REGISTERED: Wamp._granted,
    UNREGISTER: Wamp._ends,
    UNREGISTERED: Wamp._done,
    INVOCATION: Wamp._invocation,
    INTERRUPT: Wamp._cancels,
    YIELD: Wamp._result,
}


def _given(value: list[Any], at: int) -> str:
    """The arguments from this place on: a list, then named ones."""
    listed = value[at] if len(value) > at else []
    named = value[at + 1] if len(value) > at + 1 else {}
    words = [arguments(listed) if isinstance(listed, list) else brief(listed)]
    if isinstance(named, dict) and named:
        words.append(", ".join(f"{name}: {brief(given)}" for name, given in named.items()))
    return f"({', '.join(part for part in words if part)})"


def _length(content: bytes, at: int) -> int:
    (length,) = struct.unpack_from(">I", content, at)
    return int(length)

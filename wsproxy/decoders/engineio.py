"""
Engine.IO 3 and 4 (https://socket.io/docs/v4/engine-io-protocol/): what Socket.IO goes over.

A text message is a digit for the type of the packet, then its content; a binary message is a packet with
bytes, in version 3 behind a byte 4. In version 4 the server pings, in version 3 the client.
"""

from typing import Any

from wsproxy.decoders import json_
from wsproxy.decoders.api import (
    Context,
    Decoded,
    Decoder,
    Kind,
    Message,
    Opening,
    Tree,
    Unfit,
)
from wsproxy.decoders.brief import brief
from wsproxy.decoders.json_protocol import parsed, word
from wsproxy.decoders.polling import from_base64

MESSAGE = 4
_TYPES = ("open", "close", "ping", "pong", "message", "upgrade", "noop")


class EngineIO(Decoder):
    """
    Engine.IO 3 and 4 without Socket.IO: the packets, and what is in them as if it had come alone.

    A session mostly begins over HTTP long-polling and moves to the WebSocket (`probe`, `upgrade`). The proxy
    keeps the bodies of that, so it is read from its beginning, also if it never moves.
    """

    name = "engineio"
    matches = "path `/engine.io/` with the query `EIO`"
    size_limit = 4 << 20

    def __init__(self, opening: Opening, context: Context) -> None:
        super().__init__(opening, context)
        self.version = opening.query.get("EIO", ["4"])[0]
        self.sid = opening.query.get("sid", [""])[0]
        """Of the session, if it began over HTTP."""
        self._inner = context.inner(Opening(request=opening.request)) if context.inner else None

    @classmethod
    def recognises(cls, opening: Opening) -> bool:
        """By path and query together."""
        return "EIO" in opening.query and opening.path.rstrip("/").endswith("engine.io")

    def decode(self, message: Message) -> Decoded:
        """Raises Unfit if it is no packet."""
        if not message.is_text:
            return self.binary(message, message.content[self._mark(message) :])
        text = message.text
        if not text:
            raise Unfit("no text" if text is None else "an empty packet")
        if text[0] == "b":
            # Bytes for a peer that cannot take binary messages.
            return self.binary(message, from_base64(text, self.version))
        if text[0] not in "0123456":
            raise Unfit(f"{text[:1]!r} is no type of Engine.IO")
        if int(text[0]) == MESSAGE:
            return self.message(message, text[1:])
        return self._packet(int(text[0]), text[1:], message)

    def message(self, message: Message, text: str) -> Decoded:
        """What is in a packet of text."""
        return self._inside(message.part(text.encode("utf-8", "surrogatepass"), is_text=True))

    def binary(self, message: Message, data: bytes) -> Decoded:
        """What is in a packet of bytes."""
        return self._inside(message.part(data, is_text=False))

    def reencode(self, tree: Tree, message: Message) -> bytes:
        """Messages, as the decoder of what is inside writes them; other packets of text."""
        kind = message.content[:1]
        if message.is_text and kind != b"4":
            return _written(tree, message.text or "").encode("utf-8", "surrogatepass")
        if self._inner is None:
            raise Unfit("there is no decoder for what is inside")
        mark = 1 if message.is_text else self._mark(message)
        part = message.part(message.content[mark:])
        return message.content[:mark] + self._inner.reencode(tree, part)

    def _mark(self, message: Message) -> int:
        return int(self.version == "3" and message.content[:1] == b"\x04")

    def _inside(self, part: Message) -> Decoded:
        if not part.content:
            return self.say("an empty message", Kind.DATA, "message", tree="" if part.is_text else b"")
        if self._inner:
            return self._inner.decode(part)
        return self.say(
            f"message {part.text or brief(part.content)}", Kind.DATA, "message", tree=part.content
        )

    def _packet(self, kind: int, text: str, message: Message) -> Decoded:
        name = _TYPES[kind]
        tree: dict[str, Tree] = {"packet": name}
        if name == "open":
            value = parsed(text)
            tree["data"] = value
            if isinstance(value, dict) and isinstance(value.get("sid"), str):
                self.sid = value["sid"]
            return self.say(f"open {_offer(value)}", Kind.CONTROL, name, tree=tree)
        if text:
            tree["data"] = text
        if text == "probe":
            of = f" for the session {self.sid}" if self.sid else ""
            if name == "ping":
                return self.call(message, "probe", "probe", f"probe{of}, which began over HTTP", tree=tree)
            return self.reply(message, "probe", "answered", name="probe", tree=tree)
        if name == "upgrade":
            of = f" of the session {self.sid}" if self.sid else ""
            return self.say(f"upgrade{of}: it goes on here", Kind.CONTROL, name, tree=tree)
        heartbeat = name in ("ping", "pong", "noop")
        said = f"{name} {text}".rstrip()
        return self.say(said, Kind.CONTROL, name, heartbeat=heartbeat, tree=tree)


def _written(tree: Tree, original: str) -> str:
    if original[:1] not in "012356" or not isinstance(tree, dict) or tree.get("packet") not in _TYPES:
        raise Unfit("no packet of Engine.IO that is written")
    kind, data = str(_TYPES.index(tree["packet"])), tree.get("data", "")
    if isinstance(data, str):
        return kind + data
    return kind + json_.rewrite(data, original[1:])


def _offer(value: Any) -> str:
    if not isinstance(value, dict):
        return brief(value)
    words = [f"sid {word(value.get('sid'))}"]
    for name, what in (("pingInterval", "ping every"), ("pingTimeout", "timeout")):
        if type(value.get(name)) is int:
            words.append(f"{what} {value[name] / 1000:g} s")
    if value.get("upgrades"):
        words.append(f"may upgrade to {brief(value['upgrades'])}")
    return ", ".join(words)

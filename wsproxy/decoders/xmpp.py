"""XMPP over WebSockets (RFC 7395): each message one whole element."""

import re
from typing import Any

from wsproxy.decoders.api import CERTAIN, LIKELY, UNKNOWN, Decoded, Decoder, Kind, Message, Node, Tree, Unfit
from wsproxy.decoders.json_ import quoted
from wsproxy.decoders.xml_ import attributes, elements, parse, text_of

_FRAMING = "urn:ietf:params:xml:ns:xmpp-framing"
_STANZA = re.compile(r"\s*<(message|presence|iq)[\s>/]")
_SASL = {"challenge": False, "success": True, "failure": True}
"""What a server answers to `auth`, and whether that is the last of it."""


class Xmpp(Decoder):
    """
    XMPP (RFC 7395): stanzas, logins, and the streams they go over.

    An `iq` of type get or set is a call that a result or error of the same id answers.
    """

    name = "xmpp"
    subprotocols = ("xmpp",)
    matches = f"elements of `{_FRAMING}`"

    @classmethod
    def score(cls, message: Message) -> int:
        """By the framing's namespace, and the names of stanzas."""
        text = message.text or ""
        if _FRAMING in text[:500] and text[:5] == "<open":
            return CERTAIN
        return LIKELY if _STANZA.match(text) and "jabber:client" in text[:1000] else UNKNOWN

    def decode(self, message: Message) -> Decoded:
        """Raises Unfit if it is not one element."""
        text = message.text
        if text is None:
            raise Unfit("not UTF-8")
        if not text.strip():
            return self.say("keep-alive", Kind.CONTROL, "keep-alive", heartbeat=True, tree=text)
        root = parse(text)
        name = root.label.rpartition(":")[2]
        given = attributes(root)
        more: dict[str, Any] = {"tree": root}
        if name == "iq":
            return self._iq(message, root, given, more)
        peer = _peer(message, given)
        if name == "message":
            more["channel"] = _bare(given.get("to" if message.from_client else "from", ""))
            failed = given.get("type") == "error"
            body = _child(root, "body")
            said = f" {quoted(text_of(body))}" if body else _names(root)
            kind = f" {given['type']}" if given.get("type") not in (None, "chat", "normal") else ""
            return self.say(f"message{kind}{peer}{said}", name=name, id=given.get("id"), error=failed, **more)
        if name == "presence":
            show = _child(root, "show")
            status = _child(root, "status")
            words = [given.get("type") or (text_of(show) if show else "available")]
            words += [quoted(text_of(status))] if status else []
            return self.say(f"presence {' '.join(words)}{peer}", name=name, error=words[0] == "error", **more)
        return self._stream(message, name, root, given, more)

    def _iq(self, message: Message, root: Node, given: dict[str, str], more: dict[str, Any]) -> Decoded:
        kind, id = given.get("type", ""), given.get("id", "")
        about = _about(root)
        peer = _peer(message, given)
        more["heartbeat"] = about == "urn:xmpp:ping"
        if kind in ("get", "set"):
            return self.call(message, id, f"iq {kind} {about}", f"iq {kind} {about}{peer}", **more)
        failed = kind == "error"
        event = f"error {_condition(root)}" if failed else f"result{_names(root)}"
        answer = self.reply(message, id, event, name="iq", error=failed, **more)
        # The answer to a ping is empty; only the call tells what it is.
        answer.heartbeat = answer.name.endswith("urn:xmpp:ping")
        return answer

    def _stream(
        self, message: Message, name: str, root: Node, given: dict[str, str], more: dict[str, Any]
    ) -> Decoded:
        if name == "open":
            where = given.get("to") if message.from_client else given.get("from")
            if message.from_client:
                return self.call(message, "open", "open", f"open {where or ''}", **more)
            return self.reply(message, "open", f"open {where or ''} id {given.get('id', '')}", **more)
        if name == "auth":
            return self.call(message, "auth", "auth", f"auth {given.get('mechanism', '')}", **more)
        if name in _SASL and not message.from_client:
            failed = name == "failure"
            event = f"failure {_condition(root)}" if failed else name
            return self.reply(message, "auth", event, name="auth", last=_SASL[name], error=failed, **more)
        if name == "features":
            return self.say(f"features{_names(root)}", Kind.CONTROL, name, **more)
        if name == "error":
            return self.say(f"stream error {_condition(root)}", Kind.CONTROL, name, error=True, **more)
        if name in ("r", "a"):
            # XEP-0198: who asks whether stanzas have arrived, and the count.
            event = "asks for an acknowledgement" if name == "r" else f"acknowledges {given.get('h', '')}"
            return self.say(event, Kind.CONTROL, name, heartbeat=True, **more)
        return self.say(f"{name}{_names(root)}", Kind.CONTROL, name, **more)


def _child(node: Node, name: str) -> Node | None:
    return next((inner for inner in elements(node) if inner.label.rpartition(":")[2] == name), None)


def _names(node: Node) -> str:
    names = [inner.label for inner in elements(node)]
    return f" ({', '.join(names)})" if names else ""


def _about(root: Node) -> str:
    """The namespace of what an iq asks, or the element's name without one."""
    inner = elements(root)
    return attributes(inner[0]).get("xmlns", inner[0].label) if inner else ""


def _condition(root: Node) -> str:
    error = _child(root, "error") or root
    inner = elements(error)
    text: Tree = _child(error, "text")
    words = [node.label for node in inner if node is not text][:1]
    return " ".join([*words, quoted(text_of(text)) if text else ""]).strip()


def _bare(address: str) -> str:
    return address.partition("/")[0]


def _peer(message: Message, given: dict[str, str]) -> str:
    name = "to" if message.from_client else "from"
    return f" {name} {given[name]}" if given.get(name) else ""

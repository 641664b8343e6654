"""JSON that belongs to no protocol."""

from typing import Any

from wsproxy.decoders import json_, nested
from wsproxy.decoders.api import Decoded, Decoder, Message, Tree, Unfit

_NAMES = ("type", "event", "op", "action", "method", "cmd", "command", "kind", "topic", "t", "e")
"""Where JSON messages mostly say what they are, in the order of how often that is so."""
_LONGEST = 100


class Json(Decoder):
    """
    JSON (RFC 8259) that belongs to no protocol known here.

    Numbers are kept as they are spelt and never change by passing through floating point; a name that
    occurs twice in an object is kept twice. A string that is JSON itself, or base64 of something known,
    is shown with what it holds. An edited message is written in the style of the original.
    """

    name = "json"
    matches = "an object or array"
    editable = True
    size_limit = 4 << 20

    def decode(self, message: Message) -> Decoded:
        """Raises Unfit if it is no JSON object or array."""
        value = message.json
        if value is None:
            raise Unfit("no JSON object or array")
        text = message.text or ""
        return Decoded(
            self.name,
            text,
            name=name_of(value),
            verbatim=True,
            make_tree=lambda: nested.unpacked(json_.parse(text)),
        )

    def reencode(self, tree: Tree, message: Message) -> bytes:
        """In the original's style."""
        if message.text is None:
            raise Unfit("the original is not UTF-8")
        return json_.rewrite(nested.packed(tree), message.text).encode("utf-8", "surrogatepass")


def name_of(value: Any) -> str:
    """What a JSON message says it is, by the names such members mostly have; empty if it does not."""
    if isinstance(value, dict):
        for name in _NAMES:
            found = value.get(name)
            if isinstance(found, str) and 0 < len(found) <= _LONGEST:
                return found
            if type(found) is int:
                return f"{name} {found}"
    elif isinstance(value, list) and value and isinstance(value[0], str) and 0 < len(value[0]) <= _LONGEST:
        return value[0]
    return ""

"""SockJS (https://sockjs.github.io/sockjs-protocol/): messages in messages."""

import re
from json.encoder import encode_basestring_ascii
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from wsproxy.decoders import json_
from wsproxy.decoders.api import (
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
from wsproxy.decoders.brief import brief
from wsproxy.decoders.json_protocol import parsed

_PATH = re.compile(r"(.*)/[^/.]+/[^/.]+/websocket")
_SERVER = re.compile(r".*/[0-9]{3}/[^/.]+/websocket")
# What the server and the client of sockjs escape besides what JSON has to.
_ASTRAL = r"\U00010000-\U0010ffff"
_SERVER_ESCAPES = r"\ud800-\udfff\u200c-\u200f\u2028-\u202f\u2060-\u206f\ufff0-\uffff"
_CLIENT_ESCAPES = (
    r"\ud800-\udfff\ufffe\uffff\u0300-\u0333\u033d-\u0346\u034a-\u034c\u0350-\u0352"
    r"\u0357-\u0358\u035c-\u0362\u0374\u037e\u0387\u0591-\u05af\u05c4\u0610-\u0617"
    r"\u0653-\u0654\u0657-\u065b\u065d-\u065e\u06df-\u06e2\u06eb-\u06ec\u0730\u0732-\u0733"
    r"\u0735-\u0736\u073a\u073d\u073f-\u0741\u0743\u0745\u0747\u07eb-\u07f1\u0951\u0958-\u095f"
    r"\u09dc-\u09dd\u09df\u0a33\u0a36\u0a59-\u0a5b\u0a5e\u0b5c-\u0b5d\u0e38-\u0e39\u0f43\u0f4d"
    r"\u0f52\u0f57\u0f5c\u0f69\u0f72-\u0f76\u0f78\u0f80-\u0f83\u0f93\u0f9d\u0fa2\u0fa7\u0fac"
    r"\u0fb9\u1939-\u193a\u1a17\u1b6b\u1cda-\u1cdb\u1dc0-\u1dcf\u1dfc\u1dfe\u1f71\u1f73\u1f75"
    r"\u1f77\u1f79\u1f7b\u1f7d\u1fbb\u1fbe\u1fc9\u1fcb\u1fd3\u1fdb\u1fe3\u1feb\u1fee-\u1fef"
    r"\u1ff9\u1ffb\u1ffd\u2000-\u2001\u20d0-\u20d1\u20d4-\u20d7\u20e7-\u20e9\u2126"
    r"\u212a-\u212b\u2329-\u232a\u2adc\u302b-\u302c\uaab2-\uaab3\uf900-\ufa0d\ufa10\ufa12"
    r"\ufa15-\ufa1e\ufa20\ufa22\ufa25-\ufa26\ufa2a-\ufa2d\ufa30-\ufa6d\ufa70-\ufad9\ufb1d"
    r"\ufb1f\ufb2a-\ufb36\ufb38-\ufb3c\ufb3e\ufb40-\ufb41\ufb43-\ufb44\ufb46-\ufb4e"
    r"\ufff0-\uffff"
)
_STYLES = tuple(re.compile(f"[{escaped}{_ASTRAL}]") for escaped in (_SERVER_ESCAPES, _CLIENT_ESCAPES))
_CLOSED = re.compile(r'c\[\d+,".*"\]')


class SockJs(Decoder):
    """
    SockJS: the messages in its arrays, each read as if it had come alone.

    A protocol inside, such as STOMP of Spring, is recognised by the address without SockJS's part and by
    the messages. `/BASE/websocket` has no such arrays and is not SockJS.
    """

    name = "sockjs"
    matches = "path `/BASE/SERVER/SESSION/websocket` with a server of three digits; `o`, `h`, `a[...]`"
    editable = True
    size_limit = 4 << 20

    def __init__(self, opening: Opening, context: Context) -> None:
        super().__init__(opening, context)
        inside = Opening(_without(opening.url), None, opening.request, opening.response, opening.connection)
        self._inner = context.inner(inside) if context.inner else None

    @classmethod
    def recognises(cls, opening: Opening) -> bool:
        """By the path."""
        return bool(_SERVER.fullmatch(opening.path))

    @classmethod
    def score(cls, message: Message) -> int:
        """By the server's frames."""
        text = message.text
        if message.from_client or text is None:
            return UNKNOWN
        return LIKELY if text in ("o", "h") or text[:3] == 'a["' or _CLOSED.fullmatch(text) else UNKNOWN

    def decode(self, message: Message) -> Decoded:
        """Raises Unfit if it is no frame of SockJS."""
        text = message.text
        if text is None or not message.is_text:
            raise Unfit("SockJS is text")
        if not message.from_client:
            if text == "o":
                return self.say("open", Kind.CONTROL, "open", tree="o")
            if text == "h":
                return self.say("heartbeat", Kind.CONTROL, "heartbeat", heartbeat=True, tree="h")
            if text[:1] == "c":
                code, reason = _pair(parsed(text[1:]))
                event = f"close {brief(code)} {brief(reason)}"
                return self.say(event, Kind.CONTROL, "close", tree={"code": code, "reason": reason})
        return self.several([self._inside(part) for part in _messages(message)])

    def reencode(self, tree: Tree, message: Message) -> bytes:
        """The messages inside as their own decoder writes them, in an array of the same style."""
        text = message.text or ""
        if message.from_client or text[:1] == "a":
            array, parts = _outer(text, message.from_client), _messages(message)
            trees = [tree] if len(parts) == 1 else tree or []
            if not isinstance(trees, list) or len(trees) != len(parts):
                raise Unfit("as many messages as there were")
            inner = [self._write(edited, part) for edited, part in zip(trees, parts, strict=True)]
            written = _rewrite(inner if array.startswith("[") else inner[0], array)
            return (text[: len(text) - len(array)] + written).encode("utf-8", "surrogatepass")
        if text[:1] == "c":
            code, reason = _pair([tree.get("code"), tree.get("reason")] if isinstance(tree, dict) else tree)
            return f"c{json_.rewrite([code, reason], text[1:])}".encode("utf-8", "surrogatepass")
        if tree != text:
            raise Unfit("there is nothing to edit in it")
        return message.content

    def _inside(self, part: Message) -> Decoded:
        if not part.content:
            return self.say("an empty message", Kind.DATA, tree="")
        if self._inner:
            return self._inner.decode(part)
        return self.say(part.text or brief(part.content), Kind.DATA, tree=part.text)

    def _write(self, tree: Tree, part: Message) -> str:
        if self._inner:
            return self._inner.reencode(tree, part).decode("utf-8", "surrogatepass")
        if not isinstance(tree, str):
            raise Unfit("a message of SockJS is text")
        return tree


def _without(url: str) -> str:
    """The address without what SockJS added to it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    match = _PATH.fullmatch(parts.path)
    return urlunsplit(parts._replace(path=match[1] or "/")) if match else url


def _outer(text: str, from_client: bool) -> str:
    if from_client:
        return text
    if text[:1] != "a":
        raise Unfit("no frame of SockJS")
    return text[1:]


def _messages(message: Message) -> list[Message]:
    """The strings of a frame, each as a message of its own."""
    value = parsed(_outer(message.text or "", message.from_client))
    if isinstance(value, str) and message.from_client:
        value = [value]
    if not isinstance(value, list) or not all(type(one) is str for one in value):
        raise Unfit("not an array of texts")
    return [message.part(one.encode("utf-8", "surrogatepass"), is_text=True) for one in value]


def _pair(value: Any) -> tuple[Any, Any]:
    if not isinstance(value, list) or len(value) != 2:
        raise Unfit("a close of SockJS has a code and a reason")
    return value[0], value[1]


def _rewrite(value: Tree, original: str) -> str:
    try:
        return json_.rewrite(value, original)
    except Unfit:
        # It escapes more than JSON needs, as not every character used to pass through all browsers.
        for style in _STYLES:
            if _escaped(parsed(original), style) == original:
                return _escaped(value, style)
        raise


def _escaped(value: Tree, style: re.Pattern[str]) -> str:
    return style.sub(lambda match: encode_basestring_ascii(match[0])[1:-1], json_.dumps(value))

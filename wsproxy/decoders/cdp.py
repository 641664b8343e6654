"""How tools drive browsers: the Chrome DevTools Protocol, and WebDriver BiDi."""

import re
from typing import Any

from wsproxy.decoders.api import LIKELY, UNKNOWN, Decoded, Kind, Message, Opening, Unfit
from wsproxy.decoders.brief import brief
from wsproxy.decoders.json_protocol import JsonProtocol, fault, members, tree_of, word

_PATH = re.compile(r"/devtools/(browser|page|worker|service_worker|iframe|webview|inspector)\b")
_CDP_METHOD = re.compile(r"[A-Z][A-Za-z]*\.[a-z][A-Za-z]*")
_BIDI_METHOD = re.compile(r"[a-z][A-Za-z]*(:[a-z]+)?\.[a-z][A-Za-z]*")
_MODULES = (
    "browser.", "browsingContext.", "emulation.", "input.", "log.", "network.", "permissions.",
    "script.", "session.", "storage.", "webExtension.",
)  # fmt: skip
_SESSION = re.compile(r"/session/[0-9a-f-]{32,36}")


class Cdp(JsonProtocol):
    """
    The Chrome DevTools Protocol: commands to a browser, their results, and its events.

    Paired by session and id. Node's inspector speaks it too.
    """

    name = "cdp"
    matches = "path `/devtools/browser|page/...`; `id` with a `method` like `Page.enable`"
    size_limit = 4 << 20

    @classmethod
    def recognises(cls, opening: Opening) -> bool:
        """By the path that Chromium gives."""
        return bool(_PATH.match(opening.path))

    @classmethod
    def score(cls, message: Message) -> int:
        """By methods in the manner of CDP."""
        value = members(message)
        return (
            LIKELY if _CDP_METHOD.fullmatch(word(value.get("method"))) and "jsonrpc" not in value else UNKNOWN
        )

    def read(self, message: Message, value: Any) -> Decoded:
        """Raises Unfit if it is neither command nor result nor event."""
        if not isinstance(value, dict):
            raise Unfit("no object")
        method, id, session = word(value.get("method")), value.get("id"), word(value.get("sessionId"))
        more: dict[str, Any] = {"tree": tree_of(value), "channel": session}
        params = f" {brief(value['params'])}" if value.get("params") else ""
        if method and id is not None:
            return self.call(message, id, method, f"{method}{params}", key=(session, str(id)), **more)
        if method:
            return self.say(f"event {method}{params}", Kind.NOTIFICATION, method, **more)
        if id is None or not ("result" in value or "error" in value):
            raise Unfit("neither a method nor a result nor an error")
        failed = "error" in value
        event = f"error {fault(value['error'])}" if failed else brief(value["result"])
        return self.reply(message, id, event, key=(session, str(id)), error=failed, **more)


class Bidi(JsonProtocol):
    """
    WebDriver BiDi: commands to a browser, their results, and its events.

    https://www.w3.org/TR/webdriver-bidi/
    """

    name = "bidi"
    matches = "path `/session/ID`; `id` with a `method` like `session.status`, `type` of BiDi"
    size_limit = 4 << 20

    @classmethod
    def recognises(cls, opening: Opening) -> bool:
        """By the path with a session's id."""
        return bool(_SESSION.fullmatch(opening.path))

    @classmethod
    def score(cls, message: Message) -> int:
        """By methods of known modules, and the type of what comes back."""
        value = members(message)
        if "jsonrpc" in value:
            return UNKNOWN
        if word(value.get("method")).startswith(_MODULES):
            return LIKELY
        answers = value.get("type") in ("success", "error") and "id" in value
        return LIKELY if answers and ("result" in value or "error" in value) else UNKNOWN

    def read(self, message: Message, value: Any) -> Decoded:
        """Raises Unfit if it is neither command nor result nor event."""
        if not isinstance(value, dict):
            raise Unfit("no object")
        method, id, kind = word(value.get("method")), value.get("id"), word(value.get("type"))
        more: dict[str, Any] = {"tree": tree_of(value)}
        params = f" {brief(value['params'])}" if value.get("params") else ""
        if method and not _BIDI_METHOD.fullmatch(method):
            raise Unfit(f"{method} is no method of BiDi")
        if isinstance(where := value.get("params"), dict) and word(where.get("context")):
            more["channel"] = where["context"]
        if method and id is not None:
            return self.call(message, id, method, f"{method}{params}", **more)
        if method:
            return self.say(f"event {method}{params}", Kind.NOTIFICATION, method, **more)
        if kind == "success":
            return self.reply(message, id, brief(value.get("result")), **more)
        if kind == "error":
            event = f"error {word(value.get('error'))}: {word(value.get('message'))}"
            if id is None:
                return self.say(event, Kind.REPLY, error=True, **more)
            return self.reply(message, id, event, error=True, **more)
        raise Unfit("neither a method nor a result nor an error")

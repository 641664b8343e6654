"""
What clients of SignalR ask for before they open a WebSocket: where to, and how
(https://github.com/dotnet/aspnetcore/blob/main/src/SignalR/docs/specs/TransportProtocols.md).

A capture has no such exchange. The answer is made of what was recorded: a WebSocket, and nothing else.
"""

import json
import secrets
from urllib.parse import parse_qs, urlsplit

from wsproxy.replay.acting import Tell
from wsproxy.replay.catalogue import Catalogue
from wsproxy.replay.mock_polling import Reply
from wsproxy.wire.handshake import Head

_SUFFIX = "/negotiate"
_VERSION = "negotiateVersion"


def hub_of(asked: Head) -> str | None:
    """
    The hub that a request negotiates with, path and query as of its WebSocket; None if it does no such thing.

    Browsers ask first whether they may (`OPTIONS`): the client sends headers that no plain request has.
    """
    words = asked.start.split(" ")
    if len(words) != 3 or words[0] not in ("POST", "OPTIONS"):
        return None
    try:
        parts = urlsplit(words[1])
    except ValueError:
        return None
    if not parts.path.endswith(_SUFFIX):
        return None
    query = "&".join(part for part in parts.query.split("&") if part.partition("=")[0] != _VERSION)
    return parts.path.removesuffix(_SUFFIX) + (f"?{query}" if query else "")


def negotiated(asked: Head, hub: str, catalogue: Catalogue, tell: Tell) -> Reply:
    """
    The answer.

    Args:
        asked: the request.
        hub: as `hub_of` has it.
        catalogue: what was recorded.
        tell: told what happens.
    """
    method, target = asked.start.split(" ")[:2]
    if not catalogue.has(hub):
        tell({"event": "unrecorded", "target": target, "then": "silence"})
        return Reply(404, "text/plain", b"No such hub was recorded.\n")
    if method == "OPTIONS":
        return Reply(200, "text/plain", b"")
    tell({"event": "negotiated", "target": target})
    version = parse_qs(urlsplit(target).query).get(_VERSION, ["0"])[0]
    answer: dict[str, object] = {"connectionId": secrets.token_urlsafe(16)}
    if version != "0":
        answer |= {"negotiateVersion": 1, "connectionToken": secrets.token_urlsafe(16)}
    answer["availableTransports"] = [{"transport": "WebSockets", "transferFormats": ["Text", "Binary"]}]
    return Reply(200, "application/json", json.dumps(answer).encode())


def preflight_headers(asked: Head) -> list[tuple[str, str]]:
    """What lets a page of any origin send the headers that it wants to."""
    if not asked.start.startswith("OPTIONS "):
        return []
    return [
        ("Access-Control-Allow-Methods", "POST"),
        ("Access-Control-Allow-Headers", asked.get("Access-Control-Request-Headers") or "X-Requested-With"),
    ]

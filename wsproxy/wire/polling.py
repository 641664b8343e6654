"""
Engine.IO's long-polling as HTTP shows it: which requests belong to it, and to which session.

A session that cannot (yet) have a WebSocket sends packets in `POST` requests, and fetches them with a `GET`
that the server answers when it has some. The WebSocket it may move to names the same `sid`
(https://socket.io/docs/v4/engine-io-protocol/).
"""

import re
from urllib.parse import parse_qs, urlsplit

METHODS = ("GET", "POST")
"""Those that carry packets."""

_SEEN = 1024
"""Bytes of a body in which the packet that opens a session is looked for."""
_OPENED = re.compile(rb'^[^{]{0,40}\{\s*\\?"sid\\?"\s*:\s*\\?"([^"\\]{1,200})\\?"')
"""Behind a length, in JSONP, and in version 3's binary framing as well."""


def is_polling(method: str, target: str) -> bool:
    """
    Whether a request is one of long-polling.

    Args:
        method: of the request.
        target: its URL, or what it has of it in its first line.
    """
    # Asked of every request there is: most are told apart by these.
    if "transport=polling" not in target or "EIO=" not in target or method not in METHODS:
        return False
    query = _query(target)
    return query.get("transport", [""])[0] == "polling" and "EIO" in query


def sid_of(url: str) -> str:
    """The session that a URL names, of a request or of a WebSocket; empty if none."""
    if "sid=" not in url:
        return ""
    query = _query(url)
    return query.get("sid", [""])[0] if "EIO" in query else ""


def offered_sid(body: bytes) -> str:
    """The session that the beginning of an answer opens; empty if it opens none."""
    found = _OPENED.match(body[:_SEEN])
    return found[1].decode("utf-8", "replace") if found else ""


def brings_packets(from_client: bool, method: str, status: int | None) -> bool:
    """Whether a body is made of packets, rather than of an answer's `ok` or a refusal."""
    return method == "POST" if from_client else method == "GET" and status == 200


def _query(url: str) -> dict[str, list[str]]:
    try:
        return parse_qs(urlsplit(url).query)
    except ValueError:
        return {}

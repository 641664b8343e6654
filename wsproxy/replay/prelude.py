"""
Sessions that began over HTTP before their WebSocket: a new one has to begin there, too.

Socket.IO and Engine.IO open a session by long-polling and take its `sid` over to the WebSocket
(https://socket.io/docs/v4/engine-io-protocol/); SignalR negotiates a connection token
(https://github.com/dotnet/aspnetcore/blob/main/src/SignalR/docs/specs/TransportProtocols.md).
"""

import asyncio
import contextlib
import http.client
import json
import socket
from urllib.parse import parse_qs, urlencode, urlsplit

from wsproxy.errors import ReplayError
from wsproxy.replay.dial import Way, tls_context
from wsproxy.replay.target import Opening, Target, request_for
from wsproxy.store.records import ConnectionRecord
from wsproxy.wire.handshake import Head

_KEPT = frozenset({"cookie", "authorization", "user-agent", "origin", "accept-language"})


def needed(record: ConnectionRecord) -> bool:
    """Whether the session of a connection had begun over HTTP."""
    query = _query(record)
    return ("EIO" in query and "sid" in query) or _is_signalr(record, query)


async def play(record: ConnectionRecord, opening: Opening, way: Way) -> tuple[str, str]:
    """
    Begin such a session anew.

    Returns:
        The recorded id of the session, and the new one.

    Raises:
        ReplayError: the server does not open one.
    """
    return await asyncio.to_thread(_play, record, opening, way)


def _play(record: ConnectionRecord, opening: Opening, way: Way) -> tuple[str, str]:
    query = _query(record)
    request = request_for(record, opening)
    headers = {name: value for name, value in Head.parse(request.head).fields if name.lower() in _KEPT}
    headers["Host"] = request.target.authority
    path = urlsplit(request.target.path).path
    ask = _Asker(request.target, way, headers)
    with contextlib.closing(ask):
        try:
            if "EIO" in query:
                return query["sid"][0], _engineio(ask, path, query)
            return query["id"][0], _signalr(ask, path, query)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ReplayError(
                f"connection {record.id} began over HTTP, and {request.target.url} opens no such session:"
                f" {error}"
            ) from None


def _engineio(ask: "_Asker", path: str, query: dict[str, list[str]]) -> str:
    version = query["EIO"][0]
    more = {name: values[0] for name, values in query.items() if name not in ("sid", "transport", "t")}
    where = f"{path}?{urlencode(more | {'transport': 'polling'})}"
    opened = ask("GET", where)
    start = opened.find("{")
    sid = json.JSONDecoder().raw_decode(opened, start)[0]["sid"] if start >= 0 else None
    if not isinstance(sid, str):
        raise ValueError(f"its answer has no sid: {opened[:80]!r}")
    if version != "3" and not path.rstrip("/").endswith("engine.io"):
        # The namespace is joined over HTTP by clients of version 4, before they change over.
        here = f"{path}?{urlencode(more | {'transport': 'polling', 'sid': sid})}"
        ask("POST", here, "40")
        ask("GET", here)
    return sid


def _signalr(ask: "_Asker", path: str, query: dict[str, list[str]]) -> str:
    more = {name: values[0] for name, values in query.items() if name not in ("id", "access_token")}
    answer = json.loads(ask("POST", f"{path}/negotiate?{urlencode(more | {'negotiateVersion': '1'})}"))
    token = answer.get("connectionToken") or answer.get("connectionId")
    if not isinstance(token, str):
        raise ValueError("its answer has no connection token")
    return token


def _is_signalr(record: ConnectionRecord, query: dict[str, list[str]]) -> bool:
    # The token of SignalR is 16 bytes in base64 without padding.
    return set(query) <= {"id", "access_token"} and len(query.get("id", [""])[0]) == 22


def _query(record: ConnectionRecord) -> dict[str, list[str]]:
    try:
        return parse_qs(urlsplit(record.url).query)
    except ValueError:
        return {}


class _Asker:
    """Asks one server over HTTP, on one connection."""

    def __init__(self, target: Target, way: Way, headers: dict[str, str]) -> None:
        self._headers = headers
        self._connection = http.client.HTTPConnection(target.host, target.port, timeout=way.timeout)
        sock = _reach(target, way)
        if target.secure:
            sock = tls_context(way).wrap_socket(sock, server_hostname=target.host)
        self._connection.sock = sock

    def __call__(self, method: str, path: str, body: str = "") -> str:
        headers = self._headers | ({"Content-Type": "text/plain;charset=UTF-8"} if body else {})
        self._connection.request(method, path, body.encode() if method == "POST" else None, headers)
        answer = self._connection.getresponse()
        text = answer.read(1 << 20).decode("utf-8", "replace")
        if answer.status != 200:
            raise ValueError(f"{answer.status} {answer.reason}: {text[:200]}")
        return text

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


def _reach(target: Target, way: Way) -> socket.socket:
    if not way.proxy:
        return socket.create_connection((target.host, target.port), way.timeout)
    from python_socks import ProxyError
    from python_socks.sync import Proxy

    try:
        reached: socket.socket = Proxy.from_url(way.proxy_url, rdns=True).connect(
            target.host, target.port, timeout=way.timeout
        )
    except ProxyError as error:
        raise OSError(f"the proxy does not connect: {error}") from None
    return reached

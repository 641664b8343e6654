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
import ssl
from collections.abc import AsyncIterator
from typing import TypeVar
from urllib.parse import parse_qs, urlencode, urlsplit

from wsproxy.decoders.decoded import Unfit
from wsproxy.errors import ReplayError
from wsproxy.replay.asker import Asker
from wsproxy.replay.dial import Way
from wsproxy.replay.prelude_polling import Played, Prelude, Talk, script
from wsproxy.replay.target import Opening, Request, request_for
from wsproxy.store.reader import Reader
from wsproxy.store.records import ConnectionRecord
from wsproxy.wire.handshake import Head

P = TypeVar("P", bound=Prelude)

_KEPT = frozenset({"cookie", "authorization", "user-agent", "origin", "accept-language"})


def needed(record: ConnectionRecord) -> bool:
    """Whether the session of a connection had begun over HTTP."""
    query = _query(record)
    return ("EIO" in query and "sid" in query) or _is_signalr(record, query)


async def play(reader: Reader, record: ConnectionRecord, opening: Opening, way: Way, talk: Talk) -> Played:
    """
    Begin such a session anew.

    Args:
        reader: the capture.
        record: the connection that follows.
        opening: how its handshake is to be.
        way: how the server is reached.
        talk: what is made of what is said.

    Raises:
        ReplayError: the server does not open one, or what was said then is not all in the capture.
    """
    query = _query(record)
    try:
        said = script(reader, record) if "EIO" in query else []
    except Unfit as error:
        raise ReplayError(
            f"connection {record.id} began over HTTP, and cannot do so again: {error}"
        ) from None
    request = request_for(record, opening)
    try:
        async with asking(record, request, way) as asker:
            path = urlsplit(request.target.path).path
            if "EIO" not in query:
                return Played(query["id"][0], await asyncio.to_thread(_negotiate, asker, path, query))
            prelude = prelude_at(Prelude, asker, record, request, talk, way)
            return await (prelude.play(said) if said else prelude.open())
    except TROUBLE as error:
        raise ReplayError(
            f"connection {record.id} began over HTTP, and {request.target.url} opens no such session:"
            f" {why(error)}"
        ) from None


TROUBLE = OSError, http.client.HTTPException, ValueError
"""What asking a server over HTTP may raise."""


def why(error: Exception) -> str:
    """Such trouble, in words."""
    if isinstance(error, TimeoutError):
        return "it says nothing more"
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not to be trusted: {error.verify_message} (--ca FILE trusts its CA, -k any)"
        )
    return (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)


@contextlib.asynccontextmanager
async def asking(record: ConnectionRecord, request: Request, way: Way) -> AsyncIterator[Asker]:
    """
    A connection over HTTP to the server of a recorded one, with those of its headers that are of any use.

    Raises:
        OSError: it cannot be reached.
    """
    headers = {name: value for name, value in Head.parse(request.head).fields if name.lower() in _KEPT}
    headers["Host"] = request.target.authority
    asker = await asyncio.to_thread(Asker, request.target, way, headers)
    try:
        yield asker
    finally:
        asker.close()


def prelude_at(
    kind: type[P], asker: Asker, record: ConnectionRecord, request: Request, talk: Talk, way: Way
) -> P:
    """What plays the long-polling of a session where a request goes to."""
    base = f"http{'s' if request.target.secure else ''}://{request.target.authority}"
    return kind(asker, record, urlsplit(request.target.path).path, base, talk, way.timeout)


def _negotiate(asker: Asker, path: str, query: dict[str, list[str]]) -> str:
    more = {name: values[0] for name, values in query.items() if name not in ("id", "access_token")}
    answer = json.loads(
        asker("POST", f"{path}/negotiate?{urlencode(more | {'negotiateVersion': '1'})}").content
    )
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

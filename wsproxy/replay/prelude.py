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
from collections.abc import Callable
from urllib.parse import parse_qs, urlencode, urlsplit

from wsproxy.decoders.decoded import Unfit
from wsproxy.errors import ReplayError
from wsproxy.replay.asker import Asker
from wsproxy.replay.dial import Way
from wsproxy.replay.prelude_polling import Played, Prelude, script
from wsproxy.replay.target import Opening, request_for
from wsproxy.store.reader import Reader
from wsproxy.store.records import ConnectionRecord
from wsproxy.wire.handshake import Head

_KEPT = frozenset({"cookie", "authorization", "user-agent", "origin", "accept-language"})


def needed(record: ConnectionRecord) -> bool:
    """Whether the session of a connection had begun over HTTP."""
    query = _query(record)
    return ("EIO" in query and "sid" in query) or _is_signalr(record, query)


async def play(
    reader: Reader, record: ConnectionRecord, opening: Opening, way: Way, saying: Callable[[bytes], bytes]
) -> Played:
    """
    Begin such a session anew.

    Args:
        reader: the capture.
        record: the connection that follows.
        opening: how its handshake is to be.
        way: how the server is reached.
        saying: what is to be said in place of what the client had said.

    Raises:
        ReplayError: the server does not open one, or what was said then is not all in the capture.
    """
    query = _query(record)
    request = request_for(record, opening)
    headers = {name: value for name, value in Head.parse(request.head).fields if name.lower() in _KEPT}
    headers["Host"] = request.target.authority
    path = urlsplit(request.target.path).path
    try:
        said = script(reader, record) if "EIO" in query else []
    except Unfit as error:
        raise ReplayError(
            f"connection {record.id} began over HTTP, and cannot do so again: {error}"
        ) from None
    try:
        with contextlib.closing(await asyncio.to_thread(Asker, request.target, way, headers)) as asker:
            if "EIO" not in query:
                return Played(query["id"][0], await asyncio.to_thread(_negotiate, asker, path, query))
            base = f"http{'s' if request.target.secure else ''}://{request.target.authority}"
            prelude = Prelude(asker, record, path, base, saying)
            return await (prelude.play(said) if said else prelude.open())
    except (OSError, http.client.HTTPException, ValueError) as error:
        why = "it says nothing more" if isinstance(error, TimeoutError) else error
        raise ReplayError(
            f"connection {record.id} began over HTTP, and {request.target.url} opens no such session: {why}"
        ) from None


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

"""
Our addon inside mitmproxy: what happens before (and instead of) a WebSocket.

HTTP passes through in a stream and is never kept, apart from the answer to a refused upgrade, and the
long-polling of Engine.IO, by which WebSockets begin (`polling`). What goes wrong on the way is said in
sentences that name the cure, once in a while and not per request.
"""

import re
import time
from collections.abc import Callable
from typing import Any

from mitmproxy import ctx, http, tcp, tls
from mitmproxy.utils import human
from mitmproxy.websocket import WebSocketData

from wsproxy.engine import handshakes
from wsproxy.engine.body import Body
from wsproxy.engine.participants import Participants
from wsproxy.engine.polling import Polling
from wsproxy.engine.sockets import Sockets

_ERRNO = re.compile(r"\[Errno -?\d+\] ([^\[]+)")
"""As Python writes an operating system's error; several of them where a name has several addresses."""

_BODY = "wsproxy_body"
_NOT_RECORDED = "frames are relayed and not recorded (record=false); connections and their ends are"

_AGAIN = 30.0
"""Seconds before the same trouble with the same host is said again."""


class Traffic:
    """
    Args:
        sockets: the open WebSockets and their recorder.
        participants: the addons.
        tell: takes a sentence for the person at the terminal.
    """

    name = "wsproxy"

    def __init__(self, sockets: Sockets, participants: Participants, tell: Callable[[str], None]) -> None:
        self._sockets = sockets
        self._participants = participants
        self._tell = tell
        self._told: dict[tuple[str, str], float] = {}
        self._polling = Polling(sockets, participants)

    def running(self) -> None:
        if not self._sockets.recording:
            self._tell(_NOT_RECORDED)

    def configure(self, updated: set[str]) -> None:
        if "record" in updated and ctx.options.record is not self._sockets.recording:
            self._sockets.record(ctx.options.record)
            self._tell("frames are recorded again" if ctx.options.record else _NOT_RECORDED)

    # HTTP

    async def requestheaders(self, flow: http.HTTPFlow) -> None:
        if handshakes.is_upgrade(flow.request):
            if not _is_ignored(flow):
                client = human.format_address(flow.client_conn.peername)
                await self._participants.handshake(flow, handshakes.url_of(flow.request), client)
            return
        if not self._participants.wants_bodies:
            flow.request.stream = True
        if not _is_ignored(flow):
            await self._polling.requestheaders(flow)

    def request(self, flow: http.HTTPFlow) -> None:
        self._polling.request(flow)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        assert flow.response is not None
        if flow.response.status_code == 101:
            return
        if handshakes.is_upgrade(flow.request):
            body = Body(self._sockets.recorder.limits.body)
            flow.metadata[_BODY] = body
            flow.response.stream = body
            return
        if not self._participants.wants_bodies:
            flow.response.stream = True
        self._polling.responseheaders(flow)

    def response(self, flow: http.HTTPFlow) -> None:
        if not handshakes.is_upgrade(flow.request):
            self._polling.response(flow)
            return
        assert flow.response is not None
        if _is_ignored(flow):
            # It could not be tunnelled past us (absolute-form), but it is none of our business.
            flow.websocket = None
        elif flow.response.status_code != 101:
            body = flow.metadata.pop(_BODY, None)
            content = flow.response.raw_content or b""
            kept, length = (body.kept, body.length) if body else (content, len(content))
            kept = kept[: self._sockets.recorder.limits.body]
            self._closed_at_once(*handshakes.refused(flow, kept, length))
        elif flow.websocket is None:
            # mitmproxy insists on version 13 and an exact header; the peers agreed without.
            flow.websocket = WebSocketData()

    def error(self, flow: http.HTTPFlow) -> None:
        assert flow.error is not None
        self._polling.error(flow)
        if handshakes.is_upgrade(flow.request) and flow.websocket is None and not _is_ignored(flow):
            self._closed_at_once(*handshakes.failed(flow, flow.error.msg))
        if _ERRNO.search(flow.error.msg):
            redirected = handshakes.is_redirected(flow)
            host = flow.request.host if redirected else flow.request.pretty_host
            self._unreachable(host, flow.request.port, flow.error.msg)

    def http_connect_error(self, flow: http.HTTPFlow) -> None:
        if flow.server_conn.error:
            self._unreachable(flow.request.host, flow.request.port, flow.server_conn.error)

    def _closed_at_once(self, record: Any, handshake: Any) -> None:
        self._sockets.recorder.open(record, handshake)

    # TLS

    def tls_failed_client(self, data: tls.TlsData) -> None:
        host = data.conn.sni or human.format_address(data.context.server.address) or "a host"
        why = data.conn.error or "connection closed"
        # mitmproxy explains at length what the hint says.
        first = why.split(". ")[0].rstrip(".")
        hint = (
            "If it does not trust the CA: `wsproxy ca export`, or use `wsproxy browser`"
            if _is_distrust(why)
            else "It may not speak TLS, or no version that is accepted here"
        )
        self._say("client", host, f"a client ended the TLS handshake for {host}: {first}. {hint}")

    def tls_failed_server(self, data: tls.TlsData) -> None:
        address = human.format_address(data.context.server.address)
        why = data.conn.error or "connection closed"
        if why.startswith("Certificate verify failed"):
            reason = why.partition(": ")[2] or "verification failed"
            message = (
                f"the certificate of {address} is not valid: {reason}. "
                "To talk to it all the same, start with -k (--ssl-insecure), or trust its CA with "
                "--set ssl_verify_upstream_trusted_ca=FILE"
            )
        else:
            message = f"no TLS with {address}: {why}"
        self._say("server", address, message)

    # Everything else

    def tcp_message(self, flow: tcp.TCPFlow) -> None:
        # Relayed already; mitmproxy would keep all of it in memory.
        flow.messages.clear()

    def _unreachable(self, host: str, port: int, why: str) -> None:
        address = human.format_address((host, port))
        self._say("unreachable", address, f"cannot reach {address}: {_plain(why)}")

    def _say(self, kind: str, host: str, message: str) -> None:
        now = time.monotonic()
        if now - self._told.get((kind, host), -_AGAIN) < _AGAIN:
            return
        if len(self._told) > 1000:
            self._told.clear()
        self._told[kind, host] = now
        self._tell(message)


def _is_ignored(flow: http.HTTPFlow) -> bool:
    """Whether `--only` and `--ignore` leave a host out."""
    if handshakes.is_redirected(flow):
        # It was asked before its host and port became another's.
        return False
    request = flow.request
    names = {f"{request.host}:{request.port}", f"{request.pretty_host}:{request.port}"}

    def found(patterns: Any) -> bool:
        return any(re.search(pattern, name, re.IGNORECASE) for pattern in patterns for name in names)

    allow, ignore = ctx.options.allow_hosts, ctx.options.ignore_hosts
    return bool(allow and not found(allow)) or found(ignore)


def _is_distrust(why: str) -> bool:
    words = ("does not trust", "unknown ca", "bad certificate", "certificate unknown", "disconnected")
    return any(word in why.lower() for word in words)


def _plain(why: str) -> str:
    """The useful end of an error of the operating system."""
    match = _ERRNO.search(why)
    text = match[1] if match else why
    text = re.sub(r"^Connect call failed.*$", "connection refused", text).strip().rstrip(".")
    return text[:1].lower() + text[1:]

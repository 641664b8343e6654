"""
The seam: where mitmproxy's WebSocket handling is taken out and ours put in.

Everything mitmproxy does not offer a hook for is replaced here and nowhere else:

1. `HttpStream.flow_done` builds `websocket.WebsocketLayer(context, flow)`, looked up as a module
   attribute at call time. Assigning that attribute installs our layer.
2. `Http1Connection.make_pipe` strips CR and LF from the first bytes after an upgrade, which may
   have come in one packet with the handshake. Those are frames: they must arrive as they are.
3. `http1.read_request_head` and `read_response_head` parse the lines of a head and forget them.
   They are kept, as `raw_head`, so that the capture has what was sent. A `ws://` request target,
   which some clients send to a proxy, is read as `http://`.
4. `ServerInstance.handle_stream` makes a `ProxyConnectionHandler`, looked up likewise. Ours answers
   hooks for less (`handler`).
5. What is done many times for each connection is replaced by the same for less (`shortcuts`).

`install()` checks what it relies on, and what the rest of the engine reaches into without changing
it, and says clearly what a new mitmproxy has changed.
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from mitmproxy import version
from mitmproxy.http import Request, Response
from mitmproxy.net.http import http1
from mitmproxy.proxy import commands, events, layer, mode_servers
from mitmproxy.proxy.layers import http as http_layer
from mitmproxy.proxy.layers import websocket
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.layers.tls import TLSLayer
from mitmproxy.proxy.server import ConnectionHandler
from mitmproxy.proxy.tunnel import TunnelLayer
from OpenSSL import SSL

from wsproxy.engine import handler, shortcuts, tls
from wsproxy.errors import EngineError

_installed = False

_REACHED_INTO: tuple[tuple[type, str, tuple[str, ...]], ...] = (
    (http_layer.HttpLayer, "__init__", ("self.connections =",)),
    (layer.Layer, "__init__", ("self._paused =",)),
    (TunnelLayer, "__init__", ("self.tunnel_connection =", "self.conn =")),
    (TLSLayer, "start_tls", ("self.tls =",)),
    (SSL.Connection, "__init__", ("self._ssl =", "self._from_ssl =")),
    (
        ConnectionHandler,
        "__init__",
        ("self.transports =", "self.timeout_watchdog =", "self._server_event_lock ="),
    ),
    (
        ConnectionHandler,
        "handle_connection",
        ("self.transports[connection].reader", "await reader.read(", "await self.drain_writers()"),
    ),
)
"""What `layer`, `sides` and `fastpath` use besides the public API: where it is, and its lines."""


def install(websocket_layer: type[layer.Layer]) -> None:
    """
    Put `websocket_layer` in place of mitmproxy's. Doing so again only exchanges the layer.

    Raises:
        EngineError: this mitmproxy is not as we know it.
    """
    global _installed
    if not _installed:
        problems = check()
        if problems:
            raise EngineError(
                f"mitmproxy {version.VERSION} has changed what wsproxy builds on: {'; '.join(problems)}",
                "Install a version between 11.0.2 and 12.x",
            )
        _install_pipe()
        _install_heads()
        mode_servers.ProxyConnectionHandler = handler.Handler  # type: ignore[misc]
        shortcuts.install()
        tls.install()
        _installed = True
    websocket.WebsocketLayer = websocket_layer  # type: ignore[assignment,misc]


def check() -> list[str]:
    """What is missing or different in the installed mitmproxy; empty if all is well."""
    problems: list[str] = []
    if getattr(http_layer, "websocket", None) is not websocket:
        problems.append("the HTTP layer no longer finds its WebSocket layer in a module of its own")
    if "websocket.WebsocketLayer(self.context, self.flow)" not in _source(http_layer.HttpStream, "flow_done"):
        problems.append("HttpStream.flow_done no longer builds WebsocketLayer(context, flow)")
    for hook in ("WebsocketStartHook", "WebsocketEndHook"):
        if not hasattr(websocket, hook):
            problems.append(f"there is no {hook}")
    pipe = ("self.state = self.passthrough", "maybe_extract_at_most", "lstrip")
    for owner, name, lines in (
        (_http1.Http1Connection, "make_pipe", pipe),
        *_REACHED_INTO,
        *handler.REACHED_INTO,
        *tls.REACHED_INTO,
        *shortcuts.REPLACED,
    ):
        source = _source(owner, name)
        for line in lines:
            if line not in source:
                problems.append(f"{owner.__name__}.{name} no longer has {line!r}")
    for name in ("read_request_head", "read_response_head"):
        if f"http1.{name}(" not in inspect.getsource(_http1):
            problems.append(f"the HTTP/1 layer no longer calls http1.{name}")
    return problems


def raw_head(message: Request | Response | None) -> bytes:
    """The head of a request or response as it arrived; rebuilt if it did not come by HTTP/1."""
    if message is None:
        return b""
    kept: bytes | None = getattr(message, "raw_head", None)
    if kept is not None:
        return kept
    if isinstance(message, Request):
        return bytes(http1.assemble_request_head(message))
    return bytes(http1.assemble_response_head(message))


def _source(owner: type, name: str) -> str:
    try:
        return inspect.getsource(getattr(owner, name))
    except (AttributeError, OSError):
        return ""


def _install_pipe() -> None:
    original = _http1.Http1Connection.make_pipe

    def make_pipe(self: Any) -> Iterator[commands.Command]:
        if self.response is None or self.response.status_code != 101:
            yield from original(self)
            return
        self.state = self.passthrough
        if self.buf:
            received = bytes(self.buf.maybe_extract_at_most(len(self.buf)) or b"")
            if received:
                yield from self.state(events.DataReceived(self.conn, received))

    _http1.Http1Connection.make_pipe = make_pipe  # type: ignore[assignment]


def _install_heads() -> None:
    http1.read_request_head = _keeping(http1.read_request_head)  # type: ignore[assignment]
    http1.read_response_head = _keeping(http1.read_response_head)  # type: ignore[assignment]


def _keeping(read: Callable[[list[bytes]], Any]) -> Callable[[list[bytes]], Any]:
    def read_head(lines: list[bytes]) -> Any:
        head = b"\r\n".join(lines) + b"\r\n\r\n"
        method, _, target = lines[0].partition(b" ")
        if target[:5].lower() == b"ws://" or target[:6].lower() == b"wss://":
            lines = [method + b" http" + target[2:], *lines[1:]]
        message = read(lines)
        message.raw_head = head
        return message

    return read_head

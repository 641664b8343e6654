"""The demo's server: pages and WebSocket endpoints on two ports, one of them with TLS."""

import asyncio
import ipaddress
import logging
import os
import socket
import ssl
from types import TracebackType
from typing import Any, Self

from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from wsproxy.demo.chat import Chat, Room
from wsproxy.demo.closing import Closing
from wsproxy.demo.echo import Echo
from wsproxy.demo.fragments import Fragments
from wsproxy.demo.handler import Site
from wsproxy.demo.image import Image
from wsproxy.demo.ping import Ping
from wsproxy.demo.refused import Refused
from wsproxy.demo.site import Page
from wsproxy.demo.socketio_chat import SocketIOChat
from wsproxy.demo.subprotocol import Subprotocol
from wsproxy.demo.ticker import Ticker
from wsproxy.errors import UsageError, WsproxyError

logger = logging.getLogger(__name__)

GRACE = 1.0
"""Seconds that clients get to answer a Close frame before the connection is ended."""


def _log_request(handler: RequestHandler) -> None:
    """In place of tornado's, which warns of every refusal: here they are made on purpose."""
    logger.debug("%d %s %s", handler.get_status(), handler.request.method, handler.request.uri)


class Origin:
    """
    The demo's server, on the running asyncio loop.

    Args:
        host: the address or name to listen on.
        http_port: for `http` and `ws`; 0 for any free one.
        https_port: for `https` and `wss`; 0 for any free one. Not opened without `tls`.
        tls: with the server's certificate loaded.

    Example:
        async with Origin() as origin:
            print(origin.http_url)
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        http_port: int = 0,
        https_port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._host = host
        self._http_port = http_port
        self._https_port = https_port
        self._tls = tls
        self._site: Site | None = None
        self._chat: SocketIOChat | None = None
        self._servers: list[HTTPServer] = []

    async def start(self) -> None:
        """
        Listen, and serve until `stop`.

        Raises:
            WsproxyError: a port is taken or the address is not this machine's; nothing is left open.
            UsageError: a port is not a port number.
            RuntimeError: it has been started already.
        """
        if self._site is not None:
            raise RuntimeError("the origin is running")
        plain = self._bind("http_port", self._http_port)
        try:
            secure = self._bind("https_port", self._https_port) if self._tls else None
        except WsproxyError:
            plain.close()
            raise

        site = Site(self._host)
        self._chat = SocketIOChat(site)
        application = self._application(site, self._chat)
        site.ports["http"] = plain.getsockname()[1]
        self._serve(HTTPServer(application), plain)
        if secure:
            site.ports["https"] = secure.getsockname()[1]
            self._serve(HTTPServer(application, ssl_options=self._tls), secure)
        self._site = site

    async def stop(self) -> None:
        """Close every connection, the open WebSockets with code 1001; takes a second at most."""
        site, chat = self._site, self._chat
        if site is None or chat is None:
            return
        self._site = self._chat = None
        for server in self._servers:
            server.stop()
        await chat.close()
        for open_socket in tuple(site.sockets):
            open_socket.close(1001, "the demo stops")
        if pending := [open_socket.task for open_socket in site.sockets]:
            await asyncio.wait(pending, timeout=GRACE)
        for open_socket in tuple(site.sockets):
            open_socket.abort()
        for server in self._servers:
            await server.close_all_connections()
        self._servers = []
        # What is left are Socket.IO's timers.
        await site.tasks.cancel()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def http_url(self) -> str:
        """`http://host:port`, without a path."""
        return f"http://{self._authority('http')}"

    @property
    def https_url(self) -> str | None:
        """`https://host:port`, without a path; None where there is no TLS."""
        return f"https://{self._authority('https')}" if self._tls else None

    @property
    def ws_url(self) -> str:
        """`ws://host:port`, without a path."""
        return f"ws://{self._authority('http')}"

    @property
    def wss_url(self) -> str | None:
        """`wss://host:port`, without a path; None where there is no TLS."""
        return f"wss://{self._authority('https')}" if self._tls else None

    def _authority(self, scheme: str) -> str:
        if self._site is None:
            raise RuntimeError("the origin is not running, so it has no URL yet")
        host = self._host
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            pass
        else:
            if address.is_unspecified:
                host = "::1" if address.version == 6 else "127.0.0.1"
        if ":" in host:
            host = f"[{host}]"
        return f"{host}:{self._site.ports[scheme]}"

    def _bind(self, option: str, port: int) -> socket.socket:
        # Not tornado's `bind_sockets`, which leaves the socket open when the port is taken.
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        if not 0 <= port <= 65535:
            raise UsageError(f"{option} is {port}, but a port is a number from 0 to 65535")
        try:
            listener = socket.create_server((self._host, port), family=family, backlog=128)
        except OSError as error:
            why = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
            raise WsproxyError(
                f"the demo cannot listen on {self._host} port {port}: {why}",
                f"Choose another {option}, or 0 for any free one.",
            ) from error
        listener.setblocking(False)
        return listener

    def _serve(self, server: HTTPServer, listener: socket.socket) -> None:
        server.add_socket(listener)
        self._servers.append(server)

    @staticmethod
    def _application(site: Site, chat: SocketIOChat) -> Application:
        shared: dict[str, Any] = {"site": site}
        return Application(
            [
                ("/echo", Echo, shared),
                ("/chat", Chat, {**shared, "room": Room()}),
                ("/socket.io/", chat.handler(), shared),
                ("/fragments", Fragments, shared),
                ("/ping", Ping, shared),
                ("/subprotocol", Subprotocol, shared),
                ("/ticker", Ticker, shared),
                ("/image", Image, shared),
                ("/close/(1000|4000|cut|eof)", Closing, shared),
                ("/refused", Refused),
                (r"/([a-z]*(?:\.[a-z]+)?)", Page, shared),
            ],
            log_function=_log_request,
        )

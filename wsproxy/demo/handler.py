"""What every WebSocket endpoint of the demo shares: who may connect, and how it ends."""

import asyncio
import contextlib
import ipaddress
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.iostream import IOStream
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from wsproxy.demo.tasks import Tasks


@dataclass(slots=True)
class Site:
    """What the handlers of one running origin have in common."""

    host: str
    """The address or name it listens on."""
    ports: dict[str, int] = field(default_factory=dict)
    """By scheme, `http` and `https`."""
    tasks: Tasks = field(default_factory=Tasks)
    sockets: "set[DemoSocket]" = field(default_factory=set)
    """Every request that may have become a WebSocket and is not over."""

    def is_own(self, request: HTTPServerRequest, origin: str) -> bool:
        """
        Whether `origin` (RFC 6454) is a page of this very server.

        It must be the URL the request itself went to. That alone would let in a foreign page whose
        DNS name was pointed at this machine after it was loaded, so the name must be ours too, or
        an address, which nobody else can answer for.
        """
        if origin.lower() != f"{request.protocol}://{request.host}".lower():
            return False
        name = request.host_name.strip("[]")
        if name in ("localhost", self.host.lower()):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


class DemoSocket(WebSocketHandler):
    """
    A WebSocket without compression, open to the demo's own pages and to clients that are no browser.

    Attributes:
        site: the origin it belongs to.
        task: carries the request, and the WebSocket after it.
        stream: the connection, once it is open; hand-made bytes may be written to it.
    """

    site: Site
    task: asyncio.Task[Any]
    stream: IOStream | None

    def initialize(self, site: Site) -> None:
        """Called by tornado with the keyword arguments of the route."""
        self.site = site
        self.stream = None
        self._background: list[asyncio.Task[Any]] = []

    def prepare(self) -> None:
        """Called by tornado in the task that carries the request and the WebSocket after it."""
        task = asyncio.current_task()
        assert task is not None
        self.task = task
        self.site.tasks.adopt(task)

    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Returns when the WebSocket is over."""
        self.site.sockets.add(self)
        try:
            await super().get(*args, **kwargs)
        finally:
            self.site.sockets.discard(self)

    def check_origin(self, origin: str) -> bool:
        """See `Site.is_own`. Clients that send no `Origin` are not asked."""
        return self.site.is_own(self.request, origin)

    def get_compression_options(self) -> dict[str, Any] | None:
        """None, so that frames can be read in the proxy as they are; the ticker has others."""
        return None

    def detach(self) -> IOStream:
        """Called by tornado when it takes the connection over from HTTP."""
        self.stream = super().detach()
        # Frames go out as they are made, also those of one message.
        self.stream.set_nodelay(True)
        return self.stream

    def write_message(
        self, message: bytes | str | dict[str, Any], binary: bool = False
    ) -> "asyncio.Future[None]":
        """As tornado's, and nobody needs to await what it returns."""
        future = super().write_message(message, binary)
        self.site.tasks.adopt(future)
        return future

    async def send(self, message: str | bytes) -> None:
        """Send a message, and wait until the network has taken it; nothing if the client is gone."""
        with contextlib.suppress(WebSocketClosedError):
            await self.write_message(message, binary=isinstance(message, bytes))

    def tell(self, message: str) -> None:
        """Send a text message without waiting, so that one slow client does not stop the others."""
        with contextlib.suppress(WebSocketClosedError):
            self.write_message(message)

    def beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` until it returns or the connection ends."""
        self._background.append(self.site.tasks.spawn(work))

    def on_close(self) -> None:
        """Called by tornado once, however the connection ended."""
        for task in self._background:
            task.cancel()

    def abort(self) -> None:
        """End the TCP connection as it is."""
        if self.stream is not None:
            self.stream.close()

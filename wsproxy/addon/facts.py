"""
One WebSocket as its carrier tells it to the addons: the engine's side of `Connection`.

The carrier makes one for each upgrade request, and hands it to the manager with everything that
happens. It costs nothing until an addon looks.
"""

from collections.abc import Callable, Coroutine
from functools import cached_property
from typing import Any, Protocol
from urllib.parse import urlsplit

from wsproxy.addon.heads import Request, Response
from wsproxy.addon.meanings import LiveMeanings
from wsproxy.wire.closing import Closure
from wsproxy.wire.handshake import Head

_SENT = "the upgrade request has been sent; only ws_handshake can change it"


class Link(Protocol):
    """What a carrier can do with one of its connections. Nothing here raises or waits."""

    def inject(self, from_client: bool, opcode: int, content: bytes, by: str, raw: bool = False) -> None:
        """Send what nobody sent; as `wsproxy.wire.relay.Relay.inject`."""

    def cut(self, by: str) -> None:
        """End TCP on both sides, without a Close frame."""

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call it after some time. What is due when the connection has ended may be forgotten."""

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run it on the event loop, to its end."""

    def tell(self, sentence: str) -> None:
        """Say something to the people at the proxy; may have several lines."""


class Facts:
    """
    One WebSocket, for all addons.

    It is what `wsproxy.filters` asks about a connection, too.

    Args:
        url: `ws://` or `wss://`.
        request: the head of the upgrade request as it arrived.
        client: `host:port`.
        link: acts on the connection; may be given later, before `Manager.opened`.

    Attributes:
        id: its number in the capture; 0 before the upgrade was answered.
        response: the head of the answer; empty before.
        subprotocol, extensions, server, opened: as in `wsproxy.store.records.ConnectionRecord`.
        closure: how it ended; None while it is open.
    """

    def __init__(self, url: str, request: bytes, client: str = "", link: Link | None = None) -> None:
        self.id = 0
        self.url = url
        self.request = request
        self.response = b""
        self.subprotocol: str | None = None
        self.extensions = ""
        self.client = client
        self.server = ""
        self.opened = 0
        self.closure: Closure | None = None
        self.link = link
        self.is_open = False
        self.states: dict[str, dict[Any, Any]] = {}
        """What each addon keeps, by the addon's name."""
        self.meanings = LiveMeanings(self)
        """What its messages mean, for filters."""
        self.destination: tuple[bool, str, int] | None = None
        """Who is asked in place of the server: with TLS or without, host, and port."""
        self._went_out = False
        self._redactions: list[Callable[[bytes], bytes]] = []

    @cached_property
    def asked(self) -> Request:
        """The request for addons; what `ws_handshake` changed is in its `headers`."""
        request = Request(Head.parse(self.request))
        if self._went_out:
            request.headers.freeze(_SENT)
        return request

    @cached_property
    def answered(self) -> Response:
        """The response for addons."""
        return Response(Head.parse(self.response))

    @cached_property
    def host(self) -> str:
        """The host of the URL, without a port."""
        return urlsplit(self.url).hostname or ""

    def accepted(
        self, number: int, response: bytes, subprotocol: str | None, extensions: str, server: str, opened: int
    ) -> None:
        """
        The upgrade was answered by 101.

        Args:
            number: the connection's in the capture.
            response: the head of the answer as it arrived.
            subprotocol, extensions, server, opened: as `wsproxy.store.records.ConnectionRecord` has them.
        """
        self.id = number
        self.response = response
        self.subprotocol = subprotocol
        self.extensions = extensions
        self.server = server
        self.opened = opened
        self.is_open = True

    def went_out(self) -> None:
        """The request is sent: too late to change it."""
        self._went_out = True
        if "asked" in self.__dict__:
            self.asked.headers.freeze(_SENT)

    def ended(self, closure: Closure) -> None:
        """The connection is over."""
        self.closure = closure
        self.is_open = False

    def redact(self, replace: Callable[[bytes], bytes]) -> None:
        """For `Connection.redact`: the capture keeps what `replace` makes of URL and heads."""
        self._redactions.append(replace)

    @property
    def is_redacted(self) -> bool:
        """The capture is to keep something else than what was said."""
        return bool(self._redactions)

    def redacted(self, said: bytes) -> bytes:
        """What the capture keeps of a head (or of a refusal's body)."""
        for replace in self._redactions:
            said = replace(said)
        return said

    def redacted_text(self, said: str) -> str:
        """Likewise of a URL, or of an error that quotes it."""
        if not self._redactions:
            return said
        return self.redacted(said.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")

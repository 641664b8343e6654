"""A packet of Engine.IO that came over HTTP, as one addon sees it before it is recorded."""

from dataclasses import dataclass
from typing import Literal

from wsproxy.addon import checks
from wsproxy.addon.owner import Owner


@dataclass(slots=True)
class Polled:
    """A packet for all addons."""

    url: str
    sid: str
    from_client: bool
    is_text: bool
    content: bytes
    recorded: bytes | None = None
    """What the capture keeps in its place."""


class Packet:
    """
    One packet of long-polling, which has been sent on.

    An answer without packets (`ok`, or a refusal) is shown as a packet as well.
    """

    def __init__(self, polled: Polled, owner: Owner) -> None:
        self._polled = polled
        self._owner = owner

    @property
    def from_client(self) -> bool:
        """It went to the server."""
        return self._polled.from_client

    @property
    def type(self) -> Literal["text", "binary"]:
        """`text` or `binary`."""
        return "text" if self._polled.is_text else "binary"

    @property
    def url(self) -> str:
        """Of the request."""
        return self._polled.url

    @property
    def sid(self) -> str:
        """The session it belongs to; the WebSocket that follows has it in its URL."""
        return self._polled.sid

    @property
    def content(self) -> bytes:
        """What was said, as the capture would keep it."""
        return self._polled.content if self._polled.recorded is None else self._polled.recorded

    @property
    def text(self) -> str:
        """The content as text; bytes that are not UTF-8 as surrogates, which become those bytes again."""
        return self.content.decode("utf-8", "surrogateescape")

    def record_as(self, content: str | bytes) -> None:
        """
        Let the capture keep something else than what was said.

        Raises:
            RuntimeError: the addon has no `redacts = True`.
        """
        if not self._owner.redacts:
            raise RuntimeError("record_as() needs `redacts = True` in the addon")
        self._polled.recorded = checks.bytes_of(content)

    def __repr__(self) -> str:
        to = "server" if self.from_client else "client"
        return f"<Packet to {to}, {self.type}, {len(self.content)} bytes>"

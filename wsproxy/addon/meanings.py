"""What the messages of an open connection mean, for filters that ask (`~event`, `~decoder`, ...)."""

from typing import TYPE_CHECKING, Protocol

from wsproxy.decoders.memory import Memory
from wsproxy.wire.frames import Opcode
from wsproxy.wire.transit import Transit

if TYPE_CHECKING:
    from wsproxy.decoders.api import Session
    from wsproxy.decoders.decoded import Decoded

_IN_FLIGHT = 100
"""Messages of which it is remembered what they mean: some may ask again while others have come."""


class About(Protocol):
    """What a decoder is told about a connection."""

    @property
    def id(self) -> int:
        """Its number in the capture."""

    @property
    def url(self) -> str:
        """`ws://` or `wss://`."""

    @property
    def subprotocol(self) -> str | None:
        """As the server chose it."""

    @property
    def request(self) -> bytes:
        """The head of the upgrade request."""

    @property
    def response(self) -> bytes:
        """The head of the answer."""

    @property
    def opened(self) -> int:
        """When, ns."""


class LiveMeanings:
    """
    The session of one connection. It begins with the first question: nobody decodes what nobody asks about.

    From then on it must `hear` every message.

    Args:
        about: the connection.
    """

    def __init__(self, about: About) -> None:
        self._about = about
        self._session: Session | None = None
        self._heard = 0
        self._known: Memory[int, tuple[Transit, Decoded]] = Memory(_IN_FLIGHT)

    def hear(self, transit: Transit) -> None:
        """A text or binary message came."""
        if self._session is not None:
            self.of(transit)

    def of(self, transit: Transit) -> "Decoded | None":
        """What a message means, as it arrived; None for control frames."""
        if transit.opcode >= Opcode.CLOSE:
            return None
        known = self._known.get(id(transit))
        if known is not None and known[0] is transit:
            return known[1]
        # Loaded only where somebody asks: the proxy itself decodes nothing.
        from wsproxy.decoders.message import Message, Opening
        from wsproxy.decoders.registry import DECODERS

        if self._session is None:
            about = self._about
            opening = Opening(
                about.url, about.subprotocol, about.request, about.response, about.id, about.opened
            )
            self._session = DECODERS.session(opening)
        self._heard += 1
        message = Message(
            self._heard,
            transit.arrived,
            transit.from_client,
            transit.opcode == Opcode.TEXT,
            transit.original,
        )
        decoded = self._session.decode(message)
        self._known[id(transit)] = transit, decoded
        return decoded

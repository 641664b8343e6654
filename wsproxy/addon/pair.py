"""
A client and a server with an addon between them: what `wsproxy.addon.testing` opens.
"""

from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    ServerPerMessageDeflateFactory,
)
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from wsproxy.addon.facts import Facts
from wsproxy.addon.peers import Peer
from wsproxy.wire.closing import Closure
from wsproxy.wire.deflate import Inflater
from wsproxy.wire.handshake import Handshake
from wsproxy.wire.port import Port, Record
from wsproxy.wire.relay import Relay
from wsproxy.wire.transit import Arrival, Decided, Transit

if TYPE_CHECKING:
    from wsproxy.addon.testing import Harness

_EPOCH = 1_000_000_000
"""When the clock of every harness begins, seconds since the epoch."""


class Side:
    """
    One end, and what it can do.

    Attributes:
        peer: the `websockets` library underneath.
        is_cut: its TCP stream has ended without a Close frame.
    """

    def __init__(self, pair: "Pair", peer: Peer, is_client: bool) -> None:
        self.peer = peer
        self.is_cut = False
        self.is_client = is_client
        self.has_ended = False
        self._pair = pair

    @property
    def messages(self) -> list[str | bytes]:
        """The messages it got: text as str, binary ones as bytes."""
        return self.peer.messages

    @property
    def pings(self) -> list[bytes]:
        """The pings it got."""
        return self.peer.pings

    @property
    def pongs(self) -> list[bytes]:
        """The pongs it got."""
        return self.peer.pongs

    @property
    def closed(self) -> tuple[int, str] | None:
        """Code and reason of the Close frame it got."""
        return self.peer.close

    @property
    def refusal(self) -> str:
        """Why it could not read what it got; empty as long as it can."""
        return self.peer.refusal

    def send(self, *contents: str | bytes, fragments: int = 1) -> None:
        """Send messages, each in so many frames: str as text, bytes as binary."""
        for content in contents:
            self.peer.write(content, fragments)
            self._pair.carry()

    def ping(self, payload: bytes = b"") -> None:
        """Send a ping. The other end answers by itself."""
        self.peer.protocol.send_ping(payload)
        self._pair.carry()

    def close(self, code: int | None = 1000, reason: str = "") -> None:
        """Send a Close frame. The other end answers by itself, and TCP ends."""
        self.peer.protocol.send_close(code, reason)
        self._pair.carry()

    def reset(self) -> None:
        """End TCP without a Close frame."""
        self._pair.ended(self, "reset")
        self._pair.carry()


class Pair:
    """
    A client and a server with the addon between them.

    Attributes:
        client, server: the two ends.
        facts: what addons know of the connection.
        request: the upgrade request as the server got it.
        recorded: what the capture keeps of each message or control frame that arrived.
        decided: what it keeps of decisions: `action`, `by`, `sent`, ...
        closure: how it ended; None while it is open.
    """

    def __init__(
        self,
        harness: "Harness",
        number: int,
        url: str,
        headers: Mapping[str, str],
        subprotocols: list[str],
        deflate: bool,
    ) -> None:
        self._harness = harness
        self.recorded: list[bytes] = []
        self.decided: list[Decided] = []
        self.closure: Closure | None = None
        self._is_carrying = False
        names = [Subprotocol(name) for name in subprotocols]
        client = ClientProtocol(
            parse_uri(url),
            extensions=[ClientPerMessageDeflateFactory()] if deflate else None,
            subprotocols=names or None,
            max_size=None,
        )
        server = ServerProtocol(
            extensions=[ServerPerMessageDeflateFactory()] if deflate else None,
            subprotocols=names or None,
            select_subprotocol=lambda protocol, offered: next(
                (name for name in names if name in offered), None
            ),
            max_size=None,
        )
        self.client = Side(self, Peer(client), True)
        self.server = Side(self, Peer(server), False)
        asked = client.connect()
        for name, value in headers.items():
            asked.headers[name] = value
        client.send_request(asked)
        request = b"".join(client.data_to_send())
        self.facts = Facts(url, request, "127.0.0.1:50000", self)
        harness.loop.run_until_complete(harness.manager.handshake(self.facts))
        harness._check()
        self.request = self.facts.asked
        server.receive_data(bytes(self.facts.asked))
        [event] = server.events_received()
        assert isinstance(event, Request)
        server.send_response(server.accept(event))
        response = b"".join(server.data_to_send())
        client.receive_data(response)
        if client.handshake_exc is not None:
            raise AssertionError(f"the handshake failed: {client.handshake_exc}")
        self._begin(number, request, response)

    def _begin(self, number: int, request: bytes, response: bytes) -> None:
        facts, manager = self.facts, self._harness.manager
        handshake = Handshake.of(request, response)
        self._relay = Relay(number, lambda batch: None)
        self._relay.prepare(
            Port(
                connection=number,
                deflate=handshake.deflate,
                opaque=handshake.other_extensions,
                limit=self._harness.edit_limit,
                waiting=1 << 26,
                record=self._record,
                clock=self._clock,
                write=self._write,
                ask=_nobody_followed,
                warn=self.tell,
                drained=self._pass_end_on,
                private=manager.wants_privacy,
            )
        )
        for from_client in (True, False):
            self._relay.edit(from_client, partial(manager.dispatch_message, facts))
        facts.accepted(
            number, response, handshake.subprotocol, handshake.extensions, "127.0.0.1:80", self._clock()
        )
        manager.opened(facts)
        self.carry()

    @property
    def recorded_url(self) -> str:
        """The URL as the capture has it."""
        return self.facts.redacted_text(self.facts.url)

    @property
    def recorded_request(self) -> bytes:
        """The head of the upgrade request as the capture has it."""
        return self.facts.redacted(self.facts.request)

    @property
    def is_open(self) -> bool:
        """It is not over."""
        return self.closure is None

    # The carrier's side (`wsproxy.addon.facts.Link`).

    def inject(self, from_client: bool, opcode: int, content: bytes, by: str, raw: bool = False) -> None:
        """For `Connection.send` and the like."""
        self._relay.inject(from_client, opcode, content, by, raw)

    def cut(self, by: str) -> None:
        """For `Connection.cut`."""
        self._relay.cut(by)
        for side in (self.client, self.server):
            side.has_ended = True
            self._end(side)
        self._over()

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """For timers."""

        def due() -> None:
            if self.is_open:
                call()

        self._harness.loop.call_later(seconds, due)

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """For async hooks."""
        self._harness.spawn(coroutine)

    def tell(self, sentence: str) -> None:
        """For `Connection.tell`."""
        self._harness.told.append(sentence)

    # Carrying.

    def carry(self) -> None:
        """Bring what the ends want to send to the other one, until all is quiet."""
        self._move()
        self._harness.settle()

    def ended(self, side: Side, how: str) -> None:
        """The TCP stream of one end is over."""
        if side.has_ended:
            return
        side.has_ended = True
        self._relay.ended(side.is_client, how, self._clock())
        if self._relay.is_drained(side.is_client):
            self._pass_end_on(side.is_client)
        if how == "reset":
            self._end(side)

    def _move(self) -> None:
        if self._is_carrying:
            return
        self._is_carrying = True
        moved = True
        while moved:
            moved = False
            for side in (self.client, self.server):
                for data in side.peer.outgoing:
                    moved = True
                    self._read(side, data)
        self._is_carrying = False
        if self._relay.is_over:
            self._over()

    def _read(self, side: Side, data: bytes) -> None:
        if not data:
            self.ended(side, "eof")
        elif not side.has_ended:
            out = self._relay.receive(side.is_client, data)
            if out:
                self._write(side.is_client, out)
            self._relay.record(side.is_client, data, self._clock())

    def _write(self, from_client: bool, data: bytes) -> None:
        to = self.server if from_client else self.client
        if not to.is_cut:
            to.peer.feed(data)
        self._move()

    def _pass_end_on(self, from_client: bool) -> None:
        self._end(self.server if from_client else self.client)
        self._move()

    def _end(self, side: Side) -> None:
        side.is_cut = side.is_cut or side.peer.close is None
        side.peer.protocol.receive_eof()

    def _over(self) -> None:
        if self.closure is None:
            self.closure = self._relay.closure()
            self._harness.manager.closed(self.facts, self.closure)
            self._relay.abandon("the connection ended before it was sent")

    def _record(self, record: Record) -> None:
        if isinstance(record, Arrival):
            transit: Transit = record.transit
            self.recorded.append(transit.original if transit.recorded is None else transit.recorded)
        elif isinstance(record, Decided):
            self.decided.append(record)

    def _clock(self) -> int:
        return int((_EPOCH + self._harness.loop.time()) * 1e9)


def _nobody_followed(from_client: bool, answer: Callable[[Inflater | None], None]) -> None:
    # Messages are offered from the first one on, so nobody has to.
    answer(None)

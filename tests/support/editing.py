"""
A relay in the edit state between a sender and a receiver, without sockets.

The receiver is the `websockets` library, which knows nothing of us; the sender can do all that is
legal: compress with every parameter, fragment anywhere, put control frames between fragments.
"""

import itertools
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.protocol import OPEN, Protocol, Side

from wsproxy.addon.peers import Reader, Received
from wsproxy.wire.deflate import TAIL, DeflateParameters, Inflater
from wsproxy.wire.encode import encode_frame
from wsproxy.wire.frames import Batch, header_mask
from wsproxy.wire.mask import apply_mask
from wsproxy.wire.messages import MessageTracker
from wsproxy.wire.port import Port, Record
from wsproxy.wire.relay import Relay
from wsproxy.wire.transit import Arrival, Decided, Transit, Withheld


class Sender:
    """Makes the frames of one peer."""

    def __init__(self, from_client: bool, deflate: DeflateParameters | None) -> None:
        self._masked = from_client
        self._alone = False
        self._bits = 15
        if deflate:
            self._bits = deflate.client_max_window_bits if from_client else deflate.server_max_window_bits
            self._alone = (
                deflate.client_no_context_takeover if from_client else deflate.server_no_context_takeover
            )
        self._zlib = self._fresh()

    def _fresh(self) -> "zlib._Compress":
        return zlib.compressobj(wbits=-max(9, self._bits))

    def message(
        self, opcode: int, content: bytes, cuts: list[int], compressed: bool, between: list[bytes]
    ) -> bytes:
        """
        A message.

        Args:
            cuts: where its payload is cut into frames.
            between: pings that stand behind its first frames.
        """
        payload = content
        if compressed:
            payload = (self._zlib.compress(content) + self._zlib.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)
            if self._alone:
                self._zlib = self._fresh()
        edges = [0, *sorted({min(cut, len(payload)) for cut in cuts}), len(payload)]
        wire = []
        for number, (start, stop) in enumerate(itertools.pairwise(edges)):
            rsv = 4 if compressed and not number else 0
            fin = number == len(edges) - 2
            wire.append(self._frame(0 if number else opcode, payload[start:stop], fin=fin, rsv=rsv))
            if not fin and number < len(between):
                wire.append(self.control(9, between[number]))
        return b"".join(wire)

    def control(self, opcode: int, payload: bytes) -> bytes:
        """A control frame."""
        return self._frame(opcode, payload)

    def _frame(self, opcode: int, payload: bytes, fin: bool = True, rsv: int = 0) -> bytes:
        return encode_frame(opcode, payload, fin=fin, rsv=rsv, mask=os.urandom(4) if self._masked else b"")


class Receiver(Reader):
    """What a real implementation makes of what it gets; it must not refuse any of it."""

    def __init__(self, from_client: bool, deflate: DeflateParameters | None) -> None:
        extensions = []
        if deflate:
            side = (
                (deflate.client_no_context_takeover, deflate.client_max_window_bits)
                if from_client
                else (deflate.server_no_context_takeover, deflate.server_max_window_bits)
            )
            extensions = [PerMessageDeflate(side[0], False, max(9, side[1]), 15)]
        super().__init__(Protocol(Side.SERVER if from_client else Side.CLIENT, state=OPEN, max_size=None))
        self.protocol.extensions = extensions

    def feed(self, data: bytes) -> None:
        """Bytes from the proxy."""
        super().feed(data)
        if self.refusal:
            raise AssertionError(f"the receiver refuses what it got: {self.refusal}")

    @property
    def messages(self) -> list[Received]:
        """Text and binary ones."""
        return [message for message in self.received if message[0] < 8]


@dataclass
class Line:
    """
    One direction of a relay, with both ends.

    Attributes:
        written: what the receiver got, as bytes.
        decided, arrivals: what was recorded of it.
    """

    from_client: bool = True
    deflate: DeflateParameters | None = None
    limit: int = 1 << 24
    waiting: int = 1 << 24
    answers_at_once: bool = True
    """Whether the recorder's inflater comes before anything else does."""
    written: bytes = b""
    decided: list[Decided] = field(default_factory=list)
    arrivals: list[Transit] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    drained: list[bool] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.now = 0
        self.sender = Sender(self.from_client, self.deflate)
        self.receiver = Receiver(self.from_client, self.deflate)
        self._followed = b""
        self._tracker = MessageTracker(self.from_client, self.deflate)
        self._answers: list[Callable[[], None]] = []
        self.relay = Relay(1, self._record)
        self.port = Port(
            1,
            self.deflate,
            False,
            self.limit,
            self.waiting,
            self._record,
            self._clock,
            self._write,
            self._ask,
            self.warnings.append,
            self.drained.append,
        )
        self.relay.prepare(self.port)

    def feed(self, *reads: bytes) -> None:
        """What the proxy reads from the sender, each with its own event."""
        for data in reads:
            self.now += 1
            out = self.relay.receive(self.from_client, data)
            if out:
                self._write(self.from_client, out)
            self.relay.record(self.from_client, data, self.now)
            self.answer()

    def answer(self) -> None:
        """The recorder gets to what it was asked."""
        answers, self._answers = self._answers, []
        for answer in answers:
            answer()

    def edit(self, offer: Callable[[Transit], None] | None) -> None:
        self.relay.edit(self.from_client, offer)

    def inject(self, opcode: int, content: bytes, by: str = "hand", raw: bool = False) -> None:
        self.relay.inject(self.from_client, opcode, content, by, raw)

    @property
    def recorded(self) -> bytes:
        """All that arrived, as it was recorded."""
        return self._followed

    def _clock(self) -> int:
        self.now += 1
        return self.now

    def _write(self, from_client: bool, data: bytes) -> None:
        assert from_client is self.from_client
        self.written += data
        self.receiver.feed(data)

    def _ask(self, from_client: bool, answer: Callable[[Inflater | None], None]) -> None:
        inflater = self._tracker.inflater
        copy = inflater.copy() if inflater else None
        self._answers.append(lambda: answer(copy))

    def _record(self, record: Record) -> None:
        if isinstance(record, Decided):
            self.decided.append(record)
            return
        batches = [record]
        if isinstance(record, Arrival):
            self.arrivals.append(record.transit)
            batches = record.batches
        elif isinstance(record, Withheld):
            batches = [record.batch]
        for batch in batches:
            self._follow(batch)

    def _follow(self, batch: Batch) -> None:
        # As the recorder does, in one go for a small frame.
        for header, payload, left in batch[3]:
            if header is not None:
                self._header, self._payload = header, b""
                self._followed += header
            self._followed += payload
            self._payload += payload
            if not left:
                mask = header_mask(self._header)
                self._tracker.whole(self._header, apply_mask(self._payload, mask) if mask else self._payload)

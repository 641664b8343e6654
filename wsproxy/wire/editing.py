"""
The edit state of one direction: messages are put together, offered, and then sent.

A direction comes here from the pass state (`wsproxy.wire.relay`) between two messages, and goes
back between two messages. What arrives is taken apart here; what leaves, and in which order, is
the `Outlet`'s. The rules on this side:

- *Untouched means untouched.* A message nobody changed goes on as the very frames that came.
- Pings and pongs are offered and go on at once, whatever is held. A Close frame waits its turn.
- *What cannot be edited passes*, in its turn: messages above the limit, those whose reserved bits
  nobody explains, compressed data that is not. What is unfinished when its sender ends passes as
  far as it came.
- The inflater must be in step with the sender's window (`wsproxy.wire.window`). In the middle of a
  stream it is fetched from the recorder, which has followed it all along; until it is here, what is
  read waits.
"""

from wsproxy.wire.account import Account
from wsproxy.wire.assembly import Assembly, Control, Injected, Through
from wsproxy.wire.deflate import Inflater
from wsproxy.wire.frames import (
    FIN,
    MASK_BIT,
    RSV1,
    RSV2,
    RSV3,
    FrameScanner,
    Opcode,
    Piece,
    header_length,
)
from wsproxy.wire.mask import apply_mask
from wsproxy.wire.outlet import Outlet
from wsproxy.wire.port import Offer, Port
from wsproxy.wire.transit import Transit
from wsproxy.wire.window import Window

_WHOLE = frozenset({FIN | 1, FIN | 2, FIN | RSV1 | 1, FIN | RSV1 | 2})
"""First bytes of frames that are messages of their own."""

_CONTROL = 125
"""Bytes of payload a legal control frame has at most (RFC 6455 section 5.5)."""


class Editor:
    """
    One direction in the edit state. Begins between two messages.

    Args:
        from_client: which.
        scanner: of this direction; nothing is unfinished in it.
        port: the connection's.
        offer: gets every message and control frame; None where nobody wants them.
        untouched: nothing has gone this way yet, so no window has to be found out.
        followed: the recorder has seen all that has gone this way, and can tell the window.
    """

    def __init__(
        self,
        from_client: bool,
        scanner: FrameScanner,
        port: Port,
        offer: Offer | None,
        *,
        untouched: bool = False,
        followed: bool = True,
    ) -> None:
        self._from_client = from_client
        self._scanner = scanner
        self._port = port
        self._offer_to = offer
        self._outlet = Outlet(from_client, scanner, port)
        self._window: Window | None = None
        """Of the sender, where it is compressed and was followed."""
        self._message: Assembly | Through | None = None
        """The data message in flight."""
        self._target: Assembly | Through | Control | None = None
        """Where the frame in flight belongs."""
        self._ends = False
        """The frame in flight is the last of its message."""
        self._account = Account(from_client, port)
        self._out: list[bytes] | None = None
        """Where what leaves is gathered; None where nobody does."""
        self._offering = False
        self._over = False
        self._backlog: list[tuple[bytes, int]] | None = None
        """What was read while the inflater is being fetched."""
        if port.deflate and offer:
            if untouched or not port.takeover(from_client):
                self._follow(port.deflate.inflater(from_client, port.limit))
            elif followed:
                self._backlog = []
                port.ask(from_client, self._answered)

    @property
    def is_idle(self) -> bool:
        """Nothing waits, nothing is unfinished, no door was passed: the pass state may take over."""
        outlet = self._outlet
        unfinished = self._message or self._target or self._scanner.head or self._backlog is not None
        return not (len(outlet) or unfinished or outlet.diverged or outlet.closed)

    @property
    def is_between(self) -> bool:
        """All that came are whole messages."""
        return not (self._message or self._target or self._scanner.head or self._backlog)

    @property
    def is_drained(self) -> bool:
        """All that came has gone on."""
        return not (len(self._outlet) or self._backlog)

    @property
    def has_closed(self) -> bool:
        """A Close frame of our own was sent: nothing can follow it."""
        return self._outlet.closed

    def waiting(self) -> list[tuple[Transit | None, int]]:
        """As of the outlet."""
        return self._outlet.waiting()

    def set_offer(self, offer: Offer | None) -> None:
        """Somebody else is asked from the next message on, or nobody."""
        port = self._port
        self._offer_to = offer
        if offer and self._window is None and port.deflate and not port.takeover(self._from_client):
            self._follow(port.deflate.inflater(self._from_client, port.limit))

    def receive(self, data: bytes) -> bytes:
        """
        Take what was read.

        Returns:
            What can be sent on now; the rest follows through `Port.write`.
        """
        now = self._port.clock()
        if self._backlog is not None:
            self._backlog.append((data, now))
            return b""
        out = self._out = []
        self._take(data, now)
        self._outlet.flush(out)
        self._out = None
        return out[0] if len(out) == 1 else b"".join(out)

    def ended(self) -> None:
        """The sender's stream is over: what is unfinished goes on as far as it came."""
        self._over = True
        if self._backlog is not None:
            return
        target = self._target
        self._give_up()
        rest = self._scanner.head
        if isinstance(target, Control):
            rest = b"".join(target.wire) + rest
        elif isinstance(target, Through):
            target.finished = True
        self._target = None
        if rest:
            self._outlet.put(Through.of(rest))
        self.flush()

    def inject(self, opcode: int, content: bytes, by: str, raw: bool = False) -> None:
        """
        Send what nobody sent, as soon as the stream allows.

        Args:
            opcode: of the new message; its payload is `content`.
            content: not masked, not compressed.
            by: who wants that.
            raw: `content` are frames, to be sent as they are.
        """
        # Behind the message that gave rise to it, if one did.
        self._outlet.inject(Injected(opcode, content, by, raw), behind=self._offering)
        self.flush()

    def let_go(self, by: str, note: str) -> None:
        """Send everything that is held, as it stands."""
        self._outlet.let_go(by, note)
        self.flush()

    def abandon(self, note: str) -> None:
        """The connection is over: what is still held will not be sent, and the record says so."""
        self._outlet.abandon(note)

    def flush(self) -> None:
        """Send what has been decided."""
        if self._out is not None or self._offering:
            # Whoever gathers does it in the end.
            return
        out: list[bytes] = []
        self._outlet.flush(out)
        if out:
            self._port.write(self._from_client, out[0] if len(out) == 1 else b"".join(out))
        if self._over and self.is_drained:
            self._port.drained(self._from_client)

    def _answered(self, inflater: Inflater | None) -> None:
        """The inflater is here; without one, compressed messages pass as they are."""
        if inflater is not None:
            self._follow(inflater)
        backlog, self._backlog = self._backlog, None
        out = self._out = []
        for data, now in backlog or ():
            self._take(data, now)
        self._outlet.flush(out)
        self._out = None
        if out:
            self._port.write(self._from_client, b"".join(out))
        if self._over:
            self.ended()

    # Taking apart.

    def _take(self, data: bytes, now: int) -> None:
        pieces = self._scanner.feed(data)
        self._port.look(self._from_client, pieces)
        outlet = self._outlet
        for piece in pieces:
            header, payload, left = piece
            if header is not None:
                if not left and header[0] in _WHOLE and self._message is None and self._whole(piece, now):
                    continue
                self._begin(header)
            target = self._target
            assert target is not None
            self._note(piece, target, now)
            raw = payload if header is None else header + payload
            plain = target.add(raw, payload)
            if isinstance(target, Through):
                if not outlet.is_next(target):
                    outlet.waits(target, len(raw))
                self._keep_in_step(target, plain)
            elif isinstance(target, Assembly) and target.size > self._port.limit:
                self._warn_of_size(target.size)
                self._message = self._target = target = self._passing(target)
            if not left:
                self._end(target, now)
            if isinstance(target, Through):
                self._flush()
        self._account.record(now)

    def _whole(self, piece: Piece, now: int) -> bool:
        """By far the most frames: a message of its own that came whole. False: it is not editable."""
        header, payload, _ = piece
        assert header is not None
        first = header[0]
        port = self._port
        compressed = first & RSV1 != 0
        if self._offer_to is None or port.opaque or len(payload) > port.limit:
            return False
        if compressed and self._window is None:
            return False
        if port.private:
            self._account.keep(piece, now)
        else:
            self._account.note(piece)
        plain = apply_mask(payload, header[-4:]) if header[1] & MASK_BIT else payload
        self._complete(first & 0x0F, plain, header + payload, (len(payload),), compressed, now)
        return True

    def _begin(self, header: bytes) -> None:
        opcode = header[0] & 0x0F
        length = header_length(header)
        self._ends = True
        if opcode >= 8 and length <= _CONTROL:
            if opcode == Opcode.CLOSE:
                self._give_up()
            self._target = Control(header)
        elif opcode == 0 and self._message is not None:
            self._ends = bool(header[0] & FIN)
            self._message.begin(header)
            self._target = self._message
        elif opcode in (1, 2):
            self._give_up()
            self._ends = bool(header[0] & FIN)
            compressed = bool(header[0] & RSV1 and self._port.deflate)
            wanted = self._offer_to is not None or (compressed and self._outlet.diverged)
            message: Assembly | Through
            if wanted and self._is_editable(header[0]) and length <= self._port.limit:
                message = Assembly(header, compressed)
            else:
                if wanted and length > self._port.limit:
                    self._warn_of_size(length)
                message = self._pass(header, compressed)
            self._message = self._target = message
        else:
            # A frame of its own: reserved, a continuation of nothing, a control frame too long.
            self._target = self._pass(header, False)

    def _is_editable(self, first: int) -> bool:
        """Whether what its reserved bits mean can be undone."""
        return not (self._port.opaque or first & (RSV2 | RSV3) or (first & RSV1 and self._window is None))

    def _end(self, target: Assembly | Through | Control, now: int) -> None:
        """A frame is complete."""
        self._target = None
        if isinstance(target, Control):
            self._control(target, now)
        elif self._ends:
            if target is self._message:
                self._message = None
            if isinstance(target, Assembly):
                self._assembled(target, now)
            else:
                if target.compressed:
                    assert self._window is not None
                    target.plain.append(self._window.end())
                target.finished = True

    def _give_up(self) -> None:
        """The message in flight will not be finished: what there is of it passes."""
        message, self._message = self._message, None
        if isinstance(message, Assembly):
            message = self._passing(message)
        if message is not None:
            if message.compressed and self._window is not None:
                self._window.drop()
            message.finished = True

    # What is offered.

    def _control(self, control: Control, now: int) -> None:
        opcode = control.header[0] & 0x0F
        payload = control.payload
        transit = Transit(
            self._from_client,
            opcode,
            payload,
            b"".join(control.wire),
            now,
            sizes=(len(payload),),
            can_wait=opcode == Opcode.CLOSE,
        )
        if transit.can_wait:
            self._offer(transit, now)
        else:
            self._ask(transit)
            self._account.arrived(transit, now)
            assert self._out is not None
            self._outlet.send(transit, self._out)

    def _assembled(self, message: Assembly, now: int) -> None:
        payload, wire = b"".join(message.parts), b"".join(message.wire)
        opcode = message.header[0] & 0x0F
        self._complete(opcode, payload, wire, tuple(message.sizes), message.compressed, now)

    def _complete(
        self, opcode: int, payload: bytes, wire: bytes, sizes: tuple[int, ...], compressed: bool, now: int
    ) -> None:
        if compressed:
            assert self._window is not None
            content, parts = self._window.message(payload, self._outlet.may_diverge)
            if content is None:
                self._put_through(opcode, wire, parts)
                return
            payload = content
        self._offer(
            Transit(self._from_client, opcode, payload, wire, now, compressed=compressed, sizes=sizes), now
        )

    def _offer(self, transit: Transit, now: int) -> None:
        self._outlet.put(transit)
        self._ask(transit)
        self._account.arrived(transit, now)
        transit.on_release = self.flush
        self._flush()

    def _ask(self, transit: Transit) -> None:
        if self._offer_to is not None and not self._outlet.closed:
            self._offering = True
            try:
                self._offer_to(transit)
            finally:
                self._offering = False

    def _flush(self) -> None:
        assert self._out is not None
        self._outlet.flush(self._out)

    # What passes.

    def _pass(self, header: bytes, compressed: bool) -> Through:
        through = Through(header, compressed and self._window is not None)
        self._outlet.put(through)
        return through

    def _passing(self, message: Assembly) -> Through:
        """It was being put together, and will not be edited."""
        through = self._pass(message.header, message.compressed)
        through.go_on_from(message)
        self._account.withhold_kept()
        through.raw = message.wire
        self._outlet.waits(through, message.size)
        self._keep_in_step(through, b"".join(message.parts))
        return through

    def _put_through(self, opcode: int, wire: bytes, plain: list[bytes]) -> None:
        self._account.withhold_kept()
        through = Through.of(wire)
        through.opcode = opcode
        through.compressed = bool(plain)
        through.plain = plain
        self._outlet.put(through)
        self._flush()

    def _warn_of_size(self, size: int) -> None:
        self._port.warn(f"a message of at least {size:,} bytes is too large to be edited and passed as it is")

    def _keep_in_step(self, through: Through, payload: bytes) -> None:
        """Follow the window through a compressed message that is not edited."""
        if not through.compressed:
            return
        assert self._window is not None
        outlet = self._outlet
        keep = outlet.diverged or (outlet.may_diverge and not outlet.is_next(through))
        for content in self._window.parts(payload):
            if keep:
                through.plain.append(content)
                if outlet.is_next(through):
                    # Compressed anew in small steps: what a read becomes may be a thousand times larger.
                    self._flush()
                else:
                    outlet.waits(through, len(content))

    def _follow(self, inflater: Inflater) -> None:
        self._window = Window(inflater, self._port.limit, self._warn_of_size)

    # For the record.

    def _note(self, piece: Piece, target: Assembly | Through | Control, now: int) -> None:
        account, private = self._account, self._port.private
        if isinstance(target, Assembly) and (private or account.keeps):
            account.keep(piece, now)
        elif private and isinstance(target, Through) and target is self._message:
            account.withhold(piece, now)
        else:
            account.note(piece)

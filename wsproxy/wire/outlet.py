"""
The way out of a direction in the edit state: one queue, and what the receiver believes.

Messages leave in the order they came. One that is held keeps everything behind it, in this
direction only. What leaves is either the very bytes that came or frames made here:

- A changed message is one frame, or has the sender's fragment sizes where its length is the same
  and no character would be cut.
- **The one-way door.** With context takeover, sender and receiver share a window of what was said
  (RFC 7692 section 7.2). Once a compressed message was changed or dropped, the receiver's window
  is no longer the sender's: from then on every compressed message is compressed anew, with a
  window of our own. Forwarding the original bytes would give plausible garbage without any error.
- What nobody sent (`inject`) goes out uncompressed, which touches no window, and never in the
  middle of something else.

Compressing happens in the order of sending, so it happens here; inflating in the order of arrival
(`wsproxy.wire.editing`).
"""

import os
from collections import deque

from wsproxy.wire.assembly import Injected, Mode, Through
from wsproxy.wire.compress import Deflater
from wsproxy.wire.encode import encode_frame
from wsproxy.wire.frames import FrameScanner, Opcode
from wsproxy.wire.port import Port
from wsproxy.wire.transit import Decided, Transit

_OVERHEAD = 512
"""Bytes of memory that waiting costs a message besides its own."""


class Outlet:
    """
    What one direction sends.

    Args:
        from_client: which.
        scanner: of what comes in; tells whether a frame that is passed on as it comes is complete.
        port: the connection's.

    Attributes:
        diverged: through the one-way door.
        closed: a Close frame of our own was sent; nothing follows it but raw frames.
    """

    def __init__(self, from_client: bool, scanner: FrameScanner, port: Port) -> None:
        self._from_client = from_client
        self._scanner = scanner
        self._port = port
        self._takeover = port.takeover(from_client)
        self._deflater: Deflater | None = None
        self._queue: deque[Transit | Through | Injected] = deque()
        self._waiting = 0
        """Bytes in the queue."""
        self.diverged = False
        self.closed = False

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def may_diverge(self) -> bool:
        """What is behind in the queue may have to be compressed anew when its turn comes."""
        return self._takeover and (self.diverged or bool(self._queue))

    def is_next(self, item: Transit | Through) -> bool:
        """Nothing is before it."""
        return self._queue[0] is item

    def waiting(self) -> list[tuple[Transit | None, int]]:
        """What was not sent yet, in its order: messages that were offered, and bytes of everything."""
        return [
            (item, len(item.wire))
            if isinstance(item, Transit)
            else (None, len(item.content) if isinstance(item, Injected) else max(item.cost - _OVERHEAD, 0))
            for item in self._queue
        ]

    # In.

    def put(self, item: Transit | Through) -> None:
        """At the end of the queue."""
        self._queue.append(item)
        size = len(item.wire) if isinstance(item, Transit) else sum(map(len, item.raw + item.plain))
        self.waits(item, size + _OVERHEAD)

    def waits(self, item: Transit | Through, size: int) -> None:
        """So many bytes more wait in an item. If that is too much, all that is held is let go."""
        item.cost += size
        self._waiting += size
        if self._waiting > self._port.waiting:
            note = f"more than {self._port.waiting:,} bytes were waiting"
            if count := self.let_go("limit", note):
                self._port.warn(f"{count} held messages were let go: {note}")

    def let_go(self, by: str, note: str) -> int:
        """Nothing is held any more. Returns how many messages were."""
        held = [item for item in self._queue if isinstance(item, Transit) and item.is_held]
        for item in held:
            item.release_all(by, note)
        return len(held)

    def inject(self, item: Injected, behind: bool) -> None:
        """
        Something nobody sent.

        Args:
            item: what.
            behind: all that is in the queue; otherwise before what is held.
        """
        queue = self._queue
        if behind:
            queue.append(item)
            return
        place = 0
        head = queue[0] if queue else None
        # What has begun to be sent comes first; a control frame may go between two of its frames.
        if isinstance(head, Through) and (item.waits_for_message or self._scanner.left):
            place = 1
        while place < len(queue) and isinstance(queue[place], Injected):
            place += 1
        queue.insert(place, item)

    # Out.

    def flush(self, out: list[bytes]) -> None:
        """Move what may leave to `out`."""
        queue = self._queue
        while queue:
            item = queue[0]
            if isinstance(item, Transit):
                if item.is_held:
                    return
                self.send(item, out)
                self._waiting -= item.cost
            elif isinstance(item, Through):
                self._pass_on(item, out)
                if not item.finished:
                    return
                self._waiting -= item.cost
            else:
                self._send_injected(item, out)
            queue.popleft()

    def send(self, transit: Transit, out: list[bytes]) -> None:
        """Do with it what was decided; also for a control frame that does not queue."""
        transit.went()
        held = self._port.clock() - transit.arrived if transit.was_held else 0
        by = transit.by[0] if len(transit.by) == 1 else ", ".join(transit.by)
        action, sent = "pass", b""
        content: bytes | None = None
        if self.closed:
            action, by = "drop", by or "close"
        elif transit.is_dropped:
            action = "drop"
            if transit.compressed:
                self._diverge()
        elif transit.is_changed:
            action = "edit"
            sent, content = self._encoded(transit)
        elif transit.compressed and self.diverged:
            action, by = "recode", by or "compression"
            sent, content = self._encoded(transit)
        if action != "drop":
            out.append(sent or transit.wire)
        if action != "pass" or held or transit.note:
            self._decided(action, by, sent, content, transit, held)

    def abandon(self, note: str) -> None:
        """Nothing can be sent any more; those that waited are on record as not sent."""
        queue, self._queue = self._queue, deque()
        for item in queue:
            if isinstance(item, Transit):
                held = self._port.clock() - item.arrived if item.was_held else 0
                item.note = note
                item.went()
                self._decided("drop", ", ".join(item.by), b"", None, item, held)

    def _pass_on(self, through: Through, out: list[bytes]) -> None:
        if through.mode is Mode.UNDECIDED:
            anew = self.diverged and through.compressed
            through.mode = Mode.CLOSED if self.closed else Mode.ANEW if anew else Mode.RAW
        if through.mode is Mode.RAW:
            out.extend(through.raw)
        elif through.mode is Mode.ANEW:
            self._recode(through, out)
        through.raw.clear()
        through.plain.clear()

    def _recode(self, through: Through, out: list[bytes]) -> None:
        """A message that is not edited, with our own window; in fragments, as it comes."""
        content = b"".join(through.plain)
        if not content and not through.finished:
            return
        payload = self._deflater.part(content, through.finished) if self._deflater else content
        first = not through.recoded
        through.recoded = True
        rsv = 4 if first and self._deflater else 0
        frame = self._frame(through.opcode if first else 0, payload, rsv=rsv, fin=through.finished)
        out.append(frame)
        self._decided("recode", "compression", frame)

    def _send_injected(self, item: Injected, out: list[bytes]) -> None:
        if self.closed and not item.raw:
            return
        sent = item.content if item.raw else self._frame(item.opcode, item.content)
        out.append(sent)
        self._decided("inject", item.by, sent)
        if item.opcode == Opcode.CLOSE and not item.raw:
            self.closed = True

    def _decided(
        self,
        action: str,
        by: str,
        sent: bytes,
        content: bytes | None = None,
        arrived: Transit | None = None,
        held: int = 0,
    ) -> None:
        port = self._port
        port.record(
            Decided(
                port.connection,
                self._from_client,
                port.clock(),
                action,
                by,
                arrived,
                sent,
                content,
                held,
                arrived.note if arrived else "",
                content is not None or (action == "recode" and self._deflater is not None),
            )
        )

    # What the receiver gets.

    def _diverge(self) -> None:
        if self._takeover:
            self.diverged = True
            self._make_deflater()

    def _make_deflater(self) -> None:
        if self._deflater is None and self._port.deflate is not None:
            self._deflater = Deflater.negotiated(self._port.deflate, self._from_client)

    def _encoded(self, transit: Transit) -> tuple[bytes, bytes | None]:
        """The frames of its new content, and that content where they are compressed."""
        content, opcode = transit.content, transit.sent_opcode
        if transit.compressed:
            self._diverge()
            self._make_deflater()
            if self._deflater is not None:
                return self._frame(opcode, self._deflater.message(content), rsv=4), content
            return self._frame(opcode, content), None
        sizes = transit.sizes
        if len(sizes) > 1 and sum(sizes) == len(content) and _cuts_no_character(content, sizes, opcode):
            return self._fragments(opcode, content, sizes), None
        return self._frame(opcode, content), None

    def _fragments(self, opcode: int, content: bytes, sizes: tuple[int, ...]) -> bytes:
        frames = []
        start = 0
        for number, size in enumerate(sizes):
            fin = number == len(sizes) - 1
            frames.append(self._frame(0 if number else opcode, content[start : start + size], fin=fin))
            start += size
        return b"".join(frames)

    def _frame(self, opcode: int, payload: bytes, *, rsv: int = 0, fin: bool = True) -> bytes:
        mask = os.urandom(4) if self._from_client else b""
        return encode_frame(opcode, payload, fin=fin, rsv=rsv, mask=mask)


def _cuts_no_character(content: bytes, sizes: tuple[int, ...], opcode: int) -> bool:
    if opcode != Opcode.TEXT or content.isascii():
        return True
    edge = 0
    for size in sizes[:-1]:
        edge += size
        # A continuation byte of UTF-8 right behind the edge (RFC 3629 section 3).
        if edge < len(content) and content[edge] & 0xC0 == 0x80:
            return False
    return True

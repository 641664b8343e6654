"""Packets that lie in a direction's messages as in a byte stream, without regard to where those end."""

from collections.abc import Callable
from dataclasses import dataclass

from wsproxy.decoders.decoded import Unfit

HELD = 4 << 20
"""Bytes of one packet; of a larger one only the beginning is kept."""
HEAD = 16
"""Bytes, at most, by which a packet is measured."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet, whole unless it was too large."""

    data: bytes
    length: int
    """Of the whole packet, as it says itself."""

    @property
    def whole(self) -> bool:
        """`data` is all of it."""
        return self.length == len(self.data)


class Stream:
    """
    One direction.

    Args:
        measure: the length of the packet that begins with these bytes, up to `HEAD` of them; None if there
            are too few to tell. Raises Unfit if no packet begins so.
        held: bytes of a packet that are kept.
    """

    def __init__(self, measure: Callable[[bytes], int | None], held: int = HELD) -> None:
        self._measure = measure
        self._held = held
        self._kept = bytearray()
        self._length: int | None = None
        self._skipped = 0
        self.lost = False
        """It is not known where a packet begins, because something in between is missing."""

    @property
    def waiting(self) -> int:
        """Bytes of the packet that is not there yet as a whole."""
        return len(self._kept) + self._skipped

    @property
    def length(self) -> int | None:
        """Of that packet, if that is known."""
        return self._length

    @property
    def beginning(self) -> bytes:
        """What there is of that packet."""
        return bytes(self._kept)

    def progress(self, what: str, before: int) -> str:
        """
        How much of the packet is there, in words.

        Args:
            what: the packet's type.
            before: bytes of the same packet that were `waiting` before the message.
        """
        begun = "part" if before else "beginning"
        of = "" if self._length is None else f" of {self._length:,}"
        return f"{begun} of {what}, {self.waiting:,}{of} B so far"

    def feed(self, data: bytes) -> list[Packet]:
        """
        Take the next message.

        Returns:
            The packets that it completes.

        Raises:
            Unfit: it is not known, or no longer known, where a packet begins. The next message that consists
                of whole packets is read again.
        """
        if self.lost:
            again = Stream(self._measure, self._held)
            try:
                found = again.feed(data)
            except Unfit:
                found = []
            if not found or again.waiting:
                raise Unfit("it is not known where a packet begins, as something before is missing")
            self.lost = False
            return found
        try:
            return self._packets(data)
        except Unfit:
            self.lose()
            raise

    def lose(self) -> None:
        """Something is missing."""
        self._forget()
        self.lost = True

    def _packets(self, data: bytes) -> list[Packet]:
        found: list[Packet] = []
        at = 0
        while True:
            if self._length is None:
                head = bytes(self._kept) + data[at : at + HEAD]
                self._length = self._measure(head) if head else None
                if self._length is None:
                    self._kept += data[at : at + HEAD]
                    return found
            piece = data[at : at + self._length - self.waiting]
            at += len(piece)
            kept = piece[: max(self._held - len(self._kept), 0)]
            self._kept += kept
            self._skipped += len(piece) - len(kept)
            if self.waiting < self._length:
                return found
            found.append(Packet(bytes(self._kept), self._length))
            self._forget()

    def _forget(self) -> None:
        self._kept.clear()
        self._length = None
        self._skipped = 0

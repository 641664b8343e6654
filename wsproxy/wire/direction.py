"""
One direction of a relay (`wsproxy.wire.relay`): where its stream is, and who takes part in it.
"""

from dataclasses import dataclass, field

from wsproxy.wire.closing import LONGEST, Close
from wsproxy.wire.editing import Editor
from wsproxy.wire.frames import FIN, FrameScanner, Opcode, Piece, header_mask
from wsproxy.wire.mask import apply_mask
from wsproxy.wire.omission import Omission
from wsproxy.wire.port import Offer


@dataclass(slots=True)
class Direction:
    """What the relay knows of it."""

    scanner: FrameScanner
    close: Close | None = None
    """The first Close frame that went this way."""
    how: str | None = None
    """How this side's TCP stream ended."""
    closing_mask: bytes | None = None
    """The masking key of a Close frame whose payload is still arriving."""
    closing_payload: bytes = b""
    in_message: bool = False
    """A fragmented message is in flight."""
    editor: Editor | None = None
    """In the edit state."""
    offer: Offer | None = None
    """Who wants the messages."""
    injected: list[tuple[int, bytes, str, bool]] = field(default_factory=list)
    """What waits for the end of the message in flight: arguments of `Editor.inject`."""
    untouched: bool = True
    """Nothing has come yet, as far as anybody looked."""
    omission: Omission | None = None
    """Its frames are not recorded."""

    @property
    def is_between(self) -> bool:
        """Between two messages, as far as anything has come."""
        scanner = self.scanner
        return not (scanner.left or scanner.head or self.in_message)

    def until_between(self, data: bytes) -> int | None:
        """How much of what comes next belongs to the message in flight; None: all of it, and more."""
        if self.is_between:
            return 0
        scanner = self.scanner.copy()
        in_message = self.in_message
        seen = -len(scanner.head)
        for header, payload, left in scanner.feed(data):
            if header is not None:
                opcode = header[0] & 0x0F
                if opcode < 3:
                    in_message = not header[0] & FIN and (opcode > 0 or in_message)
                seen += len(header)
            seen += len(payload)
            if not (left or in_message):
                return seen
        return None

    def look_closer(self, pieces: list[Piece]) -> bool:
        """
        Follow fragments, and find the Close frame.

        Returns:
            Whether the first Close frame of this direction ends in these pieces.
        """
        found = False
        for header, payload, left in pieces:
            if header is not None:
                opcode = header[0] & 0x0F
                if opcode < 3:
                    self.in_message = not header[0] & FIN and (opcode > 0 or self.in_message)
                if opcode != Opcode.CLOSE or self.close is not None:
                    continue
                self.closing_mask = header_mask(header)
                self.closing_payload = b""
            elif self.closing_mask is None:
                continue
            # One byte more shows that there was more.
            self.closing_payload += payload[: LONGEST + 1 - len(self.closing_payload)]
            if not left:
                mask = self.closing_mask
                assert mask is not None
                payload = self.closing_payload
                self.close = Close.parse(apply_mask(payload, mask) if mask else payload)
                self.closing_mask = None
                found = True
        return found

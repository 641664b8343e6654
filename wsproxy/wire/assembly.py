"""
What the edit state of a direction (`wsproxy.wire.editing`) puts frames into, and its queue holds.
"""

import enum
from dataclasses import dataclass

from wsproxy.wire.frames import Opcode, header_mask
from wsproxy.wire.mask import apply_mask, rotate_key


class _Unmasker:
    """Takes the mask off the parts of one frame after the other."""

    __slots__ = ("_mask", "_offset", "header")

    def __init__(self, header: bytes) -> None:
        self.header = header
        """Of the first frame."""
        self._mask = b""
        self._offset = 0
        self.begin(header)

    def begin(self, header: bytes) -> None:
        """The next frame."""
        self._mask = header_mask(header)
        self._offset = 0

    def go_on_from(self, other: "_Unmasker") -> None:
        """In the middle of the frame the other one has begun."""
        self._mask, self._offset = other._mask, other._offset

    def _unmasked(self, payload: bytes) -> bytes:
        if not self._mask:
            return payload
        plain = apply_mask(payload, rotate_key(self._mask, self._offset))
        self._offset += len(payload)
        return plain


class Assembly(_Unmasker):
    """A data message that is being put together."""

    __slots__ = ("compressed", "parts", "size", "sizes", "wire")

    def __init__(self, header: bytes, compressed: bool) -> None:
        self.compressed = compressed
        self.wire: list[bytes] = []
        """As it came."""
        self.parts: list[bytes] = []
        """The payload, unmasked."""
        self.sizes: list[int] = []
        """Payload bytes of each frame so far."""
        self.size = 0
        super().__init__(header)

    def begin(self, header: bytes) -> None:
        super().begin(header)
        self.sizes.append(0)

    def add(self, raw: bytes, payload: bytes) -> bytes:
        """
        A part of the frame begun.

        Args:
            raw: with the header, if it is the first part.
            payload: without.

        Returns:
            The payload unmasked.
        """
        plain = self._unmasked(payload)
        self.wire.append(raw)
        self.parts.append(plain)
        self.sizes[-1] += len(payload)
        self.size += len(payload)
        return plain


class Control(_Unmasker):
    """A control frame of legal length."""

    __slots__ = ("_parts", "wire")

    def __init__(self, header: bytes) -> None:
        self.wire: list[bytes] = []
        self._parts: list[bytes] = []
        super().__init__(header)

    @property
    def payload(self) -> bytes:
        """Unmasked, as far as it came."""
        return b"".join(self._parts)

    def add(self, raw: bytes, payload: bytes) -> bytes:
        """As for `Assembly`."""
        plain = self._unmasked(payload)
        self.wire.append(raw)
        self._parts.append(plain)
        return plain


class Mode(enum.Enum):
    """How something that passes is sent; settled when its turn has come."""

    UNDECIDED = enum.auto()
    RAW = enum.auto()
    """The bytes that came."""
    ANEW = enum.auto()
    """Compressed anew, because the receiver's window is no longer the sender's."""
    CLOSED = enum.auto()
    """Not at all: we have closed."""


class Through(_Unmasker):
    """
    A message, or a frame of its own, that passes as it is, in its turn and as it comes.

    Attributes:
        compressed: the inflater follows it.
        raw: what has come and was not sent.
        plain: the same, inflated; kept only where it may have to be compressed anew.
        finished: no more will come.
        mode: how it is sent.
        recoded: a part of it was compressed anew.
        cost: bytes counted as waiting.
    """

    __slots__ = ("compressed", "cost", "finished", "mode", "opcode", "plain", "raw", "recoded")

    def __init__(self, header: bytes, compressed: bool) -> None:
        self.compressed = compressed
        self.opcode = header[0] & 0x0F
        self.raw: list[bytes] = []
        self.plain: list[bytes] = []
        self.finished = False
        self.mode = Mode.UNDECIDED
        self.recoded = False
        self.cost = 0
        super().__init__(header)

    @classmethod
    def of(cls, raw: bytes) -> "Through":
        """Something complete."""
        through = cls(b"\0\0", False)
        through.raw.append(raw)
        through.finished = True
        return through

    def add(self, raw: bytes, payload: bytes) -> bytes:
        """As for `Assembly`."""
        self.raw.append(raw)
        return self._unmasked(payload)


@dataclass(slots=True)
class Injected:
    """What nobody sent."""

    opcode: int
    content: bytes
    by: str
    raw: bool = False
    """`content` are frames, to be sent as they are."""

    @property
    def waits_for_message(self) -> bool:
        """It may not stand between the fragments of a message (RFC 6455 section 5.4)."""
        return self.raw or self.opcode <= Opcode.CLOSE

"""
Compress messages anew (RFC 7692): for those that were changed, and all that follow them.

The stream made here is one of its own. It never refers to anything the peer has received before
it began, so it can begin at any message boundary; and from then on the peer's window holds what
was compressed here, not what the original sender believes it to hold.
"""

import zlib

from wsproxy.wire.deflate import TAIL, DeflateParameters

_LEVEL = 1
"""A proxy is not asked to save bytes, only to speak the same language."""

_SMALLEST_WINDOW = 9
"""zlib cannot make the 8 bits that RFC 7692 allows."""


class Deflater:
    """
    Compress the messages of one direction, in order.

    Args:
        window_bits: the largest window the receiver allows, 9 to 15.
        no_context_takeover: every message starts with an empty window.
    """

    def __init__(self, window_bits: int = 15, no_context_takeover: bool = False) -> None:
        self._bits = window_bits
        self._fresh_each_time = no_context_takeover
        self._zlib = self._fresh()

    @classmethod
    def negotiated(cls, deflate: DeflateParameters, from_client: bool) -> "Deflater | None":
        """
        As the peers agreed for one direction.

        Returns:
            None where the agreed window is smaller than zlib can make: messages then go out
            uncompressed, which is always allowed (section 6).
        """
        bits = deflate.client_max_window_bits if from_client else deflate.server_max_window_bits
        alone = deflate.client_no_context_takeover if from_client else deflate.server_no_context_takeover
        return cls(bits, alone) if bits >= _SMALLEST_WINDOW else None

    def message(self, content: bytes) -> bytes:
        """The payload of a whole message, to be sent with RSV1."""
        return self.part(content, final=True)

    def part(self, content: bytes, final: bool) -> bytes:
        """The payload of the next frame of a message; the first one is to be sent with RSV1."""
        data = self._zlib.compress(content) + self._zlib.flush(zlib.Z_SYNC_FLUSH)
        if not final:
            return data
        if self._fresh_each_time:
            self._zlib = self._fresh()
        # An empty message still needs a byte to say so (section 7.2.3.6).
        return data.removesuffix(TAIL) or b"\x00"

    def _fresh(self) -> "zlib._Compress":
        return zlib.compressobj(_LEVEL, zlib.DEFLATED, -self._bits)

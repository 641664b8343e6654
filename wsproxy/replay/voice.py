"""
Say a recorded message on a new connection: fragments, masks and compression as it had them.

The content may be another than was recorded, so it is compressed anew (`wsproxy.wire.compress`), if this
server agreed to that; else it goes out plain, which is always allowed (RFC 7692 section 6).
"""

from collections.abc import Callable, Sequence

from wsproxy.replay.recorded_message import RecordedMessage
from wsproxy.wire.compress import Deflater
from wsproxy.wire.encode import encode_frame, encode_header
from wsproxy.wire.frames import Piece
from wsproxy.wire.handshake import Handshake
from wsproxy.wire.mask import apply_mask

_RSV1 = 4
_HEADS = {opcode: [bytes((0x80 | opcode, 0x80 | length)) for length in range(126)] for opcode in (1, 2)}
"""Of masked frames: all of their headers but the key, by opcode and length."""


class Voice:
    """
    The client's side of one connection.

    Args:
        handshake: what was agreed on.
        key: makes masking keys.
    """

    def __init__(self, handshake: Handshake, key: Callable[[], bytes]) -> None:
        deflate = handshake.deflate
        self._deflater = Deflater.negotiated(deflate, from_client=True) if deflate else None
        self._key = key

    def frames(
        self, message: RecordedMessage, content: bytes, controls: Sequence[RecordedMessage] = ()
    ) -> tuple[bytes, int]:
        """
        A message on the wire.

        Args:
            message: how it was said.
            content: what to say.
            controls: control frames that stood among its fragments.

        Returns:
            The bytes, and how many frames they are.
        """
        deflater = self._deflater if message.compressed and message.opcode < 3 else None
        if not message.fragments:
            if deflater is None and len(content) < 126:
                # By far the most: what `encode_frame` makes of it, in a third of the time.
                key = self._key()
                return bytes((0x80 | message.opcode, 0x80 | len(content))) + key + apply_mask(content, key), 1
            if deflater:
                payload = deflater.message(content)
                return encode_frame(message.opcode, payload, rsv=_RSV1, mask=self._key()), 1
            return encode_frame(message.opcode, content, mask=self._key()), 1
        out: list[bytes] = []
        pieces = cut(
            [fragment.size for fragment in message.fragments], content, exactly=not message.compressed
        )
        waiting = list(controls)
        for number, piece in enumerate(pieces):
            while waiting and waiting[0].inside <= number:
                control = waiting.pop(0)
                out.append(encode_frame(control.opcode, control.content, mask=self._key()))
            last = number == len(pieces) - 1
            payload = deflater.part(piece, final=last) if deflater else piece
            opcode, rsv = (0, 0) if number else (message.opcode, _RSV1 if deflater else 0)
            out.append(encode_frame(opcode, payload, fin=last, rsv=rsv, mask=self._key()))
        return b"".join(out), len(out)

    def at_once(self, messages: Sequence[RecordedMessage]) -> tuple[bytes, list[Piece]]:
        """
        Messages that came in one frame each, uncompressed.

        Returns:
            The bytes on the wire, and each frame of them.
        """
        key_of = self._key
        out: list[bytes] = []
        pieces: list[Piece] = []
        for message in messages:
            content, opcode, key = message.content, message.opcode, key_of()
            length = len(content)
            if length < 126 and opcode in _HEADS:
                header = _HEADS[opcode][length] + key
            else:
                header = encode_header(opcode, length, mask=key)
            masked = apply_mask(content, key)
            out += header, masked
            pieces.append((header, masked, 0))
        return b"".join(out), pieces


def cut(sizes: Sequence[int], content: bytes, exactly: bool) -> list[bytes]:
    """
    Content in as many pieces as there are sizes.

    Args:
        sizes: of the recorded fragments on the wire.
        content: to be cut.
        exactly: the sizes are those of content; otherwise its pieces are in proportion to them.
    """
    whole = sum(sizes)
    if not exactly or whole != len(content):
        sizes = [size * len(content) // whole if whole else 0 for size in sizes]
    pieces: list[bytes] = []
    at = 0
    for size in sizes[:-1]:
        pieces.append(content[at : at + size])
        at += size
    return [*pieces, content[at:]]

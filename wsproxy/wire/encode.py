"""
Build frames (RFC 6455 section 5.2): for injection, for the demo's server and for tests.

Everything a person may want to send is possible, the illegal included; the defaults are legal.
"""

from wsproxy.wire.frames import FIN, MASK_BIT, Opcode
from wsproxy.wire.mask import apply_mask


def encode_header(
    opcode: int,
    length: int,
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes = b"",
    length_bytes: int | None = None,
) -> bytes:
    """
    The header of one frame.

    Args:
        opcode: 0 to 15.
        length: the payload length to declare, 0 to 2**64 - 1.
        fin: whether the message ends with this frame.
        rsv: the reserved bits, 0 to 7, RSV1 being 4.
        mask: the masking key, four bytes, or none.
        length_bytes: 0, 2 or 8 bytes of extended length; the fewest possible where None.

    Raises:
        ValueError: a value does not fit its field.
    """
    if not 0 <= opcode <= 15 or not 0 <= rsv <= 7 or len(mask) not in (0, 4):
        raise ValueError("opcode has 4 bits, rsv has 3, a masking key has four bytes")
    if length_bytes is None:
        length_bytes = 0 if length < 126 else 2 if length < 1 << 16 else 8
    first = (FIN if fin else 0) | rsv << 4 | opcode
    bit = MASK_BIT if mask else 0
    if length_bytes == 0:
        if not 0 <= length < 126:
            raise ValueError(f"a length of {length} needs 2 or 8 bytes")
        head = bytes((first, bit | length))
    elif length_bytes in (2, 8):
        try:
            head = bytes((first, bit | (126 if length_bytes == 2 else 127))) + length.to_bytes(length_bytes)
        except OverflowError:
            raise ValueError(f"a length of {length} does not fit {length_bytes} bytes") from None
    else:
        raise ValueError("the extended length has 0, 2 or 8 bytes")
    return head + mask


def encode_frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes = b"",
    length_bytes: int | None = None,
) -> bytes:
    """One frame on the wire; `payload` is given unmasked. Arguments as for `encode_header`."""
    length = len(payload)
    if length < 126 and length_bytes is None and 0 <= opcode <= 15 and 0 <= rsv <= 7 and not mask:
        # What servers say most.
        return bytes((fin << 7 | rsv << 4 | opcode, length)) + payload
    header = encode_header(opcode, length, fin=fin, rsv=rsv, mask=mask, length_bytes=length_bytes)
    return header + (apply_mask(payload, mask) if mask else payload)


def close_payload(code: int | None = None, reason: str = "") -> bytes:
    """
    The payload of a Close frame (section 5.5.1).

    Args:
        code: the status code; None for an empty payload.
        reason: UTF-8, at most 123 bytes encoded for a legal frame.

    Raises:
        ValueError: the code does not fit two bytes.
    """
    if code is None:
        return b""
    if not 0 <= code < 1 << 16:
        raise ValueError("a status code has two bytes")
    return code.to_bytes(2, "big") + reason.encode()


def encode_close(code: int | None = None, reason: str = "", *, mask: bytes = b"") -> bytes:
    """
    A Close frame (section 5.5.1).

    Args:
        code: the status code; None for an empty payload.
        reason: UTF-8, at most 123 bytes encoded for a legal frame.
        mask: the masking key, four bytes, or none.

    Raises:
        ValueError: the code does not fit two bytes.
    """
    return encode_frame(Opcode.CLOSE, close_payload(code, reason), mask=mask)

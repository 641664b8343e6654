"""
Masking (RFC 6455 section 5.3): XOR with a key of four bytes, the same in both directions.

The work is done by the C helper of the `websockets` library, with its own Python fallback where
no wheel was built.
"""

from collections.abc import Callable

try:
    from websockets.speedups import apply_mask as _apply_mask
except ImportError:  # pragma: no cover - platforms without a wheel
    from websockets.utils import apply_mask as _apply_mask

apply_mask: Callable[[bytes, bytes], bytes] = _apply_mask
"""`apply_mask(data, key)`: `data` with the four-byte `key` applied from its first byte on."""


def rotate_key(key: bytes, offset: int) -> bytes:
    """
    The key to use for the part of a payload that starts `offset` bytes into it.

    Args:
        key: four bytes, or none for an unmasked frame (returned as it is).
        offset: bytes of the payload before this part, 0 or more.
    """
    turn = offset & 3
    return key[turn:] + key[:turn] if turn else key

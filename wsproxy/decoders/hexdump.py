"""Bytes as a hex dump."""

from collections.abc import Iterator

ROW = 16
"""Bytes in a line."""

_GUTTER = bytes(byte if 0x20 <= byte < 0x7F else ord(".") for byte in range(256))


def hexdump(data: bytes, start: int = 0) -> Iterator[str]:
    """
    Lines of offset, hex and ASCII, as `hexdump -C` has them; harmless to show.

    Args:
        data: may be a part.
        start: its offset in the whole.
    """
    for offset in range(0, len(data), ROW):
        row = data[offset : offset + ROW]
        left, right = row[:8].hex(" "), row[8:].hex(" ")
        yield f"{start + offset:08x}  {left:<23}  {right:<23}  |{row.translate(_GUTTER).decode('ascii')}|"

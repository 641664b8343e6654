"""`/image`: a file in a binary message."""

import struct
import zlib

from wsproxy.demo.echo import Echo

WIDTH, HEIGHT = 160, 100


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def gradient_png(width: int, height: int) -> bytes:
    """
    A picture that runs from blue to orange (PNG, ISO/IEC 15948).

    Args:
        width: pixels, 2 or more.
        height: pixels, 2 or more.
    """
    rows = bytearray()
    for y in range(height):
        rows.append(0)  # no filter on this row
        for x in range(width):
            across, down = x / (width - 1), y / (height - 1)
            rows += bytes(
                (int(40 + 210 * across), int(90 + 80 * down), int(200 - 150 * across * (0.5 + down / 2)))
            )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits of red, green and blue
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(bytes(rows), 9))
        + _chunk(b"IEND", b"")
    )


PICTURE = gradient_png(WIDTH, HEIGHT)


class Image(Echo):
    """Sends the picture, then echoes."""

    async def open(self, *args: str, **kwargs: str) -> None:
        """Called by tornado when the WebSocket is open."""
        await self.send(PICTURE)

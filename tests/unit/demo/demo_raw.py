"""A WebSocket client that shows the bytes as they are."""

import asyncio
import base64
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from wsproxy.wire.frames import Frame


class Raw:
    """A WebSocket whose bytes are seen as they are."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.bytes = b""

    async def frames(self, count: int) -> list[Frame]:
        """The first `count` frames that came."""
        while len(frames := Frame.parse(self.bytes)) < count:
            data = await asyncio.wait_for(self.reader.read(65536), 5)
            assert data, f"the connection ended after {frames}"
            self.bytes += data
        return frames[:count]


@asynccontextmanager
async def open_raw(
    url: str, path: str, tls: ssl.SSLContext | None = None, headers: dict[str, str] | None = None
) -> AsyncIterator[Raw]:
    """Upgrade by hand; `url` is `http://host:port` or `https://host:port`."""
    host, _, port = url.partition("://")[2].rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=tls)
    try:
        fields = {
            "Host": f"{host}:{port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Version": "13",
            **(headers or {}),
        }
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert head.startswith(b"HTTP/1.1 101 "), head
        yield Raw(reader, writer)
    finally:
        writer.close()
        with suppress(OSError):  # some tests end in a reset
            await writer.wait_closed()

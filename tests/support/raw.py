"""
WebSocket peers that do nothing but the handshake: what they send afterwards is up to the test.
"""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from wsproxy.wire.handshake import Head, accept_for

KEY = "dGhlIHNhbXBsZSBub25jZQ=="


_open: list[asyncio.StreamWriter] = []
"""Of clients; a test that fails leaves them to `close_clients`."""


async def close_clients() -> None:
    """Close what tests have left open."""
    while _open:
        await _close(_open.pop())


async def _close(writer: asyncio.StreamWriter) -> None:
    """Close it in order; at once, if that takes too long: what is left to the collector is a failure."""
    writer.close()
    try:
        await asyncio.wait_for(writer.wait_closed(), 5)
    except TimeoutError:
        writer.transport.abort()
    except (OSError, ssl.SSLError):
        pass


@dataclass
class Peer:
    """One end of an upgraded connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    head: bytes
    """What the other side said to upgrade."""

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def receive(self, size: int) -> bytes:
        return await asyncio.wait_for(self.reader.readexactly(size), 30)

    async def receive_all(self, size: int) -> None:
        """Receive `size` bytes and forget them."""
        while size:
            data = await asyncio.wait_for(self.reader.read(min(size, 1 << 20)), 60)
            assert data, f"{size} bytes are missing"
            size -= len(data)

    async def rest(self) -> bytes:
        """Everything until the other side ends."""
        return await asyncio.wait_for(self.reader.read(-1), 30)

    def end(self) -> None:
        """Send no more; go on receiving."""
        self.writer.write_eof()

    def reset(self) -> None:
        """Break the connection."""
        sock = self.writer.get_extra_info("socket")
        if sock is not None:  # not gone already
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def close(self) -> None:
        await _close(self.writer)


class Origin:
    """
    A server that accepts every upgrade.

    Args:
        extra: response header lines, each with CRLF.
        first: bytes sent in one piece with the response head.
        response: sent instead of a 101, if given.
    """

    def __init__(self, extra: bytes = b"", first: bytes = b"", response: bytes | None = None) -> None:
        self.extra = extra
        self.first = first
        self.response = response
        self.port = 0
        self.peers: asyncio.Queue[Peer] = asyncio.Queue()
        self._writers: list[asyncio.StreamWriter] = []

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                request = Head.parse(head)
                if "websocket" in request.tokens("Upgrade"):
                    break
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain")
        except (asyncio.IncompleteReadError, OSError):
            writer.close()
            return
        if self.response is not None:
            writer.write(self.response)
            writer.close()
            return
        accept = accept_for(request.get("Sec-WebSocket-Key")).encode()
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n" + self.extra + b"\r\n" + self.first
        )
        self.peers.put_nowait(Peer(reader, writer, head))

    async def peer(self) -> Peer:
        return await asyncio.wait_for(self.peers.get(), 30)

    async def close(self) -> None:
        for writer in self._writers:
            await _close(writer)


@asynccontextmanager
async def origin(
    extra: bytes = b"",
    first: bytes = b"",
    response: bytes | None = None,
    tls: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
) -> AsyncIterator[Origin]:
    """An `Origin` that listens for the time of the block."""
    server_side = Origin(extra, first, response)
    server = await asyncio.start_server(server_side._serve, host, 0, ssl=tls, limit=1 << 20)
    server_side.port = server.sockets[0].getsockname()[1]
    try:
        yield server_side
    finally:
        server.close()
        await server_side.close()


async def connect(
    proxy_port: int,
    host: str,
    port: int,
    *,
    how: str = "connect",
    tls: ssl.SSLContext | None = None,
    extra: bytes = b"",
    first: bytes = b"",
    path: str = "/",
    expect: int = 101,
) -> Peer:
    """
    Upgrade through the proxy.

    Args:
        how: `connect`, `absolute` (the proxy form of a request), `reverse` or `socks5`.
        tls: speak TLS with the origin, or in reverse mode with the proxy.
        extra: request header lines, each with CRLF.
        first: bytes sent in one piece with the request head.
        expect: the status wanted.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy_port, limit=1 << 20)
    _open.append(writer)
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if how == "connect":
        writer.write(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        assert b" 200 " in answer.split(b"\r\n")[0], answer
    elif how == "socks5":
        writer.write(b"\x05\x01\x00")
        assert await reader.readexactly(2) == b"\x05\x00"
        packed = socket.inet_aton(host)
        writer.write(b"\x05\x01\x00\x01" + packed + port.to_bytes(2, "big"))
        assert (await reader.readexactly(10))[1] == 0
    if tls is not None:
        await writer.start_tls(tls, server_hostname=host)
    target = f"http://{authority}{path}" if how == "absolute" else path
    writer.write(
        f"GET {target} HTTP/1.1\r\nHost: {authority}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n".encode()
        + extra + b"\r\n" + first
    )  # fmt: skip
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
    assert Head.parse(head).status == expect, head
    return Peer(reader, writer, head)

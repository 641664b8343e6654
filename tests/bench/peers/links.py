"""
The client's ends of WebSockets, through a proxy or straight to the origin.
"""

import asyncio
import base64
import os
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from tests.bench.peers.frames import MASK, Block, FrameCounter
from tests.bench.peers.sending import Sending
from wsproxy.wire.encode import encode_close, encode_frame
from wsproxy.wire.frames import Opcode

TIMEOUT = 60.0
"""Seconds for one connection."""


@dataclass(frozen=True)
class Door:
    """How to get to the origin."""

    port: int
    """To connect to, on 127.0.0.1: a proxy's, or the origin's own."""
    origin: int
    """The origin's port."""
    tls: bool
    tunnel: bool
    """Whether to ask for the origin with CONNECT."""

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self.origin}"


class Link(asyncio.Protocol):
    """
    One WebSocket. Made by `connect()`.

    Attributes:
        received: messages so far.
        deflate: whether the other side agreed to compress.
        on_messages: called with the number of messages of each read.
    """

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.received = 0
        self.deflate = False
        self.on_messages: Callable[[int], None] | None = None
        self._counter = FrameCounter()
        self._head: bytes | None = b""
        self._opened: asyncio.Future[None] = loop.create_future()
        self._lost: asyncio.Future[None] = loop.create_future()
        self._wanted = 0
        self._waiter: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's own class, which no standard one is a base of.
        self.transport = cast(asyncio.Transport, transport)
        self._sending = Sending(self.transport)

    def data_received(self, data: bytes) -> None:
        if self._head is not None:
            self._head += data
            if b"\r\n\r\n" not in self._head:
                return
            head, _, data = self._head.partition(b"\r\n\r\n")
            self._head = None
            if b" 101 " not in head[:16]:
                self._opened.set_exception(ConnectionError(f"no upgrade: {head[:200]!r}"))
                return
            self.deflate = b"permessage-deflate" in head.lower()
            self._opened.set_result(None)
        count = self._counter.feed(data)
        if count:
            self.received += count
            if self.on_messages:
                self.on_messages(count)
            if self._waiter and self.received >= self._wanted and not self._waiter.done():
                self._waiter.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        error = ConnectionError(f"connection lost: {exc}")
        for waiting in (self._opened, self._waiter):
            if waiting and not waiting.done():
                waiting.set_exception(error)
        if not self._lost.done():
            self._lost.set_result(None)

    def pause_writing(self) -> None:
        self._sending.pause()

    def resume_writing(self) -> None:
        self._sending.resume()

    def send(self, frame: bytes) -> None:
        """Send a frame made beforehand."""
        self.transport.write(frame)

    def say(self, command: str) -> None:
        """Send the origin a command."""
        self.transport.write(encode_frame(Opcode.TEXT, command.encode(), mask=MASK))

    def messages(self, count: int) -> "asyncio.Future[None]":
        """Done when `count` more messages than now have come."""
        self._wanted = self.received + count
        self._waiter = asyncio.get_running_loop().create_future()
        return self._waiter

    async def upload(self, block: Block, count: int) -> None:
        """Send `count` messages and return when the origin has them all."""
        said = self.messages(1)
        self.say(f"expect {count}")
        await said
        said = self.messages(1)
        self._sending.start(block, count)
        await said

    async def download(self, count: int) -> None:
        """Return when the origin has pushed `count` messages."""
        said = self.messages(count)
        self.say(f"push {count}")
        await said

    async def close(self) -> None:
        """Closing handshake; then the connection is gone."""
        self.transport.write(encode_close(1000, mask=MASK))
        await self._lost

    async def upgraded(self, door: Door, path: str, deflate: bool) -> None:
        """Ask for the upgrade and wait for it."""
        extension = "Sec-WebSocket-Extensions: permessage-deflate\r\n" if deflate else ""
        key = base64.b64encode(os.urandom(16)).decode()
        self.transport.write(
            (
                f"GET {path} HTTP/1.1\r\nHost: {door.authority}\r\nUpgrade: websocket\r\n"
                f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
                f"{extension}\r\n"
            ).encode()
        )
        await self._opened


_secure = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_secure.check_hostname = False
_secure.verify_mode = ssl.CERT_NONE
"""Every intercepting proxy has its own authority; trust is not what is measured."""


async def stream(door: Door, protocol: asyncio.Protocol, tunnel: bool | None = None) -> None:
    """
    Connect a protocol with the origin.

    Args:
        door: which way.
        protocol: to be connected.
        tunnel: whether to use CONNECT, if not as the door says.
    """
    loop = asyncio.get_running_loop()
    sock = socket.socket()
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        await loop.sock_connect(sock, ("127.0.0.1", door.port))
        if door.tunnel if tunnel is None else tunnel:
            request = f"CONNECT {door.authority} HTTP/1.1\r\nHost: {door.authority}\r\n\r\n"
            await loop.sock_sendall(sock, request.encode())
            answer = b""
            while not answer.endswith(b"\r\n\r\n"):
                data = await loop.sock_recv(sock, 4096)
                if not data:
                    raise ConnectionError(f"CONNECT: {answer[:200]!r}")
                answer += data
            if b" 200 " not in answer[:16]:
                raise ConnectionError(f"CONNECT: {answer[:200]!r}")
        await loop.create_connection(
            lambda: protocol,
            sock=sock,
            ssl=_secure if door.tls else None,
            server_hostname="127.0.0.1" if door.tls else None,
        )
    except BaseException:
        sock.close()
        raise


async def connect(door: Door, path: str, deflate: bool = False) -> Link:
    """An open WebSocket."""
    link = Link()
    async with asyncio.timeout(TIMEOUT):
        await stream(door, link)
        await link.upgraded(door, path, deflate)
    return link


async def connect_many(door: Door, path: str, count: int, at_once: int = 16) -> list[Link]:
    """Open WebSockets, up to `at_once` handshakes at a time."""
    gate = asyncio.Semaphore(at_once)

    async def one() -> Link:
        async with gate:
            return await connect(door, path)

    return list(await asyncio.gather(*(one() for _ in range(count))))

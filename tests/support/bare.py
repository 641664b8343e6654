"""
Peers below `asyncio`'s idea of a connection: TLS records, closing alerts, FINs and resets are sent
one by one, when the test says so.
"""

import asyncio
import contextlib
import fcntl
import socket
import ssl
import struct
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.support import tls
from tests.support.raw import KEY
from wsproxy.wire.handshake import Head, accept_for

_READ = 1 << 16
_open: list["Bare"] = []

NARROW = 8192
"""Bytes of a socket's buffer of which the system uses little more than that."""


class Bare:
    """
    One end of a TCP connection, with TLS after `start_tls`.

    Attributes:
        head: what the other side said to upgrade.
        ended: how the other side ended: `fin`, or `alert` for TLS's closing alert; None before.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.head = b""
        self.ended: str | None = None
        self._got = bytearray()
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.tls: ssl.SSLObject | None = None
        _open.append(self)

    async def start_tls(self, context: ssl.SSLContext, hostname: str | None = None) -> None:
        """Do the handshake; a server's if there is no `hostname`."""
        self.tls = context.wrap_bio(
            self._incoming, self._outgoing, server_side=hostname is None, server_hostname=hostname
        )
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.flush()
                data = await asyncio.wait_for(self.reader.read(_READ), 20)
                assert data, "ended in the TLS handshake"
                self._incoming.write(data)
            finally:
                self.flush()
        self.flush()

    def sealed(self, data: bytes) -> bytes:
        """What goes over the wire for `data`; the test has to send it with `send_raw`."""
        if self.tls is None:
            return data
        self.tls.write(data)
        return self._outgoing.read()

    def said_by_tls(self) -> bytes:
        """What TLS has to say besides data, to be sent with `send_raw`."""
        assert self.tls is not None
        # Python's way to let it.
        self.tls.do_handshake()
        return self._outgoing.read()

    async def send(self, data: bytes) -> None:
        await self.send_raw(self.sealed(data) if data else b"")

    async def send_raw(self, data: bytes) -> None:
        """Past TLS."""
        self.writer.write(data)
        await self.writer.drain()

    def flush(self) -> None:
        """Send what TLS has to say."""
        if data := self._outgoing.read():
            self.writer.write(data)

    async def receive(self, size: int) -> bytes:
        """Exactly `size` bytes."""
        while len(self._got) < size:
            assert await self._more(), f"ended with {self.ended} after {len(self._got)} of {size} bytes"
        return self._take(size)

    async def receive_until(self, mark: bytes) -> bytes:
        while mark not in self._got:
            assert await self._more(), bytes(self._got)
        return self._take(self._got.index(mark) + len(mark))

    async def rest(self) -> bytes:
        """Everything until the other side ends; `ended` says how."""
        while await self._more():
            pass
        return self._take(len(self._got))

    def _take(self, size: int) -> bytes:
        found = bytes(self._got[:size])
        del self._got[:size]
        return found

    async def _more(self) -> bool:
        while self.ended is None:
            if self.tls is not None:
                try:
                    data = self.tls.read(_READ)
                except ssl.SSLWantReadError:
                    pass
                except ssl.SSLZeroReturnError:
                    self.ended = "alert"
                    continue
                except ssl.SSLEOFError:
                    self.ended = "fin"
                    continue
                else:
                    self._got += data
                    if not data:
                        self.ended = "alert"
                    return bool(data)
            data = await self._read()
            if self.tls is not None:
                self._incoming.write(data) if data else self._incoming.write_eof()
            elif data:
                self._got += data
                return True
            else:
                self.ended = "fin"
        return False

    async def _read(self) -> bytes:
        inside: Any = self.reader
        if self.reader.exception() and inside._buffer:
            # asyncio forgets what has come before an error.
            data = bytes(inside._buffer)
            inside._buffer.clear()
            return data
        return await asyncio.wait_for(self.reader.read(_READ), 30)

    def alert(self) -> None:
        """TLS's closing alert, and no FIN."""
        assert self.tls is not None
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        self.flush()

    def fatal_alert(self) -> None:
        """What TLS says when it was sent nonsense."""
        assert self.tls is not None
        self._incoming.write(b"\x17\x03\x03\x00\x20" + bytes(32))
        try:
            self.tls.read(1)
        except ssl.SSLWantReadError:
            raise AssertionError("TLS took it") from None
        except ssl.SSLError:
            self.flush()

    def fin(self) -> None:
        """End TCP in this direction."""
        self.writer.write_eof()

    def end(self) -> None:
        """Send no more, in order; go on receiving."""
        if self.tls is not None:
            self.alert()
        self.fin()

    def reset(self) -> None:
        """Break the connection."""
        if self.writer.is_closing():
            return
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    @property
    def has_arrived(self) -> bool:
        """All that was sent is in the other side's system, at least."""
        return not self.writer.transport.get_write_buffer_size() and not _unacknowledged(self._socket)

    @property
    def is_broken(self) -> bool:
        """As `is_broken`."""
        return is_broken(self.writer.transport)

    @property
    def _socket(self) -> Any:
        return self.writer.get_extra_info("socket")

    async def close(self) -> None:
        """Let go of it."""
        self.writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.wait_for(self.writer.wait_closed(), 5)


def _unacknowledged(sock: Any) -> int:
    """Bytes."""
    found = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4))
    return int.from_bytes(found, sys.byteorder)


def is_broken(transport: asyncio.BaseTransport) -> bool:
    """The system knows that the connection is no more; whoever uses it will be told in due course."""
    state: int = transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return state == 7


def narrow(transport: asyncio.Transport) -> None:
    """Let the system hold little of what is sent by `transport`: what it does not take stays in there."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, NARROW)


async def close_all() -> None:
    """Close what tests have left open."""
    while _open:
        peer = _open.pop()
        peer.writer.transport.abort()
        await peer.close()


class BareOrigin:
    """
    A server that accepts every upgrade.

    Args:
        context: for TLS.
        first: sent in one piece with the response head.
        proxied: be the upstream proxy before it as well, and wait for its CONNECT.
    """

    def __init__(self, context: ssl.SSLContext | None, first: bytes, proxied: bool) -> None:
        self._context = context
        self._first = first
        self._proxied = proxied
        self._peers: asyncio.Queue[Bare] = asyncio.Queue()
        self.server: asyncio.Server
        self.port = 0

    def narrow(self) -> None:
        """Let the system hold little of what its peers have not read yet: theirs that are still to come."""
        for sock in self.server.sockets:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Bare(reader, writer)
        if self._proxied:
            assert (await peer.receive_until(b"\r\n\r\n")).startswith(b"CONNECT ")
            await peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        if self._context is not None:
            await peer.start_tls(self._context)
        peer.head = await peer.receive_until(b"\r\n\r\n")
        accept = accept_for(Head.parse(peer.head).get("Sec-WebSocket-Key")).encode()
        # Not waited for: `first` may be more than the client is willing to read.
        peer.writer.write(
            peer.sealed(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + self._first
            )
        )
        self._peers.put_nowait(peer)

    async def peer(self) -> Bare:
        return await asyncio.wait_for(self._peers.get(), 20)


@asynccontextmanager
async def bare_origin(
    context: ssl.SSLContext | None = None, first: bytes = b"", proxied: bool = False
) -> AsyncIterator[BareOrigin]:
    """A `BareOrigin` that listens for the time of the block."""
    origin = BareOrigin(context, first, proxied)
    server = await asyncio.start_server(origin.serve, "127.0.0.1", 0)
    origin.server = server
    origin.port = server.sockets[0].getsockname()[1]
    try:
        yield origin
    finally:
        server.close()


async def bare_connect(
    proxy_port: int,
    port: int,
    context: ssl.SSLContext | None = None,
    first: bytes = b"",
    way: str = "regular",
    narrow: bool = False,
) -> Bare:
    """
    Upgrade through a proxy, to a server on `port` of this machine.

    Args:
        context: for TLS with the server; in `reverse` mode with the proxy.
        first: sent in one piece with the request head.
        way: the proxy's mode. `regular` and `upstream` are asked for a tunnel by CONNECT.
        narrow: let the system hold little of what has not been read yet.
    """
    sock = socket.socket()
    if narrow:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", proxy_port))
    peer = Bare(*await asyncio.open_connection(sock=sock))
    authority = f"127.0.0.1:{port}"
    if way == "socks5":
        # RFC 1928: no authentication; CONNECT, an IPv4 address, a port.
        await peer.send(b"\x05\x01\x00")
        assert await peer.receive(2) == b"\x05\x00"
        await peer.send(b"\x05\x01\x00\x01" + socket.inet_aton("127.0.0.1") + port.to_bytes(2, "big"))
        assert (await peer.receive(10))[1] == 0
    elif way != "reverse":
        await peer.send(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
        answer = await peer.receive_until(b"\r\n\r\n")
        assert b" 200 " in answer, answer
    if context is not None:
        await peer.start_tls(context, "127.0.0.1")
    await peer.send(upgrade_request(authority) + first)
    peer.head = await peer.receive_until(b"\r\n\r\n")
    assert Head.parse(peer.head).status == 101, peer.head
    return peer


def upgrade_request(authority: str, target: str = "/") -> bytes:
    """The head of a client that wants a WebSocket."""
    return (
        f"GET {target} HTTP/1.1\r\nHost: {authority}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def server_context(
    minimum: ssl.TLSVersion | None = None, maximum: ssl.TLSVersion | None = None
) -> ssl.SSLContext:
    """As `tls.server_context()`, which is shared, with bounds on the version."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.test_ca().issue_cert("127.0.0.1").configure_cert(context)
    if minimum is not None:
        context.minimum_version = minimum
    if maximum is not None:
        context.maximum_version = maximum
    return context

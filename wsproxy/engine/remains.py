"""
What is still on its way when a connection breaks, towards us and towards the peer.

An error ends a transport of asyncio's at once: what the system has received and nobody has read is
forgotten, and so is what a `StreamReader` holds. A reset likewise takes back what the peer's system
has not confirmed. Between two peers that would be the last message, the one that tells why: it is read,
and sent, before the error is handed on.
"""

import asyncio
import contextlib
import socket
import struct
import sys
from collections.abc import Iterator
from typing import Any

FLUSH_TIMEOUT = 5.0
"""Seconds a reset waits for data that was sent before it to arrive."""
_BETWEEN = 0.005
"""Seconds between two looks at what has not arrived."""

_READ = 65536


def unread(transport: asyncio.WriteTransport) -> Iterator[bytes]:
    """
    What has been received on a broken connection and was not read: at most what the system buffers.

    To be called in `connection_lost`, while the transport still has its socket.
    """
    with contextlib.suppress(OSError), _another(transport) as sock:
        while data := sock.recv(_READ):
            yield data


def read_before_error(reader: asyncio.StreamReader, transport: asyncio.WriteTransport) -> None:
    """
    Let `reader` hand out what came before an error before it raises it.

    Args:
        reader: mitmproxy's.
        transport: of the same connection; its protocol still that of `reader`.
    """
    inside: Any = reader
    protocol: Any = transport.get_protocol()
    read, connection_lost = reader.read, protocol.connection_lost

    async def read_rest(n: int = -1) -> bytes:
        if reader.exception() is None or not (inside._buffer or inside._eof):
            return await read(n)
        data = bytes(inside._buffer[:n])
        del inside._buffer[: len(data)]
        return data

    def lost(exc: Exception | None) -> None:
        if exc is not None and not inside._eof:
            for data in unread(transport):
                reader.feed_data(data)
            if isinstance(exc, BrokenPipeError):
                # Not ECONNRESET: the peer had ended in order before it broke.
                reader.feed_eof()
        connection_lost(exc)

    reader.read = read_rest  # type: ignore[method-assign]
    protocol.connection_lost = lost


def reset(transport: asyncio.WriteTransport, lost: "asyncio.Future[None]", ended: bool) -> None:
    """
    Break a connection: the peer gets a reset, after what was sent before.

    A peer that does not take that cannot hold the reset up for longer than `FLUSH_TIMEOUT`. The
    transport may be closed meanwhile.

    Args:
        lost: done when the transport has lost its connection.
        ended: our own end was sent, and comes before the reset as well.
    """
    _Reset(transport, lost, ended).look()


def stop() -> None:
    """The proxy stops: what waits to be reset is reset now."""
    for waiting in list(_waiting):
        waiting.finish()


class _Reset:
    def __init__(self, transport: asyncio.WriteTransport, lost: "asyncio.Future[None]", ended: bool) -> None:
        self._transport = transport
        self._lost = lost
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + FLUSH_TIMEOUT
        self._timer: asyncio.TimerHandle | None = None
        self._sock: socket.socket | None = None
        with contextlib.suppress(OSError):
            # With this the connection stays when the transport closes its own.
            self._sock = _another(transport)

    def look(self) -> None:
        """Break it if everything has arrived, or look again soon."""
        if self._is_waiting() and self._loop.time() < self._deadline:
            _waiting.add(self)
            self._timer = self._loop.call_later(_BETWEEN, self.look)
        else:
            self.finish()

    def finish(self) -> None:
        """Break it."""
        _waiting.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        sock = self._sock
        if sock is not None:
            # From here on the last to close the connection resets it.
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(_LINGER, 1, 0))
            sock.close()
        if not self._lost.done():
            # asyncio does not let anyone abort what is closed.
            self._transport.abort()

    def _is_waiting(self) -> bool:
        sock = self._sock
        if sock is None or (self._lost.done() and (self._lost.cancelled() or self._lost.exception())):
            return False
        if not self._lost.done() and self._transport.get_write_buffer_size():
            return True
        with contextlib.suppress(OSError):
            if self._ended:
                # The transport does so too, unless it is closed first.
                sock.shutdown(socket.SHUT_WR)
                self._ended = False
            return _unconfirmed(sock) > 0
        return False


_waiting: set[_Reset] = set()

_LINGER = "hh" if sys.platform == "win32" else "ii"


def _another(transport: asyncio.WriteTransport) -> socket.socket:
    """The transport's socket, to be used and closed independently of it."""
    own = transport.get_extra_info("socket")
    found = socket.fromfd(own.fileno(), own.family, own.type)
    found.setblocking(False)
    return found


def _unconfirmed(sock: socket.socket) -> int:
    """Bytes that were sent and may not have arrived, our end counted as one; 0 where nobody says."""
    if sys.platform != "linux":
        return 0
    import fcntl
    import termios

    return int.from_bytes(fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder)

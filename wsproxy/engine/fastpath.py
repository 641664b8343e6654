"""
The fast path: after the upgrade, bytes go from socket to socket without passing through mitmproxy.

The layer carries a frame through a task, a lock and a dozen generators. None of that is needed
once both sides have switched protocols. So the two transports are given protocols of our own
(`transport.set_protocol`), which drive the same `Relay` as the layer does: read, decrypt if need
be, encrypt if need be, write, and only then look.

Conditions, for both sides:
- a plain TCP transport of asyncio or uvloop, with at most one TLS layer on it. An upstream
  proxy's tunnel in between is fine: once open it is only bytes. QUIC, TLS inside TLS and whatever
  else there is stays on the layer, which treats frames just the same;
- open in both directions: where one has ended, the layer sees the connection through;
- quiet: no byte waits in mitmproxy's buffers and its tasks wait for the sockets. To get there on
  a busy connection both sockets are not read for a moment. If that takes too long, reading goes
  on, the layer carries the bytes, and it is tried again later.
Where taking over fails all the same, the connection goes on on the layer.

Ends are not handled here. A FIN, a reset or a TLS closing alert is passed to mitmproxy's own
reader, and the layer ends the connection as it always does. A TLS error it is told of by its
`Side`, since mitmproxy's layers would ignore it.

Back-pressure: a receiver that does not take its bytes stops the reading of the sender, of that
direction alone. A full recorder stops both.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from mitmproxy.proxy import events
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers.tls import TLSLayer
from mitmproxy.proxy.server import ConnectionHandler
from OpenSSL import SSL

from wsproxy.engine.conversation import Conversation, Shell
from wsproxy.engine.remains import unread
from wsproxy.engine.sides import Side
from wsproxy.engine.sockets import Sockets
from wsproxy.wire.relay import Relay

_TRIES = 20
"""How often quiet is looked for before the sockets are read again."""
_BETWEEN = 0.001
"""Seconds between two tries."""
_LATER = (0.05, 0.5, 5.0)
"""Seconds until it is tried again, each time; after the last one the layer keeps the connection."""

_READ = 65536

_BY_RECEIVER = 1
_BY_RECORDER = 2
_BY_HANDSHAKE = 4

_tasks: set[asyncio.Task[None]] = set()

_log = logging.getLogger(__name__)


class FastPath:
    """
    Take one connection over, as soon as that can be done.

    Args:
        handler: mitmproxy's, which owns the sockets.
        layers: those of the connection; none may be waiting for an answer.
        client, server: the two sides.
        conversation: whose bytes.
        sockets: for the recorder.
    """

    def __init__(
        self,
        handler: ConnectionHandler,
        layers: list[Layer],
        client: Side,
        server: Side,
        conversation: Conversation,
        sockets: Sockets,
    ) -> None:
        self._handler = handler
        self._layers = layers
        self._sides = (client, server)
        self._conversation = conversation
        self._sockets = sockets
        self._loop = asyncio.get_running_loop()
        self._tries = 0
        self._rounds = 0
        self._paused: list[Any] = []
        """Transports that are not read on our account; mitmproxy's readers may have paused others."""

    def start(self) -> None:
        """Begin to try."""
        if all(_is_possible(side) for side in self._sides):
            self._try()

    def _try(self) -> None:
        if not all(_is_possible(side) for side in self._sides):
            self._resume()
            return
        if self._is_quiet():
            self._take_over()
            self._resume()
            return
        self._tries += 1
        if self._tries <= _TRIES:
            self._pause()
            self._loop.call_later(_BETWEEN, self._try)
            return
        self._resume()
        if self._rounds < len(_LATER):
            self._loop.call_later(_LATER[self._rounds], self._try)
            self._rounds += 1
            self._tries = 0

    def _pause(self) -> None:
        for transport in map(_transport, self._sides):
            if transport.is_reading():
                transport.pause_reading()
                self._paused.append(transport)

    def _resume(self) -> None:
        for transport in self._paused:
            if not transport.is_closing():
                transport.resume_reading()
        self._paused.clear()

    def _is_quiet(self) -> bool:
        if self._handler._server_event_lock.locked():
            return False
        if any(layer._paused is not None for layer in self._layers):
            return False
        if not self._conversation.shell.is_idle:
            return False
        for side in self._sides:
            reader: Any = self._handler.transports[side.socket_conn].reader
            waiter = reader._waiter
            if reader._buffer or waiter is None or waiter.done() or reader.at_eof():
                return False
            if reader.exception() is not None or _transport(side).get_write_buffer_size():
                return False
        return True

    def _take_over(self) -> None:
        conversation = self._conversation
        former = [(transport, transport.get_protocol()) for transport in map(_transport, self._sides)]
        try:
            ends = [
                (_Tls if side.tls else _Plain)(
                    self._handler, side, from_client, conversation.relay, self._sockets
                )
                for side, from_client in zip(self._sides, (True, False), strict=True)
            ]
            ends[0].connect(ends[1])
            ends[1].connect(ends[0])
            for end in ends:
                end.transport.set_protocol(end)
            conversation.shell = _Shell(ends, conversation.shell)
            self._sockets.fast.add(conversation.id)
        except Exception as e:
            # Nothing was read in between: the layer goes on where it was.
            for transport, protocol in former:
                transport.set_protocol(protocol)
            _log.warning("a connection goes on without the fast path, which cannot take it over: %r", e)


class _Shell:
    """
    The shell of a conversation on the fast path.

    Args:
        ends: the client's and the server's.
        layer: the shell before; ends are still its business.
    """

    def __init__(self, ends: "list[_Plain]", layer: Shell) -> None:
        self._ends = ends
        self._layer = layer
        self.is_idle = True
        self.cut = layer.cut
        self.drained = layer.drained

    def write(self, from_client: bool, data: bytes) -> None:
        """Send what goes the way of one side's messages, and does not answer a read."""
        self._ends[not from_client].put(data)


def _is_possible(side: Side) -> bool:
    if len(side.tls) > 1 or not side.is_open:
        return False
    return isinstance(side.writer, asyncio.StreamWriter) and hasattr(_transport(side), "set_protocol")


def _transport(side: Side) -> Any:
    assert side.writer is not None
    return side.writer.transport


def _nowhere(data: bytes) -> None:
    """Where the bytes for a broken connection go."""


class _Plain(asyncio.Protocol):
    """One side without TLS: what is read from it, and what is written to it."""

    def __init__(
        self, handler: ConnectionHandler, side: Side, from_client: bool, relay: Relay, sockets: Sockets
    ) -> None:
        self.transport: Any = _transport(side)
        self._former: Any = self.transport.get_protocol()
        """mitmproxy's; told of the end."""
        self._handler = handler
        self._side = side
        self._from_client = from_client
        self._receive = relay.receive
        self._record = relay.record
        self._sockets = sockets
        self._recorder = sockets.recorder
        self._paused = 0

    def connect(self, other: "_Plain") -> None:
        """What is read here is written there."""
        self._other = other
        self._send: Callable[[bytes], None] = other.sender()

    def sender(self) -> Callable[[bytes], None]:
        """What writes to this side."""
        write: Callable[[bytes], None] = self.transport.write
        return write

    def put(self, data: bytes) -> None:
        """Send to the other side what does not answer a read from this one."""
        if not self._other.transport.is_closing():
            self._send(data)

    def data_received(self, data: bytes) -> None:
        if out := self._receive(self._from_client, data):
            self._send(out)
        self._record(self._from_client, data, time.time_ns())
        if self._recorder.full:
            self._wait_for_recorder()

    def eof_received(self) -> bool:
        self._former.eof_received()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            for data in unread(self.transport):
                self.data_received(data)
        # The other side may be read once more before it hears of this; uvloop does not let anyone
        # write to what is closed.
        self._other._send = _nowhere
        self._former.connection_lost(exc)

    def pause_writing(self) -> None:
        self._other.pause(_BY_RECEIVER)

    def resume_writing(self) -> None:
        self._other.resume(_BY_RECEIVER)

    def pause(self, reason: int) -> None:
        """Stop reading from this side, for one of three reasons."""
        if not self._paused and not self.transport.is_closing():
            self.transport.pause_reading()
        self._paused |= reason

    def resume(self, reason: int) -> None:
        """That reason is gone."""
        if self._paused:
            self._paused &= ~reason
            if not self._paused and not self.transport.is_closing():
                self.transport.resume_reading()

    def _wait_for_recorder(self) -> None:
        self.pause(_BY_RECORDER)
        self._other.pause(_BY_RECORDER)
        self._sockets.when_room(self._recorder_has_room)

    def _recorder_has_room(self) -> None:
        self.resume(_BY_RECORDER)
        self._other.resume(_BY_RECORDER)


class _Tls(_Plain):
    """
    One side with TLS, by the OpenSSL object mitmproxy has made the handshake with.

    pyOpenSSL makes a new buffer for every read and raises an exception for "nothing more to read",
    at several microseconds each. So reading goes to the library itself, into one buffer.
    """

    def __init__(
        self, handler: ConnectionHandler, side: Side, from_client: bool, relay: Relay, sockets: Sockets
    ) -> None:
        super().__init__(handler, side, from_client, relay, sockets)
        layer: TLSLayer = side.tls[0]
        self._tls: Any = layer.tls
        self._ssl = self._tls._ssl
        self._outgoing = self._tls._from_ssl
        self._ended = False
        self._unsent: list[bytes] = []
        """What waits for the end of a renegotiation."""

    def sender(self) -> Callable[[bytes], None]:
        return self.send

    def send(self, data: bytes) -> None:
        if self._unsent:
            self._unsent.append(data)
            return
        try:
            self._tls.sendall(data)
        except SSL.WantReadError:
            # TLS 1.2: the peer wants a new handshake first (RFC 5246 section 7.4.1.1).
            self._unsent.append(data)
            self._other.pause(_BY_HANDSHAKE)
        except SSL.Error:
            # This side has ended TLS and will hear no more; its end is on the way to the layer.
            return
        self._flush()

    def _send_again(self) -> None:
        unsent, self._unsent = self._unsent, []
        for data in unsent:
            self.send(data)
        if not self._unsent:
            self._other.resume(_BY_HANDSHAKE)

    def data_received(self, data: bytes) -> None:
        if self._ended:
            # Nobody will read what comes behind the end of TLS.
            return
        self._tls.bio_write(data)
        parts: list[bytes] = []
        while (size := _lib.SSL_read(self._ssl, _buffer, _READ)) > 0:
            parts.append(_ffi.buffer(_buffer, size)[:])
        error = _lib.SSL_get_error(self._ssl, size)
        # The answer to a renegotiation, for one.
        if self._side.is_writable:
            self._flush()
        if self._unsent:
            self._send_again()
        if parts:
            plain = parts[0] if len(parts) == 1 else b"".join(parts)
            if out := self._receive(self._from_client, plain):
                self._send(out)
            self._record(self._from_client, plain, time.time_ns())
            if self._recorder.full:
                self._wait_for_recorder()
        if error != _lib.SSL_ERROR_WANT_READ:
            self._ended = True
            if error == _lib.SSL_ERROR_ZERO_RETURN:
                self._tell_layers()
            else:
                # OpenSSL's list of errors is one for all connections: left there, this one would
                # be taken for the next one's.
                _lib.ERR_clear_error()
                self._side.broke("error")

    def _tell_layers(self) -> None:
        """A closing alert came: they will find it, if they look."""
        event = events.DataReceived(self._side.socket_conn, b"")
        task = asyncio.get_running_loop().create_task(self._handler.server_event(event))
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)

    def _flush(self) -> None:
        while (size := _lib.BIO_read(self._outgoing, _buffer, _READ)) > 0:
            self.transport.write(_ffi.buffer(_buffer, size)[:])
            if size < _READ:
                break


_lib: Any = SSL._lib  # type: ignore[attr-defined]
_ffi: Any = SSL._ffi  # type: ignore[attr-defined]
_buffer: Any = _ffi.new("char[]", _READ)
"""Of whoever is reading: all connections share one thread, and a read is over before the next."""

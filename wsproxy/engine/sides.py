"""
The two ends of one proxied connection, below mitmproxy's layers: end them in kind.

mitmproxy closes connections in one way, completely and without a TLS closing alert, and does not
tell a reset from an orderly end. A relay that claims to be transparent must do both: hand a FIN
on as a FIN (the other direction may go on), a reset as a reset, a TLS closing alert as one.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from mitmproxy import ctx
from mitmproxy.connection import Connection, ConnectionState
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import HttpLayer
from mitmproxy.proxy.layers.tls import TLSLayer
from mitmproxy.proxy.server import ConnectionHandler
from mitmproxy.proxy.tunnel import TunnelLayer
from OpenSSL import SSL

from wsproxy.engine import remains


def handler_of(context: Context) -> ConnectionHandler | None:
    """The mitmproxy handler that moves this connection's bytes; None once it is gone."""
    server = ctx.master.addons.get("proxyserver")
    return server.connections.get(context.client.id) if server else None


class Side:
    """
    One end: the client's or the server's.

    Args:
        handler: who owns the sockets.
        context: of the layer on top; tells what lies between it and the socket.
        conn: the end as the layer on top names it.
        broke: called with `reset` or `error` where mitmproxy's layers do not say that the
            connection is of no use any more: the socket breaks after the peer has ended its own
            sending, or TLS fails.
    """

    def __init__(
        self,
        handler: ConnectionHandler,
        context: Context,
        conn: Connection,
        broke: Callable[[str], None] = lambda how: None,
    ) -> None:
        self._handler = handler
        self.conn = conn
        self.broke = broke
        layers = _layers(context, conn)
        self.socket_conn = conn
        """The connection that has the socket: another one where a tunnel lies between."""
        self.tls: list[TLSLayer] = []
        """TLS on the way to the socket, outermost last."""
        # From the layer nearest to us down to the socket.
        for layer in reversed(layers):
            if isinstance(layer, TunnelLayer) and layer.conn is self.socket_conn:
                if isinstance(layer, TLSLayer) and layer.tls is not None:
                    self.tls.append(layer)
                self.socket_conn = layer.tunnel_connection
        self._lost: asyncio.Future[None] | None = None
        """Done when the socket is closed, with an exception if it broke."""
        io = self._handler.transports.get(self.socket_conn)
        if io is not None and isinstance(io.writer, asyncio.StreamWriter):
            protocol: Any = io.writer.transport.get_protocol()
            self._lost = protocol._get_close_waiter(io.writer)
            self._lost.add_done_callback(self._when_lost)
            assert isinstance(io.reader, asyncio.StreamReader)
            remains.read_before_error(io.reader, io.writer.transport)

    @property
    def writer(self) -> asyncio.StreamWriter | None:
        """None once the connection is gone."""
        io = self._handler.transports.get(self.socket_conn)
        return io.writer if io else None  # type: ignore[return-value]

    @property
    def is_open(self) -> bool:
        """Both directions are, as far as mitmproxy has heard."""
        writer, still_open = self.writer, ConnectionState.OPEN
        if self.conn.state is not still_open or self.socket_conn.state is not still_open:
            return False
        return writer is not None and not writer.is_closing()

    @property
    def is_writable(self) -> bool:
        """Our own end has not been sent."""
        return bool(self.socket_conn.state & ConnectionState.CAN_WRITE)

    @property
    def is_broken(self) -> bool:
        """The socket broke, after all that may still be read of it."""
        lost = self._lost
        return lost is not None and lost.done() and not lost.cancelled() and lost.exception() is not None

    def _when_lost(self, lost: "asyncio.Future[None]") -> None:
        # Whoever still reads finds that out by itself, after what had come before.
        if self.is_broken and not self.conn.state & ConnectionState.CAN_READ:
            self.broke("reset")

    def check_tls(self) -> None:
        """
        Notice a fatal alert from the peer (RFC 8446 section 6.2).

        mitmproxy logs it and takes it for a closing alert later, which it believes to have passed on.
        """
        if not self.conn.state & ConnectionState.CAN_READ:
            return
        if any(layer.tls.get_shutdown() & SSL.RECEIVED_SHUTDOWN for layer in self.tls):
            self.broke("error")

    @property
    def was_reset(self) -> bool:
        """Whether the socket broke, rather than ended; it may have done so after its end."""
        io = self._handler.transports.get(self.socket_conn)
        reader: Any = io.reader if io else None
        # Streams that are not asyncio's tell nothing.
        return hasattr(reader, "exception") and reader.exception() is not None and not reader.at_eof()

    @property
    def ended_silently(self) -> bool:
        """TLS ended without a closing alert (RFC 8446 section 6.1)."""
        return bool(self.tls) and not self.tls[0].tls.get_shutdown() & SSL.RECEIVED_SHUTDOWN

    def end(self, silently: bool = False) -> None:
        """
        Send no more: TLS closing alert, then FIN. The peer may go on sending.

        Args:
            silently: leave the alert out, as the other side's peer did.
        """
        writer = self.writer
        if writer is None or writer.is_closing() or not self.is_writable:
            return
        if self.tls and not silently:
            writer.write(self._closing_alert())
        self._handler.close_connection(self.socket_conn, half_close=True)
        # TLS may still want to answer something (new keys, RFC 8446 section 4.6.3; an error).
        # asyncio raises an exception at that, which mitmproxy takes for its own end.
        if isinstance(writer, asyncio.StreamWriter):
            writer.write = _nowhere  # type: ignore[method-assign]

    def _closing_alert(self) -> bytes:
        """Of the TLS layer nearest to us, inside those around it."""
        data = b""
        for layer in self.tls:
            with contextlib.suppress(SSL.Error, OSError):
                if data:
                    layer.tls.sendall(data)
                layer.tls.shutdown()
            try:
                data = layer.tls.bio_read(65535)
            except SSL.Error:
                return b""
        return data

    def reset(self) -> None:
        """Break the connection: the peer gets a reset, after what was sent before."""
        writer = self.writer
        if writer is None or writer.is_closing():
            return
        if not hasattr(writer, "transport"):
            # Of programs that are taken over (local mode): there is no other way to end.
            pass
        elif self._lost is None:
            writer.transport.abort()
        else:
            remains.reset(writer.transport, self._lost, ended=not self.is_writable)
        self.close()

    def close(self) -> None:
        """Let go of the connection altogether."""
        if self.socket_conn in self._handler.transports:
            if self.conn is not self.socket_conn:
                self.conn.state = ConnectionState.CLOSED
            self._handler.close_connection(self.socket_conn)


def _layers(context: Context, conn: Connection) -> list[Any]:
    """All layers between the one on top and the socket of `conn`, the top one last."""
    layers = list(context.layers)
    # A server connection that the HTTP layer opened has its layers (TLS, an upstream proxy's
    # tunnel) in a stack beside the one we stand on.
    for layer in context.layers:
        if isinstance(layer, HttpLayer):
            beside = layer.connections.get(conn)
            for other in beside.context.layers if beside is not None else ():
                if other not in layers:
                    layers.append(other)
    return layers


def _nowhere(data: Any) -> None:
    """Where the bytes go that come after the end."""

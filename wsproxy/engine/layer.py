"""
The layer shell: mitmproxy's events in, its commands out, one `Relay` in between.

It works in every mode and over every tunnel mitmproxy knows. A piece of data is sent on as soon as
it comes, the object as received, and looked at afterwards.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from mitmproxy import http
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.websocket import WebsocketEndHook, WebsocketStartHook
from mitmproxy.proxy.server import ConnectionHandler

from wsproxy.engine import handshakes
from wsproxy.engine.fastpath import FastPath
from wsproxy.engine.sides import Side, handler_of
from wsproxy.engine.sockets import Sockets
from wsproxy.wire.relay import Relay

_tasks: set[asyncio.Task[None]] = set()

NEVER = 365 * 24 * 3600
"""Seconds: in place of mitmproxy's inactivity timeout. An idle WebSocket is a healthy one."""


class RelayLayer(layer.Layer):
    """
    One WebSocket, from the accepted upgrade to the end of both TCP streams.

    Args:
        context: mitmproxy's, with client and server.
        flow: the handshake.
    """

    sockets: Sockets
    """Where all open WebSockets of the process are kept; set on a subclass by the engine."""

    def __init__(self, context: Context, flow: http.HTTPFlow) -> None:
        super().__init__(context)
        self.flow = flow
        self._done = False

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, events.DataReceived):
            yield from self._data(event)
        elif isinstance(event, events.ConnectionClosed):
            yield from self._closed(event)
        elif isinstance(event, events.Start):
            yield from self._start()

    def _start(self) -> layer.CommandGenerator[None]:
        handler = handler_of(self.context)
        assert handler is not None
        self._handler = handler
        record, handshake = handshakes.accepted(self.flow)
        recorder = self.sockets.recorder
        self._relay = Relay(recorder.open(record, handshake), recorder.add)
        self._client = Side(handler, self.context, self.context.client, partial(self._broke, True))
        self._server = Side(handler, self.context, self.context.server, partial(self._broke, False))
        # mitmproxy would end a connection on which nothing was said for ten minutes.
        handler.timeout_watchdog.timeout = NEVER
        sides = (self._client, self._server)
        handler.drain_writers = _Drain(handler, sides, self.sockets.room)  # type: ignore[method-assign]
        self.sockets.add(self._relay, self._stopped)
        yield WebsocketStartHook(self.flow)
        if self.context.options.fast_path:
            fast = FastPath(
                handler, self.context.layers, self._client, self._server, self._relay, self.sockets
            )
            # Not now: first what has come in one packet with the handshake.
            asyncio.get_running_loop().call_soon(fast.start)

    def _data(self, event: events.DataReceived) -> layer.CommandGenerator[None]:
        relay = self._relay
        data = event.data
        if event.connection is self.context.client:
            yield commands.SendData(self.context.server, relay.receive(True, data))
            relay.record(True, data, time.time_ns())
        else:
            yield commands.SendData(self.context.client, relay.receive(False, data))
            relay.record(False, data, time.time_ns())

    def _closed(self, event: events.ConnectionClosed) -> layer.CommandGenerator[None]:
        from_client = event.connection is self.context.client
        here, there = (self._client, self._server) if from_client else (self._server, self._client)
        relay = self._relay
        now = time.time_ns()
        if here.was_reset:
            relay.ended(from_client, "reset", now)
            relay.ended(not from_client, "reset", now)
            there.reset()
        else:
            relay.ended(from_client, "eof", now)
            there.end(silently=here.ended_silently)
        if relay.is_over:
            yield from self._finish(now)

    def _broke(self, from_client: bool, how: str) -> None:
        """One side is of no use any more, and no event will say so: the other one learns it here."""
        relay = self._relay
        if relay.is_over:
            return
        now = time.time_ns()
        relay.ended(from_client, how, now)
        relay.ended(not from_client, how, now)
        here, there = (self._client, self._server) if from_client else (self._server, self._client)
        there.reset()
        here.close()
        for command in self._finish(now):
            if isinstance(command, commands.StartHook):
                task = asyncio.get_running_loop().create_task(self._handler.handle_hook(command))
                _tasks.add(task)
                task.add_done_callback(_tasks.discard)

    def _finish(self, now: int) -> layer.CommandGenerator[None]:
        if self._done:
            return
        self._done = True
        relay = self._relay
        closure = relay.closure()
        self.sockets.remove(relay)
        self.sockets.recorder.close(relay.connection, closure, now)
        data = self.flow.websocket
        if data is not None:
            data.timestamp_end = now / 1e9
            data.closed_by_client = closure.by == "client"
            data.close_code = closure.code
            data.close_reason = closure.reason
        yield WebsocketEndHook(self.flow)
        self.flow.live = False
        self._client.close()
        self._server.close()

    def _stopped(self, now: int) -> None:
        """The proxy ends while this WebSocket is open."""
        for _ in self._finish_stopped(now):
            pass

    def _finish_stopped(self, now: int) -> layer.CommandGenerator[None]:
        self._relay.ended(True, "stopped", now)
        self._relay.ended(False, "stopped", now)
        yield from self._finish(now)


class _Drain:
    """
    In place of `ConnectionHandler.drain_writers`, which is awaited after every read.

    mitmproxy's drains every writer of the handler, so that a peer who does not read also stops the
    other direction. Here each direction waits for its own receiver, and both for the recorder.
    """

    def __init__(self, handler: ConnectionHandler, sides: tuple[Side, Side], room: Callable[[], Any]) -> None:
        self._handler = handler
        self._sides = sides
        self._room = room

    async def __call__(self) -> None:
        for side in self._sides:
            side.check_tls()
        task = asyncio.current_task()
        for io in list(self._handler.transports.values()):
            if io.handler is task or io.writer is None:
                continue
            # If that side broke, its own reader says so.
            with contextlib.suppress(OSError):
                await io.writer.drain()
        await self._room()

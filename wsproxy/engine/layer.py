"""
The layer shell: mitmproxy's events in, its commands out, one `Relay` in between.

It works in every mode and over every tunnel mitmproxy knows. A piece of data is sent on as soon as
it comes, the object as received, and looked at afterwards.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from mitmproxy import http
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.websocket import (
    WebsocketEndHook,
    WebSocketMessageInjected,
    WebsocketStartHook,
)
from mitmproxy.proxy.server import ConnectionHandler
from mitmproxy.websocket import WebSocketMessage

from wsproxy.engine.fastpath import FastPath
from wsproxy.engine.sides import Side, handler_of
from wsproxy.engine.sockets import Sockets

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
        self._outbox: list[tuple[bool, bytes]] = []
        """What is to be sent and does not answer a read."""
        self._waiting_ends: dict[bool, bool] = {}
        """Sides that have ended while something of theirs was held, and whether they did so silently."""

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, events.DataReceived):
            yield from self._data(event)
        elif isinstance(event, events.ConnectionClosed):
            yield from self._closed(event)
        elif isinstance(event, _Outbox):
            yield from self._send_waiting()
        elif isinstance(event, WebSocketMessageInjected):
            self._inject(event.message)
            yield from self._send_waiting()
        elif isinstance(event, events.Start):
            yield from self._start()

    def _start(self) -> layer.CommandGenerator[None]:
        handler = handler_of(self.context)
        assert handler is not None
        self._handler = handler
        self._client = Side(handler, self.context, self.context.client, partial(self._broke, True))
        self._server = Side(handler, self.context, self.context.server, partial(self._broke, False))
        # mitmproxy would end a connection on which nothing was said for ten minutes.
        handler.timeout_watchdog.timeout = NEVER
        sides = (self._client, self._server)
        handler.drain_writers = _Drain(handler, sides, self.sockets.room)  # type: ignore[method-assign]
        self._conversation = conversation = self.sockets.open(self.flow, self)
        self._relay = conversation.relay
        self.sockets.add(conversation, self._stopped)
        yield WebsocketStartHook(self.flow)
        if self.context.options.fast_path:
            fast = FastPath(
                handler, self.context.layers, self._client, self._server, conversation, self.sockets
            )
            # Not now: first what has come in one packet with the handshake.
            asyncio.get_running_loop().call_soon(fast.start)

    def _inject(self, message: WebSocketMessage) -> None:
        """mitmproxy's command `inject.websocket`."""
        content: bytes | str = message.content
        if isinstance(content, str):
            # Called by a script, the command does not look at what it is given.
            content = content.encode("utf-8", "surrogateescape")
        self._conversation.inject(message.from_client, int(message.type), content, "inject.websocket")

    def _data(self, event: events.DataReceived) -> layer.CommandGenerator[None]:
        relay = self._relay
        from_client = event.connection is self.context.client
        out = relay.receive(from_client, event.data)
        # What was decided before comes before.
        yield from self._send_waiting()
        if out:
            yield commands.SendData(self.context.server if from_client else self.context.client, out)
        relay.record(from_client, event.data, time.time_ns())

    def _send_waiting(self) -> layer.CommandGenerator[None]:
        waiting, self._outbox = self._outbox, []
        for from_client, data in waiting:
            yield commands.SendData(self.context.server if from_client else self.context.client, data)

    # The shell of the conversation.

    @property
    def is_idle(self) -> bool:
        """Nothing waits to be sent."""
        return not self._outbox

    def write(self, from_client: bool, data: bytes) -> None:
        """Send what goes the way of one side's messages, and does not answer a read."""
        self._outbox.append((from_client, data))
        if len(self._outbox) == 1:
            self._run(self._handler.server_event(_Outbox(self.flow, None)))

    def drained(self, from_client: bool) -> None:
        """What was held of a side that has ended has gone on: now the end may follow."""
        silently = self._waiting_ends.pop(from_client, None)
        if silently is not None:
            there = self._server if from_client else self._client
            # Behind what has just been written.
            self._run(self._end_later(there, silently))

    async def _end_later(self, there: Side, silently: bool) -> None:
        if self._outbox:
            await self._handler.server_event(_Outbox(self.flow, None))
        there.end(silently)

    def cut(self) -> None:
        """Break both connections; the relay knows."""
        self._client.reset()
        self._server.reset()
        self._run_hooks(self._finish(time.time_ns()))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)

    def _run_hooks(self, generator: layer.CommandGenerator[None]) -> None:
        """Outside of an event: of the commands, only hooks are possible."""
        for command in generator:
            if isinstance(command, commands.StartHook):
                self._run(self._handler.handle_hook(command))

    # Ends.

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
            yield from self._send_waiting()
            if relay.is_drained(from_client):
                there.end(silently=here.ended_silently)
            else:
                self._waiting_ends[from_client] = here.ended_silently
            if here.is_broken:
                # Behind its end, which was not read until now.
                relay.ended(not from_client, "reset", now)
                there.reset()
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
        self._run_hooks(self._finish(now))

    def _finish(self, now: int) -> layer.CommandGenerator[None]:
        if self._done:
            return
        self._done = True
        conversation = self._conversation
        closure = self._relay.closure()
        conversation.over(closure)
        self.sockets.remove(conversation)
        self.sockets.recorder.close(conversation.id, closure, now)
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


class _Outbox(events.MessageInjected[None]):
    """Something waits to be sent. mitmproxy takes such events straight to the layer of their flow."""


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

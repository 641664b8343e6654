"""
One open WebSocket as those see it who take part: addons, rules, people.

It stands between the relay, which knows frames, and the shell that carries the bytes: the layer,
or the fast path once that has taken over.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from mitmproxy import http

from wsproxy.addon.meanings import LiveMeanings
from wsproxy.store.recorder import Recorder
from wsproxy.store.records import ConnectionRecord
from wsproxy.wire.closing import Closure
from wsproxy.wire.deflate import Inflater
from wsproxy.wire.handshake import Handshake
from wsproxy.wire.port import Offer, Port
from wsproxy.wire.relay import Relay

Tell = Callable[[str], None]


class Shell(Protocol):
    """Who carries the bytes now."""

    @property
    def is_idle(self) -> bool:
        """Nothing waits to be written."""

    def write(self, from_client: bool, data: bytes) -> None:
        """Send `data` the way that side's messages go; not in answer to a read."""

    def cut(self) -> None:
        """Break both connections."""

    def drained(self, from_client: bool) -> None:
        """All that was held of that side, which has ended, has gone on."""


class _Nobody:
    """Carries no bytes any more."""

    is_idle = True

    def write(self, from_client: bool, data: bytes) -> None:
        """Too late."""

    def cut(self) -> None:
        """Nothing is left of it."""

    def drained(self, from_client: bool) -> None:
        """Nobody waits for that."""


_NOBODY = _Nobody()


class Conversation:
    """
    One open WebSocket.

    Args:
        record: its row in the capture.
        handshake: what was agreed.
        flow: mitmproxy's, for scripts written for it.
        shell: who carries its bytes.
        recorder: of the capture.
        limits: bytes up to which a message can be edited, and that may be held in one direction.
        tell: takes a sentence for the person at the terminal.

    Attributes:
        relay: its frames.
        shell: who carries its bytes.
        opened: when, ns since the epoch.
        closure: how it ended, once it has.
    """

    def __init__(
        self,
        record: ConnectionRecord,
        handshake: Handshake,
        flow: http.HTTPFlow,
        shell: Shell,
        recorder: Recorder,
        limits: tuple[int, int],
        tell: Tell,
    ) -> None:
        self.record = record
        self.handshake = handshake
        self.flow = flow
        self.shell = shell
        self.opened = record.opened
        self.closure: Closure | None = None
        self._recorder = recorder
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._timers: set[asyncio.TimerHandle] = set()
        self.meanings = LiveMeanings(record)
        self.relay = Relay(record.id, recorder.add)
        self._port = Port(
            connection=record.id,
            deflate=handshake.deflate,
            opaque=handshake.other_extensions,
            limit=limits[0],
            waiting=limits[1],
            record=recorder.record,
            clock=time.time_ns,
            write=self._write,
            ask=self._ask,
            warn=self.tell,
            drained=self._drained,
        )
        self.relay.prepare(self._port)

    @property
    def id(self) -> int:
        """Its number in the capture."""
        return self.record.id

    @property
    def is_open(self) -> bool:
        """Not both of its ends are over."""
        return not self.relay.is_over

    def edit(self, offer: Offer | None, private: bool = False) -> None:
        """Offer the messages of both directions, or of neither."""
        self._port.private = private
        for from_client in (True, False):
            self.relay.edit(from_client, offer)

    # What addons are given to act with (`wsproxy.addon`).

    def inject(self, from_client: bool, opcode: int, content: bytes, by: str, raw: bool = False) -> None:
        """Send something as if it came from one side."""
        if self.is_open:
            self.relay.inject(from_client, opcode, content, by, raw)

    def cut(self, by: str) -> None:
        """Break the connection: TCP is reset on both sides, without a Close frame."""
        if self.is_open:
            self.relay.cut(by)
            self.shell.cut()

    def later(self, seconds: float, call: Callable[[], object]) -> None:
        """Call something after a time, unless the connection is over by then."""

        def due() -> None:
            self._timers.discard(handle)
            call()

        handle = self._loop.call_later(seconds, due)
        self._timers.add(handle)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run something to its end beside the traffic."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def tell(self, message: str) -> None:
        """Say something about this connection."""
        self._tell(f"#{self.id}: {message}")

    def over(self, closure: Closure) -> None:
        """The connection is over: nothing is held and no timer runs any more."""
        self.closure = closure
        self.relay.abandon("the connection ended before it was sent")
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        # What refers to each other in a ring stays in memory until the collector comes by.
        self.relay.detach()
        self.shell = _NOBODY

    # What the relay is given.

    def _write(self, from_client: bool, data: bytes) -> None:
        self.shell.write(from_client, data)

    def _drained(self, from_client: bool) -> None:
        self.shell.drained(from_client)

    def _ask(self, from_client: bool, answer: Callable[[Inflater | None], None]) -> None:
        def answered(inflater: Inflater | None) -> None:
            # On the recorder's thread.
            self._loop.call_soon_threadsafe(self._answer, answer, inflater)

        self._recorder.ask(self.id, from_client, answered)

    def _answer(self, answer: Callable[[Inflater | None], None], inflater: Inflater | None) -> None:
        if self.is_open:
            answer(inflater)

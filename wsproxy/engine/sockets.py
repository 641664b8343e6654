"""
All open WebSockets of the process, and the recorder they share.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from mitmproxy import http

from wsproxy.engine import handshakes, settings
from wsproxy.engine.conversation import Conversation, Shell
from wsproxy.engine.desk import Desk
from wsproxy.store.recorder import Recorder
from wsproxy.wire.relay import Relay


class Sockets:
    """
    The registry.

    Args:
        recorder: where frames go.
        desk: who takes part in what is said.
        tell: takes a sentence for the person at the terminal.
        recording: whether frames are recorded.
    """

    def __init__(
        self, recorder: Recorder, desk: Desk, tell: Callable[[str], None], recording: bool = True
    ) -> None:
        self.recorder = recorder
        self.desk = desk
        self.recording = True
        self._tell = tell
        self._omitted = (0, 0)
        """Frames and bytes not recorded of sockets that are closed."""
        self._open: dict[int, tuple[Conversation, Callable[[int], None]]] = {}
        self.fast: set[int] = set()
        """Which of them are relayed past mitmproxy's layers; their ids in the capture."""
        self._loop = asyncio.get_running_loop()
        self._waiting: set[Callable[[], None]] = set()
        recorder.on_room = self._has_room
        desk.on_change = self._settle
        self.record(recording)

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Conversation]:
        """Those that are open, in the order of opening."""
        return iter([conversation for conversation, _ in self._open.values()])

    def get(self, number: int) -> Conversation | None:
        """An open one by its number in the capture."""
        found = self._open.get(number)
        return found[0] if found else None

    def open(self, flow: http.HTTPFlow, shell: Shell) -> Conversation:
        """
        An upgrade was accepted: its row in the capture, and what others see of it.

        Args:
            flow: the handshake.
            shell: who carries its bytes.
        """
        record, handshake = handshakes.accepted(flow)
        number = self.recorder.open(record, handshake)
        return Conversation(
            replace(record, id=number),
            handshake,
            flow,
            shell,
            self.recorder,
            settings.edit_limits(),
            self._tell,
        )

    def add(self, conversation: Conversation, stop: Callable[[int], None]) -> None:
        """
        A WebSocket is open.

        Args:
            conversation: it.
            stop: records its end, given the time in ns, when the proxy stops.
        """
        self._open[conversation.id] = (conversation, stop)
        if not self.recording:
            conversation.relay.omit()
        self.desk.opened(conversation)

    def remove(self, conversation: Conversation) -> None:
        """A WebSocket is over."""
        if self._open.pop(conversation.id, None):
            self._count(conversation.relay)
            self.fast.discard(conversation.id)
            self.desk.closed(conversation)

    def _settle(self) -> None:
        """Somebody wants messages who did not before, or the other way round."""
        for conversation in self:
            self.desk.settle(conversation)

    def record(self, on: bool) -> None:
        """Record frames, or relay them without, from now on; also those of open sockets."""
        if on is self.recording:
            return
        self.recording = on
        now = time.time_ns()
        for relay in [conversation.relay for conversation in self]:
            if on:
                relay.resume()
                self._count(relay)
            else:
                relay.omit()
        self._switch(on, now)

    async def room(self) -> None:
        """Return when the recorder's queue has room: a slow disk slows senders down."""
        while self.recorder.full:
            room = asyncio.Event()
            self._waiting.add(room.set)
            await room.wait()

    def when_room(self, callback: Callable[[], None]) -> None:
        """Call `callback` once as soon as the recorder's queue has room."""
        self._waiting.add(callback)

    def stop(self) -> None:
        """The proxy stops: record the end of what is still open."""
        now = time.time_ns()
        for _, stop in list(self._open.values()):
            stop(now)
        if not self.recording or any(self._omitted):
            self._switch(True, now)
        self._wake()

    def _count(self, relay: Relay) -> None:
        frames, size = relay.take_omitted()
        self._omitted = (self._omitted[0] + frames, self._omitted[1] + size)

    def _switch(self, on: bool, now: int) -> None:
        if on:
            self.recorder.switch(True, now, *self._omitted)
            self._omitted = (0, 0)
        else:
            self.recorder.switch(False, now)

    def _has_room(self) -> None:
        self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, set()
        for callback in waiting:
            callback()

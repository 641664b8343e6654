"""
All open WebSockets of the process, and the recorder they share.
"""

import asyncio
import time
from collections.abc import Callable

from wsproxy.store.recorder import Recorder
from wsproxy.wire.relay import Relay


class Sockets:
    """
    The registry.

    Args:
        recorder: where frames go.
    """

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self._open: dict[int, tuple[Relay, Callable[[int], None]]] = {}
        self.fast: set[int] = set()
        """Which of them are relayed past mitmproxy's layers; their ids in the capture."""
        self._loop = asyncio.get_running_loop()
        self._waiting: set[Callable[[], None]] = set()
        recorder.on_room = self._has_room

    def __len__(self) -> int:
        return len(self._open)

    def add(self, relay: Relay, stop: Callable[[int], None]) -> None:
        """
        A WebSocket is open.

        Args:
            relay: its relay.
            stop: records its end, given the time in ns, when the proxy stops.
        """
        self._open[relay.connection] = (relay, stop)

    def remove(self, relay: Relay) -> None:
        """A WebSocket is over."""
        self._open.pop(relay.connection, None)
        self.fast.discard(relay.connection)

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
        self._wake()

    def _has_room(self) -> None:
        self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, set()
        for callback in waiting:
            callback()

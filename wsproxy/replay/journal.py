"""
The capture of a replay: what was said and heard, linked message by message to the original.
"""

import asyncio
import time
from pathlib import Path

from wsproxy import __version__
from wsproxy.store.reader import Reader
from wsproxy.store.recorder import Recorder
from wsproxy.store.records import ConnectionRecord, ExchangeRecord, ReplayRecord
from wsproxy.store.replay_rows import Replayed
from wsproxy.wire.closing import Closure
from wsproxy.wire.handshake import Handshake

MODE = "replay"
"""In place of the mode of a proxy."""


class Journal:
    """
    Writes it; for one event loop.

    Args:
        path: the file to make.
        original: the capture that is replayed.

    Raises:
        CaptureError: the file cannot be made.
    """

    def __init__(self, path: Path, original: Reader) -> None:
        self.path = path
        self.troubles: list[str] = []
        """What a person must know about the recording."""
        self._original = str(original.path.absolute())
        self._created = original.info().created
        self._recorder = Recorder(path, program=f"wsproxy {__version__} replay", tell=self.troubles.append)
        self._is_empty = True
        self._room = asyncio.Event()
        loop = asyncio.get_running_loop()

        def on_room() -> None:
            # The loop may be over by then.
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._room.set)

        self._recorder.on_room = on_room

    def open(self, record: ConnectionRecord, handshake: Handshake, original: int) -> int:
        """A connection was answered, or failed. Returns its number in this capture."""
        self._is_empty = False
        of = ReplayRecord(0, self._original, self._created, original)
        return self._recorder.open(record, handshake, of)

    def add(self, replayed: Replayed) -> None:
        """Frames that were said, or heard."""
        self._recorder.replayed(replayed)

    def exchange(self, record: ExchangeRecord) -> None:
        """A body crossed over HTTP, before a connection."""
        self._is_empty = False
        self._recorder.exchange(record)

    def close(self, connection: int, closure: Closure) -> None:
        """A connection is over."""
        self._recorder.close(connection, closure, time.time_ns())

    @property
    def is_full(self) -> bool:
        """The disk is behind: who says more must wait for `room()` first."""
        return self._recorder.full

    async def room(self) -> None:
        """Return when the disk has caught up."""
        while self._recorder.full:
            self._room.clear()
            await self._room.wait()

    def stop(self) -> None:
        """Write what is left and close the file. One with nothing in it is only in the way: it is removed."""
        self._recorder.stop()
        if self._is_empty:
            self.path.unlink(missing_ok=True)


class Unrecorded:
    """In place of a journal, for a connection that somebody else records."""

    is_full = False

    def open(self, record: ConnectionRecord, handshake: Handshake, original: int) -> int:
        """Its number is that of the original: it has none of its own here."""
        return original

    def add(self, replayed: Replayed) -> None:
        """Nothing is kept."""

    def close(self, connection: int, closure: Closure) -> None:
        """Nothing is kept."""

    async def room(self) -> None:
        """There always is."""

"""One open capture: what the whole app knows of it, and how it is asked."""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from wsproxy.decoders.registry import DECODERS, Factory
from wsproxy.store.reader import Reader
from wsproxy.tui.capture.frames import FrameReader, FrameRow
from wsproxy.tui.capture.thread import ReadingThread
from wsproxy.tui.capture.traffic import Traffic, ranges

T = TypeVar("T")

_CHECKED = 1.0
"""Seconds between two looks at the file and the process that writes it."""

LIVE, FINISHED, INTERRUPTED = "live", "finished", "interrupted"
DELETED, REPLACED = "deleted", "replaced"


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at the capture found."""

    last_frame: int
    connections: int
    closures: int
    state: str
    """`live`, `finished`, `interrupted` (its writer is gone), `deleted` or `replaced`."""
    unrecorded_since: int | None = None


class CaptureModel:
    """
    A capture, open as long as the app is.

    Args:
        path: the file.
        factory: makes the decoder session of a connection.
    """

    def __init__(self, path: Path, factory: Factory = DECODERS.session) -> None:
        self.path = path
        self.factory = factory
        self.now = Look(0, 0, 0, LIVE)
        """As of the last look."""
        self.traffic = Traffic()
        self.closed = False
        self.filtering = ReadingThread(path, "filtering")
        """For the filter of the list: a connection can have the functions of one filter only."""
        self.finding = ReadingThread(path, "finding")
        """For jumping to a match, and for counting."""
        self._reading = ReadingThread(path, "reading")
        self._frames: FrameReader | None = None
        self._version = -1
        self._checked = 0.0
        self._file: tuple[int, int] | None = None

    async def open(self) -> None:
        """Look for the first time. Raises CaptureError: it cannot be read."""
        await self.look()
        for thread in (self.filtering, self.finding):
            # While the file is there: it can be read after it was deleted, but not opened.
            await thread.ask(lambda reader: None)

    async def close(self) -> None:
        """Let go of the file."""
        self.closed = True
        for thread in (self._reading, self.filtering, self.finding):
            await thread.close()

    async def ask(self, question: Callable[[Reader], T]) -> T:
        """
        Run `question` in the reading thread.

        Raises:
            CaptureError: the capture cannot be read.
        """
        return await self._reading.ask(question)

    async def rows(self, numbers: list[int], room: int, patience: float | None = None) -> list[FrameRow]:
        """Frames by id, to be drawn; see `FrameReader.rows`."""

        def read(reader: Reader) -> list[FrameRow]:
            if self._frames is None:
                self._frames = FrameReader(reader, self.factory)
            if patience is None:
                return self._frames.rows(numbers, room)
            return self._frames.rows(numbers, room, patience)

        return await self.ask(read)

    async def look(self) -> bool:
        """Whether anything has changed since the last look. Raises CaptureError."""
        found = await self.ask(self._look)
        if found is None or found == self.now:
            return False
        self.now = found
        return True

    async def count(self) -> bool:
        """Bring the numbers of connections up to date; whether there were new frames. Raises CaptureError."""
        before, up_to = self.traffic.counted, self.now.last_frame
        for end in ranges(before, up_to):
            await self.finding.ask(lambda reader, end=end: self.traffic.count(reader, end))  # type: ignore[misc]
            await asyncio.sleep(0)
        return up_to > before

    def _look(self, reader: Reader) -> Look | None:
        """None where nothing has been written."""
        version = reader.data_version()
        state = self.now.state
        if time.monotonic() - self._checked > _CHECKED:
            self._checked = time.monotonic()
            state = self._state(reader)
        if version == self._version and state == self.now.state:
            return None
        self._version = version
        with reader.snapshot():
            (connections,) = reader.db.execute("SELECT coalesce(max(id), 0) FROM connection").fetchone()
            (closures,) = reader.db.execute("SELECT coalesce(max(id), 0) FROM closure").fetchone()
            info = reader.info()
            if state == LIVE and info.ended is not None:
                state = FINISHED
            return Look(reader.last_frame(), connections, closures, state, info.unrecorded_since)

    def _state(self, reader: Reader) -> str:
        identity = None
        with contextlib.suppress(OSError):
            status = os.stat(self.path)
            identity = (status.st_dev, status.st_ino)
        if self._file is None:
            self._file = identity
        if identity is None:
            return DELETED
        if identity != self._file:
            return REPLACED
        if reader.is_live():
            return LIVE
        return FINISHED if reader.info().ended is not None else INTERRUPTED

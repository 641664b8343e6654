"""Where SQLite is asked: a thread with a reader of its own, so that the screen never waits."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from wsproxy.errors import CaptureError
from wsproxy.store.reader import Reader

T = TypeVar("T")


class ReadingThread:
    """
    One thread that reads a capture.

    Args:
        path: the file; opened by the first question.
        name: of the thread.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._reader: Reader | None = None
        self._closing = False

    async def ask(self, question: Callable[[Reader], T]) -> T:
        """
        Ask the capture, after what was asked before.

        Raises:
            CaptureError: it cannot be opened or read, or was closed.
        """
        if self._closing:
            raise self._closed()
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._answer, question)

    async def close(self) -> None:
        """Stop what is being read, and let go of the file."""
        if self._closing:
            return
        self._closing = True
        if self._reader is not None:
            self._reader.db.interrupt()
        await asyncio.get_running_loop().run_in_executor(self._pool, self._close)
        self._pool.shutdown(wait=False)

    def _answer(self, question: Callable[[Reader], T]) -> T:
        if self._closing:
            raise self._closed()
        try:
            if self._reader is None:
                self._reader = Reader(self.path)
            return question(self._reader)
        except sqlite3.Error as error:
            raise CaptureError(
                f"cannot read {self.path}: {error}", "The sqlite3 shell's .recover may save what is left"
            ) from error

    def _closed(self) -> CaptureError:
        return CaptureError(f"{self.path} is not being read any more")

    def _close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

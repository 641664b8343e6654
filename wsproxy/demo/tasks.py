"""The tasks of one origin, so that stopping it leaves none behind."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError

logger = logging.getLogger(__name__)

_GONE = (StreamClosedError, WebSocketClosedError)
"""A client that left is not an error of ours."""


class Tasks:
    """Tasks that must be over before the origin is."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Future[Any]] = set()

    def adopt(self, task: asyncio.Future[Any]) -> None:
        """Answer for a task somebody else made."""
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run `work` beside everything else."""
        task = asyncio.ensure_future(work)
        self.adopt(task)
        return task

    def _done(self, task: asyncio.Future[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None and not isinstance(error, _GONE):
            logger.error("the demo failed in the background", exc_info=error)

    async def cancel(self) -> None:
        """Cancel what still runs, and wait until it has ended."""
        while tasks := tuple(self._tasks):
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

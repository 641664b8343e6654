"""The clock of the original."""

import asyncio
import time

from wsproxy.replay.pace import Ahead
from wsproxy.replay.recorded_message import RecordedMessage


class RecordedPace:
    """
    Each message as long after the first connection was opened as it came in the original.

    Args:
        speed: so many times faster; above 0.
    """

    at_once = 0
    in_order = False

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._first = 0
        self._started = 0
        self.lateness = 0
        """How much later than due the last message was, ns."""

    async def at(self, moment: int) -> None:
        """As of every pace."""
        if not self._started:
            return
        due = self._started + int((moment - self._first) / self._speed)
        while (left := due - time.monotonic_ns()) > 0:
            # A loop may wake up to a millisecond early.
            await asyncio.sleep(left / 1e9)
        self.lateness = -left

    def opened(self, moment: int) -> None:
        """As of every pace. The first one begins the clock: how long it took to get there does not count."""
        if not self._started:
            self._first, self._started = moment, time.monotonic_ns()

    async def before(self, message: RecordedMessage, replay: Ahead) -> bool:
        """As of every pace."""
        await self.at(message.began)
        return True

    async def end(self, replay: Ahead) -> None:
        """As of every pace."""

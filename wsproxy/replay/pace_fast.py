"""The clock that is always late."""

import asyncio

from wsproxy.replay.pace import Ahead
from wsproxy.replay.recorded_message import RecordedMessage
from wsproxy.wire.frames import Opcode

_TURN = 500
"""Messages that are said before the server is listened to."""


class FastPace:
    """
    As fast as the server takes it. Only closing waits: many servers say nothing more once they are told to.

    Args:
        timeout: seconds in which a server that owes something must say something more before that.
    """

    at_once = _TURN
    in_order = True

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._said = 0

    async def at(self, moment: int) -> None:
        """As of every pace."""

    def opened(self, moment: int) -> None:
        """As of every pace."""

    async def before(self, message: RecordedMessage, replay: Ahead) -> bool:
        """As of every pace."""
        if message.opcode == Opcode.CLOSE:
            while replay.is_behind(message) and await replay.news(self._timeout):
                pass
            return True
        self._said += 1
        if self._said % _TURN == 0:
            await asyncio.sleep(0)
        return True

    async def end(self, replay: Ahead) -> None:
        """As of every pace."""

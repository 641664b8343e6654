"""The clock that goes with the server."""

from wsproxy.replay.pace import Ahead
from wsproxy.replay.recorded_message import RecordedMessage


class LockstepPace:
    """
    Each message when the server has said as many messages as it had said before it in the original, on
    all connections.

    Args:
        timeout: seconds in which the server must say something more.
    """

    at_once = 0
    in_order = True

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout

    async def at(self, moment: int) -> None:
        """As of every pace."""

    def opened(self, moment: int) -> None:
        """As of every pace."""

    async def before(self, message: RecordedMessage, replay: Ahead) -> bool:
        """As of every pace."""
        await self._wait(message, replay)
        return True

    async def end(self, replay: Ahead) -> None:
        """As of every pace."""
        await self._wait(None, replay)

    async def _wait(self, message: RecordedMessage | None, replay: Ahead) -> None:
        while replay.is_behind(message):
            if not await replay.news(self._timeout):
                raise replay.behind(message, self._timeout)

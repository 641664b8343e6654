"""The clock that a person winds."""

import enum
from collections.abc import Awaitable, Callable

from wsproxy.replay.pace import Ahead, StopReplay
from wsproxy.replay.recorded_message import RecordedMessage


class Answer(enum.Enum):
    """What to do with the next message."""

    SEND = "send"
    SKIP = "skip"
    REST = "rest"
    """Send it and all that follow without asking."""
    QUIT = "quit"


class StepPace:
    """
    Each message when somebody says so.

    Args:
        ask: shows the next message and gives the answer.
    """

    at_once = 0
    in_order = True

    def __init__(self, ask: Callable[[RecordedMessage], Awaitable[Answer]]) -> None:
        self._ask = ask
        self._asks = True

    async def at(self, moment: int) -> None:
        """As of every pace."""

    def opened(self, moment: int) -> None:
        """As of every pace."""

    async def before(self, message: RecordedMessage, replay: Ahead) -> bool:
        """As of every pace."""
        if not self._asks:
            return True
        answer = await self._ask(message)
        if answer is Answer.QUIT:
            raise StopReplay
        self._asks = answer is not Answer.REST
        return answer is not Answer.SKIP

    async def end(self, replay: Ahead) -> None:
        """As of every pace."""

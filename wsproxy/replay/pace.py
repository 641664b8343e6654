"""
When a replay says what: four clocks, one file each.

    recorded   as in the original, or so many times faster
    fast       as fast as the server takes it
    lockstep   each message when the server has said as much as it had said before it in the original
    step       each message when a person says so
"""

from typing import Protocol

from wsproxy.errors import WsproxyError
from wsproxy.replay.recorded_message import RecordedMessage

PACES = ("lockstep", "recorded", "fast", "step")


class Ahead(Protocol):
    """What a clock may ask of the replay."""

    def is_behind(self, message: RecordedMessage | None) -> bool:
        """Whether the server has said less than it had said before a message; None: than it ever had."""

    async def news(self, timeout: float) -> bool:
        """Return when the server has said something; False if it has not within `timeout` seconds."""

    def behind(self, message: RecordedMessage | None, timeout: float) -> "BehindError":
        """What was expected, and what came."""


class Pace(Protocol):
    """A clock."""

    at_once: int
    """So many messages may be said without asking it (`before`), but for Close frames; 0: none."""
    in_order: bool
    """Openings and ends of connections are waited for."""

    async def at(self, moment: int) -> None:
        """A connection is to be opened, or to end, which was then; ns since the epoch."""

    def opened(self, moment: int) -> None:
        """A connection is open, which was so then."""

    async def before(self, message: RecordedMessage, replay: Ahead) -> bool:
        """
        A message is to be said.

        Returns:
            False: leave it out.

        Raises:
            BehindError: the server did not say in time what it had said before it.
            StopReplay: no more is to be said.
        """

    async def end(self, replay: Ahead) -> None:
        """All is said. Raises as `before`."""


class BehindError(WsproxyError):
    """The server did not say what it had said in the original."""

    exit_code = 1


class StopReplay(Exception):
    """Somebody wants no more of it."""

"""
Whose doing something is: what connections, messages and timers need to know of an addon.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias

from wsproxy.addon import checks
from wsproxy.addon.options import Options
from wsproxy.wire.transit import Transit

Call: TypeAlias = Callable[[], Awaitable[Any] | None]
"""What a timer calls: a function without arguments, plain or async."""


RAISED = (Exception, SystemExit)
"""What an addon may raise without ending the proxy."""


class TooLate(RuntimeError):
    """The message has been sent, or the connection is closed: nothing can be decided any more."""


class Owner(Protocol):
    """An addon, from the inside."""

    @property
    def by(self) -> str:
        """How the capture names it: `addon NAME`."""

    @property
    def options(self) -> Options:
        """Its options."""

    @property
    def redacts(self) -> bool:
        """It may let the capture keep something else than what was said."""

    @property
    def is_current(self) -> bool:
        """It is loaded, and was not replaced by a newer version of its file."""

    def failed(self, error: BaseException, doing: str) -> None:
        """It raised."""


def record_as(transit: Transit, owner: Owner, content: str | bytes) -> None:
    """
    For `Message.record_as` and `Frame.record_as`.

    Raises:
        TooLate: it is written already.
        RuntimeError: the addon does not say that it redacts.
    """
    if not owner.redacts:
        raise RuntimeError("record_as() needs `redacts = True` in the addon")
    if not transit.record_as(checks.bytes_of(content), owner.by):
        raise TooLate("what was said is in the capture already; record_as() is for hooks alone")


class Timer:
    """Something that will happen, perhaps again and again. It ends with its connection."""

    __slots__ = ("_is_cancelled",)

    def __init__(self) -> None:
        self._is_cancelled = False

    @property
    def is_cancelled(self) -> bool:
        """It will not happen."""
        return self._is_cancelled

    def cancel(self) -> None:
        """Let it not happen (again)."""
        self._is_cancelled = True

"""
An event loop whose time passes only when a test says so.

Waiting costs nothing: where a loop would sleep until the next timer is due, this one moves its clock.
"""

import asyncio
import selectors
from collections.abc import Callable
from typing import Any


class _Selector(selectors.DefaultSelector):
    """Does not wait for time to pass, only says that it would."""

    would_wait: Callable[[float | None], None]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and (timeout is None or timeout > 0):
            self.would_wait(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """
    The loop.

    Its clock starts at 0. Something that waits for other threads or real sockets does not wait here.
    """

    def __init__(self) -> None:
        self._seconds = 0.0
        self._settled: asyncio.Future[None] | None = None
        selector = _Selector()
        selector.would_wait = self._would_wait
        super().__init__(selector)

    def time(self) -> float:
        """Seconds since this loop began."""
        return self._seconds

    def settle(self) -> None:
        """Let everything happen that does not have to wait for a later time."""
        self._settled = self.create_future()
        self.run_until_complete(self._settled)

    def advance(self, seconds: float) -> None:
        """Let time pass, and everything happen that is due then."""
        until = self._seconds + seconds
        self.run_until_complete(asyncio.sleep(seconds))
        self._seconds = until
        self.settle()

    def _would_wait(self, timeout: float | None) -> None:
        settled, self._settled = self._settled, None
        if settled is not None:
            settled.set_result(None)
        elif timeout is not None:
            self._seconds += timeout
        else:
            raise RuntimeError("nothing will ever happen: what is awaited does not come from this loop")

    def run_until_complete(self, future: Any) -> Any:
        """As every loop's, but not inside another one."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return super().run_until_complete(future)
        future.close() if asyncio.iscoroutine(future) else future.cancel()
        raise RuntimeError("the harness has a loop of its own: use it in a plain test, not an async one")

"""
Send many messages as fast as the receiver takes them, and no faster.
"""

import asyncio
from collections.abc import Callable

from tests.bench.peers.frames import Block

_HIGH_WATER = 256 * 1024
_AT_ONCE = 4
"""Blocks written before whoever else waits for the event loop has a turn."""


class Sending:
    """
    The sending half of a protocol.

    Args:
        transport: where to.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        transport.set_write_buffer_limits(high=_HIGH_WATER)
        self._transport = transport
        self._paused = False
        self._left = 0
        self._block = Block(b"", ())
        self._then: Callable[[], None] | None = None

    def start(self, block: Block, count: int, then: Callable[[], None] | None = None) -> None:
        """Send `count` messages, the block over and over; `then` is called when all are written."""
        self._block, self._left, self._then = block, count, then
        self._go_on()

    def pause(self) -> None:
        """The receiver is behind."""
        self._paused = True

    def resume(self) -> None:
        """The receiver has caught up."""
        self._paused = False
        self._go_on()

    def _go_on(self) -> None:
        for _ in range(_AT_ONCE):
            if self._paused or not self._left or self._transport.is_closing():
                break
            self._transport.write(self._block.first(self._left))
            self._left -= min(self._left, len(self._block.ends))
        if self._left and not self._paused:
            asyncio.get_running_loop().call_soon(self._go_on)
        elif not self._left and self._then:
            then, self._then = self._then, None
            then()

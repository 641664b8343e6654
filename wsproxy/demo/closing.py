"""`/close/...`: four ways for a connection to end (RFC 6455 section 7)."""

import asyncio
import socket
import struct
import sys

from wsproxy.demo.handler import DemoSocket

REASON = "demo: closed on purpose"

PAUSE = 0.1
"""Seconds. A reset makes some systems throw away what was received and not read."""

_NO_LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class Closing(DemoSocket):
    """Says what it is going to do, and does it."""

    async def open(self, *args: str, **kwargs: str) -> None:
        """The argument is the last part of the path: `1000`, `4000`, `cut` or `eof`."""
        [how] = args
        await self.send(f"closing: {how}")
        await asyncio.sleep(PAUSE)
        if how == "1000":
            self.close(1000)
        elif how == "4000":
            self.close(4000, REASON)
        else:
            if how == "cut" and self.stream is not None and not self.stream.closed():
                # Closing with a linger time of zero sends RST in place of FIN (`man 7 socket`).
                self.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            self.abort()

    def on_message(self, message: str | bytes) -> None:
        """Too late to talk."""

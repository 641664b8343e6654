"""`/ping`: pings and pongs, which a page in a browser cannot see (RFC 6455 sections 5.5.2 and 5.5.3)."""

import asyncio

from tornado.websocket import WebSocketClosedError

from wsproxy.demo.handler import DemoSocket


class Ping(DemoSocket):
    """Pings its client, answers the client's pings, and tells in text what it got."""

    interval = 1.0
    """Seconds between two pings; the first goes out at once."""

    def open(self, *args: str, **kwargs: str) -> None:
        """Called by tornado when the WebSocket is open."""
        self._pings = self._pongs = self._unasked = 0
        self._waiting: set[bytes] = set()
        self.beside(self._ping())

    async def _ping(self) -> None:
        number = 0
        while True:
            number += 1
            payload = b"demo %d" % number
            # A client that never answers must not grow this for ever.
            if len(self._waiting) < 1000:
                self._waiting.add(payload)
            try:
                self.ping(payload)
            except WebSocketClosedError:
                return
            await asyncio.sleep(self.interval)

    def on_ping(self, data: bytes) -> None:
        """Called by tornado after it has answered with a pong."""
        self._pings += 1
        self.tell(f"pings received: {self._pings}")

    def on_pong(self, data: bytes) -> None:
        """A pong nobody asked for is legal, and counted by itself."""
        if data in self._waiting:
            self._waiting.discard(data)
            self._pongs += 1
            self.tell(f"pongs received: {self._pongs}")
        else:
            self._unasked += 1
            self.tell(f"pongs nobody asked for: {self._unasked}")

    async def on_message(self, message: str | bytes) -> None:
        """Whatever the client says, it hears the counts."""
        await self.send(f"pings received: {self._pings}, pongs received: {self._pongs}")

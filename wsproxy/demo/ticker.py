"""`/ticker`: a compressed stream (RFC 7692) whose frames only make sense one after the other."""

import asyncio
import json
import random
from typing import Any

from wsproxy.demo.handler import DemoSocket

START = {"ACME": 100.0, "DEMO": 42.0, "GLOBEX": 250.0, "INITECH": 12.5, "UMBRELLA": 77.7}
"""Units of no currency."""


class Ticker(DemoSocket):
    """Sends prices until the client leaves."""

    interval = 0.2
    """Seconds."""

    def get_compression_options(self) -> dict[str, Any]:
        """
        permessage-deflate, for clients that offer it.

        tornado keeps the compressor's window from message to message (context takeover) unless the
        client asks otherwise.
        """
        return {"compression_level": 6}

    def open(self, *args: str, **kwargs: str) -> None:
        """Called by tornado when the WebSocket is open."""
        self.beside(self._tick())

    async def _tick(self) -> None:
        chance = random.Random(1)
        prices = dict(START)
        number = 0
        while self.ws_connection is not None:
            number += 1
            for name, price in prices.items():
                prices[name] = round(max(1.0, price * (1 + chance.uniform(-0.01, 0.01))), 2)
            quote = {"type": "prices", "number": number, "prices": prices}
            await self.send(json.dumps(quote, separators=(",", ":")))
            await asyncio.sleep(self.interval)

    def on_message(self, message: str | bytes) -> None:
        """The ticker listens to nobody."""

"""
What happens, as it happens, for those who watch a running proxy.

A subscriber that does not read costs a bounded queue and nothing else: what does not fit is counted,
and the subscriber is told how much it missed.
"""

import asyncio
import time
from collections import deque
from typing import Any

from tornado.iostream import StreamClosedError

from wsproxy.engine.control_request import ControlRequest
from wsproxy.store.jsontext import Timestamps, dumps

MOST_WAITING = 1000
"""Events that wait for one subscriber."""
MOST_SUBSCRIBERS = 50


class Subscription:
    """One subscriber's queue."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque()
        self._missed = 0
        self._is_over = False
        self._news = asyncio.Event()

    def put(self, line: str) -> None:
        """An event; too many are counted only."""
        if len(self._lines) < MOST_WAITING:
            self._lines.append(line)
        else:
            self._missed += 1
        self._news.set()

    def end(self) -> None:
        """Nothing comes after what waits."""
        self._is_over = True
        self._news.set()

    async def take(self) -> tuple[str, int]:
        """What waits, as soon as something does, and how many events were missed after that."""
        while not (self._lines or self._missed or self._is_over):
            self._news.clear()
            await self._news.wait()
        lines, missed = "".join(self._lines), self._missed
        self._lines.clear()
        self._missed = 0
        return lines, missed


class Feed:
    """All subscribers."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()
        self._time = Timestamps()

    def __len__(self) -> int:
        return len(self._subscriptions)

    def publish(self, event: str, facts: dict[str, Any]) -> None:
        """Tell all. Costs nothing where nobody listens."""
        if self._subscriptions:
            line = self.line(event, facts)
            for subscription in self._subscriptions:
                subscription.put(line)

    def line(self, event: str, facts: dict[str, Any]) -> str:
        """One event as it is sent."""
        return dumps({"event": event, "time": self._time(time.time_ns()), **facts}) + "\n"

    def subscribe(self) -> Subscription | None:
        """From now on; None where there are too many."""
        if len(self._subscriptions) >= MOST_SUBSCRIBERS:
            return None
        subscription = Subscription()
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """No more."""
        self._subscriptions.discard(subscription)

    def end(self) -> None:
        """The proxy stops."""
        for subscription in self._subscriptions:
            subscription.end()


class Events(ControlRequest):
    """`/events`"""

    _subscription: Subscription | None = None

    async def get(self) -> None:
        """One JSON object a line, until the proxy stops or the reader goes away."""
        self._subscription = subscription = self.feed.subscribe()
        if subscription is None:
            self.answer({"error": f"{MOST_SUBSCRIBERS} others are watching already", "hint": ""}, 503)
            return
        self.set_header("Content-Type", "application/x-ndjson")
        try:
            await self._send(self.feed.line("subscribed", {}))
            while True:
                lines, missed = await subscription.take()
                if missed:
                    lines += self.feed.line("missed", {"count": missed})
                if not lines:
                    return
                await self._send(lines)
        except StreamClosedError:
            return
        finally:
            self.feed.unsubscribe(subscription)

    async def _send(self, lines: str) -> None:
        self.write(lines)
        # Returns when the system has taken all of it: a slow reader is waited for here.
        await self.flush()

    def on_connection_close(self) -> None:
        """Called by tornado when the reader has gone away."""
        if self._subscription:
            self._subscription.end()
        super().on_connection_close()

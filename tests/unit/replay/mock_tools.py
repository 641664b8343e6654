"""What the tests of recorded servers share: one that runs, and what its client hears."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from wsproxy.replay.acting import Acting
from wsproxy.replay.mock import MockServer
from wsproxy.store.reader import Reader

FAST = {"fast": True}


class Mock:
    """A running one."""

    def __init__(self, port: int, events: list[dict[str, Any]]) -> None:
        self.port = port
        self.events = events

    def connect(self, target: str = "/chat", **options: Any) -> connect:
        options.setdefault("compression", None)
        return connect(f"ws://127.0.0.1:{self.port}{target}", proxy=None, ping_interval=None, **options)

    def told(self, event: str) -> list[dict[str, Any]]:
        return [each for each in self.events if each["event"] == event]


@asynccontextmanager
async def mocking(path: Path, *, server: dict[str, Any] | None = None, **acting: Any) -> AsyncIterator[Mock]:
    events: list[dict[str, Any]] = []
    with Reader(path) as reader:
        mock = MockServer(reader, Acting(**acting), events.append, **(server or {}))
        _, port = await mock.start()
        try:
            yield Mock(port, events)
        finally:
            await mock.stop()


async def heard(client: ClientConnection, count: int) -> list[str | bytes]:
    return [await asyncio.wait_for(client.recv(), 20) for _ in range(count)]


async def end_of(client: ClientConnection) -> tuple[int, str]:
    await asyncio.wait_for(client.wait_closed(), 20)
    return client.close_code or 0, client.close_reason or ""

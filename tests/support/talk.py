"""
A real client and a real server that talk through an engine in the test's own process.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as websocket
from websockets.asyncio.server import ServerConnection, serve

from tests.support.inprocess import Running, engine
from tests.support.tls import server_context, trusting
from wsproxy.engine.conversation import Conversation
from wsproxy.engine.desk import Desk, Held


@dataclass
class Talk:
    """A client and a server with the proxy between them."""

    running: Running
    client: ClientConnection
    server: ServerConnection

    @property
    def desk(self) -> Desk:
        return self.running.engine.desk

    @property
    def conversation(self) -> Conversation:
        [conversation] = self.running.engine.sockets
        return conversation

    async def held(self, count: int = 1) -> list[Held]:
        """As soon as so many messages are held."""
        async with asyncio.timeout(10):
            while len(self.desk.held) != count:
                await asyncio.sleep(0.01)
        return list(self.desk.held.values())


@asynccontextmanager
async def talk(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scheme: str = "ws",
    compression: str | None = "deflate",
    path: str = "/",
    **options: Any,
) -> AsyncIterator[Talk]:
    arrived: asyncio.Queue[ServerConnection] = asyncio.Queue()

    async def handler(connection: ServerConnection) -> None:
        await arrived.put(connection)
        await connection.wait_closed()

    tls = server_context() if scheme == "wss" else None
    async with engine(tmp_path, monkeypatch, ssl_insecure=True, **options) as running:
        trust: ssl.SSLContext | None = None
        if tls:
            trust = trusting(tmp_path / "ca" / "mitmproxy-ca-cert.pem")
        async with (
            serve(handler, "127.0.0.1", 0, ssl=tls, compression=compression, ping_interval=None) as server,
            websocket(
                f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}{path}",
                proxy=f"http://127.0.0.1:{running.port}",
                ssl=trust,
                compression=compression,
                ping_interval=None,
            ) as client,
        ):
            yield Talk(running, client, await arrived.get())

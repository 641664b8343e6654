"""The demo's sessions, recorded from its own client through the proxy."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.proxy import running
from wsproxy.demo.origin import Origin
from wsproxy.demo.route import Route
from wsproxy.demo.steps import STEPS, Unexpected
from wsproxy.demo.ticker import Ticker

SESSIONS = ("echo", "chat", "socketio", "ticker", "image")
"""Echo, chat, Socket.IO with rooms and acknowledgements, compressed prices, a picture."""
ENDS = ("fragments", "ping", "subprotocol", "close-1000", "close-4000", "cut", "eof", "refused")


@asynccontextmanager
async def origin(port: int = 0) -> AsyncIterator[Origin]:
    """The demo's server. It asks where a page comes from: a session is played again on the same port."""
    Ticker.interval = 0.02
    async with Origin(http_port=port) as served:
        yield served


async def record(folder: Path, names: Iterable[str], port: int = 0, patience: float = 30) -> tuple[Path, int]:
    """
    Sessions of the demo, one after the other; the capture, and the port of the server.

    Args:
        folder: made for it.
        names: of the steps.
        port: of the server; 0 for any free one.
        patience: seconds for each session.
    """
    folder.mkdir()
    async with origin(port) as served, running(folder) as proxy:
        route = Route(served.ws_url, proxy.url, None, True)
        for name in names:
            # Where the server was changed, its client does not like what it hears.
            with contextlib.suppress(Unexpected, TimeoutError):
                async with asyncio.timeout(patience):
                    await STEPS[name](route)
        await proxy.stop()
        return proxy.capture, route.port

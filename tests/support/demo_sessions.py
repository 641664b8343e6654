"""The demo's sessions, recorded from its own client through the proxy; and a demo that answers otherwise."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.proxy import running
from wsproxy.demo.chat import Chat
from wsproxy.demo.echo import Echo
from wsproxy.demo.image import PICTURE
from wsproxy.demo.origin import Origin
from wsproxy.demo.route import Route
from wsproxy.demo.socketio_chat import SocketIOChat
from wsproxy.demo.steps import STEPS, Unexpected
from wsproxy.demo.ticker import START, Ticker

SESSIONS = ("echo", "chat", "socketio", "ticker", "image")
"""Echo, chat, Socket.IO with rooms and acknowledgements, compressed prices, a picture."""
ENDS = ("fragments", "ping", "subprotocol", "close-1000", "close-4000", "cut", "eof", "refused")


@asynccontextmanager
async def origin(port: int = 0, interval: float = 0.02) -> AsyncIterator[Origin]:
    """
    The demo's server, with `interval` seconds between two prices. It asks where a page comes from: a
    session is played again on the same port.
    """
    Ticker.interval = interval
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


OTHERWISE = {
    "/echo": "olleh",
    "/chat": "goodbye",
    "/socket.io/": "77",
    "/ticker": "$.prices.ACME",
    "/image": base64.b64encode(PICTURE.replace(b"IDAT", b"IDLE")).decode(),
}
"""By path, what a comparison with `answer_otherwise` has in it."""


def answer_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the demo says as much as before, and something else."""

    async def join(self: SocketIOChat, sid: str, *args: object) -> dict[str, object]:
        await self._server.enter_room(sid, args[0])
        return {"ok": True, "room": args[0], "members": 77}

    echo, tell = Echo.on_message, Chat.tell
    monkeypatch.setattr(Echo, "on_message", lambda self, message: echo(self, message[::-1]))
    monkeypatch.setattr(Chat, "tell", lambda self, text: tell(self, text.replace("hello", "goodbye")))
    monkeypatch.setattr(SocketIOChat, "_join", join)
    monkeypatch.setitem(START, "ACME", 101.0)
    monkeypatch.setattr("wsproxy.demo.image.PICTURE", PICTURE.replace(b"IDAT", b"IDLE"))

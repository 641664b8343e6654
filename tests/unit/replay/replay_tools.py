"""What the tests of replays share: sessions to be replayed, servers, and what came of it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import websockets
from websockets.asyncio.server import ServerConnection, serve

from tests.support.captures import MASK, Capture, capture
from wsproxy.replay.changes import Changes
from wsproxy.replay.outcome import Summary
from wsproxy.replay.pace import Pace
from wsproxy.replay.pace_lockstep import LockstepPace
from wsproxy.replay.recorded import Recorded
from wsproxy.replay.run import replay
from wsproxy.replay.settings import Settings
from wsproxy.store.reader import Reader
from wsproxy.store.tail import Event, FrameEvent, Tail
from wsproxy.wire.encode import encode_close, encode_frame
from wsproxy.wire.frames import OPCODE_NAMES

Handler = Callable[[ServerConnection], Awaitable[None]]


def text(content: str) -> bytes:
    """A frame of the client."""
    return encode_frame(1, content.encode(), mask=MASK)


def answer(content: str) -> bytes:
    """A frame of the server."""
    return encode_frame(1, content.encode())


def closing(code: int | None = 1000, reason: str = "") -> bytes:
    """A Close frame of the client."""
    return encode_close(code, reason, mask=MASK)


def talk(path: Path, url: str, *said: str, close: bool = True) -> Path:
    """A session in which the server said everything back in reverse."""
    with capture(path) as c:
        number = c.open(url)
        for one in said:
            c.send(number, text(one))
            c.receive(number, answer(one[::-1]))
        if close:
            end(c, number)
    return path


def end(c: Capture, number: int) -> None:
    """The client closes, the server agrees."""
    c.send(number, closing())
    c.receive(number, encode_close(1000))
    c.close(number)


@asynccontextmanager
async def server(handler: Handler, tls: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[str]:
    """A server of the `websockets` library; gives its URL."""
    options = {"compression": None, "ping_interval": None, "max_size": None} | options
    async with serve(handler, "127.0.0.1", 0, ssl=tls, **options) as running:
        [listening] = running.sockets
        yield f"{'wss' if tls else 'ws'}://127.0.0.1:{listening.getsockname()[1]}/chat"


async def reversing(connection: ServerConnection) -> None:
    """Says everything back in reverse."""
    async for message in connection:
        await connection.send(message[::-1])


def noting(notes: list[Any], then: Handler = reversing) -> Handler:
    """A handler that keeps the connections it was given."""

    async def handler(connection: ServerConnection) -> None:
        notes.append(connection)
        await then(connection)

    return handler


def hearing(heard: list[Any]) -> Handler:
    """A handler that keeps what it is told, and how it ended, and says nothing."""

    async def handler(connection: ServerConnection) -> None:
        try:
            async for message in connection:
                heard.append(message)
            heard.append(connection.close_code)
        except websockets.ConnectionClosed as closed:
            heard.append(closed.rcvd.code if closed.rcvd else 1006)

    return handler


async def play(
    path: Path,
    settings: Settings | None = None,
    pace: Pace | None = None,
    *,
    changes: Changes | None = None,
    to: Path | None = None,
    **choice: Any,
) -> Summary:
    """Replay a capture into `replay.wsp` beside it."""
    to = to or path.with_name("replay.wsp")
    with Reader(path) as reader:
        async with asyncio.timeout(60):
            return await replay(
                Recorded(reader, **choice),
                settings or Settings(timeout=20),
                to,
                pace or LockstepPace(20),
                changes=changes,
            )


def events(path: Path) -> list[Event]:
    """Everything in a capture."""
    with Reader(path) as reader:
        tail = Tail(reader)
        found: list[Event] = []
        while page := tail.read():
            found += page
        return found


def lines(path: Path) -> list[str]:
    """The frames of a capture in a few words."""
    found: list[str] = []
    for event in events(path):
        if isinstance(event, FrameEvent):
            frame = event.frame
            content = event.message.content if event.message else None
            shown = (frame.payload if content is None else content).decode("utf-8", "backslashreplace")
            way = "→" if frame.from_client else "←"
            of = f" of {event.original}" if event.original else ""
            found.append(f"{frame.connection} {way} {OPCODE_NAMES[frame.opcode]} {shown}{of}")
    return found

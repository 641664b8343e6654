"""
Take the pictures of the README: of the real app, at a real proxy in front of the demo's server.

    python tests/screenshots.py                    write them into wsproxy/docs/pictures
    python tests/screenshots.py --folder /tmp/p    elsewhere

What is said and what is seen is the same each time: the sessions go on in step, the capture is shown with
times of its own, and the clock stands still. So where nothing has changed, no picture does.
"""

import argparse
import asyncio
import contextlib
import itertools
import os
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engineio.base_server import BaseServer
from textual.pilot import Pilot
from textual.widgets import Input, TabPane, TextArea
from websockets.asyncio.client import ClientConnection

from tests.support.control import run_file
from tests.support.proxy import running
from tests.support.screen import until, until_shown
from wsproxy.control.client import Client
from wsproxy.control.messages import HeldInfo
from wsproxy.control.runfile import RunFile
from wsproxy.demo.origin import Origin
from wsproxy.demo.route import Route
from wsproxy.demo.steps import STEPS
from wsproxy.demo.ticker import Ticker
from wsproxy.errors import WsproxyError
from wsproxy.store.reader import Reader
from wsproxy.tui.app import WsproxyApp
from wsproxy.tui.inspector import Inspector
from wsproxy.tui.screens.browse import BrowseScreen
from wsproxy.tui.screens.hold import HoldScreen
from wsproxy.tui.screens.statistics import StatisticsScreen

FOLDER = Path(__file__).resolve().parents[1] / "wsproxy" / "docs" / "pictures"
SIZE = (140, 36)
BEGAN = 1_767_261_600_000_000_000
"""When the capture begins, ns: 10:00:00 UTC."""
LAST = b"\x82\x40"
"""The header of the echo of what is said last."""
AGES = (12.4, 9.8, 3.1)
"""Seconds that messages have been held."""
PRICES = 7
"""Messages of the ticker."""
SOCKETIO = "/socket.io/?EIO=4&transport=websocket"
ORDER = '{"op":"order","item":"Darjeeling","cups":2,"milk":false}'
RULES = ("~fromclient & ~json op = order", "~fromclient & ~event say")

Take = Callable[[Pilot[Any]], Awaitable[None]]


@dataclass
class Stage:
    """A running proxy, those who talk through it, and the capture to show."""

    run: RunFile
    shop: ClientConnection
    guest: ClientConnection
    capture: Path


# What is said.


async def hear(socket: ClientConnection, count: int) -> list[str | bytes]:
    """The next messages: who waits for all there are leaves nothing to chance."""
    async with asyncio.timeout(20):
        return [await socket.recv() for _ in range(count)]


async def chat(socket: ClientConnection) -> None:
    """Socket.IO: events, acknowledgements, a room, bytes."""
    for said, answers in (
        ("", 1),
        ("40", 2),
        ('421["say","good morning"]', 2),
        ('422["join","tea"]', 1),
        ('423["whisper","tea","milk?"]', 2),
        ('451-4["upload",{"_placeholder":true,"num":0}]', 0),
        (bytes((1, 2, 3)), 3),
        ('42["ask"]', 1),
        ('431["only you"]', 1),
    ):
        if said:
            await socket.send(said)
        await hear(socket, answers)


@contextmanager
def predictable() -> Iterator[None]:
    """The demo's server without chance: numbered sessions, and a ticker that stops to speak."""
    ids, pauses = itertools.count(1), itertools.chain([0.01] * (PRICES - 1), itertools.repeat(3600.0))
    with (
        patch.object(BaseServer, "generate_id", lambda self: f"session-{next(ids)}"),
        patch.object(Ticker, "interval", property(lambda self: next(pauses))),
    ):
        yield


@asynccontextmanager
async def stage(folder: Path, port: int, listen_port: int) -> AsyncIterator[Stage]:
    """Everybody in place, and something said already."""
    with predictable():
        async with (
            Origin("localhost", port) as origin,
            running(folder, "-p", str(listen_port)) as proxy,
        ):
            route = Route(origin.ws_url, proxy.url, None, True)
            for name in ("subprotocol", "refused", "cut", "image", "fragments"):
                await STEPS[name](route)
            async with contextlib.AsyncExitStack() as talks:
                ticker = await talks.enter_async_context(route.connect("/ticker"))
                await hear(ticker, PRICES)
                guest = await talks.enter_async_context(route.connect(SOCKETIO))
                await chat(guest)
                shop = await talks.enter_async_context(route.connect("/echo"))
                for said in ('{"op":"hello","table":4}', ORDER, bytes(range(64))):
                    await shop.send(said)
                    await hear(shop, 1)
                shown = folder / "tea.wsp"
                await copied(proxy.capture, shown)
                yield Stage(run_file(proxy.home), shop, guest, shown)


async def copied(live: Path, path: Path) -> None:
    """A copy of a capture as it is now, with times that are the same each time."""
    with Reader(live) as reader:
        async with asyncio.timeout(20):
            # The recorder is a moment behind.
            while not (found := reader.frames(reader.last_frame() - 1, 1)) or found[0].header != LAST:
                await asyncio.sleep(0.02)
    with (
        contextlib.closing(sqlite3.connect(f"file:{live}?mode=ro", uri=True)) as source,
        contextlib.closing(sqlite3.connect(path)) as copy,
    ):
        source.backup(copy)
        with copy:
            _set_times(copy)


def _set_times(db: sqlite3.Connection) -> None:
    chance = random.Random(4)
    places = dict(db.execute("SELECT id, url FROM connection"))
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    now = BEGAN
    for number, connection in db.execute("SELECT id, connection FROM frame ORDER BY id").fetchall():
        gap = 0.2 if places[connection].endswith("/ticker") else chance.uniform(0.001, 0.03)
        if connection not in first:
            gap += 0.4
        now += int(gap * 1e9)
        first.setdefault(connection, now)
        last[connection] = now
        db.execute("UPDATE frame SET time = ? WHERE id = ?", (now, number))
    opened = BEGAN
    for connection in places:
        opened = first.get(connection, opened + 100_000_000) - 9_000_000
        db.execute("UPDATE connection SET opened = ? WHERE id = ?", (opened, connection))
        closed = last.get(connection, opened) + 2_000_000
        db.execute("UPDATE closure SET time = ? WHERE connection = ?", (closed, connection))
    db.execute("UPDATE meta SET value = ? WHERE key = 'created'", (BEGAN,))


def number_of(path: Path, content: str) -> int:
    """The first frame that says that."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        query = "SELECT id FROM log WHERE instr(text, ?) ORDER BY id LIMIT 1"
        return int(db.execute(query, (content,)).fetchone()[0])


# What is seen.


@contextmanager
def still_clock(path: Path) -> Iterator[None]:
    """It is a moment after the last frame, whenever somebody looks; and in Greenwich."""
    with Reader(path) as reader:
        [last] = reader.frames(reader.last_frame() - 1, 1)
    now = last.time + 2_500_000_000
    zone = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    held = Client.held

    def aged(self: Client) -> Iterator[HeldInfo]:
        for message, age in zip(held(self), AGES, strict=False):
            yield {**message, "age": age}

    try:
        with (
            patch("time.time", lambda: now / 1e9),
            patch("time.time_ns", lambda: now),
            patch.object(Client, "held", aged),
        ):
            yield
    finally:
        os.environ.pop("TZ")
        if zone is not None:
            os.environ["TZ"] = zone
        time.tzset()


async def inspected(pilot: Pilot[Any], number: int, tab: str) -> None:
    """A frame in the inspector."""
    screen = pilot.app.screen
    assert isinstance(screen, BrowseScreen)
    screen.frames.select(number, center=True)
    await pilot.press("enter")
    inspector = screen.query_one(Inspector)
    await until(pilot, lambda: inspector.shown and inspector.shown.frame.id == number)
    inspector.action_tab(tab)
    pane = inspector.query_one(f"#{tab}", TabPane)
    await until(pilot, lambda: pilot.app.focused in pane.children)


def browse(number: int) -> Take:
    async def take(pilot: Pilot[Any]) -> None:
        await inspected(pilot, number, "decoded")
        await until_shown(pilot, "whispered")
        pilot.app.screen.query_one("#frames").focus()

    return take


def frame(number: int) -> Take:
    async def take(pilot: Pilot[Any]) -> None:
        await inspected(pilot, number, "frame")
        await until_shown(pilot, "Inflated")
        await pilot.press("z")

    return take


async def statistics(pilot: Pilot[Any]) -> None:
    await pilot.press("4")
    await until_shown(pilot, "Messages a second", "socketio")
    screen = pilot.app.screen
    assert isinstance(screen, StatisticsScreen)
    await until(pilot, lambda: screen.complete)


def compose(shop: ClientConnection, number: int) -> Take:
    async def take(pilot: Pilot[Any]) -> None:
        pilot.app.selected = number  # type: ignore[attr-defined]
        await pilot.press("3")
        await until_shown(pilot, "ws://localhost")
        await pilot.press("ctrl+l")
        await until_shown(pilot, "Darjeeling")
        area = pilot.app.screen.query_one(TextArea)
        area.load_text(ORDER.replace("Darjeeling", "Assam"))
        await pilot.press("ctrl+s")
        await until_shown(pilot, "51 B  {")
        assert await hear(shop, 1) == [area.text]
        area.load_text(ORDER.replace("2", "200"))
        await pilot.pause()

    return take


def hold(there: Stage) -> Take:
    async def take(pilot: Pilot[Any]) -> None:
        client = Client(there.run)
        for wanted in RULES:
            await asyncio.to_thread(client.add_rule, "hold", wanted)
        await there.shop.send(ORDER.replace("2", "12"))
        await there.shop.send('{"op":"order","item":"Sencha","cups":1,"milk":true}')
        await until(pilot, lambda: len(list(client.held())) == 2)
        await there.guest.send('425["say","psst"]')
        await pilot.press("2")
        await until_shown(pilot, "1 more", "425[", "held since")
        screen = pilot.app.screen
        assert isinstance(screen, HoldScreen)
        await until(pilot, lambda: "Darjeeling" in screen.editor.area.text)
        await pilot.press("e")
        screen.editor.area.load_text(ORDER)
        await until_shown(pilot, "changed")

    return take


async def picture(there: Stage, take: Take) -> str:
    """The screen as SVG."""
    app = WsproxyApp(there.capture, there.run)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: isinstance(app.screen, BrowseScreen))
        await until(pilot, lambda: app.capture.traffic.counted == app.capture.now.last_frame > 0)
        await take(pilot)
        app.clear_notifications()
        for typed in (*app.screen.query(TextArea), *app.screen.query(Input)):
            typed.cursor_blink = False
        at_rest = ("follow", "count")
        await until(pilot, lambda: not [w for w in app.workers if w.is_running and w.group not in at_rest])
        await pilot.pause()
        return app.export_screenshot(title="wsproxy", simplify=True)


async def take_all(folder: Path, port: int, listen_port: int) -> None:
    """Write all pictures."""
    with (
        tempfile.TemporaryDirectory(prefix="wsproxy-pictures-") as there,
        # Filters and messages that somebody has used are no part of a picture.
        patch.dict(os.environ, {"WSPROXY_HOME": str(Path(there, "home"))}),
    ):
        async with stage(Path(there), port, listen_port) as scene:
            wanted: dict[str, Take] = {
                "browse": browse(number_of(scene.capture, '"whisper"')),
                "frame": frame(number_of(scene.capture, '"number":3')),
                "statistics": statistics,
                "compose": compose(scene.shop, number_of(scene.capture, ORDER)),
                # The last one: its messages are held from then on.
                "hold": hold(scene),
            }
            with still_clock(scene.capture):
                for name, take in wanted.items():
                    path = folder / f"{name}.svg"
                    path.write_text(await picture(scene, take), encoding="utf-8")
                    print(path)
            await asyncio.to_thread(lambda: Client(scene.run).release("all"))
            for rule in Client(scene.run).rules():
                Client(scene.run).remove_rule(rule["id"])


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--port", type=int, default=8000, help="of the demo's server; 0 for any free one")
    parser.add_argument("--listen-port", type=int, default=8080, help="of the proxy; likewise")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    try:
        asyncio.run(take_all(given.folder, given.port, given.listen_port))
    except WsproxyError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())

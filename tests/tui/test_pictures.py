"""How the inspector and the screens that command a proxy look, in a small and in a large terminal."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import TextArea

from tests.support.captures import MASK, capture
from tests.support.screen import until, until_shown
from wsproxy.control.runfile import RunFile
from wsproxy.decoders.registry import DECODERS
from wsproxy.store.reader import Reader
from wsproxy.tui.app import WsproxyApp
from wsproxy.tui.engine import EngineLink
from wsproxy.tui.inspector import Inspector, load
from wsproxy.wire.encode import encode_close, encode_frame

SMALL, LARGE = (80, 24), (160, 45)
sizes = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "160x45"])
pytestmark = pytest.mark.usefixtures("utc", "home")
Compare = Callable[..., bool]


def talked(path: Path) -> Path:
    """A call, its answer changed by hand, a ping, a picture, and what breaks the protocol."""
    with capture(path) as c:
        number = c.open(
            "wss://example.test/tea", subprotocol="tea.v1", tls={"server": {"version": "TLSv1.3"}}
        )
        c.send(
            number, encode_frame(1, b'{"jsonrpc":"2.0","method":"price","params":["tea"],"id":1}', mask=MASK)
        )
        c.relay(number).edit(
            False, lambda transit: transit.replace(transit.original.replace(b"3.50", b"0"), "hand") and None
        )
        c.receive(number, encode_frame(1, b'{"jsonrpc":"2.0","result":{"price":3.50,"stock":[1,2]},"id":1}'))
        c.receive(number, encode_frame(9, b"beat"))
        c.send(number, encode_frame(10, b"beat", mask=MASK))
        c.send(number, encode_frame(2, bytes(range(200)), rsv=2))
        c.send(number, encode_close(1000, "bye", mask=MASK))
        c.close(number)
    return path


def still(app: App[Any]) -> None:
    """Nothing blinks."""
    for area in app.screen.query(TextArea):
        area.cursor_blink = False


class InspectorApp(App[None]):
    """One frame in the inspector."""

    def __init__(self, path: Path, number: int, tab: str) -> None:
        super().__init__()
        with Reader(path) as reader:
            self._shown = load(reader, number, DECODERS.session)
        self._tab = tab

    def compose(self) -> ComposeResult:
        yield Inspector()

    def on_mount(self) -> None:
        inspector = self.query_one(Inspector)
        inspector.show(self._shown)
        inspector.action_tab(self._tab)


@pytest.mark.parametrize(
    ("tab", "number"),
    [("decoded", 2), ("text", 2), ("hex", 6), ("frame", 6), ("handshake", 1), ("timing", 1), ("sent", 3)],
)
def test_the_tabs_of_the_inspector(snap_compare: Compare, tmp_path: Path, tab: str, number: int) -> None:
    app = InspectorApp(talked(tmp_path / "tea.wsp"), number, tab)
    assert snap_compare(app, terminal_size=SMALL)


def test_a_frame_in_a_large_terminal(snap_compare: Compare, tmp_path: Path) -> None:
    assert snap_compare(InspectorApp(talked(tmp_path / "tea.wsp"), 6, "frame"), terminal_size=LARGE)


HELD = {
    "url": "wss://example.test/tea",
    "direction": "send",
    "type": "text",
    "changed": False,
    "arrived": "2024-03-05T12:00:00Z",
    "since": "2024-03-05T12:00:00Z",
    "rule": 1,
    "filter": "~fromclient & ~b price",
    "waiting_bytes": 0,
}
CONTENT = {3: b'{"op":"price","item":"tea"}', 4: b"\x00\xff\x1b[2J"}


class FixedClient:
    """A proxy that always answers the same."""

    def held(self) -> list[dict[str, Any]]:
        return [
            HELD
            | {"id": 3, "connection": 1, "length": 27, "age": 12.4, "preview": CONTENT[3].decode()}
            | {"waiting_messages": 2, "waiting_bytes": 120},
            HELD
            | {"id": 4, "connection": 2, "length": 7, "age": 3.0, "preview": "00 ff 1b 5b 32 4a  |...[2J|"}
            | {"direction": "receive", "type": "binary", "waiting_messages": 0, "changed": True},
        ]

    def held_content(self, number: int) -> bytes:
        return CONTENT[number]

    def rules(self) -> list[dict[str, Any]]:
        rule = {"argument": "", "enabled": True, "hits": 12, "held": 2}
        return [
            rule | {"id": 1, "action": "hold", "filter": "~fromclient & ~b price"},
            rule | {"id": 2, "action": "rewrite", "filter": "~text", "argument": "/tea/coffee/", "held": 0},
            rule | {"id": 3, "action": "hold", "filter": "", "enabled": False, "hits": 0, "held": 0},
        ]

    def addons(self) -> dict[str, Any]:
        return {"addons": [{"name": "drop", "path": "/addons/drop.py", "hooks": ["ws_message"], "errors": 2}]}

    def options(self) -> list[dict[str, Any]]:
        common = {"type": "int", "choices": [], "own": True, "live": True}
        return [
            common | {"name": "hold_limit", "value": "8m", "default": "8m", "help": "What may wait."},
            common | {"name": "hold_seconds", "value": 30, "default": 600, "help": "How long it waits."},
        ]

    def connections(self) -> list[dict[str, Any]]:
        return [{"id": 1, "url": "wss://example.test/tea", "subprotocol": "tea.v1"}]


class FixedLink(EngineLink):
    """Asks that one."""

    alive = True

    async def call(self, question: Callable[[Any], Any]) -> Any:
        return question(FixedClient())

    def watch(self, heard: Callable[[Any], None]) -> None:
        """Nothing happens."""


def commanding(path: Path) -> WsproxyApp:
    run = RunFile(1, "token", ("127.0.0.1:8080",), "tea.wsp", 0)
    app = WsproxyApp(path)
    app.engine = FixedLink(run)
    return app


def going(key: str, *words: str) -> Callable[[Pilot[Any]], Any]:
    async def before(pilot: Pilot[Any]) -> None:
        await pilot.press(key)
        await until_shown(pilot, *words)
        still(pilot.app)
        await until(pilot, lambda: not [w for w in pilot.app.workers if w.is_running and w.group != "follow"])
        await pilot.pause()

    return before


@sizes
def test_the_hold_screen(
    snap_compare: Compare, tmp_path: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsproxy.tui.screens.hold.time.time", lambda: 1_709_640_012.4)
    app = commanding(talked(tmp_path / "tea.wsp"))
    assert snap_compare(app, terminal_size=size, run_before=going("2", "held since", "27 B"))


@sizes
def test_the_compose_screen(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        pilot.app.selected = 1  # type: ignore[attr-defined]
        await going("3", "#1")(pilot)
        await pilot.press("ctrl+l")
        await until_shown(pilot, "jsonrpc", "58 B")
        still(pilot.app)

    app = commanding(talked(tmp_path / "tea.wsp"))
    assert snap_compare(app, terminal_size=size, run_before=before)


@sizes
def test_the_statistics_screen(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await pilot.press("4")
        await until_shown(pilot, "the whole capture  7 frames")
        await until(pilot, lambda: pilot.app.screen.complete)  # type: ignore[attr-defined]
        await pilot.pause()

    app = WsproxyApp(talked(tmp_path / "tea.wsp"))
    assert snap_compare(app, terminal_size=size, run_before=before)


@sizes
def test_the_rules_screen(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    app = commanding(talked(tmp_path / "tea.wsp"))
    assert snap_compare(app, terminal_size=size, run_before=going("5", "/tea/coffee/", "2 errors in addons"))


def test_a_screen_that_needs_a_proxy_without_one(snap_compare: Compare, tmp_path: Path) -> None:
    app = WsproxyApp(talked(tmp_path / "tea.wsp"))
    assert snap_compare(app, terminal_size=SMALL, run_before=going("2", "No proxy is running"))

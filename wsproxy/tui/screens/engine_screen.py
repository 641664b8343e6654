"""What the screens that command the proxy have in common."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from textual.app import ComposeResult
from textual.css.query import NoMatches
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from wsproxy.control.client import Client
from wsproxy.errors import CaptureError, WsproxyError
from wsproxy.tui.actions import actions
from wsproxy.tui.inspector.shown import Shown, load
from wsproxy.tui.screens.base import TaskScreen
from wsproxy.tui.work import work

T = TypeVar("T")

NO_ENGINE = (
    "No proxy is running for this capture, so there is nothing to command here.\n\n"
    "`wsproxy` starts one, and `wsproxy attach` looks at one that runs."
)


class EngineScreen(TaskScreen):
    """
    A screen for a task that needs a running proxy.

    A subclass has `compose_engine`, and `look`, which is called while the screen is seen: at once, every
    `EVERY` seconds, and after events it names in `HEARS`.
    """

    EVERY = 1.0
    HEARS: frozenset[str] = frozenset()
    DEFAULT_CSS = """
    EngineScreen > #no-engine { padding: 1 2; color: $text-muted; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._timer: Timer | None = None

    def compose_task(self) -> Iterable[Widget]:
        """What the subclass has, or why there is nothing."""
        if self.app.engine is None:
            yield Static(NO_ENGINE, id="no-engine", markup=False)
        else:
            yield from self.compose_engine()

    def compose_engine(self) -> ComposeResult:
        """What is on the screen."""
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Textual's: without a proxy there is nothing to do here."""
        if self.app.engine is None and any(
            known.method == f"action_{action}" for known in actions(self.WHERE)
        ):
            return False
        return super().check_action(action, parameters)

    async def look(self) -> None:
        """Ask the proxy how things are, and show it."""
        raise NotImplementedError

    async def ask(self, question: Callable[[Client], T], quietly: bool = False) -> T | None:
        """
        Ask or tell the proxy; what goes wrong is said to the person.

        Args:
            question: asked in a thread.
            quietly: a proxy that is gone is no news.

        Returns:
            None if it went wrong.
        """
        engine = self.app.engine
        if engine is None or (quietly and not engine.alive):
            return None
        try:
            return await engine.call(question)
        except WsproxyError as error:
            if not quietly or engine.alive:
                self.app.complain(error)
            return None

    async def selected(self) -> Shown | None:
        """The frame that is selected in Browse; None if none is, or it cannot be read, which is said."""
        number, factory = self.app.selected, self.app.factory
        if number is None:
            return None
        try:
            return await self.app.capture.ask(lambda reader: load(reader, number, factory))
        except CaptureError as error:
            self.app.complain(error)
            return None

    def refresh_soon(self) -> None:
        """Look again; several times at once are once."""
        if self.app.engine is not None and self.is_mounted:
            work(self, "look", self._look)

    async def _look(self) -> None:
        try:
            await self.look()
        except NoMatches:
            # Asking took longer than what is on the screen was there: the app is being left.
            if self.children:
                raise

    def on_screen_resume(self) -> None:
        """Textual's: it is seen again."""
        super().on_screen_resume()
        self.refresh_soon()
        if self._timer is None:
            self._timer = self.set_interval(self.EVERY, self._tick)

    def _tick(self) -> None:
        if self.is_current:
            self.refresh_soon()

    def on_engine_said(self, message: object) -> None:
        """Something happened that changes what is seen."""
        event = getattr(message, "event", {})
        if self.is_current and event.get("event") in self.HEARS:
            self.refresh_soon()

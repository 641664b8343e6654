"""
The app: wiring only. It has the capture, the engine and the screens, and looks every tenth of a second
whether there is more.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from textual import events
from textual.app import App, ScreenStackError
from textual.binding import Binding, BindingType
from textual.reactive import reactive
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Input, TextArea

from wsproxy.control.runfile import RunFile
from wsproxy.decoders.registry import DECODERS, Factory
from wsproxy.decoders.text import printable
from wsproxy.errors import CaptureError, WsproxyError
from wsproxy.tui.actions import Action, bindings, key_shown, places, register
from wsproxy.tui.capture.model import DELETED, FINISHED, INTERRUPTED, LIVE, REPLACED, CaptureModel
from wsproxy.tui.commands import ActionCommands
from wsproxy.tui.engine import EngineLink
from wsproxy.tui.messages import EngineSaid, Grew
from wsproxy.tui.places import SCREENS
from wsproxy.tui.said import Said
from wsproxy.tui.sockets import Sockets
from wsproxy.tui.widgets.bars import Subject, Tab

POLL = 0.1
"""Seconds between two looks at the capture, at least."""
_SHARE = 0.12
"""Of a core, which looking and drawing may take in the long run: then it looks less often."""
_SLOWEST = 0.5
"""Seconds between two looks, at most."""

_COUNTED = 0.5
"""Seconds after which the numbers of connections are brought up to date."""
_LONGEST = 600
"""Columns of what is said to have gone wrong."""
_OPENING = 2.0
"""Seconds that a key waits for a screen that is being opened; it takes some hundredths."""

register(
    Action("help", "question_mark,f1", "Help", "Every key, those of where you are first"),
    Action("leave", "q,ctrl+q,ctrl+c", "Quit", "Leave; a running proxy may go on without"),
    Action(
        "said", "l", "Said", "What the proxy has said: what failed, and what to do about it", footer=False
    ),
    Action("palette", "ctrl+p", "Palette", "Everything that can be done, by name", palette=False),
    *(Action(f"go('{place.name}')", place.key, place.label, place.help, footer=False) for place in SCREENS),
)


def pause(cost: float) -> float:
    """
    Seconds from one look at the capture to the next.

    Args:
        cost: seconds of CPU for looking, and for drawing what was found.
    """
    return min(max(cost / _SHARE, POLL), _SLOWEST)


@dataclass(frozen=True, slots=True)
class Left:
    """How the app ended."""

    stop: bool
    """The proxy is to be stopped."""


class WsproxyApp(App[Left]):
    """
    The terminal UI over one capture.

    Args:
        capture: the file.
        run: the proxy that writes it, if one runs that can be asked.
        factory: makes the decoder session of a connection.
        owner: this program has started the proxy.
        wanted: a filter to begin with.
        said: what the proxy has said before.
    """

    TITLE = "wsproxy"
    WHERE = "everywhere"
    BINDINGS: ClassVar[list[BindingType]] = bindings("everywhere")
    COMMANDS = App.COMMANDS | {ActionCommands}
    MODES: ClassVar[dict[str, Any]] = {place.name: place.load for place in SCREENS}
    ENABLE_COMMAND_PALETTE = True

    selected: reactive[int | None] = reactive(None)
    """The id of the selected frame."""

    def __init__(
        self,
        capture: Path,
        run: RunFile | None = None,
        factory: Factory = DECODERS.session,
        owner: bool = False,
        wanted: str = "",
        said: Iterable[str] = (),
    ) -> None:
        super().__init__()
        self.capture = CaptureModel(capture, factory)
        self.factory = factory
        self.engine = EngineLink(run) if run else None
        self.sockets = Sockets()
        self.said = Said()
        for sentence in said:
            self.said.add(sentence)
        self.owner = owner
        self.wanted = wanted
        self._state = LIVE
        self._here: asyncio.AbstractEventLoop | None = None

    @property
    def subject(self) -> Subject:
        """What is being looked at: for the line above."""
        name, state = self.capture.path.name, self.capture.now.state
        if state == LIVE and self.engine:
            return Subject(f"● {self.engine.address}", f"→ {name}", "green")
        if state == LIVE:
            return Subject("●", name, "green")
        return Subject(f"({state})", name, "" if state == FINISHED else "bold red")

    async def on_event(self, event: events.Event) -> None:
        """
        Textual's: what a key is bound to is done before the next key is looked at.

        Textual lets a key go up from what has the focus to the app first. Keys typed right behind one that
        opens a dialog would meanwhile go to the list behind, or get lost.
        """
        if isinstance(event, events.Key) and not event.is_forwarded and self.app_focus:
            await self._opened()
            if await self._is_bound(event):
                return
        await super().on_event(event)

    async def _opened(self) -> None:
        """Wait until the screen is there that takes keys."""
        with contextlib.suppress(TimeoutError, ScreenStackError):
            async with asyncio.timeout(_OPENING):
                while not self.screen.is_mounted:
                    await asyncio.sleep(0)

    async def _is_bound(self, event: events.Key) -> bool:
        """Do what a key is bound to here, if it is not for somebody who types."""
        focused = self.focused
        if focused is not None and focused.check_consume_key(event.key, event.character):
            return False
        if event.key == "escape" and self.screen.maximized is not None:
            return False
        bound = self.screen.active_bindings.get(event.key)
        if bound is None or not bound.enabled:
            return False
        if isinstance(focused, Input | TextArea):
            await self._taken(focused)
        screen = self.screen
        done = await self.run_action(bound.binding.action, bound.node)
        if isinstance(screen, ModalScreen):
            # An answer goes up from what has the focus to the dialog, which asks on in another or is gone.
            for node in focused.ancestors_with_self if focused else ():
                if isinstance(node, Widget) and self.screen is screen:
                    await self._taken(node)
        return done

    async def _taken(self, node: Widget) -> None:
        """Wait until what was said to it before has been dealt with: what was typed is in the text."""
        taken = asyncio.Event()
        if node.call_later(taken.set):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_OPENING):
                    while not taken.is_set() and node.is_running:
                        await asyncio.sleep(0)

    async def on_mount(self) -> None:
        """Textual's."""
        self._here = asyncio.get_running_loop()
        try:
            await self.capture.open()
        except CaptureError as error:
            self.exit(return_code=error.exit_code, message=str(error))
            return
        self._state = self.capture.now.state
        # Not as DEFAULT_MODE: Textual mounts that one before it is the current one, and an Input needs that.
        self.switch_mode(SCREENS[0].name)
        if self.engine:
            self.engine.watch(self._heard)
        self.run_worker(self._follow(), group="follow", exit_on_error=True)

    async def on_unmount(self) -> None:
        """Textual's."""
        self.sockets.close()
        if self.engine:
            self.engine.close()
        await self.capture.close()

    async def _follow(self) -> None:
        """Look at the capture again and again, as long as the app runs."""
        counted = 0.0
        self._grew()
        while not self.capture.closed:
            spent = time.process_time()
            try:
                changed = await self.capture.look()
                if time.monotonic() - counted >= _COUNTED:
                    counted = time.monotonic()
                    # Also without news: how long a connection has been idle is news.
                    changed |= await self.capture.count() or self.capture.now.state == LIVE
            except CaptureError as error:
                if self.capture.closed:
                    return
                self.notify(str(error), severity="error", timeout=20, markup=False)
                await asyncio.sleep(5)
                continue
            if changed:
                self._grew()
            await asyncio.sleep(POLL)
            # What drawing has cost shows only now.
            await asyncio.sleep(pause(time.process_time() - spent) - POLL)

    def _grew(self) -> None:
        self._tell_state()
        for screen in self._all_screens():
            screen.post_message(Grew())

    def _all_screens(self) -> list[Screen[Any]]:
        return [screen for stack in self._screen_stacks.values() for screen in stack]

    def _tell_state(self) -> None:
        """Say once what has become of the capture."""
        state = self.capture.now.state
        if state == self._state:
            return
        self._state = state
        path = self.capture.path
        say = {
            FINISHED: ("The proxy has stopped; everything it recorded is here.", "information"),
            INTERRUPTED: (
                f"The proxy is gone, without having stopped in order. What it recorded is in {path}.",
                "error",
            ),
            DELETED: (f"{path} was deleted. What is in it can be seen until you leave.", "error"),
            REPLACED: (
                f"There is another file at {path} now. You still see the old one; open it anew to see that.",
                "error",
            ),
        }
        if state in say:
            text, severity = say[state]
            self.notify(text, severity=severity, timeout=15, markup=False)  # type: ignore[arg-type]

    def _heard(self, event: Any) -> None:
        """In the engine's thread: pass an event on to every screen."""

        def post() -> None:
            if event.get("event") == "told":
                self._hear(str(event.get("message", "")))
            for screen in self._all_screens():
                screen.post_message(EngineSaid(event))

        if self.is_running and self._here:
            self._here.call_soon_threadsafe(post)

    def _hear(self, sentence: str) -> None:
        """Put what the proxy says before people's eyes; who looks up too late reads it with `l`."""
        said = self.said.add(sentence)
        if said is not None:
            self.notify(said.text, title="The proxy says", severity="warning", timeout=15, markup=False)

    def complain(self, error: WsproxyError) -> None:
        """Say what went wrong; a server may have put it into words."""
        self.notify(printable(str(error), _LONGEST), severity="error", markup=False)

    def on_tab_pressed(self, message: Tab.Pressed) -> None:
        """The name of a screen was clicked."""
        self.switch_mode(message.place.name)

    def get_key_display(self, binding: Binding) -> str:
        """Textual's: for the footer."""
        return key_shown(binding, self.screen.active_bindings)

    def action_help(self) -> None:
        """Help about where one is."""
        from wsproxy.tui.screens.help import HelpScreen

        node: Any = self.focused or self.screen
        here = [place for part in node.ancestors_with_self for place in places(part)]
        self.push_screen(HelpScreen(here))

    def action_said(self) -> None:
        """What the proxy has said."""
        from wsproxy.tui.screens.said import SaidScreen

        self.said.unread = 0
        self.clear_notifications()
        self.push_screen(SaidScreen(self.said.sentences))

    def action_leave(self) -> None:
        """Leave; of a running proxy ask first what becomes of it."""
        if self.engine is None or not self.engine.alive:
            self.exit(Left(False))
            return
        from wsproxy.tui.screens.dialogs import Choice, Choose

        stop = Choice("Stop the proxy", True, "connections through it end")
        leave = Choice("Leave it running", False, "`wsproxy attach` returns to it")
        choices = [stop, leave] if self.owner else [leave, stop]
        text = f"The proxy listens on {printable(self.engine.address)} and records."

        def left(answer: bool | None) -> None:
            if answer is not None:
                self.exit(Left(answer))

        self.push_screen(Choose("Quit", choices, text), left)

    def action_palette(self) -> None:
        """Everything that can be done."""
        self.action_command_palette()

    def action_go(self, name: str) -> None:
        """To another screen."""
        self.switch_mode(name)

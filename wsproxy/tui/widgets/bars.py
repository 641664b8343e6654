"""The lines above and below a screen: where one is, and how it stands."""

from dataclasses import dataclass

from rich.text import Text
from textual import events
from textual.app import RenderResult
from textual.containers import Horizontal
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Footer, Static

from wsproxy.decoders.text import columns, printable
from wsproxy.tui.places import SCREENS, Place

_WIDE = 100
"""Columns from which the line above says whose it is, too."""
_SHORTEST = 4
"""Columns of a name below which it says nothing."""


class Tab(Widget):
    """The name of a screen; a click goes there."""

    DEFAULT_CSS = """
    Tab { width: auto; height: 1; padding: 0 1; color: $text-muted; }
    Tab:hover { color: $text; text-style: underline; }
    Tab.-here { background: $primary; color: $text; text-style: bold; }
    Tab.-here:ansi { background: ansi_blue; color: ansi_bright_white; }
    """

    class Pressed(Message):
        """Go there."""

        def __init__(self, place: Place) -> None:
            super().__init__()
            self.place = place

    def __init__(self, place: Place) -> None:
        super().__init__(id=f"tab-{place.name}")
        self.place = place

    def render(self) -> RenderResult:
        """Textual's."""
        return Text(f"{self.place.key} {self.place.label}")

    def on_click(self, event: events.Click) -> None:
        """Textual's."""
        event.stop()
        self.post_message(self.Pressed(self.place))


@dataclass(frozen=True, slots=True)
class Subject:
    """What is being looked at."""

    state: str
    """How it stands, which must be seen."""
    name: str
    """Of the file; anybody's."""
    style: str = ""


class SubjectLine(Widget):
    """What is being looked at, in as much room as there is."""

    DEFAULT_CSS = """
    SubjectLine { height: 1; width: 1fr; text-align: right; padding: 0 1; color: $text-muted; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.subject = Subject("", "")

    def render(self) -> RenderResult:
        """Textual's: of a name that is too long its end is given up, never the state."""
        subject, width = self.subject, self.size.width
        state, name = printable(subject.state, width), printable(subject.name, width)
        room = width - columns(state) - 1
        if columns(name) > room:
            name = printable(subject.name, room) if room >= _SHORTEST else ""
        return Text(f"{state} {name}".strip(), subject.style, no_wrap=True)


class TopBar(Horizontal):
    """Where one is, and what is being looked at."""

    DEFAULT_CSS = """
    TopBar { height: 1; dock: top; background: $panel; }
    TopBar > .title { width: auto; padding: 0 1; text-style: bold; color: $text-accent; }
    TopBar.-narrow > .title { display: none; }
    TopBar:ansi { background: ansi_default; }
    """

    def __init__(self, here: str) -> None:
        super().__init__()
        self._here = here
        self._line = SubjectLine()

    def compose(self):  # type: ignore[no-untyped-def]
        """Textual's."""
        yield Static("wsproxy", classes="title", markup=False)
        for place in SCREENS:
            tab = Tab(place)
            tab.set_class(place.name == self._here, "-here")
            yield tab
        yield self._line

    def on_resize(self) -> None:
        """Textual's."""
        self.set_class(self.size.width < _WIDE, "-narrow")

    def say(self, subject: Subject) -> None:
        """What is being looked at."""
        if subject != self._line.subject:
            self._line.subject = subject
            self._line.refresh()


class StatusLine(Static):
    """How it stands; written whole, each time."""

    DEFAULT_CSS = """
    StatusLine { height: 1; background: $panel; color: $text-muted; padding: 0 1; }
    StatusLine:ansi { background: ansi_default; color: ansi_default; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self.shown = ""

    def say(self, *parts: str | tuple[str, str]) -> None:
        """Parts side by side, each with a style or without; harmless already."""
        line = Text(no_wrap=True, overflow="ellipsis")
        for part in parts:
            text, style = part if isinstance(part, tuple) else (part, "")
            if not text:
                continue
            if line:
                line.append("  ")
            line.append(text, style)
        if line.markup != self.shown:
            self.shown = line.markup
            self.update(line, layout=False)


class KeyLine(Footer):
    """
    The keys that do something.

    Textual's is made anew, key by key, whenever the focus moves; this one when it would show something else.
    """

    def __init__(self) -> None:
        # The palette is an action like others.
        super().__init__(show_command_palette=False)
        self._shown: list[object] | None = None

    def bindings_changed(self, screen: Screen[object]) -> None:
        """Textual's."""
        keys: list[object] = [
            (active.binding, active.enabled, active.tooltip)
            for active in screen.active_bindings.values()
            if active.binding.show
        ]
        if keys == self._shown:
            return
        will_be_made = screen.app.app_focus and self.is_attached and screen is self.screen
        self._shown = keys if will_be_made else None
        super().bindings_changed(screen)

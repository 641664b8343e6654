"""The lines above and below a screen: where one is, and how it stands."""

from rich.text import Text
from textual import events
from textual.app import RenderResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from wsproxy.decoders.text import printable
from wsproxy.tui.places import SCREENS, Place


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


class TopBar(Horizontal):
    """Where one is, and what is being looked at."""

    DEFAULT_CSS = """
    TopBar { height: 1; dock: top; background: $panel; }
    TopBar > .title { width: auto; padding: 0 1; text-style: bold; color: $text-accent; }
    TopBar > .subject { width: 1fr; text-align: right; padding: 0 1; color: $text-muted; }
    TopBar:ansi { background: ansi_default; }
    """

    def __init__(self, here: str) -> None:
        super().__init__()
        self._here = here
        self._subject = Static(markup=False, classes="subject")
        self.shown = ""

    def compose(self):  # type: ignore[no-untyped-def]
        """Textual's."""
        yield Static("wsproxy", classes="title", markup=False)
        for place in SCREENS:
            tab = Tab(place)
            tab.set_class(place.name == self._here, "-here")
            yield tab
        yield self._subject

    def say(self, subject: str, style: str = "") -> None:
        """What is being looked at; a text of anybody's."""
        if subject != self.shown:
            self.shown = subject
            line = Text(printable(subject), style, no_wrap=True, overflow="ellipsis")
            self._subject.update(line, layout=False)


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

"""A page of the inspector that is a few lines of words: made when it is seen, at the width it has."""

from collections.abc import Callable, Iterator

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from wsproxy.tui.inspector.shown import Shown

Lines = Callable[[Shown, int], Iterator[Content]]
"""Makes the lines of a page, for so many columns."""


class Page(VerticalScroll, can_focus=True):
    """
    Lines about a frame.

    Args:
        lines: makes them.
    """

    DEFAULT_CSS = """
    Page { height: 1fr; padding: 0 1; }
    Page > Static { width: 1fr; }
    """

    def __init__(self, lines: Lines, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines = lines
        self._shown: Shown | None = None
        self._width = 0

    def compose(self) -> ComposeResult:
        """One widget that is drawn at once: pages are short."""
        yield Static(markup=False)

    def show(self, shown: Shown | None) -> None:
        """Tell of another frame, from the top."""
        self._shown = shown
        self._fill()
        self.scroll_home(animate=False)

    def on_resize(self) -> None:
        """There is more or less room."""
        if self._width != self.content_size.width:
            self._fill()

    def _fill(self) -> None:
        self._width = self.content_size.width
        static = self.query_one(Static)
        if self._shown is None:
            static.update("")
        else:
            static.update(Content("\n").join(self._lines(self._shown, self._width or 80)))

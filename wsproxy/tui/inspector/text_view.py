"""The Text tab: a text of any size, pretty printed, coloured, wrapped and never whole on the screen."""

import asyncio
import re
import time
from collections.abc import Iterator, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import work
from textual.geometry import Size
from textual.reactive import var
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.worker import get_current_worker

from wsproxy.decoders.text import printable
from wsproxy.tui.inspector import colours
from wsproxy.tui.inspector.layout import Kind, Layout, kind_of

_SMALL = 128 * 1024
"""Bytes up to which the first rows are found at once; of a larger text a thread finds even those."""
_AT_ONCE = 0.02
"""Seconds that are spent on them before the rest is left to a thread, too."""
_PIECE = 256 * 1024
"""Letters that are searched before something else has its turn: some thousandths of a second."""
_PAUSE = 0.02
"""Seconds between two looks whether there is a text to search."""
_TELL = 0.1
"""Seconds between two looks at how far the thread has come."""


class TextView(ScrollView, can_focus=True):
    """
    A text, by rows that are drawn when they are seen.

    Long rows are wrapped. Whatever a terminal might obey is escaped.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *(f"text--{part}" for part in colours.PARTS),
        "text--hit",
        "text--wrap",
    }
    DEFAULT_CSS = f"""
    TextView {{
        height: 1fr; width: 1fr; overflow-x: hidden;
        {colours.COLOURS}
        & > .text--wrap {{ color: $text-muted; }}
        & > .text--hit {{ background: $warning; color: $background; }}
    }}
    """

    pretty: var[bool] = var(True)
    """JSON and XML are put on lines of their own, rather than shown as they came."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._content = b""
        self._text = ""
        """The same, once somebody had the time to decode it."""
        self._needles: list[re.Pattern[str]] = []
        self._layout = Layout("", 80, Kind.PLAIN)
        self._longest = 0
        """Letters of the longest of them."""
        self.place = 0
        """What was found last: where in the text it begins; -1 before."""
        self._finding = asyncio.Lock()

    @property
    def rows(self) -> Layout:
        """What is shown."""
        return self._layout

    def show(self, content: bytes) -> None:
        """Show another text, from its beginning; bytes that are not UTF-8 are spelt out."""
        self._content, self._text = content, ""
        self._lay_out()
        self.scroll_home(animate=False)

    def mark(self, needles: Sequence[str]) -> None:
        """Mark these words, in whatever case they are written; none to mark nothing."""
        self._needles = [re.compile(re.escape(needle), re.IGNORECASE) for needle in needles if needle]
        self._longest = max(map(len, needles), default=0)
        self.refresh()

    async def find(self, forward: bool = True) -> bool:
        """
        Scroll to the next of what is marked, searching in pieces between which the screen goes on.

        Returns:
            Whether there is one; behind the last comes the first. True, too, once another text is shown.
        """
        async with self._finding:
            content = self._content
            while not self._text and self._content and content is self._content:
                # It is still being decoded.
                await asyncio.sleep(_PAUSE)
            text, here, size = self._text, self.place, len(self._text)
            before, behind = (0, min(max(here, 0), size)), (here + 1, size)
            for start, end in (behind, before) if forward else (before, behind):
                pieces = range(start, end, _PIECE)
                for piece in pieces if forward else reversed(pieces):
                    place = self._first(text, piece, min(piece + _PIECE, end), forward)
                    if place is not None:
                        self._go(place)
                        return True
                    await asyncio.sleep(0)
                    if content is not self._content:
                        return True
            return here >= 0 and any(needle.match(text, here) for needle in self._needles)

    def _first(self, text: str, start: int, end: int, forward: bool) -> int | None:
        """The first or last place from `start` on and before `end` where what is marked begins."""
        found: int | None = None
        for needle in self._needles:
            # Whatever the case, it is as long as it was written.
            for hit in needle.finditer(text, start, end + self._longest):
                place = hit.start()
                if place >= end:
                    break
                if found is None or (place < found if forward else place > found):
                    found = place
                if forward:
                    break
        return found

    def _go(self, place: int) -> None:
        self.place = place
        row = self._layout.row_at(place)
        self.scroll_to(y=max(row - self.size.height // 3, 0), animate=False)

    def watch_pretty(self) -> None:
        """Lay out anew."""
        if self.is_mounted:
            self._lay_out()

    def on_resize(self) -> None:
        """Wrap at another width."""
        if self._layout.width != max(self._columns, 8):
            place = self._layout.row(int(self.scroll_y))[0] if len(self._layout) > int(self.scroll_y) else 0
            self._lay_out()
            if place:
                self.call_after_refresh(lambda: self.scroll_to(y=self._layout.row_at(place), animate=False))

    @property
    def _columns(self) -> int:
        # The scrollbar may come and go; a row must not be laid out anew for it.
        return self.container_size.width - self.styles.scrollbar_size_vertical

    def _lay_out(self) -> None:
        self.workers.cancel_node(self)
        self.place = -1
        if len(self._content) > _SMALL:
            self._begun(Layout("", self._columns or 80, Kind.PLAIN), self._content)
            self._find_all(self._content, self._columns or 80, self.pretty)
            return
        layout = _layout(_decoded(self._content), self._columns or 80, self.pretty)
        steps = layout.steps()
        began = time.monotonic()
        for _ in steps:
            if time.monotonic() - began > _AT_ONCE:
                self._find_rest(layout, steps)
                break
        self._begun(layout, self._content)

    # With descriptions of their own, which would otherwise have all of the text in them.
    @work(thread=True, exit_on_error=False, description="rows of a large text")
    def _find_all(self, content: bytes, width: int, pretty: bool) -> None:
        """Find the rows of a large text: every step of that takes long."""
        layout = _layout(self._text or _decoded(content), width, pretty)
        steps = layout.steps()
        next(steps, None)
        if not get_current_worker().is_cancelled:
            self.app.call_from_thread(self._begun, layout, content)
            self._finish(layout, steps)

    @work(thread=True, exit_on_error=False, description="the other rows of a text")
    def _find_rest(self, layout: Layout, steps: Iterator[None]) -> None:
        """Find the other rows, while they can be looked at already."""
        self._finish(layout, steps)

    def _finish(self, layout: Layout, steps: Iterator[None]) -> None:
        worker = get_current_worker()
        told = time.monotonic()
        for _ in steps:
            if worker.is_cancelled:
                return
            # The screen comes first: this thread would otherwise keep the interpreter from it.
            time.sleep(0)
            if time.monotonic() - told > _TELL:
                told = time.monotonic()
                self.app.call_from_thread(self._grown, layout)
        if not worker.is_cancelled:
            self.app.call_from_thread(self._grown, layout)

    def _begun(self, layout: Layout, content: bytes) -> None:
        if content is self._content:
            self._layout, self._text = layout, layout.text or self._text
            self._grown(layout)

    def _grown(self, layout: Layout) -> None:
        if layout is self._layout:
            self.virtual_size = Size(layout.width, len(layout))
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """One row of the screen."""
        row = y + int(self.scroll_offset.y)
        width = self.size.width
        layout = self._layout
        base = self.rich_style
        if row >= len(layout):
            return Strip.blank(width, base)
        segments: list[Segment] = []
        indent = layout.indent(row)
        if layout.is_wrapped(row) and indent:
            segments.append(
                Segment("·".rjust(indent), self.get_component_rich_style("text--wrap", partial=True) + base)
            )
        elif indent:
            segments.append(Segment(" " * indent, base))
        hit = self.get_component_rich_style("text--hit")
        styles: dict[str, Style] = {}
        before = ""
        for text, what, found in colours.pieces(layout, row, self._needles):
            if what not in styles:
                styles[what] = base + self.get_component_rich_style(f"text--{what}", partial=True)
            shown = printable(text)
            if before == colours.KEY and text == ":":
                shown = ": "
            segments.append(Segment(shown, hit if found else styles[what]))
            before = what
        return Strip(segments).adjust_cell_length(width, base)


def _decoded(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def _layout(text: str, width: int, pretty: bool) -> Layout:
    return Layout(text, width, kind_of(text) if pretty else Kind.PLAIN)

"""
A list of any length that draws only what is on the screen.

It knows how many rows there are and asks for those it is about to draw. A row is one line. The selection
is of a thing, not of a line: whatever is added before or behind, it stays where it is.
"""

import textwrap
from collections.abc import Sequence
from typing import Any, ClassVar, Generic, TypeVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from wsproxy.tui.actions import Action, bindings, register

R = TypeVar("R")
Part = tuple[str, str]
"""Text, which must be harmless, and the name of a component class without its prefix, or nothing."""

_HEADER, _BLANK, _EMPTY = -1, -2, -3
"""In place of keys, for lines that are no rows."""
_STRIPS = 300
"""Lines that are kept as they look: some screens full."""

register(
    Action("up", "up,k", "Up", "One row up", "list", footer=False, palette=False),
    Action("down", "down,j", "Down", "One row down", "list", footer=False, palette=False),
    Action("page_up", "pageup,ctrl+b", "Page up", "One page up", "list", footer=False, palette=False),
    Action("page_down", "pagedown,ctrl+f", "Page down", "One page down", "list", footer=False, palette=False),
    Action("first", "home", "First row", "To the first row", "list", footer=False),
    Action(
        "last",
        "end,G",
        "Last row",
        "To the last row; in the list of frames, follow what comes",
        "list",
        footer=False,
    ),
)


class Rows(ScrollView, Generic[R], can_focus=True, inherit_bindings=False):
    """
    The base of long lists. A subclass knows the rows:

    - `count` and `key_at`, `row_of`: which things are in which rows;
    - `header` and `parts`: how they look;
    - `want`: fetches rows that are missing, and calls `arrived` when they are there.
    """

    WHERE = "list"
    BINDINGS = bindings("list")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "rows--header",
        "rows--selected",
        "rows--selected-blurred",
        "rows--empty",
    }
    DEFAULT_CSS = """
    Rows {
        background: $surface;
        color: $foreground;
        scrollbar-size-vertical: 1;
        overflow-x: hidden;
        overflow-y: scroll;
        & > .rows--header { background: $panel; color: $text-muted; text-style: bold; }
        & > .rows--selected { background: $primary; color: $text; }
        & > .rows--selected-blurred { background: $primary-muted; color: $text; }
        & > .rows--empty { color: $text-muted; }
        &:ansi > .rows--header { background: ansi_default; color: ansi_default; text-style: bold underline; }
        &:ansi > .rows--selected { background: ansi_blue; color: ansi_bright_white; text-style: bold; }
        &:ansi > .rows--selected-blurred { background: ansi_default; text-style: reverse; }
    }
    """
    KEPT = 2000
    """Rows in memory: some screens full."""

    selected: reactive[int | None] = reactive(None, repaint=False)
    """The key of the selected thing."""

    class Selected(Message):
        """Another thing was selected."""

        def __init__(self, rows: "Rows[Any]", key: int | None) -> None:
            super().__init__()
            self.rows = rows
            self.key = key

        @property
        def control(self) -> "Rows[Any]":
            """The list."""
            return self.rows

    class Chosen(Selected):
        """Enter, or a double click."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._rows: dict[int, R] = {}
        self._styles: dict[str, Style] = {}
        self._shown = (0, 0, 0)
        """What was on the screen when it was last drawn."""
        self._strips: dict[int, tuple[object, Strip]] = {}
        """By key: what a line was made of, and how that looks."""

    # What a subclass says.

    @property
    def count(self) -> int:
        """How many rows there are."""
        raise NotImplementedError

    def key_at(self, row: int) -> int:
        """What is in a row."""
        raise NotImplementedError

    def row_of(self, key: int) -> int:
        """Where a thing is, or would be."""
        raise NotImplementedError

    def header(self, width: int) -> list[Part]:
        """The line above the rows."""
        raise NotImplementedError

    def parts(self, row: R, number: int, width: int) -> list[Part]:
        """A row as it looks; `number` is its place."""
        raise NotImplementedError

    def want(self, keys: Sequence[int]) -> None:
        """Fetch rows."""
        raise NotImplementedError

    def empty(self) -> str:
        """What to say where there are no rows; harmless, and in as many lines as it takes."""
        return ""

    # What it does with that.

    @property
    def page_size(self) -> int:
        """Rows on the screen."""
        return max(self.size.height - 1, 1)

    @property
    def room(self) -> int:
        """Columns for a row: what is beside the scrollbar."""
        return self.scrollable_content_region.width

    @property
    def top(self) -> int:
        """The first row on the screen."""
        return round(self.scroll_offset.y)

    @property
    def is_at_end(self) -> bool:
        """Whether the last row is on the screen."""
        return self.top + self.page_size >= self.count

    def row(self, key: int) -> R | None:
        """A row, if it is in memory."""
        return self._rows.get(key)

    def arrived(self, rows: Sequence[tuple[int, R]]) -> None:
        """Rows that were wanted."""
        for key, row in rows:
            self._rows.pop(key, None)
            self._rows[key] = row
        while len(self._rows) > self.KEPT:
            del self._rows[next(iter(self._rows))]
        self.refresh()
        if rows:
            self.fetch()

    def forget(self) -> None:
        """All rows are to be fetched again."""
        self._rows.clear()
        self._shown = (0, 0, 0)
        self.refresh()

    def changed(self, top: int | None = None) -> None:
        """
        There are more rows, or others.

        Args:
            top: the row to be first on the screen; that of now by default.
        """
        size = Size(self.scrollable_content_region.width, self.count + 1)
        if size != self.virtual_size:
            # Set as others do it, it would lay out the whole screen anew, ten times a second. Nothing but the
            # scrollbar depends on it, which is always there.
            self.set_reactive(Rows.virtual_size, size)
            self.vertical_scrollbar.window_virtual_size = size.height
            self.vertical_scrollbar.window_size = self.container_size.height
        if top is not None:
            self.go(top)
        self.fetch()
        first, count = self.top, self.count
        shown = (count, -1, -1)
        if count > self.page_size:
            shown = (0, self.key_at(first), self.key_at(min(first + self.page_size, count) - 1))
        if shown != self._shown:
            # Rows that come elsewhere change nothing here.
            self._shown = shown
            self.refresh()

    def go(self, top: int) -> None:
        """Put a row first on the screen, as far as that goes."""
        top = max(0, min(top, self.count - self.page_size))
        if top != self.top:
            self.scroll_to(y=top, animate=False, force=True, immediate=True)

    def show(self, key: int, center: bool = False) -> None:
        """Bring a thing onto the screen, moving no more than that takes."""
        row, top, page = self.row_of(key), self.top, self.page_size
        if center and not top <= row < top + page:
            self.go(row - page // 2)
        elif row < top:
            self.go(row)
        elif row >= top + page:
            self.go(row - page + 1)

    def fetch(self) -> None:
        """Want what is on the screen, and a little around it, where it is not in memory."""
        top, page = self.top, self.page_size
        first, last = max(top - 1, 0), min(top + page, self.count)
        missing = [key for row in range(first, last) if (key := self.key_at(row)) not in self._rows]
        if not missing:
            # The pages before and behind, so that turning to them shows them at once.
            around = (*range(max(top - page, 0), first), *range(last, min(top + 2 * page, self.count)))
            missing = [key for row in around if (key := self.key_at(row)) not in self._rows]
        if missing:
            self.want(missing)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Textual's: another part is on the screen."""
        super().watch_scroll_y(old_value, new_value)
        self.fetch()

    def on_resize(self) -> None:
        """Textual's."""
        self.changed()

    def notify_style_update(self) -> None:
        """Textual's: another theme."""
        super().notify_style_update()
        self._styles = {}
        self._strips = {}

    @property
    def _base(self) -> Style:
        """The colours of the widget; Textual works them out at every look."""
        if "" not in self._styles:
            self._styles[""] = self.rich_style
        return self._styles[""]

    def style_of(self, name: str) -> Style:
        """The colours of a component class of this widget, prefix left out."""
        if name not in self._styles:
            self._styles[name] = self.get_component_rich_style(name, partial=True)
        return self._styles[name]

    def render_lines(self, crop: Region) -> list[Strip]:
        """
        Textual's: some lines of the screen.

        A list has no border and no padding, so nothing is added to its lines. A line of the same parts is the
        same strip, for which Textual knows already how it is filtered and cut.
        """
        width, background = self.room, self.background_colors[1]
        filters = self.get_line_filters()
        strips = []
        for y in crop.line_range:
            strip = self._line(y, width)
            for line_filter in filters:
                strip = strip.apply_filter(line_filter, background)
            strips.append(strip)
        if crop.column_span != (0, width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def render_line(self, y: int) -> Strip:
        """Textual's: one line of the screen."""
        return self._line(y, self.room)

    def _line(self, y: int, width: int) -> Strip:
        base = self._base
        if y == 0:
            return self._strip(_HEADER, self.header(width), width, base + self.style_of("rows--header"))
        number = self.top + y - 1
        if number >= self.count:
            if not self.count and (said := self._empty_line(y - 1, width)):
                return self._strip(_EMPTY - y, [(said, "")], width, base + self.style_of("rows--empty"))
            return self._strip(_BLANK, [], width, base)
        key = self.key_at(number)
        row = self._rows.get(key)
        over = None
        if key == self.selected:
            over = self.style_of("rows--selected" if self.has_focus else "rows--selected-blurred")
        if row is None:
            return self._strip(key, [(f"{key:>7,} …", "")], width, base + self.style_of("rows--empty"), over)
        return self._strip(key, self.parts(row, number, width), width, base, over)

    def _empty_line(self, number: int, width: int) -> str:
        lines = [
            line for text in self.empty().splitlines() for line in textwrap.wrap(text, max(width - 2, 10))
        ]
        return f" {lines[number]}" if number < len(lines) else ""

    def _strip(
        self, key: int, parts: list[Part], width: int, base: Style, over: Style | None = None
    ) -> Strip:
        made_of = (parts, width, base, over)
        made = self._strips.get(key)
        if made is not None and made[0] == made_of:
            return made[1]
        segments = []
        for text, name in parts:
            style = base + self.style_of(name) if name else base
            segments.append(Segment(text, style + over if over else style))
        strip = Strip(segments).adjust_cell_length(width, base + over if over else base)
        if len(self._strips) >= _STRIPS:
            self._strips.clear()
        self._strips[key] = made_of, strip
        return strip

    # Moving about.

    def select(self, key: int | None, center: bool = False) -> None:
        """Select a thing and bring it onto the screen."""
        if key is not None:
            self.show(key, center)
        if key != self.selected:
            self.selected = key
            self.post_message(self.Selected(self, key))
        self.refresh()

    def action_up(self) -> None:
        """One row up."""
        self._move(-1)

    def action_down(self) -> None:
        """One row down."""
        self._move(1)

    def action_page_up(self) -> None:
        """One page up."""
        self._turn(-1)

    def action_page_down(self) -> None:
        """One page down."""
        self._turn(1)

    def _move(self, step: int) -> None:
        if not self.count:
            return
        if self.selected is None:
            row = min(self.top + self.page_size, self.count) - 1 if step < 0 or self.is_at_end else self.top
        else:
            row = self.row_of(self.selected)
            there = row < self.count and self.key_at(row) == self.selected
            # Between two rows, the next one is where it would stand.
            row += step if there or step < 0 else step - 1
        self.select(self.key_at(max(0, min(row, self.count - 1))))

    def _turn(self, step: int) -> None:
        if not self.count:
            return
        row = self.top if self.selected is None else self.row_of(self.selected)
        self.select(self.key_at(max(0, min(row + step * self.page_size, self.count - 1))))

    def action_first(self) -> None:
        """To the first row."""
        if self.count:
            self.select(self.key_at(0))

    def action_last(self) -> None:
        """To the last row."""
        if self.count:
            self.select(self.key_at(self.count - 1))

    def _on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        event.prevent_default()
        self.go(self.top + 3)

    def _on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        event.prevent_default()
        self.go(self.top - 3)

    def on_click(self, event: events.Click) -> None:
        """Textual's: select by mouse."""
        number = self.top + event.y - 1
        if event.y < 1 or number >= self.count:
            return
        key = self.key_at(number)
        self.select(key)
        if event.chain == 2:
            self.post_message(self.Chosen(self, key))

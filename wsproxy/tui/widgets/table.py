"""A short table of things that come and go while one looks at it, and the selection stays where it was."""

import textwrap
from collections.abc import Sequence

from rich.segment import Segment
from rich.text import Text
from textual.coordinate import Coordinate
from textual.strip import Strip
from textual.widgets import DataTable

from wsproxy.decoders.text import printable

Cell = tuple[str, str]
"""A text of anybody's, and its style."""


class Table(DataTable[Text]):
    """
    Rows by key. For what a person can oversee; long lists are `wsproxy.tui.widgets.rows`.

    Args:
        heads: of the columns; `>` before one puts it to the right.
        empty: said where there is nothing.
    """

    DEFAULT_CSS = """
    Table { height: 1fr; background: $surface; scrollbar-size: 0 1; }
    """

    def __init__(self, *heads: str, empty: str = "", id: str | None = None) -> None:
        super().__init__(id=id, cursor_type="row", zebra_stripes=False, show_row_labels=False)
        self._heads = heads
        self._empty = empty
        self._keys: list[int] = []
        for head in heads:
            self.add_column(
                Text(head.removeprefix(">"), justify="right" if head[:1] == ">" else "left"), key=head
            )

    @property
    def keys(self) -> list[int]:
        """What is in the rows, from above."""
        return self._keys

    @property
    def key(self) -> int | None:
        """What the cursor is on."""
        return self._keys[self.cursor_row] if 0 <= self.cursor_row < len(self._keys) else None

    def fill(self, rows: Sequence[tuple[int, Sequence[Cell]]]) -> None:
        """
        Show these rows in their order.

        Args:
            rows: keys, and a cell for each column.
        """
        made = [[self._cell(column, cell) for column, cell in enumerate(cells)] for _, cells in rows]
        if [key for key, _ in rows] == self._keys and self.row_count == len(rows):
            self._fit(made)
            for row, cells in enumerate(made):
                for column, cell in enumerate(cells):
                    place = Coordinate(row, column)
                    if self.get_cell_at(place) != cell:
                        self.update_cell_at(place, cell, update_width=True)
            return
        here = self.key
        before = self.cursor_row
        self.clear()
        self._keys = [key for key, _ in rows]
        self._fit(made)
        for key, cells in zip(self._keys, made, strict=True):
            self.add_row(*cells, key=str(key))
        row = self._keys.index(here) if here in self._keys else min(max(before, 0), max(len(rows) - 1, 0))
        self.move_cursor(row=row, animate=False)

    def _fit(self, rows: Sequence[Sequence[Text]]) -> None:
        # Textual does so when it is idle. What is drawn before that would be cut, and is kept like that.
        for place, column in enumerate(self.ordered_columns):
            widths = (cells[place].cell_len for cells in rows)
            column.content_width = max(column.label.cell_len, *widths, 0)

    def _cell(self, column: int, cell: Cell) -> Text:
        text, style = cell
        right = self._heads[column][:1] == ">"
        return Text(printable(text, 400), style, justify="right" if right else "left", no_wrap=True)

    def render_line(self, y: int) -> Strip:
        """The head, the rows, or that there are none."""
        if self._keys or not self._empty or not y:
            return super().render_line(y)
        width, style = self.size.width, self.rich_style
        lines = textwrap.wrap(self._empty, max(width - 2, 10))
        line = f" {lines[y - 1]}" if y <= len(lines) else ""
        return Strip([Segment(line, style)]).adjust_cell_length(width, style)

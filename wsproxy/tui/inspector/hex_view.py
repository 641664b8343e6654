"""The Hex tab: bytes of any number, drawn a row at a time."""

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

_WIDE = 76
"""Columns from which a row has 16 bytes, in the manner of `hexdump -C`; below it has eight."""
_GUTTER = bytes(byte if 0x20 <= byte < 0x7F else ord(".") for byte in range(256))


class HexView(ScrollView, can_focus=True):
    """Offset, hex digits and ASCII."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "hex--offset",
        "hex--zero",
        "hex--text",
        "hex--other",
        "hex--hit",
    }
    DEFAULT_CSS = """
    HexView { height: 1fr; width: 1fr; overflow-x: hidden; }
    HexView > .hex--offset { color: $text-muted; }
    HexView > .hex--zero { color: $text-muted; }
    HexView > .hex--text { color: $success; }
    HexView > .hex--other { color: $foreground; }
    HexView > .hex--hit { background: $warning; color: $background; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._data = b""
        self._needles: list[bytes] = []
        self._row = 16

    @property
    def data(self) -> bytes:
        """What is shown."""
        return self._data

    def show(self, data: bytes) -> None:
        """Show other bytes, from their beginning."""
        self._data = data
        self._measure()
        self.scroll_home(animate=False)

    def mark(self, needles: Sequence[str]) -> None:
        """Mark these words where they stand in UTF-8, in lower or upper case."""
        self._needles = [needle.lower().encode("utf-8", "surrogateescape") for needle in needles if needle]
        self.refresh()

    def find(self, forward: bool = True) -> bool:
        """Scroll to the next of what is marked; False if there is none."""
        lowered = self._data.lower()
        here = int(self.scroll_y) * self._row
        for needle in self._needles:
            found = lowered.find(needle, here + self._row) if forward else lowered.rfind(needle, 0, here)
            if found < 0:
                found = lowered.find(needle) if forward else lowered.rfind(needle)
            if found >= 0:
                self.scroll_to(y=found // self._row, animate=False)
                return True
        return False

    def on_resize(self) -> None:
        """More or fewer bytes fit in a row."""
        self._measure()

    def _measure(self) -> None:
        top = int(self.scroll_y) * self._row
        self._row = 16 if self.container_size.width >= _WIDE else 8
        rows = -(-len(self._data) // self._row)
        self.virtual_size = Size(min(self.container_size.width, _WIDE), rows)
        if top:
            self.scroll_to(y=top // self._row, animate=False)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One row of the screen."""
        base = self.rich_style
        width = self.size.width
        start = (y + int(self.scroll_offset.y)) * self._row
        row = self._data[start : start + self._row]
        if not row:
            return Strip.blank(width, base)
        offset, zero, text, other, hit = (
            base + self.get_component_rich_style(f"hex--{part}", partial=True)
            for part in ("offset", "zero", "text", "other", "hit")
        )
        marked = self._marked(start, len(row))
        segments = [Segment(f"{start:08x}  ", offset)]
        letters: list[Segment] = []
        shown = row.translate(_GUTTER).decode("ascii")
        for at in range(self._row):
            gap = "  " if at == 7 and self._row > 8 else " "
            if at >= len(row):
                segments.append(Segment("  " + gap, base))
                continue
            byte = row[at]
            style = hit if at in marked else zero if not byte else text if 0x20 <= byte < 0x7F else other
            segments.append(Segment(f"{byte:02x}", style))
            segments.append(Segment(gap, base))
            letters.append(Segment(shown[at], style))
        bar = Segment("│", offset)
        return Strip([*segments, Segment(" ", base), bar, *letters, bar]).adjust_cell_length(width, base)

    def _marked(self, start: int, count: int) -> set[int]:
        """Offsets in a row that belong to something that was searched for."""
        found: set[int] = set()
        for needle in self._needles:
            reach = len(needle) - 1
            begin = max(start - reach, 0)
            window = self._data[begin : start + count + reach].lower()
            at = window.find(needle)
            while at >= 0:
                found.update(range(begin + at - start, begin + at - start + len(needle)))
                at = window.find(needle, at + 1)
        return found

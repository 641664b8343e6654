"""The Image tab: a picture in half blocks, two pixels to a character, where there are colours."""

import io
import warnings
from typing import Any, TypeAlias

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual import work
from textual.geometry import Size
from textual.reactive import var
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.worker import get_current_worker

from wsproxy.decoders.decoded import because
from wsproxy.decoders.text import printable

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")
"""That are decoded: what browsers show. Others are strangers' code paths for no gain."""
PIXELS = 40_000_000
"""Of the largest picture that is decoded; a small file may claim any size."""

Rows: TypeAlias = list[list[tuple[tuple[int, int, int], tuple[int, int, int]]]]
"""Of characters, each the colour of its upper and of its lower half."""


def half_blocks(data: bytes, columns: int, rows: int) -> Rows:
    """
    A picture made to fit.

    Args:
        data: the file.
        columns: characters there is room for.
        rows: lines there is room for.

    Raises:
        ValueError: it is none that can be shown; in words.
    """
    # Imported late: few frames are pictures.
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                if picture.width * picture.height > PIXELS:
                    raise ValueError(f"{picture.width:,} × {picture.height:,} pixels are too many to show")
                picture.draft("RGB", (columns * 2, rows * 4))
                scaled = picture.convert("RGBA")
                # A character is twice as high as wide, and so is a pair of pixels.
                scaled.thumbnail((columns, rows * 2))
    except ValueError:
        raise
    except Exception as error:
        raise ValueError(f"it cannot be shown: {because(error)}") from None
    ground = Image.new("RGBA", scaled.size, (0, 0, 0, 255))
    ground.alpha_composite(scaled)
    flat = ground.convert("RGB")
    pixels: Any = flat.load()
    width, height = flat.size
    black = (0, 0, 0)
    return [
        [(pixels[x, y], pixels[x, y + 1] if y + 1 < height else black) for x in range(width)]
        for y in range(0, height, 2)
    ]


class ImageView(ScrollView):
    """A picture, as large as there is room."""

    DEFAULT_CSS = """
    ImageView { height: 1fr; width: 1fr; }
    """

    said: var[str] = var("")
    """Why there is no picture."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._data = b""
        self._rows: Rows = []
        self._strips: list[Strip] = []

    def show(self, data: bytes) -> None:
        """Show another picture."""
        self._data = data
        self._rows, self._strips, self.said = [], [], ""
        self.refresh()
        self._draw()

    def on_resize(self) -> None:
        """Make it fit again."""
        self._draw()

    def _draw(self) -> None:
        self.workers.cancel_node(self)
        size = self.container_size
        if self._data and size.width > 1 and size.height > 1:
            self._decode(self._data, size)

    @work(thread=True, exit_on_error=False)
    def _decode(self, data: bytes, size: Size) -> None:
        try:
            rows, said = half_blocks(data, size.width, size.height), ""
        except ValueError as error:
            rows, said = [], str(error)
        if not get_current_worker().is_cancelled:
            self.app.call_from_thread(self._drawn, data, rows, said)

    def _drawn(self, data: bytes, rows: Rows, said: str) -> None:
        if data is self._data:
            self._rows, self.said = rows, said
            self._strips = [_strip(row) for row in rows]
            self.virtual_size = Size(len(rows[0]) if rows else 0, len(rows))
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """One row of the screen."""
        width, base = self.size.width, self.rich_style
        if self.said and not y:
            return Strip([Segment(printable(self.said), base)]).adjust_cell_length(width, base)
        row = y + int(self.scroll_offset.y)
        if row >= len(self._strips):
            return Strip.blank(width, base)
        return self._strips[row].adjust_cell_length(width, base)


def _strip(row: list[tuple[tuple[int, int, int], tuple[int, int, int]]]) -> Strip:
    return Strip(
        [
            Segment("▀", Style(color=Color.from_rgb(*upper), bgcolor=Color.from_rgb(*lower)))
            for upper, lower in row
        ]
    )

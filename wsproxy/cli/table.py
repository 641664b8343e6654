"""Aligned columns for people."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wsproxy.decoders.text import columns, printable

if TYPE_CHECKING:
    from wsproxy.cli.paint import Paint

Cell = tuple[str, str]
"""Any text, and the name of a style."""

_GAP = "  "
_LEAST = 20
"""Columns the last one gets in any case."""


def table(names: Sequence[str], rows: Sequence[Sequence[Cell]], paint: "Paint", width: int) -> str:
    """
    A line of names and a line for each row, columns as wide as what is in them, the last cut to fit.

    Args:
        names: of the columns; one that begins with `>` is set to the right.
        rows: cells; whatever is in them becomes harmless.
        paint: gives the styles.
        width: columns of the terminal.
    """
    right = [name.startswith(">") for name in names]
    head: list[Cell] = [(name.lstrip(">"), "dim") for name in names]
    lines = [head, *rows]
    last = len(names) - 1
    widths = [max(columns(printable(line[at][0])) for line in lines) for at in range(last)]
    room = max(width - sum(widths) - len(_GAP) * last, _LEAST)
    shown: list[str] = []
    for line in lines:
        parts: list[str] = []
        for at, (text, style) in enumerate(line):
            if at == last:
                parts.append(paint(printable(text, room), style))
                break
            text = printable(text)
            space = " " * (widths[at] - columns(text))
            parts.append(space + paint(text, style) if right[at] else paint(text, style) + space)
        shown.append(_GAP.join(parts).rstrip())
    return "\n".join(shown) + "\n"


def facts(pairs: Sequence[tuple[str, str]], width: int) -> str:
    """A line for each name and what is to be said of it."""
    return "".join(f"{name:<12} {printable(value, max(width - 13, _LEAST))}\n" for name, value in pairs)

"""
Charts of characters: bars over time, and bars side by side.

Drawn here and not by a plotting library: those for Textual draw in colours of their own, which the 16 of
a terminal are not, and are tied to old releases of what they wrap.
"""

from collections.abc import Sequence

from textual.content import Content

from wsproxy.decoders.text import columns, printable

_UP = " ▁▂▃▄▅▆▇█"
_RIGHT = " ▏▎▍▌▋▊▉█"


def over_time(values: Sequence[float], width: int, height: int, top: float, style: str) -> list[Content]:
    """
    Bars that stand side by side, as many as there are values.

    Args:
        values: from left to right.
        width: columns to fill; fewer values are drawn wider.
        height: lines.
        top: the value that reaches the top.
        style: of the bars.
    """
    if not values or top <= 0:
        return [Content(" " * width) for _ in range(height)]
    wide = [values[min(column * len(values) // width, len(values) - 1)] for column in range(width)]
    lines = []
    for line in range(height, 0, -1):
        text = ""
        for value in wide:
            eighths = value / top * height * 8 - (line - 1) * 8
            # What is there at all is seen.
            least = 1 if value > 0 and line == 1 else 0
            text += _UP[max(min(int(eighths), 8), least)]
        lines.append(Content.styled(text, style))
    return lines


def bar(value: float, top: float, width: int) -> str:
    """One bar from the left; something is seen of whatever is not zero."""
    if top <= 0 or value <= 0 or width <= 0:
        return ""
    eighths = max(int(value / top * width * 8), 1)
    return "█" * (eighths // 8) + (_RIGHT[eighths % 8] if eighths % 8 else "")


def bars(rows: Sequence[tuple[str, float, str, str]], width: int, label: int) -> list[Content]:
    """
    Bars below each other.

    Args:
        rows: label (anybody's text), value, what is written behind the bar, style.
        width: columns of a line.
        label: columns of the labels.
    """
    top = max((value for _, value, _, _ in rows), default=0.0)
    room = width - label - 2 - max((len(words) for _, _, words, _ in rows), default=0)
    lines = []
    for name, value, words, style in rows:
        drawn = bar(value, top, max(room, 4))
        lines.append(
            Content.assemble(padded(name, label + 1), (f"{drawn:<{max(room, 4)}}", style), f" {words}")
        )
    return lines


def padded(text: str, width: int) -> str:
    """Anybody's text in so many columns, cut or filled up."""
    shown = printable(text, width - 1)
    return shown + " " * (width - columns(shown))

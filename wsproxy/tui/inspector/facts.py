"""Lines of the pages of the inspector: escaped, coloured by the theme, never markup."""

from textual.content import Content

from wsproxy.decoders.text import printable

_LONGEST = 4000
"""Columns of one value; the heads of a handshake may be longer than anybody wants to read."""


def fact(name: str, value: str, width: int = 14, style: str = "") -> Content:
    """A name and what it is."""
    shown = printable(value, _LONGEST)
    return Content.assemble((f"{printable(name):<{width}} ", "dim"), (shown, style) if style else shown)


def heading(text: str) -> Content:
    """What the lines below are about."""
    return Content.styled(printable(text), "bold $primary")


def remark(text: str, style: str) -> Content:
    """A sentence that should be noticed."""
    return Content.styled(f"! {printable(text, _LONGEST)}", style)


def plain(text: str, style: str = "") -> Content:
    """A line as it is."""
    shown = printable(text, _LONGEST)
    return Content.styled(shown, style) if style else Content(shown)

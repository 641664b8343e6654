"""The colours that connections take in turn, the same in every list."""

_COLOURS = (
    ("$text-accent", "ansi_cyan"),
    ("$text-warning", "ansi_yellow"),
    ("$text-success", "ansi_green"),
    ("$text-primary", "ansi_blue"),
    ("$text-secondary", "ansi_magenta"),
)
"""Of themes, and where a terminal's own sixteen are used."""


def tint(prefix: str, connection: int) -> str:
    """The component class of a connection."""
    return f"{prefix}--tint{(connection - 1) % len(_COLOURS)}"


def tints(prefix: str) -> set[str]:
    """All of them, for `COMPONENT_CLASSES`."""
    return {tint(prefix, number) for number in range(1, len(_COLOURS) + 1)}


def tint_rules(widget: str, prefix: str) -> str:
    """Their colours, for `DEFAULT_CSS`."""
    return "".join(
        f"{widget} > .{tint(prefix, number)} {{ color: {colour}; }}\n"
        f"{widget}:ansi > .{tint(prefix, number)} {{ color: {ansi}; }}\n"
        for number, (colour, ansi) in enumerate(_COLOURS, 1)
    )

"""Colours of the command line, by what they are for."""

import click

_STYLES: dict[str, dict[str, object]] = {
    "dim": {"dim": True},
    "plain": {},
    "send": {"fg": "green"},
    "receive": {"fg": "blue"},
    "control": {"fg": "magenta"},
    "good": {"fg": "green", "bold": True},
    "warn": {"fg": "yellow"},
    "bad": {"fg": "red", "bold": True},
    "wrong": {"fg": "red"},
    "loud": {"fg": "white", "bg": "red", "bold": True},
    "number0": {"fg": "cyan"},
    "number1": {"fg": "yellow"},
    "number2": {"fg": "bright_magenta"},
    "number3": {"fg": "bright_blue"},
    "number4": {"fg": "bright_green"},
}
NUMBERS = 5
"""Colours that connection numbers take in turn."""


class Paint:
    """
    What goes before and after a text to colour it.

    Made once, because `click.style` takes longer than the rest of a line.
    """

    def __init__(self, color: bool) -> None:
        self._codes: dict[str, tuple[str, str]] = {}
        for name, style in _STYLES.items():
            before, after = click.style("|", **style).split("|") if color and style else ("", "")  # type: ignore[arg-type]
            self._codes[name] = (before, after)

    def __call__(self, text: str, style: str) -> str:
        before, after = self._codes[style]
        return f"{before}{text}{after}"

    def codes(self, style: str) -> tuple[str, str]:
        """What goes before and after."""
        return self._codes[style]

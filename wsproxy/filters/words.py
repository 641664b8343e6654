"""
Words of a filter: bare or in quotes, as a person types them and as they are printed again.

In quotes a backslash before the same quote makes it a plain character, and every other backslash is
left alone: it belongs to the regex. (In mitmproxy `"\\d"` would be the letter d.) Where a word is no
regex, two backslashes are one.
"""

import re
from dataclasses import dataclass

BARE = r"""[^ \t\r\n()~'"!&|][^ \t\r\n()~'"]*"""
"""A word without quotes; `!`, `&` and `|` may stand in it, not begin it."""

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_QUOTED_QUOTE = re.compile(r"""\\(\\|["'])""")


@dataclass(frozen=True, slots=True)
class Word:
    """One argument."""

    text: str
    """As written, without the quotes around it."""
    quote: str = ""
    """`"`, `'`, or nothing."""
    place: int = 0
    """Where it begins in the filter, from 0."""

    @property
    def pattern(self) -> str:
        """As a regex."""
        if not self.quote:
            return self.text
        return _ESCAPE.sub(lambda found: found[1] if found[1] == self.quote else found[0], self.text)

    @property
    def literal(self) -> str:
        """As what it says."""
        if not self.quote:
            return self.text
        meant = (self.quote, "\\")
        return _ESCAPE.sub(lambda found: found[1] if found[1] in meant else found[0], self.text)


def normal_pattern(pattern: str) -> str:
    """The same regex without the backslashes that a quote does not need."""
    return _QUOTED_QUOTE.sub(lambda found: found[0] if found[1] == "\\" else found[1], pattern)


def write_pattern(pattern: str) -> str:
    """A regex as a word; it must be a normal one."""
    if re.fullmatch(BARE, pattern):
        return pattern
    quote = "'" if '"' in pattern and "'" not in pattern else '"'
    return quote + pattern.replace(quote, f"\\{quote}") + quote


def write_literal(text: str) -> str:
    """Any text as a word."""
    return text if re.fullmatch(BARE, text) else quoted(text)


def quoted(text: str) -> str:
    """Any text as a word in quotes."""
    quote = "'" if '"' in text and "'" not in text else '"'
    return quote + text.replace("\\", "\\\\").replace(quote, f"\\{quote}") + quote

"""
Text that a person may edit: every character is one that can be seen, and none is lost.

An editor puts on the screen what is in it. So characters that a terminal obeys, that cannot be seen or
that turn the reading order around are written `⟨U+001B⟩`, and read back as what they are. A person may
write them like that, too. The opening bracket itself is `⟨U+27E8⟩`.
"""

import re

from wsproxy.decoders.text import printable

_OPEN, _CLOSE = "⟨", "⟩"
_WRITTEN = re.compile(r"⟨U\+([0-9A-F]{4,6})⟩")
_PLAIN = "\n\t"


def to_visible(text: str) -> str:
    """`text`, with what cannot be seen or must not be obeyed spelt out."""
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(char if char in _PLAIN or _is_seen(char) else _spelt(char) for char in text)


def from_visible(text: str) -> str:
    """What `to_visible` made `text` of; what it cannot have made stays as it is."""
    return _WRITTEN.sub(_read, text)


def _is_seen(char: str) -> bool:
    # Marks are part of scripts; on their own or in heaps they are spelt by `printable`.
    return char != _OPEN and printable(f"a{char}") == f"a{char}"


def _spelt(char: str) -> str:
    return f"{_OPEN}U+{ord(char):04X}{_CLOSE}"


def _read(found: re.Match[str]) -> str:
    code = int(found[1], 16)
    return chr(code) if code <= 0x10FFFF else found[0]

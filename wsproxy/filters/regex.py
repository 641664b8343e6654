"""
A person's regex against content that may be text or not.

Python's `re`, ignoring case as mitmproxy does; `(?-i:...)` minds it. Content that is UTF-8 is
searched as text, anything else as bytes, in which a non-ASCII character of the regex is its UTF-8.

Ignoring case is slow: 2.6 us for 256 bytes, 7 us with an alternative in a group (measured). So plain
words that must be there are looked for first, which takes 1 us.
"""

import re
import warnings

from wsproxy.filters.needles import needles
from wsproxy.filters.subject import LOOKED_AT


class Regex:
    """
    A compiled regex.

    Args:
        pattern: in Python's syntax.
        flags: besides IGNORECASE.

    Raises:
        ValueError: with what is wrong with it.
    """

    def __init__(self, pattern: str, flags: int = 0) -> None:
        flags |= re.IGNORECASE
        try:
            with warnings.catch_warnings():
                # What may change its meaning in a future Python is no business of who types it now.
                warnings.simplefilter("ignore")
                self._text = re.compile(pattern, flags)
        except (re.error, OverflowError, RecursionError, MemoryError) as error:
            raise ValueError(f"this is not a regex: {error or type(error).__name__}") from None
        self._bytes: re.Pattern[bytes] | None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._bytes = re.compile(pattern.encode("utf-8"), flags)
        except (re.error, ValueError, OverflowError, RecursionError, MemoryError):
            # Such as \u20ac, which only text can have.
            self._bytes = None
        words, self._plain = needles(pattern)
        self._needles = tuple(word.lower().encode() for word in words)

    def in_text(self, text: str) -> bool:
        """Whether it matches anywhere in `text`."""
        return self._text.search(text) is not None

    def in_content(self, content: bytes) -> bool:
        """Whether it matches anywhere in the first `LOOKED_AT` bytes of `content`."""
        if len(content) > LOOKED_AT:
            content = content[:LOOKED_AT]
        # Outside of ASCII other letters may stand for these: the Kelvin sign is a k.
        if self._needles and content.isascii():
            lower = content.lower()
            for needle in self._needles:
                if needle in lower:
                    break
            else:
                return False
            if self._plain:
                return True
        try:
            return self._text.search(content.decode()) is not None
        except UnicodeDecodeError as error:
            # A character cut by the end of a fragment, or of what is looked at.
            cut = error.reason == "unexpected end of data"
            if cut and self._text.search(content[: error.start].decode()) is not None:
                return True
        return self._bytes is not None and self._bytes.search(content) is not None

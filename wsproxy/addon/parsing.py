"""What people write in options: filters, regular expressions, and rules made of both."""

import re

from wsproxy.errors import OptionError, UsageError
from wsproxy.filters import parser
from wsproxy.filters.nodes import Filter, check_live


def parse_filter(text: str) -> Filter:
    """
    A filter, for `Message.matches` (`wsproxy help filters`).

    Args:
        text: empty for one that matches everything; `@NAME` for a saved one.

    Raises:
        OptionError: it cannot be understood, asks what only a whole capture can tell (`~noreply`), or no
            filter is saved under that name.
    """
    try:
        if text.startswith("@"):
            from wsproxy.filters import saved

            text = saved.get(text[1:])
        found = parser.parse(text.strip() or "~all")
        check_live(found)
        return found
    except UsageError as error:
        raise OptionError(f"{text!r}: {error.message}", error.hint) from None


def parse_regex(text: str, replacement: str = "") -> re.Pattern[str]:
    """
    A regular expression in which `.` is any character, a line break too.

    Args:
        text: as Python has them.
        replacement: what is to stand in place of its matches, if anything is.

    Raises:
        OptionError: one of the two is wrong.
    """
    try:
        found = re.compile(text, re.DOTALL)
        # A reference to a group that is not there shows only when it is used.
        re.compile(f"(?:{text})|").sub(replacement, "")
    except (re.error, IndexError, RecursionError) as error:
        with_what = f" with the replacement {replacement!r}" if replacement else ""
        raise OptionError(f"{text!r} is no regular expression{with_what}: {error}") from None
    return found


def split_rule(text: str, *names: str) -> list[str]:
    """
    The parts of a rule such as `/~down/secret/…`; its first character separates them, whatever it is.

    Args:
        text: the rule.
        names: of its parts. One called `FILTER` may be missing, and is empty then; the last has all the
            rest, separators included.

    Raises:
        OptionError: it has not so many parts.
    """
    parts = text[1:].split(text[0], len(names) - 1) if text else []
    if len(parts) == len(names) - 1 and "FILTER" in names:
        parts.insert(names.index("FILTER"), "")
    if len(parts) != len(names):
        form = "".join(f"/{name}" for name in names)
        raise OptionError(f"{text!r} is not of the form {form}", "Any character can separate, not only /")
    return parts

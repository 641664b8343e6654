"""What may stand where a person is typing a filter: operators and saved filters."""

import re
from dataclasses import dataclass

from wsproxy.errors import WsproxyError
from wsproxy.filters import saved
from wsproxy.filters.operators import OPERATORS

_OPERATOR = re.compile(r"(?:^|[\s(!&|])(~[a-z]*)$")


@dataclass(frozen=True, slots=True)
class Completion:
    """One of them."""

    text: str
    """In place of what stands before the cursor."""
    word: str
    """What is new about it: the name of an operator, or of a saved filter."""
    help: str
    """What it matches; of a saved filter, its text."""
    argument: str = ""
    """What has to follow."""


def complete(before: str) -> list[Completion]:
    """
    What `before`, all that was typed up to the cursor, may become.

    Returns:
        Saved filters if it is `@NAME` so far, operators for the last word if that begins with `~` or
        nothing was typed.
    """
    if before.startswith("@"):
        try:
            known = saved.load()
        except WsproxyError:
            return []
        return [
            Completion(f"@{name}", f"@{name}", text)
            for name, text in known.items()
            if name.startswith(before[1:])
        ]
    found = _OPERATOR.search(before)
    last = found[1] if found else "" if before else "~"
    kept = before[: len(before) - len(last)] if found else before
    return [
        Completion(kept + name, name, operator.help, operator.argument)
        for operator in OPERATORS
        for name in operator.names
        if last and name.startswith(last)
    ]

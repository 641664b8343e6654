"""A filter that means messages like one that is selected."""

import json

from wsproxy.errors import FilterError
from wsproxy.filters.parser import parse
from wsproxy.tui.inspector.shown import Shown
from wsproxy.wire.frames import Opcode

_NAMES = ("type", "event", "op", "action", "method", "cmd", "command", "kind", "topic", "t", "e")
"""Where JSON messages mostly say what they are."""
_LONGEST = 100


def like(shown: Shown) -> str:
    """A filter for messages that go the same way, on any connection, and say they are of the same sort."""
    parts = ["~fromclient" if shown.frame.from_client else "~fromserver"]
    if shown.opcode == Opcode.CLOSE:
        parts.append("~close")
    elif shown.is_text:
        parts.append(_named(shown) or "~text")
    elif shown.opcode == Opcode.BINARY:
        parts.append("~binary")
    return " & ".join(parts)


def _named(shown: Shown) -> str:
    try:
        value = json.loads(shown.content) if len(shown.content) <= 1 << 16 else None
    except (ValueError, RecursionError):
        return ""
    if not isinstance(value, dict):
        return ""
    for name in _NAMES:
        found = value.get(name)
        if isinstance(found, str) and 0 < len(found) <= _LONGEST and found.isprintable():
            said = f"~json {name} = {json.dumps(found, ensure_ascii=False)}"
            try:
                parse(said)
            except FilterError:
                return ""
            return said
    return ""

"""Filters made from a frame: only such ones, or all but those."""

import re
from datetime import UTC, datetime

from wsproxy.filters.words import write_pattern
from wsproxy.tui.capture.frames import FrameRow
from wsproxy.tui.screens.dialogs import Choice

_OPERATORS = {1: "~text", 2: "~binary", 8: "~close", 9: "~ping", 10: "~pong"}
QUIET = "!~ping & !~pong & !~heartbeat"
"""What hides everything that only keeps connections alive."""


def choices(row: FrameRow) -> list[Choice]:
    """What can be asked for from a frame; the value of each is a filter to be added to that of now."""
    kind = _OPERATORS.get(row.opcode, f"~op {row.opcode:#x}")
    way = "~up" if row.from_client else "~down"
    found = [
        Choice("Only this connection", f"~conn {row.connection}"),
        Choice("Only this direction", way),
        Choice("Only this type", kind),
        Choice("Hide this type", f"!{kind}"),
        Choice("Hide heartbeats", QUIET),
        Choice("Only from here on", f"~conn {row.connection} & ~t {_moment(row.time)}.."),
    ]
    if row.event:
        event = f"~event {write_pattern(re.escape(row.event))}"
        found[2:2] = [Choice("Only this event", event), Choice("Hide this event", f"!{event}")]
    if row.wrong:
        found.append(Choice("Only what breaks the protocol", "~anomaly"))
    return [Choice(choice.label, choice.value, choice.value) for choice in found]


def added(text: str, more: str) -> str:
    """A filter that wants both."""
    if not text:
        return more
    return f"{_closed(text)} & {_closed(more)}"


def _closed(text: str) -> str:
    return f"({text})" if "|" in text else text


def _moment(ns: int) -> str:
    second, rest = divmod(ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"

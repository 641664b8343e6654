"""
Rules: what is done to every message a filter matches, without writing an addon.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial

from wsproxy.engine.conversation import Conversation
from wsproxy.errors import UsageError
from wsproxy.filters.nodes import Filter, check_live
from wsproxy.filters.parser import parse
from wsproxy.filters.subject import LiveMessage
from wsproxy.wire.closing import is_sendable
from wsproxy.wire.encode import close_payload
from wsproxy.wire.frames import Opcode
from wsproxy.wire.transit import Transit


class Action(StrEnum):
    """What a rule does."""

    HOLD = "hold"
    """Keep the message until a person lets it go."""
    DROP = "drop"
    """Do not send it on."""
    REWRITE = "rewrite"
    """Replace what a regular expression finds in it: `/REGEX/REPLACEMENT`, with any separator."""
    DELAY = "delay"
    """Keep it for some seconds."""
    CLOSE = "close"
    """Close the connection with a status code, in both directions."""


@dataclass(slots=True)
class Rule:
    """One rule. Make it with `rule()`."""

    id: int
    action: Action
    filter: str
    """As it was given; empty for every message."""
    argument: str
    """Of `rewrite`, `delay` and `close`; else empty."""
    enabled: bool = True
    hits: int = 0
    """Messages it was applied to."""
    matcher: Filter | None = None
    pattern: re.Pattern[bytes] | None = None
    replacement: bytes = b""
    seconds: float = 0.0
    code: int = field(default=0)

    @property
    def by(self) -> str:
        """Who does it, for the record."""
        return f"rule {self.id}"

    def matches(self, subject: LiveMessage) -> bool:
        """Whether it applies. Control frames have to be asked for by a filter."""
        if self.matcher is None:
            return subject.opcode < 8
        return self.matcher.match(subject)

    def apply(self, conversation: Conversation, transit: Transit) -> None:
        """Do it; `hold` is the desk's."""
        match self.action:
            case Action.DROP:
                transit.drop(self.by)
            case Action.REWRITE:
                assert self.pattern
                transit.replace(self.pattern.sub(self.replacement, transit.content), self.by)
            case Action.DELAY:
                if transit.hold(self.by):
                    conversation.later(self.seconds, partial(transit.release, self.by))
            case Action.CLOSE:
                for from_client in (True, False):
                    conversation.inject(from_client, Opcode.CLOSE, close_payload(self.code), self.by)


def rule(number: int, action: str, filter: str, argument: str = "") -> Rule:
    """
    Make a rule.

    Args:
        number: its id.
        action: a value of `Action`.
        filter: in the filter language; empty for every message.
        argument: what `rewrite`, `delay` and `close` want.

    Raises:
        UsageError: any of it is wrong.
    """
    try:
        kind = Action(action)
    except ValueError:
        known = ", ".join(Action)
        raise UsageError(f"there is no action {action!r}", f"It is one of {known}") from None
    made = Rule(number, kind, filter, argument, matcher=parse(filter) if filter.strip() else None)
    if made.matcher is not None:
        check_live(made.matcher)
    if kind in (Action.HOLD, Action.DROP):
        if argument:
            raise UsageError(f"{kind} takes no argument, not {argument!r}")
        if kind is Action.DROP and made.matcher is None:
            raise UsageError("a rule that drops wants a filter", "`~text | ~binary` would drop every message")
    elif kind is Action.REWRITE:
        made.pattern, made.replacement = _substitution(argument)
    elif kind is Action.DELAY:
        made.seconds = _seconds(argument)
    else:
        made.code = _code(argument)
    return made


def _substitution(argument: str) -> tuple[re.Pattern[bytes], bytes]:
    parts = argument[1:].split(argument[0]) if argument else []
    if len(parts) == 3 and not parts[2]:
        parts.pop()
    if len(parts) != 2 or not parts[0]:
        raise UsageError(
            f"{argument!r} is not a substitution",
            "Write /REGEX/REPLACEMENT; the first character separates, so |a/b|c works too",
        )
    try:
        pattern = re.compile(parts[0].encode())
        replacement = parts[1].encode()
        # A reference to a group that is not there shows only when it is used.
        re.compile(b"(?:" + parts[0].encode() + b")|").sub(replacement, b"")
    except re.error as e:
        raise UsageError(f"{parts[0]!r} cannot be replaced by {parts[1]!r}: {e}") from None
    return pattern, replacement


def _seconds(argument: str) -> float:
    try:
        seconds = float(argument)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 3600:
        raise UsageError(f"{argument!r} is not a number of seconds between 0 and 3600")
    return seconds


def _code(argument: str) -> int:
    try:
        code = int(argument)
    except ValueError:
        code = 0
    if not is_sendable(code):
        raise UsageError(
            f"{argument!r} is no status code to close with",
            "It is 1000 to 1014 without 1004 to 1006, or 3000 to 4999",
        )
    return code

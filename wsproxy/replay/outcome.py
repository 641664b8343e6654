"""What came of a replay."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from wsproxy.decoders.text import preview
from wsproxy.replay.heard import Heard
from wsproxy.replay.recorded_message import RecordedMessage
from wsproxy.wire.closing import Closure
from wsproxy.wire.frames import OPCODE_NAMES

if TYPE_CHECKING:
    from wsproxy.replay.part import Part
    from wsproxy.replay.stayed import StayedOutcome

_Over = TypeVar("_Over", "Outcome", "StayedOutcome")

_WIDTH = 60


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one connection."""

    original: int
    """Its number in the original capture."""
    number: int
    """In the capture of the replay; 0 if it was never answered."""
    url: str
    said: int
    """Messages and control frames that went to the server, but for answers to its pings."""
    skipped: int
    """That were left out: by somebody, or because the capture has not all of them."""
    left: int
    """That were left to be said when the connection was over."""
    first_left: str
    """The first of them, in words."""
    heard: int
    """Messages of the server; neither control frames nor heartbeats count."""
    expected: int
    """Such messages in the original."""
    differences: int
    problem: str
    """What went wrong, in one sentence."""
    closure: Closure | None
    """How it ended."""

    @classmethod
    def of(cls, part: "Part") -> "Outcome":
        """Sum a connection up that is over."""
        link = part.link
        problem = part.problem
        if part.left and not problem:
            closing = link.closure if link else None
            code = f" ({closing.code})" if closing else ""
            more = f" and {part.left - 1:,} more" if part.left > 1 else ""
            problem = (
                f"the server ended the connection early{code}; left to be said:"
                f" {brief(part.first_left)}{more}"
            )
        return cls(
            part.record.id,
            link.number if link else 0,
            link.request.target.url if link else part.record.url,
            link.said if link else 0,
            part.skipped,
            part.left,
            brief(part.first_left) if part.first_left else "",
            part.heard,
            part.expected,
            part.differences,
            problem,
            link.closure if link and link.number else None,
        )


@dataclass(slots=True)
class Summary:
    """Of one run."""

    connections: int = 0
    said: int = 0
    heard: int = 0
    expected: int = 0
    skipped: int = 0
    left: int = 0
    differences: int = 0
    problem: str = ""
    """Why it could not go on, in one sentence."""
    stopped: bool = False
    """Somebody wanted no more of it."""
    withheld: set[str] = field(default_factory=set)
    """Headers that were not sent, because the server is another."""
    notes: list[str] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    """Of the first `MOST` connections, and of all with which something went wrong, up to as many again."""

    sessions: list["StayedOutcome"] = field(default_factory=list)
    """Of those over long-polling, likewise."""
    polled: int = 0
    """How many those are."""

    MOST = 1000

    def add(self, outcome: Outcome) -> None:
        """One more connection is over."""
        self.connections += 1
        self._count(outcome, self.outcomes)

    def add_session(self, outcome: "StayedOutcome") -> None:
        """A session over long-polling is over."""
        self.polled += 1
        self._count(outcome, self.sessions)

    def _count(self, outcome: _Over, kept: list[_Over]) -> None:
        self.said += outcome.said
        self.heard += outcome.heard
        self.expected += outcome.expected
        self.skipped += outcome.skipped
        self.left += outcome.left
        self.differences += outcome.differences
        if len(kept) < self.MOST * (2 if outcome.problem else 1):
            kept.append(outcome)

    @property
    def went_well(self) -> bool:
        """All was said that was to be said, and the server did not break off."""
        problems = [one.problem for one in self.outcomes] + [one.problem for one in self.sessions]
        return not (self.problem or self.left or self.stopped or any(problems))


def brief(message: RecordedMessage | Heard | None) -> str:
    """A message in a few words, harmless to show."""
    if message is None:
        return "nothing"
    name = OPCODE_NAMES[message.opcode]
    shown = preview(message.content, message.opcode == 1, _WIDTH, message.length)
    if isinstance(message, Heard):
        return f"{name} {shown}"
    return f"{name} {shown} (frame {message.number})" if message.number else f"{name} {shown}"

"""
What a load test counts, second by second: messages, errors, and how long answers took.

Durations go into classes 5 % apart, so that a test of any length takes no more memory than its seconds.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

_STEP = math.log(1.05)


class Durations:
    """Many durations, to within 5 %."""

    def __init__(self) -> None:
        self._classes: Counter[int] = Counter()

    def __len__(self) -> int:
        return self._classes.total()

    def add(self, ns: int) -> None:
        """One more."""
        self._classes[int(math.log(max(ns, 1)) / _STEP)] += 1

    def merge(self, others: Iterable["Durations"]) -> "Durations":
        """These and those of others, together."""
        found = Durations()
        for one in (self, *others):
            found._classes.update(one._classes)
        return found

    def percentile(self, percent: float) -> int | None:
        """Ns that so many of them did not exceed; None without any."""
        whole = self._classes.total()
        seen = 0
        for number, count in sorted(self._classes.items()):
            seen += count
            if seen * 100 >= whole * percent:
                return int(math.exp((number + 1) * _STEP))
        return None


@dataclass(slots=True)
class Second:
    """One second of a load test."""

    number: int
    """From 0."""
    sent: int = 0
    received: int = 0
    opened: int = 0
    """Connections."""
    open: int = 0
    """Runs that were going on at its end."""
    errors: int = 0
    latency: Durations = field(default_factory=Durations)


class Statistics:
    """
    Of one load test.

    Attributes:
        seconds: in order; one in which nothing happened is there, too.
        errors: how often, by what was said.
    """

    MOST = 100
    """Different errors that are told apart."""

    def __init__(self) -> None:
        self.seconds: list[Second] = [Second(0)]
        self.errors: Counter[str] = Counter()

    @property
    def now(self) -> Second:
        """The one that goes on."""
        return self.seconds[-1]

    def next(self, open_ones: int) -> Second:
        """A second is over. Returns it."""
        over = self.now
        over.open = open_ones
        self.seconds.append(Second(over.number + 1))
        return over

    def failed(self, why: str) -> None:
        """A run did not go well."""
        self.now.errors += 1
        self.errors[why if len(self.errors) < self.MOST or why in self.errors else "other errors"] += 1

    @property
    def latency(self) -> Durations:
        """Of all seconds together."""
        return Durations().merge(second.latency for second in self.seconds)

"""The calls of a capture, by method: how many, how fast, how many failed or were never answered."""

import math
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

from wsproxy.decoders.decoded import Decoded, Kind
from wsproxy.decoders.memory import Memory

LISTED = 100
"""Calls without an answer that are listed by number, of one method."""
OPEN = 200_000
"""Calls that may wait at the same time; the oldest beyond that count as never answered."""


@dataclass(slots=True)
class Method:
    """The calls of one method in one direction."""

    decoder: str
    name: str
    from_client: bool
    """Who calls."""
    count: int = 0
    answered: int = 0
    errors: int = 0
    latencies: "array[int]" = field(default_factory=lambda: array("q"))
    """Of the first answer to each, ns."""
    waiting: list[int] = field(default_factory=list)
    """The first `LISTED` messages whose call was never answered; negative: that exchange's."""

    @property
    def unanswered(self) -> int:
        """Calls without any answer."""
        return self.count - self.answered

    def percentile(self, part: float) -> int | None:
        """The latency that this part of the calls (0 to 1) did not exceed, ns; None without one."""
        if not self.latencies:
            return None
        ordered = sorted(self.latencies)
        return ordered[max(math.ceil(part * len(ordered)) - 1, 0)]


@dataclass(slots=True)
class _Waiting:
    method: Method
    number: int
    answered: bool = False


class Tally:
    """Counts calls, of all connections together."""

    def __init__(self) -> None:
        self._methods: dict[tuple[str, str, bool], Method] = {}
        self._open: Memory[tuple[int, str | None], _Waiting] = Memory(OPEN)

    def add(self, number: int, from_client: bool, decoded: Decoded) -> None:
        """
        Count what one message means.

        Args:
            number: the frame that completed it; negative: the exchange that had it.
            from_client: its direction.
            decoded: what it means.
        """
        for part in decoded.each():
            if part.kind is Kind.CALL:
                key = (part.decoder, part.name, from_client)
                method = self._methods.get(key)
                if method is None:
                    method = self._methods[key] = Method(*key)
                method.count += 1
                self._open[number, part.id] = _Waiting(method, number)
            elif part.pairs_with is not None:
                self._answer((part.pairs_with, part.id), part)

    def methods(self) -> list[Method]:
        """All of them, the most frequent first; nothing more may come."""
        for call in self._open.values():
            if not call.answered and len(call.method.waiting) < LISTED:
                call.method.waiting.append(call.number)
        return sorted(self._methods.values(), key=lambda method: (-method.count, method.name))

    def _answer(self, key: tuple[int, str | None], part: Decoded) -> None:
        call = self._open.get(key)
        if call is None:
            return
        if not call.answered:
            call.answered = True
            call.method.answered += 1
            if part.latency is not None:
                call.method.latencies.append(part.latency)
        call.method.errors += part.error
        if part.kind is not Kind.PARTIAL:
            self._open.pop(key)


def in_all(methods: Iterable[Method]) -> tuple[int, int, int]:
    """How many calls, errors and calls without an answer."""
    found = list(methods)
    return (
        sum(method.count for method in found),
        sum(method.errors for method in found),
        sum(method.unanswered for method in found),
    )

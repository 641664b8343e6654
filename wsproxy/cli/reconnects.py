"""Connections that take the place of an earlier one of the same client and URL."""

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field

from wsproxy.store.records import ClosureRecord, ConnectionRecord


@dataclass(frozen=True, slots=True)
class Attempt:
    """One connection of a client that comes back."""

    record: ConnectionRecord
    closure: ClosureRecord | None
    gap: int | None
    """Since the end of the one before, ns; None for the first."""


@dataclass(slots=True)
class Returning:
    """A client that came back to the same URL."""

    client: str
    """Its address, without the port."""
    url: str
    """Without its query, which often has ids and tokens of one connection."""
    attempts: list[Attempt] = field(default_factory=list)


def reconnects(
    connections: Sequence[tuple[ConnectionRecord, ClosureRecord | None]],
) -> list[Returning]:
    """
    Group connections of the same client and URL where each began after one before had ended.

    Args:
        connections: in order of opening; refused and failed ones count as ended at once.

    Returns:
        Groups of two or more. Connections side by side are in different groups.
    """
    groups: list[Returning] = []
    # By place: when the last connection of each group ended, in order of time.
    over: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for record, closure in connections:
        place = (record.client.rpartition(":")[0] or record.client, record.url.partition("?")[0])
        ends = over.setdefault(place, [])
        nearest = bisect.bisect_right(ends, (record.opened, len(groups))) - 1
        if nearest >= 0:
            ended, number = ends.pop(nearest)
            attempt = Attempt(record, closure, record.opened - ended)
        else:
            number, attempt = len(groups), Attempt(record, closure, None)
            groups.append(Returning(*place))
        groups[number].attempts.append(attempt)
        end = _ended(attempt)
        if end is not None:
            bisect.insort(ends, (end, number))
    return [group for group in groups if len(group.attempts) > 1]


def _ended(attempt: Attempt) -> int | None:
    if attempt.closure:
        return attempt.closure.time
    return None if attempt.record.status == 101 else attempt.record.opened

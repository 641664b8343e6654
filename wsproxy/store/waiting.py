"""
What waits for the recorder, and how much memory that takes.

Most of it is what the relay found, as it is; the rest is from here. The engine puts it in, the recorder's
thread takes it out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from wsproxy.store.records import ConnectionRecord, ExchangeRecord, ReplayRecord
from wsproxy.store.replay_rows import Replayed
from wsproxy.wire.closing import Closure
from wsproxy.wire.deflate import Inflater
from wsproxy.wire.frames import Batch
from wsproxy.wire.handshake import Handshake
from wsproxy.wire.transit import Arrival, Decided, Withheld

OVERHEAD = 256
"""Bytes of memory a queued frame costs besides its own."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A handshake was answered, or failed."""

    record: ConnectionRecord
    handshake: Handshake
    size: int
    replay_of: ReplayRecord | None


@dataclass(frozen=True, slots=True)
class Closed:
    """A connection is over."""

    connection: int
    closure: Closure
    time: int


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody wants the inflater of a direction, as it is at this place."""

    connection: int
    from_client: bool
    answer: Callable[[Inflater | None], None]


@dataclass(frozen=True, slots=True)
class Switched:
    """Whether frames are recorded from now on, and what went by until now."""

    on: bool
    time: int
    frames: int
    bytes: int


Item: TypeAlias = (
    Batch | Replayed | Arrival | Withheld | Decided | ExchangeRecord | Opened | Closed | Asked | Switched
)


def cost(*batches: Batch) -> int:
    """Bytes of memory that batches of the edit state take in the queue."""
    found = 0
    for batch in batches:
        found += batch[4] + OVERHEAD * (len(batch[3]) + 1)
    return found

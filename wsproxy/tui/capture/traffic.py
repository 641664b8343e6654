"""
What the list of connections tells of each: counted in the reading thread, as the capture grows.

One statement goes over a range of frames and adds them up, so that rows become objects by the tenth of a
second and not one by one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from wsproxy.store.reader import Reader

_SLICE = 100_000_000
"""Ns of traffic that are added up together."""
_BARS = 32
"""Parts a connection's life is divided into, at most."""
_REMEMBERED = 64
"""Pings of a connection without a pong that may still come."""

_SUMS = (
    "SELECT connection, from_client, time / :slice, count(*), total(length), max(time), max(id)"
    " FROM frame WHERE id > :after AND id <= :up_to GROUP BY 1, 2, 3"
)
_PINGS = (
    "SELECT connection, from_client, time, opcode, payload FROM frame"
    " WHERE id > :after AND id <= :up_to AND opcode IN (9, 10) AND payload IS NOT NULL ORDER BY id"
)


class Bars:
    """How much happened over time, in parts that double when there is no more room."""

    __slots__ = ("_slices", "_start", "values")

    def __init__(self) -> None:
        self._start = -1
        self._slices = 1
        """Of `_SLICE` in a part."""
        self.values: list[int] = []
        """Frames of each part, in order."""

    def add(self, slice_: int, frames: int) -> None:
        """Count frames in one slice."""
        if self._start < 0:
            self._start = slice_
        place = max(slice_ - self._start, 0) // self._slices
        while place >= _BARS:
            self.values = [sum(self.values[n : n + 2]) for n in range(0, len(self.values), 2)]
            self._slices *= 2
            place //= 2
        if place >= len(self.values):
            self.values += [0] * (place + 1 - len(self.values))
        self.values[place] += frames


@dataclass(slots=True)
class Flow:
    """What one connection carried, up to some frame."""

    sent: int = 0
    """Frames from client to server."""
    sent_bytes: int = 0
    received: int = 0
    received_bytes: int = 0
    last: int = 0
    """When the last frame came, ns."""
    round_trip: int | None = None
    """Ns between the last ping and its pong, as the proxy saw them."""
    bars: Bars = field(default_factory=Bars)
    pings: dict[tuple[bool, bytes], int] = field(default_factory=dict)
    """When each ping went that has no pong yet, by direction and payload."""


class Traffic:
    """All connections of a capture. Written by the reading thread, in pieces that are whole."""

    def __init__(self) -> None:
        self.flows: dict[int, Flow] = {}
        self.counted = 0
        """Frames up to this id are in the numbers."""

    def count(self, reader: Reader, up_to: int) -> None:
        """Go on to a frame. Raises sqlite3.Error."""
        values = {"after": self.counted, "up_to": up_to, "slice": _SLICE}
        for number, from_client, slice_, frames, size, last, _ in reader.db.execute(_SUMS, values):
            flow = self._flow(number)
            if from_client:
                flow.sent += frames
                flow.sent_bytes += int(size)
            else:
                flow.received += frames
                flow.received_bytes += int(size)
            flow.last = max(flow.last, last)
            flow.bars.add(slice_, frames)
        for number, from_client, time, opcode, payload in reader.db.execute(_PINGS, values):
            self._ping(self._flow(number), bool(from_client), time, opcode == 9, payload)
        self.counted = up_to

    def _flow(self, number: int) -> Flow:
        flow = self.flows.get(number)
        if flow is None:
            flow = self.flows[number] = Flow()
        return flow

    def _ping(self, flow: Flow, from_client: bool, time: int, is_ping: bool, payload: bytes) -> None:
        if is_ping:
            if len(flow.pings) >= _REMEMBERED:
                del flow.pings[next(iter(flow.pings))]
            flow.pings[from_client, payload] = time
        else:
            asked = flow.pings.pop((not from_client, payload), None)
            if asked is not None:
                flow.round_trip = time - asked


def ranges(after: int, up_to: int, size: int = 1 << 16) -> Iterator[int]:
    """Ends of ranges of at most `size` ids, from behind `after` to `up_to`."""
    while after < up_to:
        after = min(after + size, up_to)
        yield after

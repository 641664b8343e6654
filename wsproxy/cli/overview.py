"""A whole capture in numbers: what `wsproxy info` prints."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wsproxy.cli import conformance, library
from wsproxy.store import totals
from wsproxy.store.reader import Reader
from wsproxy.store.records import CaptureInfo, ClosureRecord, ConnectionRecord, GapRecord, ReplayRecord
from wsproxy.store.totals import Traffic
from wsproxy.wire.frames import Anomaly

if TYPE_CHECKING:
    from wsproxy.filters.search import Search

_NONE = Traffic(0, 0)
_PORTION = 20_000
"""Frames that are searched at a time."""


@dataclass(slots=True)
class ConnectionOverview:
    """One connection and what went over it."""

    record: ConnectionRecord
    closure: ClosureRecord | None
    state: str
    """`open`, `closed`, `refused`, `failed`, or `interrupted` where the capture ended first."""
    sent: Traffic = _NONE
    received: Traffic = _NONE
    sent_opcodes: dict[int, int] = field(default_factory=dict)
    received_opcodes: dict[int, int] = field(default_factory=dict)
    """How many frames, by opcode."""
    anomalies: dict[Anomaly, int] = field(default_factory=dict)
    """How many frames or messages, by single flag."""
    original: ReplayRecord | None = None
    """What it is the replay of."""
    remarks: list[str] = field(default_factory=list)
    """What is within the protocol and probably not meant, in sentences; of the whole connection."""


@dataclass(slots=True)
class Overview:
    """One capture."""

    size: int
    """Bytes on disk."""
    state: str
    """`live`, `finished` or `interrupted`."""
    info: CaptureInfo
    connections: list[ConnectionOverview]
    gaps: list[GapRecord]
    frames: int
    """In the whole capture, whatever was counted."""

    @classmethod
    def of(
        cls,
        reader: Reader,
        search: "Search | None" = None,
        progress: Callable[[int, int], None] = lambda done, all_of_it: None,
    ) -> "Overview":
        """
        Count everything, at one moment.

        Args:
            reader: the capture.
            search: count only what it finds there, and show only the connections it has to do with.
            progress: told how far the search has come: frames, and of how many.

        Raises:
            sqlite3.Error: the capture is damaged.
        """
        with reader.snapshot():
            info = reader.info()
            state = library.state_of(info.ended, reader.is_live())
            closures = reader.closures()
            _, frames = reader.counts()
            counts = _Counts()
            if search is None:
                counts.add(reader)
            else:
                for found in _portions(search, reader.last_frame(), progress):
                    counts.add(reader, found)
            connections: list[ConnectionOverview] = []
            remarked = conformance.remarks(reader)
            for record in reader.connections():
                number = record.id
                closure = closures.get(number)
                sent, received = counts.traffic[number, True], counts.traffic[number, False]
                if search and not (sent.frames or received.frames or _is_about(search, record, closure)):
                    continue
                connections.append(
                    ConnectionOverview(
                        record,
                        closure,
                        _state(record, closure is not None, state),
                        sent,
                        received,
                        counts.opcodes[number, True],
                        counts.opcodes[number, False],
                        counts.anomalies[number],
                        reader.replay_of(number),
                        remarked.get(number, []),
                    )
                )
            size = library.disk_size(reader.path)
            return cls(size, state, info, connections, reader.gaps(), frames)

    def in_state(self, state: str) -> int:
        """How many connections are in a state."""
        return sum(connection.state == state for connection in self.connections)

    @property
    def sent(self) -> Traffic:
        """Client to server, all together."""
        return _sum([connection.sent for connection in self.connections])

    @property
    def received(self) -> Traffic:
        """Server to client, all together."""
        return _sum([connection.received for connection in self.connections])


def _state(record: ConnectionRecord, closed: bool, capture: str) -> str:
    if record.status is None:
        return "failed"
    if record.status != 101:
        return "refused"
    if closed:
        return "closed"
    return "open" if capture == "live" else "interrupted"


def _sum(parts: list[Traffic]) -> Traffic:
    return Traffic(sum(part.frames for part in parts), sum(part.bytes for part in parts))


class _Counts:
    """What is counted of frames, in one go or in portions."""

    def __init__(self) -> None:
        self.traffic: dict[tuple[int, bool], Traffic] = defaultdict(lambda: _NONE)
        self.opcodes: dict[tuple[int, bool], dict[int, int]] = defaultdict(lambda: defaultdict(int))
        self.anomalies: dict[int, dict[Anomaly, int]] = defaultdict(lambda: defaultdict(int))

    def add(self, reader: Reader, only: Sequence[int] | None = None) -> None:
        """All frames, or only these."""
        for key, traffic in totals.traffic(reader, only).items():
            self.traffic[key] = _sum([self.traffic[key], traffic])
        for (number, from_client, opcode), count in totals.opcodes(reader, only).items():
            self.opcodes[number, from_client][opcode] += count
        for found in (totals.anomalies(reader, only), totals.untold_anomalies(reader, only)):
            for (number, anomalies), count in found.items():
                for flag in Anomaly:
                    if flag in anomalies:
                        self.anomalies[number][flag] += count


def _portions(search: "Search", last: int, progress: Callable[[int, int], None]) -> Iterator[list[int]]:
    for start in range(0, last, _PORTION):
        if found := search.pick(start, min(start + _PORTION, last)):
            yield found
        progress(min(start + _PORTION, last), last)


def _is_about(search: "Search", record: ConnectionRecord, closure: ClosureRecord | None) -> bool:
    return search.about(record) or (closure is not None and search.about(record, closure))

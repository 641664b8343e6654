"""A whole capture in numbers: what `wsproxy info` prints."""

from collections import defaultdict
from dataclasses import dataclass, field

from wsproxy.cli import library
from wsproxy.store.reader import Reader, Traffic
from wsproxy.store.records import CaptureInfo, ClosureRecord, ConnectionRecord, GapRecord
from wsproxy.wire.frames import Anomaly

_NONE = Traffic(0, 0)

# A message shows what is wrong only at its end; mostly one of its frames says it, too.
_OF_MESSAGES = (
    "SELECT message.last_frame, message.connection, message.anomalies, coalesce(frame.anomalies, 0)"
    " FROM message LEFT JOIN frame ON frame.connection = message.connection"
    " AND frame.id BETWEEN message.first_frame AND message.last_frame"
    " AND frame.from_client = message.from_client AND frame.anomalies != 0"
    " WHERE message.anomalies != 0"
)


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

    @classmethod
    def of(cls, reader: Reader) -> "Overview":
        """
        Count everything, at one moment.

        Raises:
            sqlite3.Error: the capture is damaged.
        """
        with reader.snapshot():
            info = reader.info()
            state = library.state_of(info.ended, reader.is_live())
            closures = reader.closures()
            traffic = reader.traffic()
            opcodes: dict[tuple[int, bool], dict[int, int]] = defaultdict(dict)
            for (number, from_client, opcode), count in reader.opcodes().items():
                opcodes[number, from_client][opcode] = count
            anomalies = _anomalies(reader)
            connections: list[ConnectionOverview] = []
            for record in reader.connections():
                number = record.id
                connections.append(
                    ConnectionOverview(
                        record,
                        closures.get(number),
                        _state(record, number in closures, state),
                        traffic.get((number, True), _NONE),
                        traffic.get((number, False), _NONE),
                        opcodes[number, True],
                        opcodes[number, False],
                        anomalies.get(number, {}),
                    )
                )
            return cls(library.disk_size(reader.path), state, info, connections, reader.gaps())

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


def _anomalies(reader: Reader) -> dict[int, dict[Anomaly, int]]:
    found: dict[int, dict[Anomaly, int]] = defaultdict(lambda: defaultdict(int))
    for (number, anomalies), count in reader.anomalies().items():
        for flag in Anomaly:
            if flag in anomalies:
                found[number][flag] += count
    untold: dict[int, tuple[int, int]] = {}
    for last, number, of_message, of_frame in reader.db.execute(_OF_MESSAGES):
        _, left = untold.get(last, (number, of_message))
        untold[last] = (number, left & ~of_frame)
    for number, left in untold.values():
        for flag in Anomaly:
            if flag & left:
                found[number][flag] += 1
    return found

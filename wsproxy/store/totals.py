"""
How much of what is in a capture, counted by SQLite: nothing of it is read.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from wsproxy.store.reader import Reader
from wsproxy.wire.frames import Anomaly


@dataclass(frozen=True, slots=True)
class Traffic:
    """What went over one connection, one way."""

    frames: int
    bytes: int
    """Of payload, as declared."""


def traffic(reader: Reader, only: Sequence[int] | None = None) -> dict[tuple[int, bool], Traffic]:
    """Frames and bytes by `(connection, from_client)`; of `only` these frames, if given."""
    where, values = _only("id", only)
    rows = reader.db.execute(
        f"SELECT connection, from_client, count(*), total(length) FROM frame WHERE {where} GROUP BY 1, 2",
        values,
    )
    return {(row[0], bool(row[1])): Traffic(row[2], int(row[3])) for row in rows}


def opcodes(reader: Reader, only: Sequence[int] | None = None) -> dict[tuple[int, bool, int], int]:
    """How many frames by `(connection, from_client, opcode)`; of `only` these frames, if given."""
    where, values = _only("id", only)
    rows = reader.db.execute(
        f"SELECT connection, from_client, opcode, count(*) FROM frame WHERE {where} GROUP BY 1, 2, 3",
        values,
    )
    return {(row[0], bool(row[1]), row[2]): row[3] for row in rows}


def anomalies(reader: Reader, only: Sequence[int] | None = None) -> dict[tuple[int, Anomaly], int]:
    """How many frames by `(connection, anomalies)`, where there are any; of `only` these, if given."""
    where, values = _only("id", only)
    rows = reader.db.execute(
        f"SELECT connection, anomalies, count(*) FROM frame WHERE anomalies != 0 AND {where} GROUP BY 1, 2",
        values,
    )
    return {(row[0], Anomaly(row[1])): row[2] for row in rows}


def untold_anomalies(reader: Reader, only: Sequence[int] | None = None) -> dict[tuple[int, Anomaly], int]:
    """
    How many messages by `(connection, anomalies)` that none of their frames has; of those that
    ended with `only` these frames, if given.
    """
    # A message shows what is wrong only at its end; mostly one of its frames says it, too.
    where, values = _only("message.last_frame", only)
    rows = reader.db.execute(
        "SELECT message.last_frame, message.connection, message.anomalies, coalesce(frame.anomalies, 0)"
        " FROM message LEFT JOIN frame ON frame.connection = message.connection"
        " AND frame.id BETWEEN message.first_frame AND message.last_frame"
        " AND frame.from_client = message.from_client AND frame.anomalies != 0"
        f" WHERE message.anomalies != 0 AND {where}",
        values,
    )
    left: dict[int, tuple[int, int]] = {}
    for last, connection, of_message, of_frame in rows:
        left[last] = (connection, left.get(last, (0, of_message))[1] & ~of_frame)
    found: dict[tuple[int, Anomaly], int] = {}
    for connection, untold in left.values():
        if untold:
            key = (connection, Anomaly(untold))
            found[key] = found.get(key, 0) + 1
    return found


def _only(column: str, numbers: Sequence[int] | None) -> tuple[str, tuple[str, ...]]:
    """A condition, and its values."""
    if numbers is None:
        return "1", ()
    return f"{column} IN (SELECT value FROM json_each(?))", (json.dumps(list(numbers)),)

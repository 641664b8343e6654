"""
Columns of the tables, in the order of the records made from them.
"""

import json
from typing import Any

from wsproxy.store.records import (
    ClosureRecord,
    ConnectionRecord,
    DecisionRecord,
    ExchangeFlag,
    ExchangeRecord,
    GapRecord,
    MessageRecord,
)
from wsproxy.wire.frames import Anomaly

Row = tuple[Any, ...]

CONNECTION = (
    "id, opened, url, client, server, mode, http_version, request, response, status, body, body_length,"
    " subprotocol, extensions, findings, error, tls"
)
FRAME = "id, connection, time, from_client, opcode, flags, length, header, payload, anomalies"
MESSAGE = (
    "last_frame, connection, first_frame, from_client, opcode, frames, compressed, length, content,"
    " truncated, anomalies"
)
CLOSURE = "connection, time, by, code, reason, clean, how"
DECISION = (
    "id, connection, time, from_client, action, by, first_frame, last_frame, first_sent, last_sent,"
    " held, note"
)
REPLAY_OF = "connection, capture, created, original"
EXCHANGE = (
    "id, time, sid, from_client, began, client, server, method, url, status, type, encoding, length, body,"
    " flags, error"
)
GAP = "id, started, ended, frames, bytes, reason"


def connection(row: Row) -> ConnectionRecord:
    """A connection from its columns."""
    values = list(row)
    values[-3] = tuple(json.loads(values[-3]))
    values[-1] = json.loads(values[-1])
    return ConnectionRecord(*values)


def closure(row: Row) -> ClosureRecord:
    """A closure from its columns."""
    number, time, by, code, reason, clean, how = row
    return ClosureRecord(number, time, by, code, reason, bool(clean), how)


def message(row: Row) -> MessageRecord:
    """A message from its columns."""
    (
        last,
        number,
        first,
        from_client,
        opcode,
        frames,
        compressed,
        length,
        content,
        truncated,
        anomalies,
    ) = row
    return MessageRecord(
        last,
        number,
        first,
        bool(from_client),
        opcode,
        frames,
        bool(compressed),
        length,
        content,
        bool(truncated),
        Anomaly(anomalies),
    )


def decision(row: Row) -> DecisionRecord:
    """A decision from its columns."""
    number, connection, time, from_client, *rest = row
    return DecisionRecord(number, connection, time, bool(from_client), *rest)


def exchange(row: Row) -> ExchangeRecord:
    """An exchange from its columns."""
    values = list(row)
    values[3] = bool(values[3])
    values[-2] = ExchangeFlag(values[-2])
    return ExchangeRecord(*values)


def gap(row: Row) -> GapRecord:
    """A gap from its columns."""
    return GapRecord(*row)

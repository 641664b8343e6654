"""
The statements that write a capture: what goes into which table, and many rows at once where there are many.

On the recorder's thread. Everything that is read back is in `wsproxy.store.columns`.
"""

import json
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import astuple
from itertools import chain
from typing import Any

from wsproxy.store.edit_rows import DECISION_COLUMNS
from wsproxy.store.records import ConnectionRecord, ExchangeRecord, ReplayRecord
from wsproxy.store.replay_rows import REPLAY_COLUMNS, ReplayRowBuilder
from wsproxy.store.rows import FRAME_COLUMNS, MESSAGE_COLUMNS, WHOLE_MESSAGE, WHOLE_MESSAGE_CELLS
from wsproxy.wire.closing import Closure

Statement = tuple[str, tuple[Any, ...]]
"""SQL, and its values."""


def _many(table: str, row: str) -> dict[int, str]:
    """Statements that insert many rows at once: a third less work than one by one."""
    return {rows: f"INSERT INTO {table} VALUES " + ",".join([row] * rows) for rows in (100, 10, 1)}


def _row(columns: int) -> str:
    return "(" + ",".join("?" * columns) + ")"


_FRAMES = _many("frame", _row(FRAME_COLUMNS))
_MESSAGES = _many("message", _row(MESSAGE_COLUMNS))
_WHOLE_MESSAGES = _many("message", WHOLE_MESSAGE)
_REPLAYS = _many("replay", _row(REPLAY_COLUMNS))
_PART = "INSERT INTO part (frame, offset, time, payload) VALUES (?,?,?,?)"
_DECISION = f"INSERT INTO decision ({DECISION_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"
_CONNECTION = "INSERT OR IGNORE INTO connection VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
_CLOSURE = (
    "INSERT OR IGNORE INTO closure (connection, time, at_frame, by, code, reason, clean, how)"
    " VALUES (?,?,?,?,?,?,?,?)"
)
_REPLAY_OF = "INSERT OR IGNORE INTO replay_of VALUES (?,?,?,?)"
_EXCHANGE = (
    "INSERT INTO exchange (at_frame, time, sid, from_client, began, client, server, method, url, status,"
    " type, encoding, length, body, flags, error) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
)
_GAP = "INSERT INTO gap (started, ended, at_frame, frames, bytes, reason) VALUES (?,?,?,?,?,?)"
_NOTE = "INSERT OR REPLACE INTO meta VALUES (?, ?)"

_SURROGATE = re.compile("[\ud800-\udfff]")


def gathered(db: sqlite3.Connection, rows: ReplayRowBuilder) -> None:
    """Insert what has been made rows of since the last time."""
    _insert(db, _FRAMES, FRAME_COLUMNS, rows.cells)
    if rows.parts:
        db.executemany(_PART, rows.parts)
    _insert(db, _WHOLE_MESSAGES, WHOLE_MESSAGE_CELLS, rows.whole_messages)
    if rows.decisions:
        db.executemany(_DECISION, rows.decisions)
    _insert(db, _REPLAYS, REPLAY_COLUMNS, rows.replays)
    _insert(db, _MESSAGES, MESSAGE_COLUMNS, list(chain.from_iterable(rows.messages)))


def _insert(db: sqlite3.Connection, statements: dict[int, str], columns: int, cells: list[Any]) -> None:
    start, end = 0, len(cells)
    for rows, sql in statements.items():
        size = rows * columns
        while end - start >= size:
            db.execute(sql, cells[start : start + size])
            start += size


def connection(record: ConnectionRecord, at_frame: int) -> Statement:
    """A connection whose handshake came after frame `at_frame`."""
    values = list(astuple(record))
    values.insert(2, at_frame)
    values[-3] = json.dumps(values[-3], ensure_ascii=False)
    values[-1] = json.dumps(values[-1], ensure_ascii=False)
    return _CONNECTION, _storable(values)


def closure(connection: int, ended: Closure, now: int, at_frame: int) -> Statement:
    """How a connection ended, at `now` (ns)."""
    return _CLOSURE, (
        connection, now, at_frame, ended.by, ended.code, ended.reason, ended.clean, ended.how,
    )  # fmt: skip


def replay_of(record: ReplayRecord) -> Statement:
    """What a connection is the replay of."""
    return _REPLAY_OF, astuple(record)


def exchange(record: ExchangeRecord, at_frame: int) -> Statement:
    """A body of long-polling."""
    return _EXCHANGE, (at_frame, *_storable(astuple(record)[1:]))


def is_exchange(statement: Statement) -> bool:
    """Whether it is one of `exchange`."""
    return statement[0] is _EXCHANGE


def gap(started: int, ended: int, at_frame: int, frames: int, size: int, reason: str) -> Statement:
    """From when to when (ns) nothing was recorded, and how many frames and bytes went by."""
    return _GAP, (started, ended, at_frame, frames, size, reason)


def note(name: str, value: str | int | None) -> Statement:
    """What the capture says of itself."""
    return _NOTE, (name, value)


def _storable(values: Sequence[Any]) -> tuple[Any, ...]:
    # A header may hold any bytes. What was not UTF-8 stands in the text as surrogates, which SQLite
    # does not take; `request` and `response` have the bytes.
    return tuple(_SURROGATE.sub("\ufffd", value) if isinstance(value, str) else value for value in values)

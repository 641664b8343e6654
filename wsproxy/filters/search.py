"""
Find the frames of a capture that match, range by range.

SQL goes over every row of a range, 0.1 us each, and decides nearly all of them; for a regex it calls
back into Python with nothing but the content, which is a third cheaper than to make rows of it. What
it leaves undecided (fragments, payloads in parts, decoded operators) is decided by `Filter.match`.
"""

import sqlite3
import time
from collections.abc import Callable, Sequence

from wsproxy.decoders.follow import unpacked
from wsproxy.filters.nodes import Filter
from wsproxy.filters.rows import EventSubject, ExchangeSubject, FrameSubject
from wsproxy.filters.sql import Statement
from wsproxy.filters.subject import Decoded
from wsproxy.store.reader import Reader
from wsproxy.store.records import ClosureRecord, ConnectionRecord, ExchangeRecord

_AT_ONCE = 100
"""Undecided frames whose rows are in memory together."""
_REMEMBERED = 1000
"""Connections kept in memory."""


class Search:
    """
    One filter over one capture; a `wsproxy.store.tail.Picker`.

    Args:
        reader: the capture. The functions of the filter stay with its SQLite connection.
        what: the filter.
        connection: only this connection's frames.
        decode: says what a message means; without it no decoded operator matches.
        decode_exchange: says what a body of long-polling means, likewise.
    """

    def __init__(
        self,
        reader: Reader,
        what: Filter,
        connection: int | None = None,
        decode: Callable[[FrameSubject], Decoded | None] | None = None,
        decode_exchange: Callable[[ExchangeRecord], Decoded | None] | None = None,
    ) -> None:
        self.filter = what
        self._reader = reader
        self._decode = decode
        self._decode_exchange = decode_exchange
        self._connections: dict[int, ConnectionRecord] = {}
        statement = Statement(decoding=decode is not None)
        expression = what.to_sql(statement)
        statement.install(reader.db)
        self._values = statement.values
        join = " LEFT JOIN message ON message.last_frame = frame.id" if "message." in expression else ""
        where = "frame.id > :after AND frame.id <= :up_to"
        if connection is not None:
            where += f" AND frame.connection = {int(connection)}"
        # With FALSE, unlike 0, SQLite stops at the first part of an AND or OR that settles it.
        self._sql = (
            f"SELECT frame.id, {expression} FROM frame{join}"
            f" WHERE {where} AND {expression} IS NOT FALSE ORDER BY frame.id"
        )
        # A capture that nobody writes any more has an end to count back from.
        self._end = None if reader.is_live() else reader.last_time()

    @property
    def is_live(self) -> bool:
        """Whether the capture was being written when the search began."""
        return self._end is None

    @property
    def now(self) -> int:
        """What relative times count from, ns."""
        return time.time_ns() if self._end is None else self._end

    def pick(self, after: int, up_to: int) -> list[int]:
        """
        The ids above `after` and up to `up_to` of the frames that match, in order.

        Raises:
            sqlite3.Error: the capture is damaged.
        """
        now = self.now
        values = {**self._values, "now": now, "after": after, "up_to": up_to}
        try:
            rows = self._reader.db.execute(self._sql, values).fetchall()
        except sqlite3.OperationalError as error:
            # SQLite swallows what stops a function it has called, and none of ours fails by itself.
            if "user-defined function" in str(error):
                raise KeyboardInterrupt from None
            raise
        open_ones = [number for number, decided in rows if decided is None]
        if not open_ones:
            return [number for number, _ in rows]
        matching: set[int] = set()
        for start in range(0, len(open_ones), _AT_ONCE):
            matching |= self._decide(open_ones[start : start + _AT_ONCE], now)
        return [number for number, decided in rows if decided or number in matching]

    def _decide(self, numbers: Sequence[int], now: int) -> set[int]:
        reader = self._reader
        found: set[int] = set()
        for frame in reader.frames_by_id(numbers):
            # One by one: the content of a hundred messages may be more than memory has.
            message = reader.messages(frame.id, frame.id).get(frame.id)
            connection = self.connection(frame.connection)
            if self.filter.match(FrameSubject(reader, frame, message, connection, now, self._decode)):
                found.add(frame.id)
        return found

    def about(self, connection: ConnectionRecord, closure: ClosureRecord | None = None) -> bool:
        """Whether the opening of a connection matches, or its end."""
        return self.filter.match(EventSubject(connection, self.now, closure))

    def about_exchange(self, exchange: ExchangeRecord) -> bool:
        """Whether a body of long-polling matches."""
        content = unpacked(exchange)
        content = exchange.body if content is None else content
        return self.filter.match(ExchangeSubject(exchange, content, self.now, self._decode_exchange))

    def connection(self, number: int) -> ConnectionRecord:
        """One connection. Raises sqlite3.DatabaseError if a damaged capture has lost it."""
        if number not in self._connections:
            if len(self._connections) >= _REMEMBERED:
                self._connections.clear()
            record = self._reader.connection(number)
            if record is None:
                raise sqlite3.DatabaseError(f"connection {number} is missing")
            self._connections[number] = record
        return self._connections[number]

"""
Everything a capture holds as one stream of events, in the order it happened, to its end or on and on.

What `dump`, `log` and `info` print and what every other viewer follows.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from wsproxy.store import columns
from wsproxy.store.reader import PAGE, PREVIEW, Reader
from wsproxy.store.records import ClosureRecord, ConnectionRecord, FrameRecord, GapRecord, MessageRecord
from wsproxy.wire.frames import Anomaly

POLL = 0.03
"""Seconds between two looks at a capture that has nothing new."""

PAGE_BYTES = 8 * 1024 * 1024
"""Of payload and content in one page; it holds more only if a single frame does."""


@dataclass(frozen=True, slots=True)
class FrameEvent:
    """A frame, and the message it ended if that says more than the frame."""

    frame: FrameRecord
    message: MessageRecord | None
    arriving: bool = False
    """Its payload is still on its way: the same frame comes again when it is whole."""
    again: bool = False
    """It was reported as arriving before; this is all there is of it."""


Event: TypeAlias = ConnectionRecord | FrameEvent | ClosureRecord | GapRecord


@dataclass(slots=True)
class _Arriving:
    """A large frame whose row was written before its payload."""

    frame: FrameRecord
    searched: int
    """Frames up to this id have been searched for a later one of its direction."""


class Tail:
    """
    Where one viewer is in a capture.

    Args:
        reader: the capture.
        after_frame: begin behind this frame; what happened before it is left out.
        connection: only this connection's events.
        since: leave out what happened before (ns since the epoch), apart from frames.
    """

    def __init__(
        self, reader: Reader, after_frame: int = 0, connection: int | None = None, since: int = 0
    ) -> None:
        self._reader = reader
        self._only = connection
        self._frame = after_frame
        self._arriving: dict[int, _Arriving] = {}
        self._connection = self._last_before("connection", "opened", after_frame, since)
        self._closure = self._last_before("closure", "time", after_frame, since)
        self._gap = self._last_before("gap", "ended", after_frame, since)

    def read(self, limit: int = PAGE) -> list[Event]:
        """
        The next events, in order.

        Args:
            limit: how many frames at most.

        Returns:
            An empty list if there is nothing new.
        """
        reader = self._reader
        with reader.snapshot():
            count, full = self._page(limit)
            frames = reader.frames(self._frame, count, self._only) if count else []
            messages = reader.messages(frames[0].id, frames[-1].id) if frames else {}
            # With a full page, what happened after its last frame waits for the next one.
            until = frames[-1].id - 1 if full else None
            again = self._arrived()
            found: list[tuple[int, int, int, Event]] = [
                (frame.id, -1, 0, self._event(frame, messages.get(frame.id))) for frame in frames
            ]
            for number, at, row in self._rows(
                "connection", columns.CONNECTION, self._connection, until, "id"
            ):
                self._connection = number
                found.append((at, row[1], 0, columns.connection(row)))
            for number, at, row in self._rows("closure", columns.CLOSURE, self._closure, until, "connection"):
                self._closure = number
                found.append((at, row[1], 1, columns.closure(row)))
            if self._only is None:
                for number, at, row in self._rows("gap", columns.GAP, self._gap, until, "id"):
                    self._gap = number
                    found.append((at, row[1], 2, columns.gap(row)))
        if frames:
            self._frame = frames[-1].id
        found.sort(key=lambda event: event[:3])
        return again + [event[3] for event in found]

    def unfinished(self) -> list[Event]:
        """The frames still arriving, as far as they came; for the end of a capture."""
        with self._reader.snapshot():
            return [self._once_more(number) for number in list(self._arriving)]

    def _page(self, limit: int) -> tuple[int, bool]:
        """How many frames to take, and whether there may be more behind them."""
        sql = (
            f"SELECT coalesce(length(frame.payload), {PREVIEW}) + coalesce(length(message.content), 0)"
            " FROM frame LEFT JOIN message ON message.last_frame = frame.id WHERE frame.id > ?"
        )
        values = [self._frame]
        if self._only is not None:
            sql += " AND frame.connection = ?"
            values.append(self._only)
        sizes = self._reader.db.execute(sql + " ORDER BY frame.id LIMIT ?", (*values, limit)).fetchall()
        total = 0
        for count, (size,) in enumerate(sizes):
            total += size
            if total > PAGE_BYTES and count:
                return count, True
        return len(sizes), len(sizes) == limit

    def _event(self, frame: FrameRecord, message: MessageRecord | None) -> FrameEvent:
        if frame.stored < frame.length and message is None and Anomaly.INCOMPLETE not in frame.anomalies:
            arriving = _Arriving(frame, frame.id)
            if not self._is_whole(arriving):
                self._arriving[frame.id] = arriving
                return FrameEvent(frame, message, arriving=True)
        return FrameEvent(frame, message)

    def _arrived(self) -> list[Event]:
        return [
            self._once_more(n) for n, arriving in list(self._arriving.items()) if self._is_whole(arriving)
        ]

    def _is_whole(self, arriving: _Arriving) -> bool:
        db, frame = self._reader.db, arriving.frame
        row = db.execute(
            "SELECT offset + length(payload) FROM part WHERE frame = ? ORDER BY offset DESC LIMIT 1",
            (frame.id,),
        ).fetchone()
        if row and row[0] >= frame.length:
            return True
        if db.execute("SELECT 1 FROM message WHERE last_frame = ?", (frame.id,)).fetchone():
            return True
        if db.execute("SELECT 1 FROM closure WHERE connection = ?", (frame.connection,)).fetchone():
            return True
        if not self._reader.is_live():
            return True
        # Of a payload longer than the capture keeps, only the next frame tells the end.
        (last,) = db.execute("SELECT coalesce(max(id), 0) FROM frame").fetchone()
        later = db.execute(
            "SELECT 1 FROM frame WHERE connection = ? AND id > ? AND from_client = ? LIMIT 1",
            (frame.connection, arriving.searched, frame.from_client),
        ).fetchone()
        arriving.searched = last
        return later is not None

    def _once_more(self, number: int) -> FrameEvent:
        frame = self._reader.frame(number) or self._arriving[number].frame
        del self._arriving[number]
        return FrameEvent(frame, self._reader.messages(number, number).get(number), again=True)

    def _last_before(self, table: str, time: str, frame: int, since: int) -> int:
        if not frame and not since:
            return 0
        row = self._reader.db.execute(
            f"SELECT coalesce(max(id), 0) FROM {table} WHERE at_frame < ? OR {time} < ?", (frame, since)
        ).fetchone()
        return int(row[0])

    def _rows(
        self, table: str, names: str, after: int, until: int | None, connection: str
    ) -> list[tuple[int, int, columns.Row]]:
        sql = f"SELECT id, at_frame, {names} FROM {table} WHERE id > ?"
        values: list[int] = [after]
        if until is not None:
            sql += " AND at_frame <= ?"
            values.append(until)
        if self._only is not None:
            sql += f" AND {connection} = ?"
            values.append(self._only)
        rows = self._reader.db.execute(sql + " ORDER BY id", values)
        return [(row[0], row[1], row[2:]) for row in rows]


def follow(tail: Tail, reader: Reader, stop: Callable[[], bool] = lambda: False) -> Iterator[list[Event]]:
    """
    Pages of events as they are written.

    Ends when the writer has closed the capture (or is gone) and everything was read, or when
    `stop` says so.

    Args:
        tail: where to begin.
        reader: of the same capture.
        stop: asked at every look.
    """
    checked = 0.0
    while not stop():
        # Asked before reading: what is written in between is found by the next look.
        version = reader.data_version()
        over = False
        if time.monotonic() - checked > 1:
            checked = time.monotonic()
            over = not reader.is_live()
        events = tail.read()
        if events:
            yield events
            checked = 0.0 if over else checked
            continue
        if over or reader.info().ended is not None:
            events = tail.read()
            if not events:
                break
            yield events
            continue
        while reader.data_version() == version and not stop():
            time.sleep(POLL)
            if time.monotonic() - checked > 1:
                break
    unfinished = tail.unfinished()
    if unfinished:
        yield unfinished

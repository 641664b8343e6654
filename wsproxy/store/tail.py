"""
Everything a capture holds as one stream of events, in the order it happened, to its end or on and on.

What `dump`, `log` and `info` print and what every other viewer follows.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from wsproxy.store import columns
from wsproxy.store.reader import PAGE, Reader
from wsproxy.store.records import ClosureRecord, ConnectionRecord, FrameRecord, GapRecord, MessageRecord

POLL = 0.03
"""Seconds between two looks at a capture that has nothing new."""


@dataclass(frozen=True, slots=True)
class FrameEvent:
    """A frame, and the message it ended if that says more than the frame."""

    frame: FrameRecord
    message: MessageRecord | None


Event: TypeAlias = ConnectionRecord | FrameEvent | ClosureRecord | GapRecord


class Tail:
    """
    Where one viewer is in a capture.

    Args:
        reader: the capture.
        after_frame: begin behind this frame.
        connection: only this connection's events.
    """

    def __init__(self, reader: Reader, after_frame: int = 0, connection: int | None = None) -> None:
        self._reader = reader
        self._only = connection
        self._frame = after_frame
        self._connection = 0
        self._closure = 0
        self._gap = 0

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
            frames = reader.frames(self._frame, limit, self._only)
            messages = reader.messages(frames[0].id, frames[-1].id) if frames else {}
            # With a full page, what happened after its last frame waits for the next one.
            until = frames[-1].id - 1 if len(frames) == limit else None
            found: list[tuple[int, int, int, Event]] = [
                (frame.id, -1, 0, FrameEvent(frame, messages.get(frame.id))) for frame in frames
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
        return [event[3] for event in found]

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
                return
            yield events
            continue
        while reader.data_version() == version and not stop():
            time.sleep(POLL)
            if time.monotonic() - checked > 1:
                break

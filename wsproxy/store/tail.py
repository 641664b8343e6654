"""
Everything a capture holds as one stream of events, in the order it happened, to its end or on and on.

What `dump`, `log` and `info` print and what every other viewer follows.
"""

import json
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, TypeAlias

from wsproxy.store import columns
from wsproxy.store.arriving import Arriving
from wsproxy.store.picking import Picker, Picking, Progress
from wsproxy.store.reader import PAGE, PREVIEW, Reader
from wsproxy.store.records import (
    ClosureRecord,
    ConnectionRecord,
    DecisionRecord,
    ExchangeRecord,
    FrameFlag,
    FrameRecord,
    GapRecord,
    MessageRecord,
)

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
    decision: DecisionRecord | None = None
    """Why the proxy sent it, if it did: with the last frame of what was sent."""
    original: int | None = None
    """In a replay, where it ended a message: the frame that ended it in the original capture."""


Event: TypeAlias = ConnectionRecord | FrameEvent | DecisionRecord | ExchangeRecord | ClosureRecord | GapRecord


@dataclass(frozen=True, slots=True)
class _Cut:
    """The last exchange of a page: what happened after it is for the next one."""

    at_frame: int
    time: int
    number: int


_TIME = {"connection": "opened", "gap": "ended"}
"""The column that says when something happened, where it is not `time`."""


class Tail:
    """
    Where one viewer is in a capture.

    Args:
        reader: the capture.
        after_frame: begin behind this frame; what happened before it is left out.
        connection: only this connection's events; those of its session before it was opened, too.
        since: leave out what happened before (ns since the epoch), apart from frames.
        picker: only the frames it picks; it must know of `connection` itself. A frame that is still
            arriving is asked about, and told, when it is whole.
        progress: told how far the picker has come: frames, and of how many.
    """

    def __init__(
        self,
        reader: Reader,
        after_frame: int = 0,
        connection: int | None = None,
        since: int = 0,
        *,
        picker: Picker | None = None,
        progress: Progress = lambda done, all_of_it: None,
    ) -> None:
        self._reader = reader
        self._only = connection
        self._frame = after_frame
        self._arriving = Arriving(reader)
        self._picking = (
            Picking(reader, picker, after_frame, self._arriving, progress) if picker is not None else None
        )
        """What it has found is behind `_frame`."""
        self._connection = self._last_before("connection", after_frame, since)
        self._closure = self._last_before("closure", after_frame, since)
        self._gap = self._last_before("gap", after_frame, since)
        self._decision = self._last_before("decision", after_frame, since)
        self._exchange = self._last_before("exchange", after_frame, since)
        self._sid: str | None = None
        """The session of `connection`, once that is known."""

    def read(self, limit: int = PAGE) -> list[Event]:
        """
        The next events, in order.

        Args:
            limit: how many frames at most.

        Returns:
            An empty list if there is nothing new.
        """
        picking = self._picking
        while True:
            if picking:
                picking.search()
            events = self._read(limit)
            if events or not picking or picking.is_at_the_end:
                return events

    def _read(self, limit: int) -> list[Event]:
        reader = self._reader
        with reader.snapshot():
            cut = self._cut(limit)
            picking = self._picking
            frames, until = (
                self._next_picked(picking, limit, cut) if picking else self._next_frames(limit, cut)
            )
            messages = self._messages(frames)
            sent = self._sent(frames)
            originals = self._originals(frames)
            again = [event for number in self._arriving.arrived() for event in self._once_more(number)]
            found: list[tuple[int, int, int, Event]] = [
                (frame.id, -1, 0, self._event(frame, messages.get(frame.id), sent, originals))
                for frame in frames
            ]
            for number, at, row in self._rows(
                "decision", columns.DECISION, self._decision, until, "connection", cut
            ):
                self._decision = number
                found.append((at, -1, number, columns.decision(row)))
            for number, at, row in self._rows(
                "connection", columns.CONNECTION, self._connection, until, "id", cut
            ):
                self._connection = number
                found.append((at, row[1], 0, columns.connection(row)))
            for number, at, row in self._rows(
                "closure", columns.CLOSURE, self._closure, until, "connection", cut
            ):
                self._closure = number
                found.append((at, row[1], 1, columns.closure(row)))
            for number, at, row in self._rows(
                "exchange", columns.EXCHANGE, self._exchange, until, "sid", cut
            ):
                self._exchange = number
                found.append((at, row[1], number, columns.exchange(row)))
            if self._only is None:
                for number, at, row in self._rows("gap", columns.GAP, self._gap, until, "id", cut):
                    self._gap = number
                    found.append((at, row[1], 2, columns.gap(row)))
        found.sort(key=lambda event: event[:3])
        return again + [event[3] for event in found]

    def unfinished(self) -> list[Event]:
        """The frames still arriving, as far as they came; for the end of a capture."""
        with self._reader.snapshot():
            return [event for number in self._arriving.all() for event in self._once_more(number)]

    def _cut(self, limit: int) -> _Cut | None:
        """Where this page must end at the latest, because there are more exchanges than it may hold."""
        where, values = self._behind("exchange", self._exchange, None, "sid")
        sizes = self._reader.db.execute(
            f"SELECT at_frame, time, id, length(body) FROM exchange WHERE {where} ORDER BY id LIMIT ?",
            (*values, limit + 1),
        ).fetchall()
        total = 0
        for count, (*_, size) in enumerate(sizes):
            total += size
            if count and (total > PAGE_BYTES or count == limit):
                at_frame, time, number, _ = sizes[count - 1]
                return _Cut(at_frame, time, number)
        return None

    def _next_frames(self, limit: int, cut: _Cut | None) -> tuple[list[FrameRecord], int | None]:
        """A page of frames, and behind which frame other events wait for the next one."""
        where, values = "frame.id > ?", [self._frame]
        if cut:
            where += " AND frame.id <= ?"
            values.append(cut.at_frame)
        if self._only is not None:
            where += " AND frame.connection = ?"
            values.append(self._only)
        count, full = self._page(where, values, limit)
        frames = self._reader.frames(self._frame, count, self._only) if count else []
        if frames:
            self._frame = frames[-1].id
        return frames, self._frame - 1 if full else None

    def _next_picked(
        self, picking: Picking, limit: int, cut: _Cut | None
    ) -> tuple[list[FrameRecord], int | None]:
        """As `_next_frames`, of those that are picked."""
        most = min(limit, bisect_right(picking.found, cut.at_frame)) if cut else limit
        ids = json.dumps(picking.found[:most])
        count, _ = self._page("frame.id IN (SELECT value FROM json_each(?))", [ids], limit)
        frames = self._reader.frames_by_id(picking.take(count))
        if cut and count == most < limit and cut.at_frame <= picking.searched:
            return frames, None
        self._frame = frames[-1].id if picking.found else picking.searched
        caught_up = not picking.found and picking.is_at_the_end
        return frames, None if caught_up else self._frame - 1

    def _page(self, where: str, values: list[Any], limit: int) -> tuple[int, bool]:
        """How many frames to take, and whether there may be more behind them."""
        sizes = self._reader.db.execute(
            f"SELECT coalesce(length(frame.payload), {PREVIEW}) + coalesce(length(message.content), 0)"
            " FROM frame LEFT JOIN message ON message.last_frame = frame.id"
            f" WHERE {where} ORDER BY frame.id LIMIT ?",
            (*values, limit),
        ).fetchall()
        total = 0
        for count, (size,) in enumerate(sizes):
            total += size
            if total > PAGE_BYTES and count:
                return count, True
        return len(sizes), len(sizes) == limit

    def _messages(self, frames: list[FrameRecord]) -> dict[int, MessageRecord]:
        if not frames:
            return {}
        if not self._picking:
            return self._reader.messages(frames[0].id, frames[-1].id)
        return self._reader.messages_by_id([frame.id for frame in frames])

    def _sent(self, frames: list[FrameRecord]) -> dict[int, DecisionRecord]:
        if not frames:
            return {}
        if not self._picking:
            return self._reader.sent_by_decision(frames[0].id, frames[-1].id)
        found: dict[int, DecisionRecord] = {}
        for frame in frames:
            if frame.flags & FrameFlag.FROM_PROXY:
                found |= self._reader.sent_by_decision(frame.id, frame.id)
        return found

    def _originals(self, frames: list[FrameRecord]) -> dict[int, int]:
        if not frames or not self._reader.has_replays():
            return {}
        if not self._picking:
            return self._reader.originals(frames[0].id, frames[-1].id)
        found: dict[int, int] = {}
        for frame in frames:
            found |= self._reader.originals(frame.id, frame.id)
        return found

    def _event(
        self,
        frame: FrameRecord,
        message: MessageRecord | None,
        sent: dict[int, DecisionRecord],
        originals: dict[int, int],
    ) -> FrameEvent:
        if message is None and frame.stored < frame.length and self._arriving.takes(frame):
            return FrameEvent(frame, message, arriving=True)
        return FrameEvent(frame, message, decision=sent.get(frame.id), original=originals.get(frame.id))

    def _once_more(self, number: int) -> list[Event]:
        """The frame that was arriving; nothing if the picker does not want it."""
        frame = self._arriving.done(number)
        if self._picking and not self._picking.picks(number):
            return []
        # What is picked only now was not told before.
        again = not self._picking
        original = self._originals([frame]).get(number)
        message = self._reader.messages(number, number).get(number)
        return [FrameEvent(frame, message, again=again, original=original)]

    def _last_before(self, table: str, frame: int, since: int) -> int:
        if not frame and not since:
            return 0
        time = _TIME.get(table, "time")
        row = self._reader.db.execute(
            f"SELECT coalesce(max(id), 0) FROM {table} WHERE at_frame < ? OR {time} < ?", (frame, since)
        ).fetchone()
        return int(row[0])

    def _rows(
        self, table: str, names: str, after: int, until: int | None, connection: str, cut: _Cut | None
    ) -> list[tuple[int, int, columns.Row]]:
        where, values = self._behind(table, after, until, connection)
        rows = self._reader.db.execute(
            f"SELECT id, at_frame, {names} FROM {table} WHERE {where} ORDER BY id", values
        )
        if cut is None:
            return [(row[0], row[1], row[2:]) for row in rows]
        if table == "exchange":
            return [(row[0], row[1], row[2:]) for row in takewhile(lambda row: row[0] <= cut.number, rows)]
        when = names.split(", ").index(_TIME.get(table, "time")) + 2
        return [
            (row[0], row[1], row[2:])
            for row in takewhile(lambda row: (row[1], row[when]) <= (cut.at_frame, cut.time), rows)
        ]

    def _session(self) -> str | None:
        """That of the only connection; None, which equals nothing, while it has none."""
        if self._only is not None and not self._sid:
            self._sid = self._reader.sid(self._only)
        return self._sid or None

    def _behind(
        self, table: str, after: int, until: int | None, connection: str
    ) -> tuple[str, list[int | str | None]]:
        """A condition for what comes next of a table, and its values."""
        where = "id > ?"
        values: list[int | str | None] = [after]
        if until is not None:
            where += " AND at_frame <= ?"
            values.append(until)
        if self._only is not None:
            where += f" AND {connection} = ?"
            values.append(self._session() if connection == "sid" else self._only)
        return where, values


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

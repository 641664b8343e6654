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
from typing import Any, Protocol, TypeAlias

from wsproxy.store import columns
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
    decision: DecisionRecord | None = None
    """Why the proxy sent it, if it did: with the last frame of what was sent."""
    original: int | None = None
    """In a replay, where it ended a message: the frame that ended it in the original capture."""


Event: TypeAlias = ConnectionRecord | FrameEvent | DecisionRecord | ExchangeRecord | ClosureRecord | GapRecord


class Picker(Protocol):
    """Says which frames a viewer wants to see."""

    def pick(self, after: int, up_to: int) -> list[int]:
        """The ids above `after` and up to `up_to`, in order."""


_FEWEST, _MOST = 4096, 1 << 16
"""Frames that a picker is asked about at a time: as many as take it about `_MOMENT`."""
_MOMENT = 0.1
"""Seconds, so that progress shows and Ctrl-C is heard."""


@dataclass(frozen=True, slots=True)
class _Cut:
    """The last exchange of a page: what happened after it is for the next one."""

    at_frame: int
    time: int
    number: int


_TIME = {"connection": "opened", "gap": "ended"}
"""The column that says when something happened, where it is not `time`."""


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
        progress: Callable[[int, int], None] = lambda done, all_of_it: None,
    ) -> None:
        self._reader = reader
        self._only = connection
        self._frame = after_frame
        self._picker = picker
        self._progress = progress
        self._searched = after_frame
        self._at_once = _FEWEST
        self._picked: list[int] = []
        """Behind `_frame`, up to `_searched`."""
        self._arriving: dict[int, _Arriving] = {}
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
        while True:
            self._search()
            events = self._read(limit)
            if events or self._picker is None or self._searched >= self._reader.last_frame():
                return events

    def _read(self, limit: int) -> list[Event]:
        reader = self._reader
        with reader.snapshot():
            cut = self._cut(limit)
            take = self._next_frames if self._picker is None else self._next_picked
            frames, until = take(limit, cut)
            messages = self._messages(frames)
            sent = self._sent(frames)
            originals = self._originals(frames)
            again = self._arrived()
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
            return [event for number in list(self._arriving) for event in self._once_more(number)]

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

    def _search(self) -> None:
        """Ask the picker about further frames, until it has picked some or knows them all."""
        if self._picker is None or self._picked:
            return
        last = self._reader.last_frame()
        while not self._picked and self._searched < last:
            began = time.monotonic()
            up_to = min(self._searched + self._at_once, last)
            self._picked = self._picker.pick(self._searched, up_to)
            self._postpone(up_to)
            self._searched = up_to
            self._progress(up_to, last)
            took = time.monotonic() - began
            self._at_once = (
                min(self._at_once * 2, _MOST) if took < _MOMENT else max(self._at_once // 2, _FEWEST)
            )

    def _postpone(self, up_to: int) -> None:
        """Take out what is still arriving: the picker has not seen all of it."""
        if not self._reader.is_live():
            return
        rows = self._reader.db.execute(
            "SELECT id FROM frame WHERE id > ? AND id <= ? AND payload IS NULL", (self._searched, up_to)
        )
        for (number,) in rows.fetchall():
            frame, message = self._reader.frame(number), self._reader.messages(number, number).get(number)
            if frame is not None and self._event(frame, message, {}, {}).arriving:
                self._picked = [picked for picked in self._picked if picked != number]

    def _next_picked(self, limit: int, cut: _Cut | None) -> tuple[list[FrameRecord], int | None]:
        """As `_next_frames`, of those that are picked."""
        most = min(limit, bisect_right(self._picked, cut.at_frame)) if cut else limit
        ids = json.dumps(self._picked[:most])
        count, _ = self._page("frame.id IN (SELECT value FROM json_each(?))", [ids], limit)
        frames = self._reader.frames_by_id(self._picked[:count])
        self._picked = self._picked[count:]
        if cut and count == most < limit and cut.at_frame <= self._searched:
            return frames, None
        self._frame = frames[-1].id if self._picked else self._searched
        caught_up = not self._picked and self._searched >= self._reader.last_frame()
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
        if self._picker is None:
            return self._reader.messages(frames[0].id, frames[-1].id)
        return self._reader.messages_by_id([frame.id for frame in frames])

    def _sent(self, frames: list[FrameRecord]) -> dict[int, DecisionRecord]:
        if not frames:
            return {}
        if self._picker is None:
            return self._reader.sent_by_decision(frames[0].id, frames[-1].id)
        found: dict[int, DecisionRecord] = {}
        for frame in frames:
            if frame.flags & FrameFlag.FROM_PROXY:
                found |= self._reader.sent_by_decision(frame.id, frame.id)
        return found

    def _originals(self, frames: list[FrameRecord]) -> dict[int, int]:
        if not frames or not self._reader.has_replays():
            return {}
        if self._picker is None:
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
        kept_whole = frame.stored >= frame.length or FrameFlag.REDACTED in frame.flags
        if not kept_whole and message is None and Anomaly.INCOMPLETE not in frame.anomalies:
            arriving = _Arriving(frame, frame.id)
            if not self._is_whole(arriving):
                self._arriving[frame.id] = arriving
                return FrameEvent(frame, message, arriving=True)
        return FrameEvent(frame, message, decision=sent.get(frame.id), original=originals.get(frame.id))

    def _arrived(self) -> list[Event]:
        whole = [number for number, arriving in self._arriving.items() if self._is_whole(arriving)]
        return [event for number in whole for event in self._once_more(number)]

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
        last = self._reader.last_frame()
        later = db.execute(
            "SELECT 1 FROM frame WHERE connection = ? AND id > ? AND from_client = ? LIMIT 1",
            (frame.connection, arriving.searched, frame.from_client),
        ).fetchone()
        arriving.searched = last
        return later is not None

    def _once_more(self, number: int) -> list[Event]:
        """The frame that was arriving; nothing if the picker does not want it."""
        frame = self._reader.frame(number) or self._arriving[number].frame
        del self._arriving[number]
        if self._picker and not self._picker.pick(number - 1, number):
            return []
        # What is picked only now was not told before.
        again = self._picker is None
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

"""
Read a capture, also while it is being written: last station in the life of a frame.

Read-only, by key, in pages: nothing here holds a capture in memory, and nothing the reader does
can slow the writer down.
"""

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from wsproxy.store import columns, files
from wsproxy.store.processes import is_alive
from wsproxy.store.records import (
    CaptureInfo,
    ClosureRecord,
    ConnectionRecord,
    DecisionRecord,
    ExchangeRecord,
    FrameFlag,
    FrameRecord,
    GapRecord,
    MessageRecord,
    ReplayRecord,
)
from wsproxy.wire.frames import Anomaly
from wsproxy.wire.polling import sid_of

PAGE = 1000
"""Rows fetched at a time unless told otherwise."""

PREVIEW = 64 * 1024
"""Bytes of a streamed payload that come with its frame; `Reader.payload` has all of it."""


class Reader:
    """
    One open capture. Use it in a `with` statement, in one thread at a time.

    Args:
        path: the file.

    Raises:
        CaptureError: it is not there, not ours, newer than this program, or not readable.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.db = files.open_to_read(path)

    def __enter__(self) -> "Reader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """
        Let go of the file.

        The last to leave a capture nobody writes any more makes it one plain file.
        """
        live = True
        with contextlib.suppress(sqlite3.Error):
            live = self.is_live()
        self.db.close()
        if not live and files.log_of(self.path).exists():
            files.tidy(self.path)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Everything read inside is of one moment."""
        self.db.execute("BEGIN")
        try:
            yield
        finally:
            self.db.execute("COMMIT")

    def info(self) -> CaptureInfo:
        """What the capture says about itself."""
        meta: dict[str, Any] = dict(self.db.execute("SELECT key, value FROM meta").fetchall())
        (version,) = self.db.execute("PRAGMA user_version").fetchone()
        return CaptureInfo(
            version,
            meta.get("created") or 0,
            meta.get("program") or "",
            meta.get("writer_pid"),
            meta.get("ended"),
            meta.get("unrecorded_since"),
        )

    def is_live(self) -> bool:
        """Whether a process is writing this capture now."""
        info = self.info()
        return info.ended is None and info.writer_pid is not None and is_alive(info.writer_pid)

    def data_version(self) -> int:
        """A number that changes when somebody else has written."""
        (version,) = self.db.execute("PRAGMA data_version").fetchone()
        return int(version)

    def connection(self, number: int) -> ConnectionRecord | None:
        """One connection by its id."""
        row = self.db.execute(
            f"SELECT {columns.CONNECTION} FROM connection WHERE id = ?", (number,)
        ).fetchone()
        return columns.connection(row) if row else None

    def connections(self, after: int = 0, limit: int = -1) -> list[ConnectionRecord]:
        """Connections with an id above `after`, in order; at most `limit`, all by default."""
        rows = self.db.execute(
            f"SELECT {columns.CONNECTION} FROM connection WHERE id > ? ORDER BY id LIMIT ?", (after, limit)
        )
        return [columns.connection(row) for row in rows]

    def connections_by_id(self, numbers: Sequence[int]) -> list[ConnectionRecord]:
        """These connections, in order; those that are not there are left out."""
        rows = self.db.execute(
            f"SELECT {columns.CONNECTION} FROM connection"
            " WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
            (json.dumps(list(numbers)),),
        )
        return [columns.connection(row) for row in rows]

    def closures_of(self, numbers: Sequence[int]) -> dict[int, ClosureRecord]:
        """How these connections ended, by connection id; those still open are missing."""
        rows = self.db.execute(
            f"SELECT {columns.CLOSURE} FROM closure WHERE connection IN (SELECT value FROM json_each(?))",
            (json.dumps(list(numbers)),),
        )
        return {row[0]: columns.closure(row) for row in rows}

    def closures(self) -> dict[int, ClosureRecord]:
        """How connections ended, by connection id; those still open are missing."""
        rows = self.db.execute(f"SELECT {columns.CLOSURE} FROM closure ORDER BY id")
        return {row[0]: columns.closure(row) for row in rows}

    def gaps(self) -> list[GapRecord]:
        """When nothing could be recorded."""
        return [columns.gap(row) for row in self.db.execute(f"SELECT {columns.GAP} FROM gap ORDER BY id")]

    def exchanges(
        self,
        after: int = 0,
        limit: int = PAGE,
        sid: str | None = None,
        up_to_frame: int | None = None,
        before: int | None = None,
    ) -> list[ExchangeRecord]:
        """
        A page of exchanges, in order.

        Args:
            after: only ids above this one.
            limit: how many at most.
            sid: only this session's.
            up_to_frame: only those that came before the frame behind this one.
            before: only ids below this one.
        """
        where = "id > ?"
        values: list[Any] = [after]
        if sid is not None:
            where += " AND sid = ?"
            values.append(sid)
        if up_to_frame is not None:
            where += " AND at_frame <= ?"
            values.append(up_to_frame)
        if before is not None:
            where += " AND id < ?"
            values.append(before)
        rows = self.db.execute(
            f"SELECT {columns.EXCHANGE} FROM exchange WHERE {where} ORDER BY id LIMIT ?", (*values, limit)
        )
        return [columns.exchange(row) for row in rows]

    def sid(self, connection: int) -> str:
        """The session of Engine.IO that a connection goes on with, by its URL; empty if it begins anew."""
        row = self.db.execute("SELECT url FROM connection WHERE id = ?", (connection,)).fetchone()
        return sid_of(row[0]) if row else ""

    def frame(self, number: int) -> FrameRecord | None:
        """One frame by its id."""
        rows = self.db.execute(f"SELECT {columns.FRAME} FROM frame WHERE id = ?", (number,)).fetchall()
        return self._frames(rows)[0] if rows else None

    def frames(
        self, after: int = 0, limit: int = PAGE, connection: int | None = None, up_to: int | None = None
    ) -> list[FrameRecord]:
        """
        A page of frames, in order.

        Args:
            after: only ids above this one; the last id of a page gives the next page.
            limit: how many at most.
            connection: only this connection's.
            up_to: only ids up to this one.
        """
        where, values = "id > ?", [after]
        if connection is not None:
            where += " AND connection = ?"
            values.append(connection)
        if up_to is not None:
            where += " AND id <= ?"
            values.append(up_to)
        rows = self.db.execute(
            f"SELECT {columns.FRAME} FROM frame WHERE {where} ORDER BY id LIMIT ?", (*values, limit)
        )
        return self._frames(rows.fetchall())

    def frames_by_id(self, numbers: Sequence[int]) -> list[FrameRecord]:
        """These frames, in order; those that are not there are left out."""
        rows = self.db.execute(
            f"SELECT {columns.FRAME} FROM frame WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
            (json.dumps(list(numbers)),),
        )
        return self._frames(rows.fetchall())

    def messages(self, first: int, last: int) -> dict[int, MessageRecord]:
        """The messages that ended with frames `first` to `last`, by the id of that frame."""
        rows = self.db.execute(
            f"SELECT {columns.MESSAGE} FROM message WHERE last_frame BETWEEN ? AND ?", (first, last)
        )
        return {row[0]: columns.message(row) for row in rows}

    def messages_by_id(self, numbers: Sequence[int]) -> dict[int, MessageRecord]:
        """The messages that ended with these frames, by the id of that frame."""
        rows = self.db.execute(
            f"SELECT {columns.MESSAGE} FROM message WHERE last_frame IN (SELECT value FROM json_each(?))",
            (json.dumps(list(numbers)),),
        )
        return {row[0]: columns.message(row) for row in rows}

    def decisions(self, first: int, last: int) -> list[DecisionRecord]:
        """What was decided about messages that ended with, or were sent as, frames `first` to `last`."""
        rows = self.db.execute(
            f"SELECT {columns.DECISION} FROM decision WHERE last_frame BETWEEN ?1 AND ?2"
            f" UNION SELECT {columns.DECISION} FROM decision WHERE last_sent BETWEEN ?1 AND ?2 ORDER BY id",
            (first, last),
        )
        return [columns.decision(row) for row in rows]

    def sent_by_decision(self, first: int, last: int) -> dict[int, DecisionRecord]:
        """Why the proxy sent frames `first` to `last`, by the id of the last frame of each decision."""
        rows = self.db.execute(
            f"SELECT {columns.DECISION} FROM decision WHERE last_sent BETWEEN ? AND ?", (first, last)
        )
        return {decision.last_sent or 0: decision for decision in map(columns.decision, rows)}

    def decisions_about(self, frame: FrameRecord) -> list[DecisionRecord]:
        """What was decided about the message that `frame` is part of, or was sent for."""
        last, sent = frame.id, frame.id
        if frame.opcode < 8 and not frame.flags & FrameFlag.FIN:
            # A fragment before the last one: the next decision about this direction tells its message.
            which = "sent" if frame.flags & FrameFlag.FROM_PROXY else "frame"
            row = self.db.execute(
                f"SELECT first_{which}, last_{which} FROM decision WHERE last_{which} >= ?"
                f" AND connection = ? AND from_client = ? ORDER BY last_{which} LIMIT 1",
                (frame.id, frame.connection, int(frame.from_client)),
            ).fetchone()
            if row is None or row[0] > frame.id:
                return []
            last = sent = row[1]
        rows = self.db.execute(
            f"SELECT {columns.DECISION} FROM decision WHERE last_frame = ?"
            f" UNION SELECT {columns.DECISION} FROM decision WHERE last_sent = ? ORDER BY id",
            (last, sent),
        )
        return [columns.decision(row) for row in rows]

    def has_replays(self) -> bool:
        """Whether a connection of this capture is a replay."""
        return self.db.execute("SELECT 1 FROM replay_of LIMIT 1").fetchone() is not None

    def replay_of(self, connection: int) -> ReplayRecord | None:
        """What a connection is the replay of; None if it is none."""
        row = self.db.execute(
            f"SELECT {columns.REPLAY_OF} FROM replay_of WHERE connection = ?", (connection,)
        ).fetchone()
        return ReplayRecord(*row) if row else None

    def originals(self, first: int, last: int) -> dict[int, int]:
        """
        The messages of a replay that ended with frames `first` to `last`, by the id of that frame.

        Returns:
            With the id of the frame that ended the same message in the original capture.
        """
        rows = self.db.execute(
            "SELECT frame, original FROM replay WHERE frame BETWEEN ? AND ?", (first, last)
        )
        return dict(rows.fetchall())

    def joined(self, message: MessageRecord, limit: int) -> bytes:
        """The payloads of a fragmented message that is not compressed, put together up to `limit` bytes."""
        found = self.db.execute(
            "SELECT id FROM frame WHERE id BETWEEN ?1 AND ?2 AND connection = ?3 AND from_client = ?4"
            " AND opcode < 3 AND flags & 32 = (SELECT flags & 32 FROM frame WHERE id = ?2) ORDER BY id",
            (message.first_frame, message.last_frame, message.connection, int(message.from_client)),
        )
        numbers = [row[0] for row in found]
        return at_most(limit, (part for number in numbers for part in self.payload(number)))

    def last_frame(self) -> int:
        """The highest id of a frame; 0 without any."""
        (number,) = self.db.execute("SELECT coalesce(max(id), 0) FROM frame").fetchone()
        return int(number)

    def last_time(self) -> int:
        """When the last thing in the capture happened, ns; 0 in an empty one."""
        (moment,) = self.db.execute(
            "SELECT max(coalesce((SELECT time FROM frame ORDER BY id DESC LIMIT 1), 0),"
            " (SELECT coalesce(max(opened), 0) FROM connection),"
            " (SELECT coalesce(max(time), 0) FROM closure),"
            " (SELECT coalesce(max(time), 0) FROM exchange),"
            " (SELECT coalesce(max(ended), 0) FROM gap))"
        ).fetchone()
        return int(moment)

    def payload(self, frame: int) -> Iterator[bytes]:
        """The payload of a frame as far as it was kept, unmasked, in parts of bounded size."""
        row = self.db.execute("SELECT payload FROM frame WHERE id = ?", (frame,)).fetchone()
        if row is None:
            return
        if row[0] is not None:
            yield row[0]
            return
        offset = -1
        while True:
            part = self.db.execute(
                "SELECT offset, payload FROM part WHERE frame = ? AND offset > ? ORDER BY offset LIMIT 1",
                (frame, offset),
            ).fetchone()
            if part is None:
                return
            offset = part[0]
            yield part[1]

    def counts(self) -> tuple[int, int]:
        """How many connections and frames."""
        (connections,) = self.db.execute("SELECT count(*) FROM connection").fetchone()
        (frames,) = self.db.execute("SELECT count(*) FROM frame").fetchone()
        return connections, frames

    def _frames(self, rows: list[tuple[Any, ...]]) -> list[FrameRecord]:
        found: list[FrameRecord] = []
        for number, connection, time, from_client, opcode, flags, length, header, payload, anomalies in rows:
            if payload is None:
                payload, stored = self._preview(number)
            else:
                stored = len(payload)
            found.append(
                FrameRecord(
                    number,
                    connection,
                    time,
                    bool(from_client),
                    opcode,
                    FrameFlag(flags),
                    length,
                    header,
                    payload,
                    Anomaly(anomalies),
                    stored,
                )
            )
        return found

    def _preview(self, frame: int) -> tuple[bytes, int]:
        (stored,) = self.db.execute(
            "SELECT coalesce(max(offset + length(payload)), 0) FROM part WHERE frame = ?", (frame,)
        ).fetchone()
        payload = b""
        for part in self.payload(frame):
            payload += part
            if len(payload) >= PREVIEW:
                break
        return payload[:PREVIEW], stored


def at_most(limit: int, parts: Iterable[bytes]) -> bytes:
    """The beginning of what `parts` make together, `limit` bytes at most."""
    taken: list[bytes] = []
    for part in parts:
        taken.append(part[:limit])
        limit -= len(taken[-1])
        if limit <= 0:
            break
    return b"".join(taken)

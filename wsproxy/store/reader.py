"""
Read a capture, also while it is being written: last station in the life of a frame.

Read-only, by key, in pages: nothing here holds a capture in memory, and nothing the reader does
can slow the writer down.
"""

import contextlib
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from wsproxy.store import columns, files
from wsproxy.store.records import (
    CaptureInfo,
    ClosureRecord,
    ConnectionRecord,
    FrameFlag,
    FrameRecord,
    GapRecord,
    MessageRecord,
)
from wsproxy.wire.frames import Anomaly

PAGE = 1000
"""Rows fetched at a time unless told otherwise."""

PREVIEW = 64 * 1024
"""Bytes of a streamed payload that come with its frame; `Reader.payload` has all of it."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What went over one connection, one way."""

    frames: int
    bytes: int
    """Of payload, as declared."""


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
        )

    def is_live(self) -> bool:
        """Whether a process is writing this capture now."""
        info = self.info()
        return info.ended is None and info.writer_pid is not None and _is_alive(info.writer_pid)

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

    def closures(self) -> dict[int, ClosureRecord]:
        """How connections ended, by connection id; those still open are missing."""
        rows = self.db.execute(f"SELECT {columns.CLOSURE} FROM closure ORDER BY id")
        return {row[0]: columns.closure(row) for row in rows}

    def gaps(self) -> list[GapRecord]:
        """When nothing could be recorded."""
        return [columns.gap(row) for row in self.db.execute(f"SELECT {columns.GAP} FROM gap ORDER BY id")]

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

    def messages(self, first: int, last: int) -> dict[int, MessageRecord]:
        """The messages that ended with frames `first` to `last`, by the id of that frame."""
        rows = self.db.execute(
            f"SELECT {columns.MESSAGE} FROM message WHERE last_frame BETWEEN ? AND ?", (first, last)
        )
        return {row[0]: columns.message(row) for row in rows}

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

    def traffic(self) -> dict[tuple[int, bool], Traffic]:
        """Frames and bytes by `(connection, from_client)`."""
        rows = self.db.execute(
            "SELECT connection, from_client, count(*), total(length) FROM frame GROUP BY 1, 2"
        )
        return {(row[0], bool(row[1])): Traffic(row[2], int(row[3])) for row in rows}

    def opcodes(self) -> dict[tuple[int, bool, int], int]:
        """How many frames by `(connection, from_client, opcode)`."""
        rows = self.db.execute("SELECT connection, from_client, opcode, count(*) FROM frame GROUP BY 1, 2, 3")
        return {(row[0], bool(row[1]), row[2]): row[3] for row in rows}

    def anomalies(self) -> dict[tuple[int, Anomaly], int]:
        """How many frames by `(connection, anomalies)`, where there are any."""
        rows = self.db.execute(
            "SELECT connection, anomalies, count(*) FROM frame WHERE anomalies != 0 GROUP BY 1, 2"
        )
        return {(row[0], Anomaly(row[1])): row[2] for row in rows}

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


def _is_alive(pid: int) -> bool:
    if sys.platform == "win32":
        # There `os.kill(pid, 0)` is not a question: it sends Ctrl-C.
        import ctypes

        query_limited_information, still_active = 0x1000, 259
        kernel = ctypes.windll.kernel32
        handle = kernel.OpenProcess(query_limited_information, False, pid)
        if not handle:
            return False
        code = ctypes.c_ulong()
        known = kernel.GetExitCodeProcess(handle, ctypes.byref(code))
        kernel.CloseHandle(handle)
        return not known or code.value == still_active
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True

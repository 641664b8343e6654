"""
Write a capture: one thread, one connection to SQLite, a bounded queue in front.

Fourth station in the life of a frame. The engine's event loop appends what it has already sent on
and goes back to its sockets; the thread takes what has gathered every 50 ms, turns it into rows
(`wsproxy.store.rows`) and writes one transaction. After a `kill -9` the file holds everything up
to the last transaction and opens without repair.

Nothing is dropped to keep up. When the disk is slower than the traffic the queue fills, `full`
says so, the shells stop reading their sockets, and the senders feel it.

A disk that fails is another matter: traffic is not held hostage. Recording stops with a loud
message, what passes is counted, and as soon as writing works again the capture says from when to
when it has nothing (`gap`).
"""

import contextlib
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from wsproxy.errors import CaptureError
from wsproxy.store import files, inserts
from wsproxy.store.inserts import Statement
from wsproxy.store.limits import Limits
from wsproxy.store.outage import Outage
from wsproxy.store.reader import Reader
from wsproxy.store.records import ConnectionRecord, ExchangeRecord, ReplayRecord
from wsproxy.store.replay_rows import Replayed, ReplayRowBuilder
from wsproxy.store.rows import FRAME_COLUMNS
from wsproxy.store.waiting import OVERHEAD, Asked, Closed, Item, Opened, Switched, cost
from wsproxy.wire.closing import Closure
from wsproxy.wire.deflate import Inflater
from wsproxy.wire.frames import Batch
from wsproxy.wire.handshake import Handshake
from wsproxy.wire.port import Record
from wsproxy.wire.transit import Arrival, Decided, Withheld

SWITCHED_OFF = "recording of frames was switched off"
"""The reason of a gap that somebody wanted."""

_RETRY = 1.0
"""Seconds between two attempts to write again after a failure."""


class Recorder:
    """
    The writer of one capture.

    All methods but the callbacks are for one thread, the engine's.

    Args:
        path: the file to make, or with `append` to go on with.
        limits: what is kept, and how much may wait.
        program: name and version, for the file's own notes.
        tell: takes sentences a person must see (recording stopped, resumed); called on the
            recorder's thread.
        append: go on with an existing capture.

    Raises:
        CaptureError: the file cannot be made or opened.
    """

    def __init__(
        self,
        path: Path,
        *,
        limits: Limits | None = None,
        program: str = "",
        tell: Callable[[str], None] | None = None,
        append: bool = False,
    ) -> None:
        self.path = path
        self.limits = limits or Limits()
        self.on_room: Callable[[], None] | None = None
        """Called on the recorder's thread when a full queue has room again."""
        self._told = tell or (lambda message: None)
        if append:
            _refuse_second_writer(path)
        self._db = files.open_to_append(path) if append else files.create(path)
        try:
            self._prepare(program, append)
        except sqlite3.Error as e:
            self._db.close()
            raise CaptureError(f"cannot write {path}: {e}", "Choose another file with -w FILE") from None
        self._queue: deque[Item] = deque()
        self._queued = 0
        """Bytes ever put in; written by the engine's thread only."""
        self._taken = 0
        """Bytes ever taken out; written by the recorder's thread only."""
        self._was_full = False
        self._wake = threading.Event()
        self._stopping = False
        self._outage: Outage | None = None
        self._next_try = 0.0
        self._off_since = 0
        """When frames were last switched off, ns."""
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    # The engine's side.

    @property
    def queued(self) -> int:
        """Bytes waiting to be written."""
        return self._queued - self._taken

    @property
    def last_connection(self) -> int:
        """The highest id of a connection in the capture, 0 where there is none."""
        return self._last_connection

    @property
    def full(self) -> bool:
        """Whether senders must be slowed down until `on_room` is called."""
        if self._queued - self._taken < self.limits.queue:
            return False
        self._was_full = True
        self._wake.set()
        # Room may have been made between the two lines; then nobody would call back.
        if self._queued - self._taken < self.limits.queue // 2:
            self._was_full = False
            return False
        return True

    def add(self, batch: Batch) -> None:
        """The sink of every relay."""
        self._queued += batch[4] + OVERHEAD * len(batch[3])
        self._queue.append(batch)
        if not self._wake.is_set():
            self._wake.set()

    def replayed(self, replayed: Replayed) -> None:
        """The sink of who replays a capture."""
        self._queued += cost(replayed.batch)
        self._queue.append(replayed)
        if not self._wake.is_set():
            self._wake.set()

    def record(self, record: Record) -> None:
        """The sink of directions in the edit state."""
        if type(record) is tuple:
            self.add(record)
            return
        if type(record) is Decided:
            self._queued += record.size + OVERHEAD
        elif type(record) is Arrival:
            self._queued += cost(*record.batches)
        else:
            assert type(record) is Withheld
            self._queued += cost(record.batch)
        self._queue.append(record)
        if not self._wake.is_set():
            self._wake.set()

    def ask(self, connection: int, from_client: bool, answer: Callable[[Inflater | None], None]) -> None:
        """
        Get an inflater that is in step with everything put in so far of one direction.

        Args:
            connection, from_client: which.
            answer: is called with it on the recorder's thread; with None if its window was lost.
        """
        self._queue.append(Asked(connection, from_client, answer))
        self._wake.set()

    def open(
        self, record: ConnectionRecord, handshake: Handshake, replay_of: ReplayRecord | None = None
    ) -> int:
        """
        A handshake was answered, or failed.

        Args:
            record: its `id` is given here and need not be set.
            handshake: what was agreed.
            replay_of: its original; the `connection` in it is given here and need not be set.

        Returns:
            The id of the connection in the capture.
        """
        self._last_connection += 1
        number = self._last_connection
        values = {name: getattr(record, name) for name in record.__dataclass_fields__}
        values["id"] = number
        size = OVERHEAD + len(record.request) + len(record.response) + len(record.body)
        self._queued += size
        if replay_of:
            replay_of = replace(replay_of, connection=number)
        self._queue.append(Opened(ConnectionRecord(**values), handshake, size, replay_of))
        self._wake.set()
        return number

    def close(self, connection: int, closure: Closure, now: int) -> None:
        """A connection is over. `now` is in ns since the epoch."""
        self._queue.append(Closed(connection, closure, now))
        self._wake.set()

    def exchange(self, record: ExchangeRecord) -> None:
        """A body of long-polling is whole. The `id` of the record is given by the capture."""
        self._queued += OVERHEAD + len(record.body)
        self._queue.append(record)
        self._wake.set()

    def switch(self, on: bool, now: int, frames: int = 0, size: int = 0) -> None:
        """
        Note that frames are not recorded any more, or again; whoever relays them sees to that.

        Args:
            on: whether they are.
            now: when that changed, in ns since the epoch.
            frames, size: with `on`, how many went by meanwhile, and their bytes.
        """
        self._queue.append(Switched(on, now, frames, size))
        self._wake.set()

    def stop(self) -> None:
        """Write what is waiting and close the file. Blocks until that is done."""
        self._stopping = True
        self._wake.set()
        self._thread.join()

    # The recorder's thread.

    def _prepare(self, program: str, append: bool) -> None:
        db = self._db
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA wal_autocheckpoint = 2000")
        (last_frame,) = db.execute("SELECT coalesce(max(id), 0) FROM frame").fetchone()
        (last_connection,) = db.execute("SELECT coalesce(max(id), 0) FROM connection").fetchone()
        self._last_connection = int(last_connection)
        self._rows = ReplayRowBuilder(self.limits, last_frame)
        self.first_frame = int(last_frame) + 1
        """The id of the first frame this recorder writes."""
        notes: dict[str, Any] = {"writer_pid": os.getpid(), "ended": None, "program": program}
        if not append:
            notes["created"] = time.time_ns()
        off = db.execute("SELECT value FROM meta WHERE key = 'unrecorded_since'").fetchone()
        if off and off[0] is not None:
            # The process that wrote here before was killed, and with it the count.
            reason = f"{SWITCHED_OFF}, how many went by is not known"
            db.execute(*inserts.gap(off[0], off[0], last_frame, 0, 0, reason))
            notes["unrecorded_since"] = None
        for name, value in notes.items():
            db.execute(*inserts.note(name, value))

    def _run(self) -> None:
        while True:
            self._wake.wait(None if self._outage is None else _RETRY)
            if not self._stopping and self.queued < self.limits.queue // 2:
                # Gather: one transaction for many frames. A fuller queue does not wait.
                time.sleep(self.limits.interval)
            self._wake.clear()
            stopping = self._stopping
            self._write(final=stopping)
            if stopping and not self._queue:
                break
        self._finish()

    def _write(self, final: bool) -> None:
        queue, rows = self._queue, self._rows
        before = self._taken
        statements: list[Statement] = []
        taken = 0
        size = 0
        while queue:
            item = queue.popleft()
            if type(item) is tuple:
                rows.batch(item)
                taken += item[4] + OVERHEAD * len(item[3])
                size += item[4]
            elif type(item) is Replayed:
                rows.replayed(item)
                taken += cost(item.batch)
                size += item.batch[4]
            elif type(item) is Arrival:
                rows.arrival(item)
                taken += cost(*item.batches)
                size += sum(batch[4] for batch in item.batches)
            elif type(item) is Withheld:
                rows.replaced([item.batch], None)
                taken += cost(item.batch)
                size += item.batch[4]
            elif type(item) is Decided:
                rows.decided(item)
                taken += item.size + OVERHEAD
            elif type(item) is Asked:
                item.answer(rows.inflater(item.connection, item.from_client))
            elif type(item) is Opened:
                taken += item.size
                statements.append(inserts.connection(item.record, rows.last_frame))
                if item.replay_of:
                    statements.append(inserts.replay_of(item.replay_of))
                rows.open(item.record.id, item.handshake.deflate, item.handshake.other_extensions)
            elif type(item) is Closed:
                rows.close(item.connection)
                statements.append(inserts.closure(item.connection, item.closure, item.time, rows.last_frame))
            elif type(item) is ExchangeRecord:
                taken += OVERHEAD + len(item.body)
                statements.append(inserts.exchange(item, rows.last_frame))
            elif type(item) is Switched:
                statements += self._switched(item, rows.last_frame)
            # A transaction is bounded in bytes like the queue: what is taken out, and what was
            # inflated of it, is still in memory until it is written.
            if taken + rows.inflated > self.limits.queue // 4:
                break
        if queue:
            self._wake.set()
        if self._outage is None or final or time.monotonic() >= self._next_try:
            self._commit(statements, size)
        else:
            self._lose(self._outage, statements, size)
        self._taken = before + taken
        if self._was_full and self.queued <= self.limits.queue // 2:
            self._was_full = False
            if self.on_room:
                self.on_room()

    def _switched(self, item: Switched, at_frame: int) -> list[Statement]:
        if not item.on:
            self._off_since = item.time
            # Said at once: the process may be killed before frames are recorded again.
            return [inserts.note("unrecorded_since", item.time)]
        statements = [inserts.note("unrecorded_since", None)]
        if item.frames or item.bytes:
            statements.append(
                inserts.gap(self._off_since, item.time, at_frame, item.frames, item.bytes, SWITCHED_OFF)
            )
        return statements

    def _commit(self, statements: list[Statement], size: int) -> None:
        db, rows, outage = self._db, self._rows, self._outage
        if not (statements or rows.cells or rows.parts or rows.messages or rows.decisions or outage):
            return
        now = time.time_ns()
        first = outage.statements(now, rows.last_frame - len(rows.cells) // FRAME_COLUMNS) if outage else []
        try:
            db.execute("BEGIN IMMEDIATE")
            for sql, values in (*first, *statements):
                db.execute(sql, values)
            inserts.gathered(db, rows)
            db.execute("COMMIT")
        except sqlite3.Error as e:
            with contextlib.suppress(sqlite3.Error):
                if db.in_transaction:
                    db.execute("ROLLBACK")
            self._lose(self._failed(e), statements, size)
            return
        rows.clear()
        if outage:
            self._outage = None
            self._tell(outage.is_over(now))

    def _failed(self, error: sqlite3.Error) -> Outage:
        self._next_try = time.monotonic() + _RETRY
        if self._outage is None:
            # From the first frame that could not be written on, not from when that showed.
            first = [*self._rows.cells[2:3], *(row[2] for row in self._rows.parts[:1])]
            self._outage = Outage(min(first, default=time.time_ns()), str(error), self.limits.queue)
            self._tell(self._outage.begins(self.path))
        return self._outage

    def _lose(self, outage: Outage, statements: list[Statement], size: int) -> None:
        outage.lose(self._rows.seen_frames, size, statements)
        self._rows.lose()

    def _tell(self, message: str) -> None:
        # The terminal may be gone, or be a log file on the same full disk.
        with contextlib.suppress(OSError, ValueError):
            self._told(message)

    def _finish(self) -> None:
        db = self._db
        if self._outage:
            self._tell(self._outage.stays(self.path))
        try:
            db.execute(*inserts.note("ended", time.time_ns()))
            db.execute(*inserts.note("writer_pid", None))
            # One plain file to copy or mail. While somebody is reading it, it can be made complete
            # but not single; then the last reader to leave tidies up.
            db.execute("PRAGMA busy_timeout = 0")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            db.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.Error:
            pass
        finally:
            db.close()


def _refuse_second_writer(path: Path) -> None:
    """Two writers would give the same ids to different frames."""
    try:
        with Reader(path) as reader:
            pid = reader.info().writer_pid if reader.is_live() else None
    except sqlite3.Error as e:
        raise CaptureError(f"cannot read {path}: {e}") from None
    # A process of that number is not proof: the writer may have been killed, and its number given
    # to another.
    if pid is not None and pid != os.getpid() and not files.tidy(path):
        raise CaptureError(
            f"{path} is being written by process {pid}",
            "End that one first, or choose another file with -w FILE",
        )

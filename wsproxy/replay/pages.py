"""
The frames of a capture, or of a part of it, some at a time: few enough to be in memory together.

Each is a row with the columns of its frame and, behind them, those of the message that it ended.
"""

import json
from collections.abc import Callable, Collection, Iterator
from operator import itemgetter

from wsproxy.filters.nodes import Filter
from wsproxy.filters.rows import FrameSubject
from wsproxy.filters.search import Search
from wsproxy.filters.subject import Decoded
from wsproxy.store.columns import Row
from wsproxy.store.reader import Reader
from wsproxy.store.records import FrameFlag
from wsproxy.wire.frames import Anomaly

_PAGE = 400
"""Frames read at a time: whoever keeps a clock in the same thread is not kept waiting."""
_PAGE_BYTES = 4 * 1024 * 1024
"""Of payload and content, after which a page ends."""
_SEARCHED = 20_000
"""Frames that are searched at a time."""
_ALL = 1 << 62

_FRAME = (
    "SELECT frame.id, frame.connection, frame.time, frame.from_client, frame.opcode, frame.flags,"
    " frame.length, frame.header, frame.payload, frame.anomalies,"
)
ROWS = (
    f"{_FRAME} message.last_frame, message.first_frame, message.opcode,"
    " message.frames, message.length, message.content, message.truncated"
    " FROM frame LEFT JOIN message ON message.last_frame = frame.id"
)
_PLAIN_ROWS = f"{_FRAME} NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM frame"
"""The same of frames that ended nothing worth a row of its own: most are such in most captures."""
FLAGS, LENGTH, PAYLOAD, WRONG, ENDED, WHOLE = 5, 6, 8, 9, 10, 14
"""Where these stand in a row."""
LACKING = int(FrameFlag.TRUNCATED | FrameFlag.REDACTED)
"""Flags of frames of which the capture has not all."""
_INCOMPLETE = int(Anomaly.INCOMPLETE)
_NOT_PLAIN = LACKING | int(
    FrameFlag.RSV1 | FrameFlag.RSV2 | FrameFlag.RSV3 | FrameFlag.COMPRESSED | FrameFlag.FROM_PROXY
)
_FIN = int(FrameFlag.FIN)
_BRIEF_ROWS = (
    "SELECT id, connection, time, from_client, opcode, payload,"
    f" opcode IN (1, 2) AND flags & {_NOT_PLAIN | _FIN} = {_FIN} AND anomalies = 0 AND payload IS NOT NULL"
    " FROM frame"
)
"""Of frames in a row that are whole messages with nothing to say but their content, which the last tells."""
_BRIEFLY = 20
"""Frames that are read at a time there: a payload that is in its row may have as many bytes as one read."""
_PAUSE = 8
"""Pages that are not even tried to be read briefly, after one was in vain."""


class Brief(list[Row]):
    """
    A page of nothing but plain messages: whole, neither compressed nor changed, with nothing wrong.

    Its rows are `id, connection, time, from_client, opcode, payload, 1`.
    """

    room = _PAGE
    """As many as this may be followed by more."""


_CONTENT, _IS_PLAIN = itemgetter(5), itemgetter(6)


class Pages:
    """
    Go through them, once or several times.

    Args:
        reader: the capture; use it for nothing else while a page is read.
        only: the numbers of connections; all where empty.
        first, last: frames from `first` to `last`.
        wanted: only frames that match.
        decode: for `wanted`.
        side: only those of the client (True) or the server (False), and Close frames of both.
        briefly: give pages that allow it as `Brief` ones, which takes half the time.
    """

    def __init__(
        self,
        reader: Reader,
        only: Collection[int],
        first: int,
        last: int,
        wanted: Filter | None = None,
        decode: Callable[[FrameSubject], Decoded | None] | None = None,
        side: bool | None = None,
        briefly: bool = False,
    ) -> None:
        self._reader = reader
        self._only = frozenset(only)
        self._first = first
        self._last = last
        self._wanted = wanted
        self._decode = decode
        mine = " AND frame.connection IN (SELECT value FROM json_each(:only))" if only else ""
        some = "" if wanted is None else " AND frame.id IN (SELECT value FROM json_each(:picked))"
        if side is not None:
            some += f" AND (frame.from_client = {int(side)} OR frame.opcode = 8)"
        where = f"WHERE frame.id > :at AND frame.id <= :until{mine}{some} ORDER BY frame.id"
        self._sql = f"{ROWS} {where} LIMIT {_PAGE}"
        self._plain_sql = f"{_PLAIN_ROWS} {where} LIMIT {_PAGE}"
        self._brief_sql = f"{_BRIEF_ROWS} {where} LIMIT {_PAGE}"
        self._pause = 0 if briefly else -1
        """Pages until a brief one is tried; below 0: none is."""

    def __iter__(self) -> Iterator[list[Row]]:
        """Raises sqlite3.Error if the capture is damaged."""
        only = json.dumps(sorted(self._only))
        live = self._reader.is_live()
        for picked in self._picked():
            chosen = {"only": only, "picked": json.dumps(picked)}
            at, until = (picked[0] - 1, picked[-1]) if picked else (self._first - 1, self._last)
            while at < until:
                rows, at = self._page(at, until, chosen)
                if live and type(rows) is not Brief:
                    rows = [row for row in rows if not self._is_arriving(row)]
                yield rows

    def _picked(self) -> Iterator[list[int]]:
        """Those that match, some at a time; once none, where all are wanted."""
        if self._wanted is None:
            yield []
            return
        single = next(iter(self._only)) if len(self._only) == 1 else None
        search = Search(self._reader, self._wanted, single, self._decode)
        at = self._first - 1
        while at < self._last:
            end = min(at + _SEARCHED, self._last)
            picked = search.pick(at, end)
            at = end
            for start in range(0, len(picked), _PAGE):
                yield picked[start : start + _PAGE]

    def _page(self, at: int, until: int, chosen: dict[str, str]) -> tuple[list[Row], int]:
        """Rows behind frame `at`, and the frame up to which these are all."""
        db = self._reader.db
        (ended,) = db.execute(
            "SELECT coalesce(min(last_frame), ?2 + 1) FROM message WHERE last_frame > ?1", (at, until)
        ).fetchone()
        sql = self._sql
        if ended > at + _PAGE:
            sql, until = self._plain_sql, min(until, ended - 1)
            if self._pause == 0:
                brief = self._brief(at, until, chosen)
                if brief is not None:
                    return brief, until if len(brief) < brief.room else brief[-1][0]
                self._pause = _PAUSE
            elif self._pause > 0:
                self._pause -= 1
        rows: list[Row] = []
        total = 0
        cursor = db.execute(sql, {"at": at, "until": until, **chosen})
        for row in cursor:
            rows.append(row)
            # Row by row: no more than one is in memory beyond the limit.
            total += row[LENGTH] + (row[WHOLE] or 0)
            if total > _PAGE_BYTES:
                break
        cursor.close()
        is_last = len(rows) < _PAGE and total <= _PAGE_BYTES
        return rows, until if is_last else rows[-1][0]

    def _brief(self, at: int, until: int, chosen: dict[str, str]) -> Brief | None:
        """The same, briefly; None if not all of them are plain messages."""
        brief = Brief()
        total = 0
        cursor = self._reader.db.execute(self._brief_sql, {"at": at, "until": until, **chosen})
        while some := cursor.fetchmany(_BRIEFLY):
            if not all(map(_IS_PLAIN, some)):
                cursor.close()
                return None
            brief += some
            total += sum(map(len, map(_CONTENT, some)))
            if total > _PAGE_BYTES:
                brief.room = len(brief)
                break
        cursor.close()
        return brief

    def whole(self, page: Brief) -> list[Row]:
        """Such a page with all its columns."""
        chosen = {"only": json.dumps(sorted(self._only)), "picked": json.dumps([row[0] for row in page])}
        rows = self._reader.db.execute(
            self._plain_sql, {"at": page[0][0] - 1, "until": page[-1][0], **chosen}
        )
        return rows.fetchall()

    def _is_arriving(self, row: Row) -> bool:
        """A large frame of a capture that is being written, whose payload is still on its way."""
        if row[PAYLOAD] is not None or row[ENDED] is not None:
            return False
        if row[FLAGS] & LACKING or row[WRONG] & _INCOMPLETE:
            return False
        (stored,) = self._reader.db.execute(
            "SELECT coalesce(max(offset + length(payload)), 0) FROM part WHERE frame = ?", (row[0],)
        ).fetchone()
        return bool(stored < row[LENGTH])


class Pending:
    """Rows of a table that happened between frames; the next one of them."""

    def __init__(self, reader: Reader, table: str, time: str, names: str, after: int) -> None:
        self._db = reader.db
        self._sql = f"SELECT id, at_frame, {time}, {names} FROM {table} WHERE id > ? ORDER BY id LIMIT 1"
        last = 0
        if after:
            (last,) = self._db.execute(
                f"SELECT coalesce(max(id), 0) FROM {table} WHERE at_frame < ?", (after,)
            ).fetchone()
        self._next: Row | None = None
        self.at = _ALL
        """The last frame before it."""
        self.key: tuple[int, int] = (_ALL, 0)
        """What sorts it among others."""
        self._look(last)

    def take(self) -> Row:
        """Its columns; then there is the one behind it."""
        assert self._next
        row = self._next
        self._look(row[0])
        return row[3:]

    def _look(self, after: int) -> None:
        row: Row | None = self._db.execute(self._sql, (after,)).fetchone()
        self._next = row
        self.at = row[1] if row else _ALL
        self.key = (row[1], row[2]) if row else (_ALL, 0)

"""
A recorded session as a stream: what one end of each connection heard and said, in recorded order.

Reads page after page and never holds more than one: a session of a million
messages begins at once. What is in a capture depends on where one stands. Where a rule changed a
message, its sender said one thing and its receiver heard another; who replays the client talks to the
server and says what the server heard (`End.SERVER`), who replays the server says what the client heard
(`End.CLIENT`).
"""

import enum
import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from wsproxy.filters.nodes import Filter
from wsproxy.filters.rows import FrameSubject
from wsproxy.filters.search import Search
from wsproxy.filters.subject import Decoded
from wsproxy.store import columns
from wsproxy.store.columns import Row
from wsproxy.store.reader import Reader
from wsproxy.store.records import ClosureRecord, ConnectionRecord, FrameFlag, FrameRecord
from wsproxy.wire.frames import FIN, Anomaly, header_mask
from wsproxy.wire.mask import apply_mask

_PAGE = 200
"""Frames read at a time: whoever keeps a clock in the same thread is not kept waiting."""
_PAGE_BYTES = 4 * 1024 * 1024
"""Of payload and content in one page; it holds more only if a single frame does."""
_SEARCHED = 20_000
"""Frames that are searched at a time."""
_ALL = 1 << 62

_ROWS = (
    "SELECT frame.id, frame.connection, frame.time, frame.from_client, frame.opcode, frame.flags,"
    " frame.length, frame.header, frame.payload, frame.anomalies, message.last_frame,"
    " message.first_frame, message.opcode,"
    " message.frames, message.length, message.content, message.truncated"
    " FROM frame LEFT JOIN message ON message.last_frame = frame.id"
)
_SIZES = (
    "SELECT frame.id, coalesce(length(frame.payload), 0) + coalesce(length(message.content), 0)"
    " FROM frame LEFT JOIN message ON message.last_frame = frame.id"
)
_FROM_CLIENT, _OPCODE, _FLAGS, _LENGTH, _HEADER, _PAYLOAD, _WRONG, _ENDED = 3, 4, 5, 6, 7, 8, 9, 10
"""Where these stand in a row."""
_FRAME_CELLS = 10

_TRUNCATED = int(FrameFlag.TRUNCATED)
_REDACTED = int(FrameFlag.REDACTED)
_COMPRESSED = int(FrameFlag.COMPRESSED)
_FROM_PROXY = int(FrameFlag.FROM_PROXY)
_LACKING = _TRUNCATED | _REDACTED
_ODD = _LACKING | _COMPRESSED | _FROM_PROXY
_INCOMPLETE = int(Anomaly.INCOMPLETE)
_REPLACING = ("edit", "recode", "drop")
"""Decisions after which the receiver did not get the frames that arrived."""


class End(enum.Enum):
    """Whose ears hear the session: what the proxy changed on the way to it is as it was changed."""

    SERVER = "server"
    """For who acts as the client, and for comparing what the server says."""
    CLIENT = "client"
    """For who acts as the server."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """One data frame of a fragmented message."""

    frame: int
    """Its id in the capture."""
    time: int
    """Ns since the epoch."""
    size: int
    """Bytes of payload on the wire, compressed if the message was."""


class RecordedMessage(NamedTuple):
    """A whole message, or a whole control frame."""

    number: int
    """The id of the frame that ended it: identifies it in the capture."""
    connection: int
    began: int
    """When its first frame was read, ns since the epoch."""
    time: int
    """When its last one was."""
    from_client: bool
    opcode: int
    """1 text, 2 binary, 8 close, 9 ping, 10 pong, or a reserved one."""
    content: bytes
    """Unmasked, inflated, all fragments together."""
    length: int
    """Of the whole content; more than there is of it where it was cut short."""
    compressed: bool
    """It came with permessage-deflate."""
    fragments: tuple[Fragment, ...]
    """Two or more; none if it came in one frame."""
    inside: int
    """
    A control frame: how many fragments of the message in flight in its own direction went before it.
    It comes before that message, which ends later. 0 elsewhere.
    """
    redacted: bool
    """The content is what an addon put in place of the one that was relayed."""
    from_proxy: bool
    """The proxy said it: changed, or out of its own."""

    @property
    def is_control(self) -> bool:
        """Close, ping, pong and the reserved control opcodes."""
        return self.opcode >= 8

    @property
    def truncated(self) -> bool:
        """The capture has not all of it."""
        return self.length > len(self.content)

    @property
    def first_frame(self) -> int:
        """The id of the frame that began it."""
        return self.fragments[0].frame if self.fragments else self.number


Step: TypeAlias = ConnectionRecord | RecordedMessage | ClosureRecord
FrameStep: TypeAlias = ConnectionRecord | FrameRecord | ClosureRecord


class Recorded:
    """
    A part of one capture, to be gone through once or several times.

    What is in the capture when this is made is all there will be: a capture that is being written,
    perhaps by this very replay, has an end.

    Args:
        reader: the capture; use it for nothing else while a stream is read.
        end: whose ears.
        connections: only these; all where empty.
        first, last: only messages that ended with frames from `first` to `last`.
        wanted: only messages that match.
        decode: for `wanted`; without it no decoded operator matches.
    """

    def __init__(
        self,
        reader: Reader,
        end: End = End.SERVER,
        *,
        connections: Collection[int] = (),
        first: int = 1,
        last: int | None = None,
        wanted: Filter | None = None,
        decode: Callable[[FrameSubject], Decoded | None] | None = None,
    ) -> None:
        self.reader = reader
        self.end = end
        self.first = first
        there_is = reader.last_frame()
        self.last = there_is if last is None else min(last, there_is)
        """The last frame of the part."""
        self.wanted = wanted
        self._decode = decode
        self._only = frozenset(connections)
        last_connection, decides = reader.db.execute(
            "SELECT (SELECT coalesce(max(id), 0) FROM connection),"
            f" EXISTS (SELECT 1 FROM decision WHERE action IN {_REPLACING})"
        ).fetchone()
        self._last_connection = int(last_connection)
        self._decides = bool(decides)

    @property
    def is_partial(self) -> bool:
        """Messages of its connections are left out: by a range, or by a filter."""
        return self.wanted is not None or self.first > 1 or self.last < self.reader.last_frame()

    def messages(self) -> Iterator[Step]:
        """
        Whole messages and control frames, each connection's after its opening and before its end.

        A message comes when it ended. Frames that never became a message (a fragment without its end,
        a continuation of nothing, a frame cut by the end of its connection) are in `frames()` only.

        Raises:
            sqlite3.Error: the capture is damaged.
        """
        in_flight: dict[tuple[int, bool], int] = {}
        for event in self._events():
            if not isinstance(event, tuple):
                yield event
                continue
            (number, connection, time, from_client, opcode, flags, length, header, payload, wrong), more = (
                event[:_FRAME_CELLS],
                event[_FRAME_CELLS:],
            )
            side = from_client == 1
            if not in_flight and header[0] & 0x8F in (0x81, 0x82) and more[1] is None and payload is not None:
                if flags & _ODD or wrong:
                    message = self._message(event, 0)
                    if message is not None:
                        yield message
                    continue
                # By far the most.
                yield RecordedMessage(
                    number, connection, time, time, side, opcode, payload, length, False, (), 0, False, False
                )
                continue
            if opcode <= 2 and not header[0] & FIN:
                key = connection, side
                in_flight[key] = in_flight.get(key, 0) + 1 if opcode == 0 else 1
                continue
            inside = 0
            if in_flight:
                if opcode > 2:
                    inside = in_flight.get((connection, side), 0)
                else:
                    in_flight.pop((connection, side), None)
            message = self._message(event, inside)
            if message is not None:
                yield message

    def frames(self) -> Iterator[FrameStep]:
        """
        Every frame, for who wants the very bytes (`raw`).

        Raises:
            sqlite3.Error: the capture is damaged.
        """
        for event in self._events():
            if isinstance(event, tuple):
                frame = self.reader.frame(event[0])
                if frame is not None:
                    yield frame
            else:
                yield event

    def message(self, number: int) -> RecordedMessage | None:
        """The message or control frame that ended with a frame, of whichever part; None if none did."""
        row = self.reader.db.execute(f"{_ROWS} WHERE frame.id = ?", (number,)).fetchone()
        if row is None or (row[_OPCODE] <= 2 and not row[_HEADER][0] & FIN):
            return None
        return self._message(row, 0)

    def alone(self, frame: FrameRecord) -> RecordedMessage:
        """A frame by itself, as if it were a message: its payload is what was on the wire, unmasked."""
        content, length = self._payload(frame.id, None), frame.length
        return RecordedMessage(
            frame.id,
            frame.connection,
            frame.time,
            frame.time,
            frame.from_client,
            frame.opcode,
            content,
            length,
            int(frame.flags) & _COMPRESSED != 0,
            (),
            0,
            False,
            int(frame.flags) & _FROM_PROXY != 0,
        )

    def raw(self, frame: FrameRecord) -> bytes:
        """The bytes of a frame on the wire; fewer than it declares where the capture has not all of them."""
        payload = self._payload(frame.id, None)
        mask = header_mask(frame.header) if len(frame.header) > 1 else b""
        return frame.header + (apply_mask(payload, mask) if mask else payload)

    def count(self) -> tuple[int, int]:
        """
        About how many messages the client and the server said; for showing progress.

        Counted by SQL in one go over the frames, without the filter and what the proxy decided.
        """
        where, values = f"id BETWEEN {self.first} AND {self.last}", ""
        if self._only:
            where += " AND connection IN (SELECT value FROM json_each(?))"
            values = json.dumps(sorted(self._only))
        rows = self.reader.db.execute(
            f"SELECT from_client, count(*) FROM frame WHERE {where} AND flags & 1 GROUP BY 1",
            (values,) if values else (),
        )
        found = {bool(side): int(count) for side, count in rows}
        return found.get(True, 0), found.get(False, 0)

    def _events(self) -> Iterator[ConnectionRecord | ClosureRecord | Row]:
        """Of the part, as `end` heard it: frames as rows. A connection comes before its first frame."""
        only, told = self._only, set[int]()
        openings = _Pending(self.reader, "connection", "opened", columns.CONNECTION, self.first - 1)
        closures = _Pending(self.reader, "closure", "time", columns.CLOSURE, self.first - 1)

        def others(up_to: int) -> Iterator[ConnectionRecord | ClosureRecord]:
            """What happened behind frames up to this one."""
            while True:
                if openings.key <= closures.key:
                    if openings.at > up_to:
                        return
                    opened = columns.connection(openings.take())
                    is_mine = opened.id in only if only else opened.id <= self._last_connection
                    # With a filter, only those are told of which something is left.
                    if is_mine and opened.id not in told and not self.wanted:
                        told.add(opened.id)
                        yield opened
                else:
                    if closures.at > up_to:
                        return
                    closed = columns.closure(closures.take())
                    if closed.connection in told:
                        told.discard(closed.connection)
                        yield closed

        for page in self._pages():
            replaced = self._replaced(page)
            for row in page:
                number, connection = row[0], row[1]
                if min(openings.at, closures.at) < number:
                    yield from others(number - 1)
                if (self._decides or row[_FLAGS] & _FROM_PROXY) and not self._is_heard(row, replaced):
                    continue
                if connection not in told:
                    told.add(connection)
                    record = self.reader.connection(connection)
                    if record is not None:
                        yield record
                yield row
        yield from others(self.last)

    def _pages(self) -> Iterator[list[Row]]:
        """The frames of the part, some at a time: few enough to be in memory together."""
        db = self.reader.db
        search = None
        if self.wanted is not None:
            single = next(iter(self._only)) if len(self._only) == 1 else None
            search = Search(self.reader, self.wanted, single, self._decode)
        live = self.reader.is_live()
        mine = " AND frame.connection IN (SELECT value FROM json_each(:only))" if self._only else ""
        some = "" if search is None else " AND frame.id IN (SELECT value FROM json_each(:picked))"
        where = f"WHERE frame.id > :at AND frame.id <= :until{mine}{some} ORDER BY frame.id"
        at, searched = self.first - 1, self.first - 1
        picked: list[int] = []
        while at < self.last:
            if search is not None and not picked:
                if searched >= self.last:
                    return
                picked = search.pick(searched, min(searched + _SEARCHED, self.last))
                searched = min(searched + _SEARCHED, self.last)
                if not picked:
                    continue
            values = {"at": at, "until": self.last, "only": json.dumps(sorted(self._only))}
            values["picked"] = json.dumps(picked[:_PAGE])
            sizes = db.execute(f"{_SIZES} {where} LIMIT {_PAGE}", values).fetchall()
            if not sizes:
                if search is None:
                    return
                picked = []
                continue
            total = count = 0
            for _, size in sizes:
                total += size
                if total > _PAGE_BYTES and count:
                    break
                count += 1
            rows = db.execute(f"{_ROWS} {where} LIMIT {count}", values).fetchall()
            at = rows[-1][0]
            picked = [number for number in picked if number > at]
            yield [row for row in rows if not (live and row[_PAYLOAD] is None and self._is_arriving(row))]

    def _is_arriving(self, row: Row) -> bool:
        """A large frame of a capture that is being written, whose payload is still on its way."""
        if row[_ENDED] is not None or row[_FLAGS] & _LACKING or row[_WRONG] & _INCOMPLETE:
            return False
        (stored,) = self.reader.db.execute(
            "SELECT coalesce(max(offset + length(payload)), 0) FROM part WHERE frame = ?", (row[0],)
        ).fetchone()
        return bool(stored < row[_LENGTH])

    def _replaced(self, page: list[Row]) -> frozenset[int]:
        """The frames of a page that ended messages which their receiver did not get as they came."""
        if not self._decides or not page:
            return frozenset()
        rows = self.reader.db.execute(
            f"SELECT last_frame FROM decision WHERE last_frame BETWEEN ? AND ? AND action IN {_REPLACING}",
            (page[0][0], page[-1][0]),
        )
        return frozenset(row[0] for row in rows)

    def _is_heard(self, row: Row, replaced: frozenset[int]) -> bool:
        """Whether `end` said this frame, or got it."""
        said_here = bool(row[_FROM_CLIENT]) is (self.end is End.CLIENT)
        if row[_FLAGS] & _FROM_PROXY:
            return not said_here
        if said_here or not self._decides:
            return True
        if row[_OPCODE] <= 2 and not row[_HEADER][0] & FIN:
            # The decision names the frame that ended the message, further on.
            frame = self.reader.frame(row[0])
            about = self.reader.decisions_about(frame) if frame else []
            return not any(decision.action in _REPLACING for decision in about)
        return row[0] not in replaced

    def _message(self, row: Row, inside: int) -> RecordedMessage | None:
        number, connection, time, from_client, opcode, flags, length, _, payload, wrong = row[:_FRAME_CELLS]
        ended, first, kind, frames, whole, content, truncated = row[_FRAME_CELLS:]
        if wrong & _INCOMPLETE or (opcode == 0 and ended is None):
            return None
        began = time
        fragments: tuple[Fragment, ...] = ()
        if ended is None or opcode >= 8:
            content = self._payload(number, payload)
            if flags & _COMPRESSED:
                # Its window was lost: nobody knows what it says.
                content = b""
        else:
            opcode = kind
            if frames > 1:
                fragments = self._fragments(first, number, connection, from_client)
                began = fragments[0].time if fragments else time
            if content is None:
                if fragments:
                    content = b"".join(self._payload(fragment.frame, None) for fragment in fragments)
                else:
                    content = self._payload(number, payload)
            length = max(whole, len(content) + truncated)
        redacted = flags & _REDACTED != 0
        return RecordedMessage(
            number,
            connection,
            began,
            time,
            from_client == 1,
            opcode,
            content,
            len(content) if redacted else length,
            flags & _COMPRESSED != 0,
            fragments,
            inside,
            redacted,
            flags & _FROM_PROXY != 0,
        )

    def _payload(self, number: int, payload: bytes | None) -> bytes:
        return b"".join(self.reader.payload(number)) if payload is None else payload

    def _fragments(self, first: int, last: int, connection: int, from_client: int) -> tuple[Fragment, ...]:
        rows = self.reader.db.execute(
            "SELECT id, time, length FROM frame WHERE id BETWEEN ?1 AND ?2 AND connection = ?3"
            " AND from_client = ?4 AND opcode < 3"
            " AND flags & 32 = (SELECT flags & 32 FROM frame WHERE id = ?2) ORDER BY id",
            (first, last, connection, from_client),
        )
        return tuple(Fragment(*row) for row in rows)


class _Pending:
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

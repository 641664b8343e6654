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
from itertools import chain
from operator import itemgetter
from typing import TypeAlias

from wsproxy.filters.nodes import Filter
from wsproxy.filters.rows import FrameSubject
from wsproxy.filters.subject import Decoded
from wsproxy.replay.pages import FLAGS, LACKING, ROWS, Brief, Pages, Pending
from wsproxy.replay.recorded_message import Fragment, RecordedMessage
from wsproxy.store import columns
from wsproxy.store.columns import Row
from wsproxy.store.reader import Reader
from wsproxy.store.records import ClosureRecord, ConnectionRecord, FrameFlag, FrameRecord
from wsproxy.wire.frames import FIN, Anomaly, header_mask
from wsproxy.wire.mask import apply_mask

_FROM_CLIENT, _OPCODE, _HEADER = 3, 4, 7
"""Where these stand in a row, besides those that `pages` names."""
_FRAME_CELLS = 10
_CONNECTION = itemgetter(1)

_REDACTED = int(FrameFlag.REDACTED)
_COMPRESSED = int(FrameFlag.COMPRESSED)
_FROM_PROXY = int(FrameFlag.FROM_PROXY)
_ODD = LACKING | _COMPRESSED | _FROM_PROXY
_INCOMPLETE = int(Anomaly.INCOMPLETE)
_made = tuple.__new__
"""What `RecordedMessage(...)` comes to."""
_REPLACING = ("edit", "recode", "drop")
"""Decisions after which the receiver did not get the frames that arrived."""


class End(enum.Enum):
    """Whose ears hear the session: what the proxy changed on the way to it is as it was changed."""

    SERVER = "server"
    """For who acts as the client, and for comparing what the server says."""
    CLIENT = "client"
    """For who acts as the server."""


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
        side: only what the client (True) or the server (False) says, and Close frames of both.
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
        side: bool | None = None,
    ) -> None:
        self.reader = reader
        self.end = end
        self.first = first
        there_is = reader.last_frame()
        self.last = there_is if last is None else min(last, there_is)
        """The last frame of the part."""
        self.wanted = wanted
        self._only = frozenset(connections)
        last_connection, decides = reader.db.execute(
            "SELECT (SELECT coalesce(max(id), 0) FROM connection),"
            f" EXISTS (SELECT 1 FROM decision WHERE action IN {_REPLACING})"
        ).fetchone()
        self._last_connection = int(last_connection)
        self._decides = bool(decides)
        self._pages = Pages(
            reader, self._only, first, self.last, wanted, decode, side, briefly=not self._decides
        )

    @property
    def is_partial(self) -> bool:
        """Messages of its connections are left out: by a range, or by a filter."""
        return self.wanted is not None or self.first > 1 or self.last < self.reader.last_frame()

    @property
    def is_whole(self) -> bool:
        """Nothing of the capture is left out."""
        return not self.is_partial and not self._only

    def messages(self) -> Iterator[Step]:
        """
        Whole messages and control frames, each connection's after its opening and before its end.

        A message comes when it ended. Frames that never became a message (a fragment without its end,
        a continuation of nothing, a frame cut by the end of its connection) are in `frames()` only.

        Raises:
            sqlite3.Error: the capture is damaged.
        """
        for run in self.runs():
            yield from run

    def runs(self) -> Iterator[list[Step]]:
        """
        The same, some at a time.

        Raises:
            sqlite3.Error: the capture is damaged.
        """
        in_flight: dict[tuple[int, bool], int] = {}
        for events in self._events():
            if type(events) is Brief:
                # By far the most.
                yield [
                    _made(
                        RecordedMessage,
                        (number, connection, time, time, side == 1, opcode, content, len(content),
                         False, (), 0, False, False),
                    )
                    for number, connection, time, side, opcode, content, _ in events
                ]  # fmt: skip
                continue
            yield [
                step
                for event in events
                if (step := self._step(event, in_flight) if isinstance(event, tuple) else event) is not None
            ]

    def _step(self, row: Row, in_flight: dict[tuple[int, bool], int]) -> RecordedMessage | None:
        """
        The message or control frame that ends with a row; None: none does.

        Args:
            row: the next one.
            in_flight: fragments so far, by connection and side.
        """
        (
            number, connection, time, from_client, opcode, flags, length, header, payload, wrong, ended,
            _, _, _, _, _, _,
        ) = row  # fmt: skip
        side = from_client == 1
        if not in_flight and ended is None and payload is not None and header[0] & 0x8F in (0x81, 0x82):
            if flags & _ODD or wrong:
                return self._message(row, 0)
            return _made(
                RecordedMessage,
                (number, connection, time, time, side, opcode, payload, length,
                 False, (), 0, False, False),
            )  # fmt: skip
        if opcode <= 2 and not header[0] & FIN:
            key = connection, side
            in_flight[key] = in_flight.get(key, 0) + 1 if opcode == 0 else 1
            return None
        inside = 0
        if in_flight:
            if opcode > 2:
                inside = in_flight.get((connection, side), 0)
            else:
                in_flight.pop((connection, side), None)
        return self._message(row, inside)

    def frames(self) -> Iterator[FrameStep]:
        """
        Every frame, for who wants the very bytes (`raw`).

        Raises:
            sqlite3.Error: the capture is damaged.
        """
        for event in chain.from_iterable(self._events()):
            if isinstance(event, tuple):
                frame = self.reader.frame(event[0])
                if frame is not None:
                    yield frame
            else:
                yield event

    def message(self, number: int) -> RecordedMessage | None:
        """The message or control frame that ended with a frame, of whichever part; None if none did."""
        row = self.reader.db.execute(f"{ROWS} WHERE frame.id = ?", (number,)).fetchone()
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

    def count(self, reader: Reader | None = None) -> tuple[int, int]:
        """
        About how many messages the client and the server said; for showing progress.

        Counted by SQL in one go over the frames, without the filter and what the proxy decided.

        Args:
            reader: another one of the same capture, in another thread.
        """
        where, values = f"id BETWEEN {self.first} AND {self.last}", ""
        if self._only:
            where += " AND connection IN (SELECT value FROM json_each(?))"
            values = json.dumps(sorted(self._only))
        rows = (reader or self.reader).db.execute(
            f"SELECT from_client, count(*) FROM frame WHERE {where} AND flags & 1 GROUP BY 1",
            (values,) if values else (),
        )
        found = {bool(side): int(count) for side, count in rows}
        return found.get(True, 0), found.get(False, 0)

    def _events(self) -> Iterator[Brief | list[ConnectionRecord | ClosureRecord | Row]]:
        """
        Of the part, as `end` heard it, a page at a time: frames as rows. A connection comes before its
        first frame.
        """
        only, told = self._only, set[int]()
        openings = Pending(self.reader, "connection", "opened", columns.CONNECTION, self.first - 1)
        closures = Pending(self.reader, "closure", "time", columns.CLOSURE, self.first - 1)

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

        other = min(openings.at, closures.at)
        for page in self._pages:
            if type(page) is Brief:
                if not page or (other >= page[-1][0] and told.issuperset(map(_CONNECTION, page))):
                    yield page
                    continue
                page = self._pages.whole(page)
            replaced = self._replaced(page)
            events: list[ConnectionRecord | ClosureRecord | Row] = []
            for row in page:
                number, connection = row[0], row[1]
                if other < number:
                    events += others(number - 1)
                    other = min(openings.at, closures.at)
                if (self._decides or row[FLAGS] & _FROM_PROXY) and not self._is_heard(row, replaced):
                    continue
                if connection not in told:
                    told.add(connection)
                    record = self.reader.connection(connection)
                    if record is not None:
                        events.append(record)
                events.append(row)
            yield events
        yield list(others(self.last))

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
        if row[FLAGS] & _FROM_PROXY:
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

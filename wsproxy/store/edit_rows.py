"""
Rows of directions in the edit state: what arrived, what was sent in its place, and what was decided.

On the recorder's thread like `wsproxy.store.rows`, which it extends.
"""

from wsproxy.store.limits import Limits
from wsproxy.store.records import FrameFlag
from wsproxy.store.rows import FLAGS, FRAME_COLUMNS, WHOLE_MESSAGE_CELLS, Row, RowBuilder
from wsproxy.store.schema import MAX_INTEGER
from wsproxy.wire.deflate import Inflater
from wsproxy.wire.frames import FIN, MASK_BIT, Anomaly, Batch, FrameScanner, header_length, header_mask
from wsproxy.wire.mask import apply_mask
from wsproxy.wire.messages import Message, MessageTracker
from wsproxy.wire.transit import Arrival, Decided

DECISION_COLUMNS = (
    "connection, time, at_frame, from_client, action, by, first_frame, last_frame, first_sent, last_sent,"
    " held, note"
)
"""In the order of `RowBuilder.decided`."""


_SIDE_CELL, _FLAGS_CELL, _PAYLOAD_CELL = 3, 5, 8
"""Where these stand in the row of a frame."""
_CONTENT = 8
"""Where this stands in the row of a message."""

_MASKED = int(FrameFlag.MASKED)
_COMPRESSED = int(FrameFlag.COMPRESSED)
_TRUNCATED = int(FrameFlag.TRUNCATED)
_REDACTED = int(FrameFlag.REDACTED)
_FROM_PROXY = int(FrameFlag.FROM_PROXY)
_INCOMPLETE = int(Anomaly.INCOMPLETE)


class EditRowBuilder(RowBuilder):
    """
    Turn batches and decisions into rows.

    Attributes:
        decisions: their rows since the last `clear()`, in the order of `DECISION_COLUMNS`.
    """

    def __init__(self, limits: Limits, last_frame: int = 0) -> None:
        super().__init__(limits, last_frame)
        self.decisions: list[Row] = []

    def clear(self) -> None:
        super().clear()
        self.decisions = []

    def close(self, connection: int) -> None:
        cells = len(self.cells)
        withheld = [
            side for side in (True, False) if (d := self._directions.get((connection, side))) and d.withheld
        ]
        super().close(connection)
        for start in range(cells, len(self.cells), FRAME_COLUMNS):
            if self.cells[start + _SIDE_CELL] in withheld:
                self.cells[start + _FLAGS_CELL] |= _REDACTED
                self.cells[start + _PAYLOAD_CELL] = b""

    def arrival(self, arrival: Arrival) -> None:
        """What was read up to the end of a message that somebody may change: tell it its frames."""
        connection, from_client, *_ = arrival.batches[0]
        direction = self._directions.get((connection, from_client))
        if direction is None:
            return
        direction.ended = 0
        transit = arrival.transit
        if transit.recorded is None:
            *before, newest = arrival.batches
            for batch in before:
                self.batch(batch)
            # Inflated once is enough.
            self.batch(newest, transit.original if transit.compressed and len(transit.sizes) == 1 else None)
        else:
            self.replaced(arrival.batches, transit.recorded)
        last = direction.ended or self.last_frame
        # The ids are set together, the one that is looked at last.
        transit.first_frame = direction.first_frame if len(transit.sizes) > 1 else last
        transit.last_frame = last

    def replaced(self, batches: list[Batch], content: bytes | None) -> None:
        """
        Frames of one message whose payload is not kept.

        Args:
            batches: nothing but these.
            content: what is kept in its place, if anything.
        """
        cells, parts = len(self.cells), len(self.parts)
        whole, messages = len(self.whole_messages), len(self.messages)
        for batch in batches:
            self.batch(batch)
        del self.parts[parts:]
        for start in range(whole, len(self.whole_messages), WHOLE_MESSAGE_CELLS):
            self.whole_messages[start + WHOLE_MESSAGE_CELLS - 1] = content or b""
        for number in range(messages, len(self.messages)):
            row = list(self.messages[number])
            if row[_CONTENT] is not None:
                row[_CONTENT] = content or b""
            self.messages[number] = tuple(row)
        in_frames = whole == len(self.whole_messages) and all(
            row[_CONTENT] is None for row in self.messages[messages:]
        )
        connection, from_client, *_ = batches[-1]
        direction = self._directions.get((connection, from_client))
        if direction:
            # A frame that is not whole gets its row when it is, or when the connection ends.
            direction.withheld = bool(direction.header)
        kept = content or b"" if in_frames else b""
        for start in range(cells, len(self.cells), FRAME_COLUMNS):
            self.cells[start + _FLAGS_CELL] |= _REDACTED
            self.cells[start + _PAYLOAD_CELL] = kept
            kept = b""

    def decided(self, decided: Decided) -> None:
        """What became of a message."""
        first_sent, last_sent = self._sent(decided) if decided.sent else (None, None)
        arrived = decided.arrived
        row = (
            decided.connection,
            decided.time,
            self.last_frame,
            int(decided.from_client),
            decided.action,
            decided.by,
            arrived.first_frame if arrived else None,
            arrived.last_frame if arrived else None,
            first_sent,
            last_sent,
            decided.held,
            decided.note,
        )
        self.decisions.append(row)

    def _sent_whole(self, decided: Decided) -> bool:
        """By far the most: a message in one frame, all of which is kept. False: it is anything else."""
        sent, content, arrived = decided.sent, decided.content, decided.arrived
        first, second = sent[0], sent[1]
        size = second & 0x7F
        if size > 126 or not first & FIN or len(sent) > self._limits.frame:
            return False
        body = 2 if size < 126 else 4
        if second & MASK_BIT:
            body += 4
            plain = apply_mask(sent[body:], sent[body - 4 : body])
            flags = FLAGS[first >> 4] | _FROM_PROXY | _MASKED
        else:
            plain = sent[body:]
            flags = FLAGS[first >> 4] | _FROM_PROXY
        if size == 126:
            size = sent[2] << 8 | sent[3]
        if size != len(plain) or (arrived and arrived.recorded is not None):
            return False
        if content is not None and len(content) > self._limits.message:
            return False
        connection, side, opcode = decided.connection, int(decided.from_client), first & 15
        self.last_frame = frame = self.last_frame + 1
        self.seen_frames += 1
        if content is not None:
            self.whole_messages += (frame, connection, frame, side, opcode, len(content), content)
            self.inflated += len(content)
        if decided.compressed:
            flags |= _COMPRESSED
        self.cells += (
            frame,
            connection,
            decided.time,
            side,
            opcode,
            flags,
            size,
            sent[:body],
            plain,
            0,
        )
        return True

    def inflater(self, connection: int, from_client: bool) -> Inflater | None:
        """An inflater in step with what was recorded of a direction until now."""
        direction = self._directions.get((connection, from_client))
        inflater = direction.tracker.inflater if direction else None
        return inflater.copy() if inflater and not inflater.has_failed else None

    def _sent(self, decided: Decided) -> tuple[int, int]:
        """The frames the proxy has made. Returns the ids of the first and the last."""
        if decided.action in ("edit", "recode") and self._sent_whole(decided):
            return self.last_frame, self.last_frame
        scanner = FrameScanner()
        first = self.last_frame + 1
        content = decided.content
        arrived = decided.arrived
        instead = arrived.recorded if arrived else None
        opcode = length = 0
        # Made by us they are legal; made by hand they may be anything.
        judge = MessageTracker(decided.from_client, None, True) if decided.action == "inject" else None
        for header, payload, left in scanner.feed(decided.sent):
            assert header is not None
            mask = header_mask(header)
            plain = apply_mask(payload, mask) if mask else payload
            flags = FLAGS[header[0] >> 4] | _FROM_PROXY | (_MASKED if mask else 0)
            if decided.compressed:
                flags |= _COMPRESSED
            anomalies = _INCOMPLETE if left else judge.whole(header, plain)[0] if judge else 0
            if len(plain) > self._limits.frame:
                plain = plain[: self._limits.frame]
                flags |= _TRUNCATED
            if instead is not None:
                flags |= _REDACTED
                plain = b"" if content is not None or opcode else instead
            declared = min(header_length(header), MAX_INTEGER)
            opcode = opcode or header[0] & 15
            length += len(payload)
            self._append(
                decided.connection,
                decided.time,
                decided.from_client,
                header[0] & 15,
                flags,
                declared,
                header,
                plain,
                anomalies,
            )
        if scanner.head:
            head = scanner.head
            flags = FLAGS[head[0] >> 4] | _FROM_PROXY
            self._append(
                decided.connection,
                decided.time,
                decided.from_client,
                head[0] & 15,
                flags,
                0,
                head,
                b"",
                _INCOMPLETE,
            )
        frames = self.last_frame - first + 1
        if content is not None:
            kept = (content if instead is None else instead)[: self._limits.message]
            truncated = instead is None and len(kept) < len(content)
            message = Message(opcode, frames, True, len(content), kept, truncated, 0)
            self._message(decided.connection, decided.from_client, first, self.last_frame, message)
        elif frames > 1 and decided.action == "edit":
            message = Message(opcode, frames, False, length, None, False, 0)
            self._message(decided.connection, decided.from_client, first, self.last_frame, message)
        return first, self.last_frame

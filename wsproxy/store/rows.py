"""
From what the relay found to rows of a capture; on the recorder's thread, without touching a file.

Third station in the life of a frame: unmask, judge (`wsproxy.wire.messages`), number. A payload up
to `Limits.inline` becomes one row with its frame. A larger one is never held: its frame's row goes
out as soon as the header is known, so that a viewer sees it arriving, and the payload follows in
parts.
"""

from dataclasses import dataclass, field
from typing import Any

from wsproxy.store.limits import Limits
from wsproxy.store.records import FrameFlag
from wsproxy.store.schema import MAX_INTEGER
from wsproxy.wire.deflate import DeflateParameters
from wsproxy.wire.frames import (
    FIN,
    HEADER_CUT,
    MASK_BIT,
    OMITTED,
    RSV1,
    Anomaly,
    Batch,
    Piece,
    header_length,
    header_mask,
)
from wsproxy.wire.mask import apply_mask, rotate_key
from wsproxy.wire.messages import Message, MessageTracker, inflated_message, is_utf8

Row = tuple[Any, ...]

FRAME_COLUMNS = 10
MESSAGE_COLUMNS = 11
"""How many columns these tables have."""
WHOLE_MESSAGE = "(?,?,?,?,?,1,1,?,?,0,0)"
WHOLE_MESSAGE_CELLS = 7
"""The row of a compressed message that came in one frame, with nothing to say but its content."""

_WHOLE = frozenset({FIN | 1, FIN | 2, FIN | RSV1 | 1, FIN | RSV1 | 2})
"""First bytes of frames that are messages of their own."""

_PLAIN = int(FrameFlag.FIN)
_DEFLATED = int(FrameFlag.RSV1 | FrameFlag.COMPRESSED)
_MASKED = int(FrameFlag.MASKED)
_COMPRESSED = int(FrameFlag.COMPRESSED)
_TRUNCATED = int(FrameFlag.TRUNCATED)
_INCOMPLETE = int(Anomaly.INCOMPLETE)

# The high half of a header's first byte (FIN, RSV1-3) as flags, with and without mask.
FLAGS = tuple(
    int((FrameFlag.FIN if high & 8 else 0) | high >> 1 & 2 | (high & 2) << 1 | (high & 1) << 3)
    for high in range(16)
)


@dataclass(slots=True)
class _Direction:
    tracker: MessageTracker
    first_frame: int = 0
    """Of the message in flight."""
    header: bytes = b""
    """Of the frame in progress; empty if there is none."""
    key: bytes = b""
    time: int = 0
    length: int = 0
    arrived: int = 0
    parts: list[bytes] = field(default_factory=list)
    """Masked, of a small frame that came in several reads."""
    streamed: int = 0
    """The id of the large frame in progress, 0 if there is none."""
    lost: bool = False
    """That frame's row could not be written, so its parts are not either."""
    ended: int = 0
    """The id of the large frame that ended last."""
    withheld: bool = False
    """Nothing of the frame in progress is to be kept but its header."""


class RowBuilder:
    """
    Turn batches into rows.

    Args:
        limits: what is kept.
        last_frame: the highest frame id in the capture so far.

    Attributes:
        cells: the frame rows since the last `clear()`, one value after the other, `FRAME_COLUMNS` to
            a row: a list of ten thousand rows costs the writer more than one of their values.
        whole_messages: the same for compressed messages with nothing to say but their content,
            `WHOLE_MESSAGE_CELLS` to a row.
        parts, messages: the other rows, a tuple each.
        last_frame: the highest frame id given out.
        seen_frames: how many frames those rows stand for.
        inflated: bytes of inflated content in those rows.
    """

    def __init__(self, limits: Limits, last_frame: int = 0) -> None:
        self._limits = limits
        self._directions: dict[tuple[int, bool], _Direction] = {}
        self.last_frame = last_frame
        self.cells: list[Any] = []
        self.whole_messages: list[Any] = []
        self.parts: list[Row] = []
        self.messages: list[Row] = []
        self.seen_frames = 0
        self.inflated = 0
        self._inline = min(limits.inline, limits.frame)

    def clear(self) -> None:
        """The rows were written: begin anew."""
        self.cells = []
        self.whole_messages = []
        self.parts = []
        self.messages = []
        self.seen_frames = 0
        self.inflated = 0

    def lose(self) -> None:
        """The rows could not be written: drop them, and what belongs to large frames in them."""
        for direction in self._directions.values():
            if direction.streamed:
                direction.lost = True
        self.clear()

    def open(self, connection: int, deflate: DeflateParameters | None, other_extensions: bool) -> None:
        """A connection begins."""
        for from_client in (True, False):
            tracker = MessageTracker(from_client, deflate, other_extensions, self._limits.message)
            self._directions[connection, from_client] = _Direction(tracker)

    def close(self, connection: int) -> None:
        """A connection is over: what is unfinished is recorded as far as it came."""
        for from_client in (True, False):
            direction = self._directions.pop((connection, from_client), None)
            if direction is None or not direction.header:
                continue
            if direction.streamed:
                if not direction.lost:
                    self._message(
                        connection,
                        from_client,
                        direction.streamed,
                        direction.streamed,
                        Message(
                            direction.header[0] & 15, 1, False, direction.arrived, None, True, _INCOMPLETE
                        ),
                    )
                continue
            anomalies = direction.tracker.begin(direction.header)
            payload = b"".join(direction.parts)
            if direction.key:
                payload = apply_mask(payload, direction.key)
            self._frame(
                connection,
                from_client,
                direction,
                direction.time,
                direction.header,
                payload,
                anomalies | _INCOMPLETE,
            )

    def batch(self, batch: Batch, known: bytes | None = None) -> None:
        """
        What one read brought.

        Args:
            batch: its frames.
            known: what its last frame says, where that is a compressed message somebody has inflated.
        """
        connection, from_client, time, pieces, size = batch
        direction = self._directions.get((connection, from_client))
        if direction is None:
            return
        tracker = direction.tracker
        whole = tracker.whole
        put = self.cells.extend
        last = self.last_frame
        # A bool costs SQLite's adapter more than a number.
        side = int(from_client)
        idle = tracker.is_idle
        inflate, know = tracker.inflate, tracker.know
        put_message = self.whole_messages.extend
        plain_header, plain_flags = (6, _PLAIN | _MASKED) if from_client else (2, _PLAIN)
        deflated_flags = plain_flags | _DEFLATED
        # A frame that came whole is kept whole in its row, unless the capture is to keep less.
        may_exceed = size > self._limits.frame
        inflated = 0
        for piece in pieces:
            header, payload, left = piece
            if header is None or left or (may_exceed and len(payload) > self._limits.frame):
                self.seen_frames += last - self.last_frame
                self.last_frame = last
                self._piece(connection, from_client, time, direction, piece)
                last = self.last_frame
                idle = tracker.is_idle
                continue
            first = header[0]
            if (
                idle
                and first in _WHOLE
                and ((extra := len(header) - plain_header) == 0 or (extra == 2 and len(payload) > 125))
            ):
                # A whole message, masked as it must be, its length in no more bytes than it needs:
                # the length of the header says all that. Nothing would be found by looking closer.
                plain = apply_mask(payload, header[-4:]) if from_client else payload
                if first == 0x82 or (first == 0x81 and (plain.isascii() or is_utf8(plain))):
                    last += 1
                    size = len(plain)
                    put((last, connection, time, side, first & 15, plain_flags, size, header, plain, 0))
                    continue
                if first & 0x40 and inflate:
                    last += 1
                    opcode = first & 15
                    content = inflate(plain) if known is None or piece is not pieces[-1] else know(known)
                    if type(content) is bytes and (content.isascii() or opcode == 2 or is_utf8(content)):
                        size = len(content)
                        inflated += size
                        put_message((last, connection, last, side, opcode, size, content))
                        anomalies = 0
                    else:
                        judged = inflated_message(opcode, 1, content)
                        anomalies = judged.anomalies
                        self._message(connection, from_client, last, last, judged)
                    size = len(plain)
                    put(
                        (last, connection, time, side, opcode, deflated_flags, size, header, plain, anomalies)
                    )
                    continue
            flags = FLAGS[first >> 4]
            if header[1] & MASK_BIT:
                payload = apply_mask(payload, header[-4:])
                flags |= _MASKED
            anomalies, message = whole(header, payload)
            idle = tracker.is_idle
            if tracker.compressed:
                flags |= _COMPRESSED
            last += 1
            put(
                (
                    last,
                    connection,
                    time,
                    side,
                    first & 15,
                    flags,
                    len(payload),
                    header,
                    payload,
                    anomalies,
                )
            )
            if message is not None:
                start = direction.first_frame if message.frames > 1 else last
                self._message(connection, from_client, start, last, message)
            elif first < 0x80 and first & 15 in (1, 2):
                direction.first_frame = last
        self.seen_frames += last - self.last_frame
        self.last_frame = last
        self.inflated += inflated

    def _piece(
        self, connection: int, from_client: bool, time: int, direction: _Direction, piece: Piece
    ) -> None:
        header, payload, left = piece
        if left == OMITTED:
            direction.tracker.omitted()
            return
        if header is not None:
            if left == HEADER_CUT:
                self._cut_header(connection, from_client, time, direction, header)
                return
            direction.header = header
            direction.key = header_mask(header)
            direction.length = header_length(header)
            direction.time = time
            direction.arrived = 0
            direction.parts = []
            direction.streamed = 0
            direction.lost = False
            direction.withheld = False
            if direction.length > self._inline:
                self._begin_streamed(connection, from_client, direction)
        if direction.streamed:
            self._stream(connection, from_client, time, direction, payload, left)
            return
        direction.parts.append(payload)
        if left:
            return
        header = direction.header
        payload = b"".join(direction.parts)
        direction.header = b""
        direction.parts = []
        pieces: list[Piece] = [(header, payload, 0)]
        self.batch((connection, from_client, direction.time, pieces, 0))

    def _cut_header(
        self, connection: int, from_client: bool, time: int, direction: _Direction, header: bytes
    ) -> None:
        flags = FLAGS[header[0] >> 4]
        if len(header) > 1 and header[1] & MASK_BIT:
            flags |= _MASKED
        self._append(connection, time, from_client, header[0] & 15, flags, 0, header, b"", _INCOMPLETE)

    def _frame(
        self,
        connection: int,
        from_client: bool,
        direction: _Direction,
        time: int,
        header: bytes,
        payload: bytes | None,
        anomalies: int,
    ) -> None:
        flags = FLAGS[header[0] >> 4]
        if header[1] & MASK_BIT:
            flags |= _MASKED
        if direction.tracker.compressed:
            flags |= _COMPRESSED
        length = header_length(header)
        if length > self._limits.frame:
            flags |= _TRUNCATED
        opcode = header[0] & 15
        self._append(
            connection, time, from_client, opcode, flags, min(length, MAX_INTEGER), header, payload, anomalies
        )

    def _append(self, connection: int, time: int, from_client: bool, *rest: Any) -> None:
        self.last_frame += 1
        self.seen_frames += 1
        self.cells.extend((self.last_frame, connection, time, int(from_client), *rest))

    def _begin_streamed(self, connection: int, from_client: bool, direction: _Direction) -> None:
        tracker = direction.tracker
        anomalies = tracker.begin(direction.header)
        self._frame(connection, from_client, direction, direction.time, direction.header, None, anomalies)
        direction.streamed = self.last_frame
        if direction.header[0] & 15 in (1, 2):
            direction.first_frame = self.last_frame

    def _stream(
        self, connection: int, from_client: bool, time: int, direction: _Direction, payload: bytes, left: int
    ) -> None:
        tracker = direction.tracker
        offset = direction.arrived
        direction.arrived += len(payload)
        room = self._limits.frame - offset
        if payload and (room > 0 or tracker.wants_payload):
            if direction.key:
                payload = apply_mask(payload, rotate_key(direction.key, offset))
            if room > 0 and not direction.lost:
                kept = payload if len(payload) <= room else payload[:room]
                self.parts.append((direction.streamed, offset, time, kept))
            tracker.part(payload)
        else:
            tracker.skip(len(payload))
        if left:
            return
        _, message = tracker.end()
        if message and not direction.lost:
            start = direction.first_frame if message.frames > 1 else direction.streamed
            self._message(connection, from_client, start, direction.streamed, message)
        direction.header = b""
        direction.ended = direction.streamed
        direction.streamed = 0

    def _message(self, connection: int, from_client: bool, first: int, last: int, message: Message) -> None:
        if message.content:
            self.inflated += len(message.content)
        self.messages.append(
            (
                last,
                connection,
                first,
                int(from_client),
                message.opcode,
                message.frames,
                int(message.compressed),
                message.length,
                message.content,
                int(message.truncated),
                message.anomalies,
            )
        )

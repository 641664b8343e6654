"""
The frames of a list, as rows: read, decoded and made harmless in the reading thread.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from wsproxy.decoders.decoded import Decoded
from wsproxy.decoders.follow import Follower
from wsproxy.decoders.registry import Factory
from wsproxy.decoders.text import printable
from wsproxy.store.reader import Reader
from wsproxy.store.records import FrameFlag, FrameRecord, MessageRecord
from wsproxy.store.tail import FrameEvent
from wsproxy.view.fragments import Fragments
from wsproxy.view.frame_line import content_line, remarks
from wsproxy.words import anomaly_sentences

FLAGS = (
    (int(FrameFlag.COMPRESSED), "z", "compressed"),
    (int(FrameFlag.FROM_PROXY), "p", "sent by the proxy"),
    (int(FrameFlag.TRUNCATED), "t", "not all of it was kept"),
    (int(FrameFlag.REDACTED), "r", "redacted"),
)
"""Bits, what stands for them in the list, and what they mean. `+`: more of the message follows."""
_WORDY = 64
"""Columns for text from which there is room for remarks in words."""
PATIENCE = 0.02
"""Seconds for decoding, after which rows are shown as they are, and decoded later."""
_BEFORE = 200
"""Frames of a connection that are decoded for the sake of those behind them: enough for most calls."""
_LARGEST = 256 * 1024
"""Bytes of a message that is decoded for its row; a larger one is only by who looks at it."""


@dataclass(frozen=True, slots=True)
class FrameRow:
    """One frame, ready to be drawn: all text is harmless."""

    id: int
    connection: int
    time: int
    from_client: bool
    opcode: int
    length: int
    flags: str
    """What is notable about it, a character each; see `FLAGS`."""
    remarks: str
    """The same in words, where there was room for them."""
    text: str
    """What it means, or says."""
    wrong: str
    """What breaks the protocol; mostly nothing."""
    from_proxy: bool = False
    is_error: bool = False
    is_heartbeat: bool = False
    decoded: bool = True
    """Nobody has to come back to it."""
    event: str = ""
    """What kind of message it is, by its decoder."""
    partner: int | None = None
    """The message with the call that this one answers."""


class FrameReader:
    """
    Makes rows.

    Args:
        reader: of the capture; used in its thread alone.
        factory: makes the session of a connection.
    """

    def __init__(self, reader: Reader, factory: Factory) -> None:
        self._reader = reader
        self._fragments = Fragments(reader, gaps=True)
        self._follower = Follower(reader, factory, gaps=True, verbatim=False, caught_up=_BEFORE)
        self._seen: dict[int, int] = {}
        """The last frame that was decoded, by connection."""

    def rows(self, numbers: Sequence[int], room: int, patience: float = PATIENCE) -> list[FrameRow]:
        """
        The rows of these frames, in order; of those that are there.

        Args:
            numbers: ids.
            room: columns for remarks and text.
            patience: seconds after which nothing more is decoded.
        """
        deadline = time.monotonic() + patience
        frames = self._reader.frames_by_id(numbers)
        messages = self._reader.messages_by_id(numbers)
        rows = []
        for frame in frames:
            message = messages.get(frame.id)
            late = time.monotonic() > deadline
            decoded = None if late else self.decode(frame, message)
            rows.append(self._row(frame, message, decoded, room, late and frame.opcode < 3))
        return rows

    def decode(self, frame: FrameRecord, message: MessageRecord | None) -> Decoded | None:
        """What the message means that a frame ends, if that says more than its content."""
        length = message.length if message else frame.length
        if frame.opcode > 2 or length > _LARGEST:
            return None
        if frame.id <= self._seen.get(frame.connection, 0):
            # Sessions go forward only; what led here is looked up again.
            self._follower.forget(frame.connection)
        self._seen[frame.connection] = frame.id
        return self._follower.decoded(FrameEvent(frame, message))

    def _row(
        self,
        frame: FrameRecord,
        message: MessageRecord | None,
        decoded: Decoded | None,
        room: int,
        late: bool,
    ) -> FrameRow:
        arriving = frame.stored < frame.length and message is None and not int(frame.flags) & _KEPT_SHORT
        decision = None
        if frame.flags & FrameFlag.FROM_PROXY:
            decision = self._reader.sent_by_decision(frame.id, frame.id).get(frame.id)
        event = FrameEvent(frame, message, arriving=arriving and self._reader.is_live(), decision=decision)
        bits = int(frame.flags)
        flags = "".join(sign for bit, sign, _ in FLAGS if bits & bit)
        if frame.opcode < 8 and not bits & FrameFlag.FIN:
            flags += "+"
        noted = printable(remarks(event), room // 2) if room >= _WORDY or event.arriving or decision else ""
        room -= len(noted) + 1 if noted else 0
        kind = self._fragments.opcode(frame)
        anomalies = frame.anomalies | message.anomalies if message else frame.anomalies
        return FrameRow(
            frame.id,
            frame.connection,
            frame.time,
            frame.from_client,
            frame.opcode,
            frame.length,
            flags,
            noted,
            content_line(frame, message, kind, room, decoded),
            "; ".join(anomaly_sentences(anomalies)),
            bool(frame.flags & FrameFlag.FROM_PROXY),
            decoded.error if decoded else False,
            decoded.heartbeat if decoded else frame.opcode in (9, 10),
            not late,
            decoded.name if decoded else "",
            decoded.pairs_with if decoded else None,
        )


_KEPT_SHORT = int(FrameFlag.TRUNCATED | FrameFlag.REDACTED)

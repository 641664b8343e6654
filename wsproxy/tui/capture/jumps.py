"""Where to go in a capture: to a time, from a call to its reply and back."""

import time

from wsproxy.decoders.follow import Follower
from wsproxy.decoders.registry import Factory
from wsproxy.filters.times import beginning
from wsproxy.store.reader import Reader
from wsproxy.store.records import FrameRecord
from wsproxy.store.tail import FrameEvent

_FARTHEST = 5000
"""Frames of a connection among which the reply to a call is looked for."""


def target(reader: Reader, text: str, near: int | None) -> int:
    """
    The frame a person means.

    Args:
        reader: of the capture.
        text: the number of a frame, or a moment as after `~t`.
        near: a frame of the day that a time of day is of; by default the last one.

    Raises:
        ValueError: it is neither; with what to write.
    """
    text = text.strip().replace(",", "").removeprefix("#")
    last = reader.last_frame()
    if text.isdecimal():
        return max(1, min(int(text), last))
    day = _time(reader, near or last)
    now = time.time_ns() if reader.is_live() else reader.last_time()
    return _first_at(reader, beginning(text, day, now), last)


def _first_at(reader: Reader, moment: int, last: int) -> int:
    """The first frame of that time or later; the last one if there is none."""
    # Frames are in the order of their arrival: times go up with ids.
    low, high = 1, last
    while low < high:
        middle = (low + high) // 2
        if _time(reader, middle) < moment:
            low = middle + 1
        else:
            high = middle
    return low


def _time(reader: Reader, number: int) -> int:
    row = reader.db.execute("SELECT time FROM frame WHERE id >= ? ORDER BY id LIMIT 1", (number,)).fetchone()
    return int(row[0]) if row else 0


def partner(reader: Reader, factory: Factory, number: int) -> int | None:
    """
    The reply to the call in a frame, or the call that a reply answers; None if there is none, or it is not
    to be found nearby.
    """
    frame = reader.frame(number)
    if frame is None:
        return None
    follower = Follower(reader, factory, gaps=True)
    decoded = follower.decoded(_event(reader, frame))
    if decoded is None:
        return None
    for part in decoded.each():
        if part.pairs_with is not None:
            return part.pairs_with
    for later in reader.frames(number, _FARTHEST, frame.connection):
        reply = follower.decoded(_event(reader, later))
        if reply and any(part.pairs_with == number for part in reply.each()):
            return later.id
    return None


def _event(reader: Reader, frame: FrameRecord) -> FrameEvent:
    return FrameEvent(frame, reader.messages(frame.id, frame.id).get(frame.id))

"""
Large frames whose rows were written before their payloads: which of them are whole by now.
"""

from dataclasses import dataclass

from wsproxy.store.reader import Reader
from wsproxy.store.records import FrameFlag, FrameRecord
from wsproxy.wire.frames import Anomaly


@dataclass(slots=True)
class _Arriving:
    frame: FrameRecord
    searched: int
    """Frames up to this id have been searched for a later one of its direction."""


class Arriving:
    """The frames of one capture that one viewer has seen the beginning of."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._frames: dict[int, _Arriving] = {}

    def takes(self, frame: FrameRecord) -> bool:
        """
        Whether a frame is still arriving; it is remembered.

        Args:
            frame: one whose payload is not all there, and that ended no message with a row of its own.
        """
        if FrameFlag.REDACTED in frame.flags or Anomaly.INCOMPLETE in frame.anomalies:
            return False
        arriving = _Arriving(frame, frame.id)
        if self._is_whole(arriving):
            return False
        self._frames[frame.id] = arriving
        return True

    def all(self) -> list[int]:
        """The ids of all that are."""
        return list(self._frames)

    def arrived(self) -> list[int]:
        """The ids of those that are whole by now."""
        return [number for number, arriving in self._frames.items() if self._is_whole(arriving)]

    def done(self, number: int) -> FrameRecord:
        """Forget it; returns it as far as it came."""
        begun = self._frames.pop(number).frame
        return self._reader.frame(number) or begun

    def _is_whole(self, arriving: _Arriving) -> bool:
        db, frame = self._reader.db, arriving.frame
        row = db.execute(
            "SELECT offset + length(payload) FROM part WHERE frame = ? ORDER BY offset DESC LIMIT 1",
            (frame.id,),
        ).fetchone()
        if row and row[0] >= frame.length:
            return True
        if db.execute("SELECT 1 FROM message WHERE last_frame = ?", (frame.id,)).fetchone():
            return True
        if db.execute("SELECT 1 FROM closure WHERE connection = ?", (frame.connection,)).fetchone():
            return True
        if not self._reader.is_live():
            return True
        # Of a payload longer than the capture keeps, only the next frame tells the end.
        last = self._reader.last_frame()
        later = db.execute(
            "SELECT 1 FROM frame WHERE connection = ? AND id > ? AND from_client = ? LIMIT 1",
            (frame.connection, arriving.searched, frame.from_client),
        ).fetchone()
        arriving.searched = last
        return later is not None

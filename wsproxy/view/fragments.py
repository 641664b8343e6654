"""Which message a continuation frame belongs to: the one thing its own row does not say."""

from wsproxy.store.reader import Reader
from wsproxy.store.records import FrameRecord
from wsproxy.wire.frames import FIN, Opcode

# The nearest data frame before: if it ends a message there is none in flight, else it may itself be
# a continuation, so the search is for a start or an end.
_BEFORE = (
    "SELECT opcode, flags & 1 FROM frame WHERE connection = ? AND id < ? AND from_client = ?"
    " AND (opcode IN (1, 2) OR opcode = 0 AND flags & 1) ORDER BY id DESC LIMIT 1"
)


class Fragments:
    """
    Follows frames in order and knows the message in flight, by connection and direction.

    Args:
        reader: asked where a viewer began in the middle of a message; without one that stays unknown.
        gaps: frames may be left out, so that none tells what the next one continues.
    """

    def __init__(self, reader: Reader | None = None, gaps: bool = False) -> None:
        self._reader = reader
        self._gaps = gaps
        self._open: dict[tuple[int, bool], int] = {}

    def opcode(self, frame: FrameRecord, again: bool = False) -> int:
        """
        The opcode of the message `frame` belongs to, or its own for a control frame.

        Args:
            frame: the next one, or with `again` one that was asked for before.

        Returns:
            0 for a continuation of nothing.
        """
        opcode = frame.opcode
        if again or self._gaps:
            return opcode or self._search(frame)
        if opcode == Opcode.CONTINUATION:
            key = (frame.connection, frame.from_client)
            opcode = self._open.get(key) or self._search(frame)
            if frame.header[0] & FIN:
                self._open.pop(key, None)
            elif opcode:
                self._open[key] = opcode
        elif opcode <= Opcode.BINARY:
            if not frame.header[0] & FIN:
                self._open[frame.connection, frame.from_client] = opcode
            elif self._open:
                self._open.pop((frame.connection, frame.from_client), None)
        return opcode

    def forget(self, connection: int) -> None:
        """The connection is over."""
        for from_client in (True, False):
            self._open.pop((connection, from_client), None)

    def _search(self, frame: FrameRecord) -> int:
        if self._reader is None:
            return 0
        row = self._reader.db.execute(
            _BEFORE, (frame.connection, frame.id, int(frame.from_client))
        ).fetchone()
        return int(row[0]) if row and not row[1] else 0

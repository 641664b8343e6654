"""
What a direction in the edit state has read and not yet handed to the recorder.

Frames go on record when the message they belong to has been offered, so that a capture can be told
of both together; in a private direction (`wsproxy.wire.port.Port.private`) nothing of a message goes
there before that.
"""

from wsproxy.wire.frames import Batch, Piece
from wsproxy.wire.port import Port
from wsproxy.wire.transit import Arrival, Transit, Withheld


class Account:
    """
    Args:
        from_client: whose frames.
        port: the connection's.
    """

    def __init__(self, from_client: bool, port: Port) -> None:
        self._from_client = from_client
        self._port = port
        self._batch: list[Piece] = []
        """For the next record."""
        self._own: list[tuple[int, Piece]] = []
        """Of the message in flight, with its times, where that waits for the message's end."""

    @property
    def keeps(self) -> bool:
        """Parts of the message in flight wait for its end."""
        return bool(self._own)

    def note(self, piece: Piece) -> None:
        """It can go on record as it is."""
        self._batch.append(piece)

    def keep(self, piece: Piece, now: int) -> None:
        """It waits for the end of its message."""
        self._own.append((now, piece))

    def withhold(self, piece: Piece, now: int) -> None:
        """Of it, only that it was there goes on record."""
        self.record(now)
        self._port.record(Withheld(self._batched([piece], now)))

    def withhold_kept(self) -> None:
        """The message in flight will not be offered."""
        own, self._own = self._own, []
        for at, piece in own:
            self.withhold(piece, at)

    def arrived(self, transit: Transit, now: int) -> None:
        """All that was read since the last record, up to the end of this message."""
        transit.was_recorded()
        if self._own and transit.opcode < 8:
            self.record(now)
            batches = [self._batched([piece], at) for at, piece in self._own]
            self._own = []
        else:
            batches = [self._batched(self._batch, now)]
            self._batch = []
        self._port.record(Arrival(batches, transit))

    def record(self, now: int) -> None:
        """All that can go on record."""
        if self._batch:
            self._port.record(self._batched(self._batch, now))
            self._batch = []

    def _batched(self, pieces: list[Piece], now: int) -> Batch:
        size = 0
        for header, payload, _ in pieces:
            size += len(payload)
            if header is not None:
                size += len(header)
        return self._port.connection, self._from_client, now, pieces, size

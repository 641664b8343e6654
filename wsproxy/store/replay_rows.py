"""
Rows of a replay: its frames, and which message of the original each message is.

On the recorder's thread like `wsproxy.store.rows`. Only here it shows which id a frame gets, so who
replays gives the frames and the ids of the originals together.
"""

from dataclasses import dataclass
from itertools import chain

from wsproxy.store.edit_rows import EditRowBuilder
from wsproxy.store.limits import Limits
from wsproxy.wire.frames import Batch

REPLAY_COLUMNS = 2


@dataclass(frozen=True, slots=True)
class Replayed:
    """Frames of a replay, of one direction."""

    batch: Batch
    links: tuple[tuple[int, int], ...]
    """
    `(place, original)` in the order of places: the piece that ends a message, and the frame that ended
    it in the original.
    """


class ReplayRowBuilder(EditRowBuilder):
    """
    Turn batches, decisions and replays into rows.

    Attributes:
        replays: the ids of frames and of their originals since the last `clear()`, `REPLAY_COLUMNS` to a row.
    """

    def __init__(self, limits: Limits, last_frame: int = 0) -> None:
        super().__init__(limits, last_frame)
        self.replays: list[int] = []

    def clear(self) -> None:
        super().clear()
        self.replays = []

    def replayed(self, replayed: Replayed) -> None:
        """What was said in a replay, or heard."""
        connection, from_client, time, pieces, size = replayed.batch
        direction = self._directions.get((connection, from_client))
        if direction is None:
            return
        if not direction.header and all(
            header is not None and not left and len(payload) <= self._inline
            for header, payload, left in pieces
        ):
            # Nearly always: as many rows as frames.
            first = self.last_frame + 1
            self.batch(replayed.batch)
            self.replays += chain.from_iterable(
                [(first + place, original) for place, original in replayed.links]
            )
            return
        done = 0
        for place, original in replayed.links:
            direction.ended = 0
            self.batch((connection, from_client, time, pieces[done : place + 1], size))
            done = place + 1
            self.replays += (direction.ended or self.last_frame, original)
        if done < len(pieces):
            self.batch((connection, from_client, time, pieces[done:], size))

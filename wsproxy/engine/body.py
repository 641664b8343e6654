"""Bodies of HTTP messages, as far as they are kept."""

from dataclasses import dataclass


@dataclass(slots=True)
class Budget:
    """Bytes that bodies under way may still take together."""

    left: int


class Body:
    """
    Passes a body on and keeps its beginning. Given to mitmproxy as the `stream` of a request or response.

    Args:
        limit: bytes that are kept.
        budget: shared with others; what is kept counts until it is forgotten.

    Attributes:
        length: of all that came.
    """

    def __init__(self, limit: int, budget: Budget | None = None) -> None:
        self._limit = limit
        self._budget = budget
        self._kept = bytearray()
        self.length = 0

    def __call__(self, data: bytes) -> bytes:
        room = self._limit - len(self._kept)
        if self._budget:
            room = min(room, self._budget.left)
        if room > 0:
            self._kept += data[:room]
            if self._budget:
                self._budget.left -= min(room, len(data))
        self.length += len(data)
        return data

    @property
    def kept(self) -> bytes:
        """The beginning."""
        return bytes(self._kept)

    def forget(self) -> None:
        """Nobody needs it any more."""
        if self._budget:
            self._budget.left += len(self._kept)
        self._kept = bytearray()

"""
What lies around the two directions of one connection in the edit state.

The edit state is sans-I/O like all of `wsproxy.wire`: sockets, clock, recorder and people are
behind the callables here, given by the engine.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from wsproxy.wire.deflate import DeflateParameters, Inflater
from wsproxy.wire.frames import Batch, Piece
from wsproxy.wire.transit import Arrival, Decided, Transit, Withheld

Record: TypeAlias = Batch | Arrival | Withheld | Decided
"""What the recorder is given."""

Offer: TypeAlias = Callable[[Transit], None]
"""Looks at a message or control frame that has arrived, and may decide about it. Must not raise."""


@dataclass(slots=True)
class Port:
    """One connection's."""

    connection: int
    """Its id in the capture."""
    deflate: DeflateParameters | None
    """As negotiated."""
    opaque: bool
    """Another extension was negotiated: frames may mean anything, so none is edited."""
    limit: int
    """Bytes of content up to which a message is edited."""
    waiting: int
    """Bytes that may wait in one direction before everything held is let go."""
    record: Callable[[Record], None]
    clock: Callable[[], int]
    """Ns since the epoch."""
    write: Callable[[bool, bytes], None]
    """`(from_client, data)`: send what goes that way, for whatever is not the answer to a read."""
    ask: Callable[[bool, Callable[[Inflater | None], None]], None]
    """
    `(from_client, answer)`: get an inflater that is in step with all that was recorded until now.
    The answer is None where nobody has followed the window.
    """
    warn: Callable[[str], None]
    """Takes a sentence for people."""
    drained: Callable[[bool], None]
    """Everything that came from that side, which has ended, has gone on."""
    private: bool = False
    """
    Somebody may want other content recorded than what is said (`Transit.record_as`): nothing of a message
    is recorded before it was offered, and nothing but the headers of what is too large for that.
    """
    look: Callable[[bool, list[Piece]], None] = lambda from_client, pieces: None
    """The relay's own: sees what has been read."""

    def takeover(self, from_client: bool) -> bool:
        """Whether messages of that side are compressed with context takeover."""
        deflate = self.deflate
        if deflate is None:
            return False
        return not (deflate.client_no_context_takeover if from_client else deflate.server_no_context_takeover)

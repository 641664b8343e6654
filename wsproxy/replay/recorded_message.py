"""One message of a recorded session, whole."""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Fragment:
    """One data frame of a fragmented message."""

    frame: int
    """Its id in the capture."""
    time: int
    """Ns since the epoch."""
    size: int
    """Bytes of payload on the wire, compressed if the message was."""


class RecordedMessage(NamedTuple):
    """A whole message, or a whole control frame."""

    number: int
    """The id of the frame that ended it: identifies it in the capture."""
    connection: int
    began: int
    """When its first frame was read, ns since the epoch."""
    time: int
    """When its last one was."""
    from_client: bool
    opcode: int
    """1 text, 2 binary, 8 close, 9 ping, 10 pong, or a reserved one."""
    content: bytes
    """Unmasked, inflated, all fragments together."""
    length: int
    """Of the whole content; more than there is of it where it was cut short."""
    compressed: bool
    """It came with permessage-deflate."""
    fragments: tuple[Fragment, ...]
    """Two or more; none if it came in one frame."""
    inside: int
    """
    A control frame: how many fragments of the message in flight in its own direction went before it.
    It comes before that message, which ends later. 0 elsewhere.
    """
    redacted: bool
    """The content is what an addon put in place of the one that was relayed."""
    from_proxy: bool
    """The proxy said it: changed, or out of its own."""

    @property
    def is_control(self) -> bool:
        """Close, ping, pong and the reserved control opcodes."""
        return self.opcode >= 8

    @property
    def truncated(self) -> bool:
        """The capture has not all of it."""
        return self.length > len(self.content)

    @property
    def first_frame(self) -> int:
        """The id of the frame that began it."""
        return self.fragments[0].frame if self.fragments else self.number

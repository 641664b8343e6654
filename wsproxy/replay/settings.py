"""How a session is replayed, and to whom."""

from dataclasses import dataclass, field

from wsproxy.replay.dial import Way
from wsproxy.replay.target import Opening


@dataclass(frozen=True, slots=True)
class Settings:
    """How a session is replayed."""

    opening: Opening = field(default_factory=Opening)
    way: Way = field(default_factory=Way)
    timeout: float = 10.0
    """Seconds for an answer to a handshake, for closing, and for what a server owes."""
    skip_truncated: bool = False
    """Leave out what the capture has not all of, instead of refusing."""
    exact: bool = False
    """Send the recorded frames, byte for byte."""

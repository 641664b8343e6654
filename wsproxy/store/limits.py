"""
The bounds that keep memory and captures finite. Every one can be set by option.
"""

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """All in bytes unless said otherwise."""

    frame: int = 64 * MIB
    """Payload kept of one frame; the rest is relayed and counted."""
    message: int = 16 * MIB
    """Inflated content kept of one message: what a deflate bomb can cost."""
    body: int = 1 * MIB
    """Body kept of a refused upgrade."""
    queue: int = 8 * MIB
    """Waiting between proxy and disk; when full, senders are slowed down."""
    inline: int = 64 * KIB
    """A payload up to this is kept whole in its frame's row, a larger one is streamed in parts."""
    interval: float = 0.05
    """Seconds between two transactions."""

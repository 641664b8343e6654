"""How to act as the recorded server: what the options of `wsproxy mock` say."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from wsproxy.replay.exchanges import Matching

BY = ("order", "match", "time")
UNMATCHED = ("silence", "close", "reply", "live")

Tell = Callable[[dict[str, Any]], None]
"""Takes an event: `event` says which, `wsproxy/docs/mock.md` lists them all."""


@dataclass(frozen=True, slots=True)
class Acting:
    """How to act."""

    by: str = "order"
    """
    When the server speaks. `order`: as soon as the client has said as many messages as in the recording;
    `match`: to a message, what was answered to it; `time`: whatever the client does.
    """
    fast: bool = False
    """Without the pauses of the recording."""
    speed: float = 1.0
    """The pauses are shorter by this factor."""
    matching: Matching = field(default_factory=Matching)
    unmatched: str = "silence"
    """
    What happens to a message that was not recorded, and to a client that asks for what was not: nothing
    (a refusal), a Close frame, `reply`, or it goes to the server itself.
    """
    close_code: int = 1008
    reply: str | bytes = ""
    live: str | None = None
    """`ws://` or `wss://` and the host of the server itself; None for the recorded one."""
    in_place: bool = False
    """Clients ask for the server itself and are brought here: by their `Host` it can be reached."""
    insecure: bool = False
    """Accept its certificate whatever it is."""
    loop: bool = False
    """Begin again where the recording ends, in place of ending as it did."""
    limit: int = 64 * 1024 * 1024
    """Bytes of a message of the client that are taken."""

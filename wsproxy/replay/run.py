"""Replay a capture once: everything that `wsproxy replay` does but talk to a person."""

from collections.abc import Callable
from pathlib import Path

from wsproxy.replay.changes import Changes
from wsproxy.replay.journal import Journal
from wsproxy.replay.outcome import Summary
from wsproxy.replay.pace import Pace
from wsproxy.replay.player import Player
from wsproxy.replay.recorded import Recorded
from wsproxy.replay.settings import Settings


async def replay(
    recorded: Recorded,
    settings: Settings,
    path: Path,
    pace: Pace,
    *,
    changes: Changes | None = None,
    on_start: Callable[[Player], None] = lambda player: None,
) -> Summary:
    """
    Act as the recorded client once.

    Args:
        recorded: what it said.
        settings: how, and to whom.
        path: where to record it.
        pace: when.
        changes: what is made of messages on the way.
        on_start: given the player, to see how far it is.

    Raises:
        CaptureError: the replay cannot be recorded.
        WsproxyError: no server, a refusal, something in the capture that cannot be said.
    """
    journal = Journal(path, recorded.reader)
    try:
        player = Player(recorded, settings, journal, pace, changes)
        on_start(player)
        summary = await player.run()
    finally:
        journal.stop()
    summary.notes += journal.troubles
    return summary

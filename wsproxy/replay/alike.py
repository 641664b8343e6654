"""Whether the server said the same as in the original: a quick look, while the replay goes on."""

import json

from wsproxy.replay.heard import Heard
from wsproxy.replay.recorded_message import RecordedMessage

_LONGEST = 1 << 20
"""Bytes of JSON that are compared as JSON."""


def alike(recorded: RecordedMessage, heard: Heard) -> bool:
    """The same type and content; JSON with its members in another order is the same."""
    if recorded.opcode != heard.opcode:
        return False
    if recorded.content == heard.content and recorded.length == heard.length:
        return True
    if recorded.opcode != 1 or len(heard.content) > _LONGEST or heard.content[:1] not in b"{[":
        return False
    try:
        return bool(json.loads(recorded.content) == json.loads(heard.content))
    except (ValueError, RecursionError):
        return False

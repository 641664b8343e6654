"""
Messages of a client that wait for nothing, many at a time: what a session that is replayed as fast as it goes
nearly all is.

`Player` takes a volley off the steps of the session and says it at once, where nothing is made of its
messages; a few hundred then cost little more than the work of the C functions below.
"""

from collections import deque
from typing import Any, NamedTuple

from wsproxy.replay.recorded_message import RecordedMessage

_SIZE = 1 << 16
"""Bytes of messages that are said before the server is listened to."""


class Volley(NamedTuple):
    """Messages of one client, in order."""

    messages: list[RecordedMessage]
    is_plain: bool
    """Each came in one frame, uncompressed."""

    @classmethod
    def taken(cls, steps: deque[Any], most: int) -> "Volley":
        """
        Take off the head of steps what is of one client, whole in the capture, and no control frame.

        Args:
            steps: of the session.
            most: messages.
        """
        messages: list[RecordedMessage] = []
        is_plain = True
        size = client = 0
        while steps and len(messages) < most and size < _SIZE:
            step = steps[0]
            if type(step) is not RecordedMessage:
                break
            # In one go: to look up one member after the other takes longer.
            (
                _, connection, _, _, from_client, opcode, content, length, compressed, fragments, _,
                redacted, _,
            ) = step  # fmt: skip
            if not from_client or opcode >= 8 or length != len(content) or redacted:
                break
            if connection != client:
                if client:
                    break
                client = connection
            if compressed or fragments:
                is_plain = False
            size += length
            messages.append(step)
            steps.popleft()
        return cls(messages, is_plain)

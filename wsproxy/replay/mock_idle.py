"""
Heartbeats in a recording that is acted out by order.

When a client says them is up to its clock, not to what it is told. So they are no cues, then or now; what
answers them is said when they come now, and left out of what was recorded. Only of protocols whose answer is
known.
"""

import json

from wsproxy.decoders.decoded import Decoded, Kind
from wsproxy.decoders.message import Message, Opening
from wsproxy.decoders.registry import DECODERS
from wsproxy.replay.exchanges import message_of
from wsproxy.replay.heard import Heard
from wsproxy.replay.heartbeats import pong_of
from wsproxy.replay.recorded_message import RecordedMessage

_KNOWN = frozenset({"engineio", "socketio", "graphql", "pusher", "phoenix", "mqtt", "signalr", "stomp"})
_RECOGNISED = 64
"""Messages after which a protocol that was not recognised is not asked about any more."""


class Idle:
    """
    Of one connection.

    Args:
        opening: its handshake.
    """

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._now = DECODERS.session(opening)
        self._heard = 0
        self.again()

    def again(self) -> None:
        """The recording begins, or begins again."""
        self._then = DECODERS.session(self._opening)
        self._recorded = 0

    @property
    def is_worth_it(self) -> bool:
        """Recorded messages have to be looked at."""
        return self._recorded < _RECOGNISED or self._then.name in _KNOWN

    def leaves_out(self, message: RecordedMessage) -> bool:
        """Whether a recorded message is no cue, or only answers one that is none."""
        if message.opcode > 2 or not self.is_worth_it:
            return False
        self._recorded += 1
        decoded = self._then.decode(message_of(message))
        if not decoded.heartbeat or decoded.decoder not in _KNOWN:
            return False
        return message.from_client or decoded.kind is Kind.REPLY or decoded.name == "pong"

    def hears(self, heard: Heard) -> tuple[bool, bytes]:
        """
        The client says something.

        Returns:
            Whether it is only a heartbeat, and what to answer; nothing where it is empty.
        """
        if self._heard >= _RECOGNISED and self._now.name not in _KNOWN:
            return False, b""
        self._heard += 1
        message = Message(self._heard, 0, True, heard.opcode == 1, heard.content, heard.length)
        decoded = self._now.decode(message)
        if not decoded.heartbeat or decoded.decoder not in _KNOWN:
            return False, b""
        return True, _answer(decoded, heard.content)


def _answer(decoded: Decoded, content: bytes) -> bytes:
    if decoded.decoder in ("engineio", "socketio"):
        return b"3" + content[1:] if content[:1] == b"2" else b""
    if decoded.decoder == "mqtt":
        return b"\xd0\x00" * sum(part.name == "PINGREQ" for part in decoded.each())
    if decoded.decoder == "phoenix":
        value = json.loads(content)
        answer = {"status": "ok", "response": {}}
        if isinstance(value, list):
            return json.dumps([*value[:3], "phx_reply", answer], separators=(",", ":")).encode()
        return json.dumps(value | {"event": "phx_reply", "payload": answer}, separators=(",", ":")).encode()
    return pong_of(decoded.decoder, content) or b""

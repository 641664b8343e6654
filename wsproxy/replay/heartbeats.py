"""
What keeps a connection alive in protocols that have heartbeats of their own.

Recorded heartbeats belong to the clock of the original. In a replay those of the server are answered when
they come, and those of the client are said when it has been silent for some time: as long as both sides have
agreed on, where the protocol has them agree.
"""

import json
import re

from wsproxy.decoders.decoded import Decoded
from wsproxy.decoders.message import Opening

_PONG_OF_PHOENIX = {
    "1": b'{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"heartbeat"}',
    "2": b'[null,"heartbeat","phoenix","heartbeat",{}]',
}
"""By the first digit of the version, `vsn` in the query (https://hexdocs.pm/phoenix/writing_a_channels_client.html)."""
_SIGNALR = {False: (1, b'{"type":6}\x1e'), True: (2, b"\x02\x91\x06")}
"""Opcode and content, in JSON and in MessagePack (HubProtocol.md of aspnetcore)."""
_STOMP_BEAT = re.compile(rb"\nheart-beat:(\d{1,9}),(\d{1,9})\r?\n")
_PING_INTERVAL = re.compile(rb'"pingInterval":(\d{1,9})')
INTERVAL = 10.0
"""
Seconds of silence, where nobody says. Servers that want to hear something want it every 15 seconds or more,
as a rule.
"""
_SHORTEST = 0.05
"""Seconds."""


class Heartbeats:
    """
    Of one connection.

    Args:
        opening: its handshake.

    Attributes:
        interval: seconds of silence after which the client says a heartbeat of its own.
    """

    def __init__(self, opening: Opening) -> None:
        # In version 3 of Engine.IO the client pings (protocol.md of engine.io).
        self._client_pings = opening.query.get("EIO") == ["3"]
        self._phoenix = _PONG_OF_PHOENIX.get(opening.query.get("vsn", ["1"])[0][:1], _PONG_OF_PHOENIX["2"])
        self._in_messagepack = False
        self._recorded: tuple[int, bytes] | None = None
        self._stomp = 0
        """Milliseconds after which the client can say something."""
        self.interval = INTERVAL

    def recorded(self, opcode: int, content: bytes) -> None:
        """The client had said this heartbeat."""
        self._recorded = opcode, content

    def said(self, protocol: str, from_client: bool, content: bytes, decoded: Decoded) -> None:
        """A message of now, which may agree on something."""
        if protocol == "mqtt" and from_client:
            # The client sees to it (section 3.1.2.10 of MQTT 3.1.1); brokers wait half as long again.
            for part in decoded.each():
                tree = part.tree if part.name == "CONNECT" else None
                if isinstance(tree, dict) and isinstance(seconds := tree.get("keep alive"), int) and seconds:
                    self._agree(seconds / 2)
        elif protocol == "stomp" and (found := _STOMP_BEAT.search(content)):
            # Both offer what they can and want: the client says something every max(cx, sy)
            # (https://stomp.github.io/stomp-specification-1.2.html#Heart-beating).
            if from_client:
                self._stomp = int(found[1])
            elif self._stomp and int(found[2]):
                self._agree(max(self._stomp, int(found[2])) / 2000)
        elif protocol in ("engineio", "socketio") and self._client_pings and not from_client:
            if content[:2] == b"0{" and (found := _PING_INTERVAL.search(content)):
                self._agree(int(found[1]) / 1000)
        elif protocol == "signalr" and from_client and content.startswith(b'{"protocol":"messagepack"'):
            self._in_messagepack = True

    def _agree(self, seconds: float) -> None:
        self.interval = min(self.interval, max(seconds, _SHORTEST))

    def answer(self, protocol: str, content: bytes) -> bytes | None:
        """What the client says to a heartbeat of the server; None: nothing."""
        if protocol in ("engineio", "socketio"):
            return b"3" + content[1:] if content[:1] == b"2" and not self._client_pings else None
        return pong_of(protocol, content)

    def own(self, protocol: str) -> tuple[int, bytes] | None:
        """Opcode and content of what the client says of its own after `interval`; None: nothing."""
        if protocol in ("engineio", "socketio"):
            return (1, b"2") if self._client_pings else None
        if protocol == "signalr":
            return _SIGNALR[self._in_messagepack]
        if protocol == "stomp":
            return 1, b"\n"
        if protocol == "mqtt":
            return 2, b"\xc0\x00"
        if protocol == "phoenix":
            return self._recorded or (1, self._phoenix)
        if protocol in ("graphql", "pusher") and self._recorded and b"pong" in self._recorded[1]:
            # The answer to one of the server.
            return None
        return self._recorded


def pong_of(protocol: str, content: bytes) -> bytes | None:
    """What either side answers to a ping of GraphQL or Pusher; None to anything else."""
    if protocol == "graphql":
        return _pong(content, "type", "ping", "pong")
    if protocol == "pusher":
        return _pong(content, "event", "pusher:ping", "pusher:pong")
    return None


def _pong(content: bytes, name: str, ping: str, pong: str) -> bytes | None:
    """The same object, with a pong for a ping."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or value.get(name) != ping:
        return None
    return json.dumps({**value, name: pong}, separators=(",", ":"), ensure_ascii=False).encode()

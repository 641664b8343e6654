"""
What keeps a connection alive in protocols that have heartbeats of their own.

Recorded heartbeats belong to the clock of the original. In a replay those of the server are answered when
they come, and those of the client are said when it has been silent for some time.
"""

from wsproxy.decoders.message import Opening

_ANSWERS: dict[str, dict[bytes, bytes]] = {
    "engineio": {b"2": b"3"},
    "socketio": {b"2": b"3"},
    "graphql": {b'{"type":"ping"}': b'{"type":"pong"}'},
}
_DEFAULTS: dict[str, tuple[int, bytes]] = {
    "signalr": (1, b'{"type":6}\x1e'),
    "stomp": (1, b"\n"),
    "mqtt": (2, b"\xc0\x00"),
}
"""Opcode and content, where the original has none to say again."""
INTERVAL = 10.0
"""Seconds of silence. Servers that want to hear something want it every 15 seconds or more, as a rule."""


class Heartbeats:
    """
    Of one connection.

    Args:
        opening: its handshake.
    """

    def __init__(self, opening: Opening) -> None:
        # In version 3 of Engine.IO the client pings (protocol.md of engine.io).
        self._client_pings = opening.query.get("EIO") == ["3"]
        self._recorded: tuple[int, bytes] | None = None

    def recorded(self, opcode: int, content: bytes) -> None:
        """The client had said this heartbeat."""
        self._recorded = opcode, content

    def answer(self, protocol: str, content: bytes) -> bytes | None:
        """What the client says to a heartbeat of the server; None: nothing."""
        if self._client_pings:
            return None
        return _ANSWERS.get(protocol, {}).get(b"".join(content.split()))

    def own(self, protocol: str) -> tuple[int, bytes] | None:
        """Opcode and content of what the client says of its own after `INTERVAL`; None: nothing."""
        if protocol in ("engineio", "socketio"):
            return (1, b"2") if self._client_pings else None
        if protocol in _ANSWERS:
            return None
        return self._recorded or _DEFAULTS.get(protocol)

"""
Both ends of a WebSocket without a network, for tests: the `websockets` library, which knows nothing of us.
"""

import itertools
from typing import TypeAlias

from websockets.client import ClientProtocol
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import OPEN, Protocol
from websockets.server import ServerProtocol

Received: TypeAlias = tuple[int, bytes]
"""Opcode and content of a message or control frame."""


class Reader:
    """
    What a real implementation makes of what it gets.

    Attributes:
        received: messages and control frames, in order.
    """

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.received: list[Received] = []
        self._parts: list[bytes] = []
        self._opcode = 0

    @property
    def refusal(self) -> str:
        """Why it could not go on reading; empty as long as it can."""
        error = self.protocol.parser_exc
        return "" if error is None or isinstance(error, EOFError) else str(error)

    @property
    def is_between(self) -> bool:
        """No message is unfinished."""
        return not self._parts and not self.protocol.reader.buffer

    def feed(self, data: bytes) -> None:
        """Bytes from the proxy."""
        self.protocol.receive_data(data)
        for frame in self.protocol.events_received():
            if not isinstance(frame, Frame):
                # The handshake.
                continue
            opcode = int(frame.opcode)
            if opcode in (Opcode.TEXT, Opcode.BINARY):
                self._opcode = opcode
                self._parts = []
            if opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                self._parts.append(bytes(frame.data))
                if frame.fin:
                    self.received.append((self._opcode, b"".join(self._parts)))
                    self._parts = []
            else:
                self.received.append((opcode, bytes(frame.data)))


class Peer(Reader):
    """
    A client or a server. It answers pings and Close frames, as all do.

    What it sends is in `outgoing` until somebody carries it.
    """

    protocol: ClientProtocol | ServerProtocol

    @property
    def messages(self) -> list[str | bytes]:
        """The messages it got: text as str, binary ones as bytes. What is no UTF-8 stays bytes."""
        return [_text(content) if opcode == Opcode.TEXT else content for opcode, content in self._data]

    @property
    def pings(self) -> list[bytes]:
        """The pings it got."""
        return [content for opcode, content in self.received if opcode == Opcode.PING]

    @property
    def pongs(self) -> list[bytes]:
        """The pongs it got."""
        return [content for opcode, content in self.received if opcode == Opcode.PONG]

    @property
    def close(self) -> tuple[int, str] | None:
        """Code and reason of the Close frame it got; 1005 for one without a code."""
        for opcode, content in self.received:
            if opcode == Opcode.CLOSE:
                close = Close.parse(content)
                return int(close.code), close.reason
        return None

    @property
    def is_open(self) -> bool:
        """It can send."""
        return self.protocol.state is OPEN

    @property
    def outgoing(self) -> list[bytes]:
        """What it wants to send, once; `b""` is the end of its stream."""
        return self.protocol.data_to_send()

    def write(self, content: str | bytes, fragments: int) -> None:
        """Send a message, in so many frames."""
        data = content.encode() if isinstance(content, str) else content
        edges = [len(data) * n // fragments for n in range(fragments + 1)]
        for number, (start, stop) in enumerate(itertools.pairwise(edges)):
            fin = number == fragments - 1
            if number:
                self.protocol.send_continuation(data[start:stop], fin)
            elif isinstance(content, str):
                self.protocol.send_text(data[start:stop], fin)
            else:
                self.protocol.send_binary(data[start:stop], fin)

    @property
    def _data(self) -> list[Received]:
        return [one for one in self.received if one[0] in (Opcode.TEXT, Opcode.BINARY)]


def _text(content: bytes) -> str | bytes:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content

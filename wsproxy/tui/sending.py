"""What a person composed, and how it is put to the proxy."""

import os
import re
from dataclasses import dataclass

from wsproxy.control.client import Client
from wsproxy.control.sendable import RAW
from wsproxy.errors import UsageError
from wsproxy.wire.encode import encode_frame
from wsproxy.wire.frames import OPCODE_NAMES, Opcode

CLOSE = "close"
TYPES: tuple[tuple[str, str], ...] = (
    ("text", "text"),
    ("binary", "binary"),
    ("ping", "ping"),
    ("pong", "pong"),
    ("close: code reason", CLOSE),
    ("raw frames, in hex", RAW),
    *((f"opcode {number:#x}", str(number)) for number in (0, *range(3, 8), *range(11, 16))),
)
"""What can be sent: for people, and the value of it. A number is an opcode in a frame of its own."""

_CLOSING = re.compile(r"\s*(\d+)(?:\s(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Composed:
    """One thing to send."""

    connection: int
    to: str
    """`server` or `client`."""
    kind: str
    """A value of `TYPES`."""
    content: bytes
    force: bool = False

    @property
    def words(self) -> str:
        """Its type, for people."""
        return OPCODE_NAMES[int(self.kind)] if self.kind.isdigit() else self.kind

    def send(self, client: Client) -> int:
        """
        Send it.

        Returns:
            Bytes of the content.

        Raises:
            WsproxyError: as `wsproxy.control.client.Client` does.
        """
        if self.kind == CLOSE:
            code, reason = closing(self.content)
            client.close(self.connection, self.to, code, reason, self.force)
            return len(self.content)
        if self.kind.isdigit():
            # A client masks what it sends (RFC 6455 section 5.3); the proxy sends this as it is.
            mask = os.urandom(4) if self.to == "server" else b""
            frame = encode_frame(int(self.kind), self.content, mask=mask)
            client.send(self.connection, self.to, RAW, frame, self.force)
            return len(self.content)
        return client.send(self.connection, self.to, self.kind, self.content, self.force)["length"]


def closing(content: bytes) -> tuple[int | None, str]:
    """
    Code and reason as they are typed, `1000 bye`; nothing is a Close frame without either.

    Raises:
        UsageError: it does not begin with a number.
    """
    text = content.decode("utf-8", "surrogateescape")
    if not text.strip():
        return None, ""
    found = _CLOSING.fullmatch(text)
    if found is None:
        raise UsageError("a Close frame is written as its code and a reason", "Such as: 1000 bye")
    return int(found[1]), found[2] or ""


def kind_of(opcode: int) -> str:
    """The value of `TYPES` for a captured frame."""
    return {
        Opcode.TEXT: "text",
        Opcode.BINARY: "binary",
        Opcode.PING: "ping",
        Opcode.PONG: "pong",
        Opcode.CLOSE: CLOSE,
    }.get(Opcode(opcode) if opcode in set(Opcode) else Opcode.CONTINUATION, str(opcode))

"""A part of a capture as the scripts that are made of it need it: connections, and what happened in order."""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

Content: TypeAlias = str | bytes
"""Text messages are str, binary ones bytes."""


@dataclass(frozen=True, slots=True)
class Connection:
    """How a connection is opened."""

    number: int
    """In the capture."""
    url: str
    headers: tuple[tuple[str, str], ...]
    """Of the upgrade request, without those of the handshake itself."""
    subprotocols: tuple[str, ...]
    """What the client offered."""
    subprotocol: str | None
    """What the server chose."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened."""

    what: str
    """`open`, `refused`, `send`, `expect`, `close` (by the client), `closed` (by the server)."""
    connection: int
    seconds: float
    """Since the session began."""
    content: Content = ""
    """Of `send` and `expect`."""
    name: str = ""
    """What kind of message it is, as decoders say; may be empty."""
    code: int | None = None
    """Of `close` and `closed`; the status of `refused`."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """What a script is made of."""

    source: str
    """The name of the capture."""
    connections: tuple[Connection, ...]
    steps: tuple[Step, ...]
    ignored: tuple[str, ...] = ()
    """Names of JSON members that do not count."""
    variables: tuple[tuple[tuple[Any, ...], str], ...] = ()
    """Paths into the server's JSON, and names; the client's messages have `{{name}}`."""
    heartbeats: tuple[tuple[str, str], ...] = ()
    """What the server says only to be answered, and the answer."""
    notes: tuple[str, ...] = field(default=())
    """What people should know about the script, one line each."""

"""
The rows of a capture, as readers get them and writers give them.

Times are integers: nanoseconds since the Unix epoch, by the proxy's wall clock. Lengths are bytes.
"""

import enum
from dataclasses import dataclass, field
from typing import Any

from wsproxy.wire.frames import Anomaly


class FrameFlag(enum.IntFlag):
    """The `flags` column of a frame. The values are written to captures and never change."""

    FIN = 1
    RSV1 = 2
    RSV2 = 4
    RSV3 = 8
    MASKED = 16
    FROM_PROXY = 32
    """The proxy made this frame; no peer sent it."""
    COMPRESSED = 64
    """Belongs to a message compressed by permessage-deflate."""
    TRUNCATED = 128
    """The payload was longer than the limit of the capture; its rest was relayed, not kept."""
    REDACTED = 256
    """The payload kept is not the one that was relayed, or none of it: an addon wanted that."""


@dataclass(frozen=True, slots=True)
class ConnectionRecord:
    """One WebSocket handshake, accepted or not, and the connection that followed."""

    id: int
    """1 and up, in the order of opening."""
    opened: int
    """When the handshake was answered (or failed), ns."""
    url: str
    """`ws://` or `wss://`, of the server; in reverse mode that is the target."""
    client: str
    """The client's address, `host:port`; empty if unknown."""
    server: str
    """The server's address, `host:port` as resolved; empty if never reached."""
    mode: str
    """How the client came: `regular`, `reverse`, `socks5`, ... (mitmproxy's mode)."""
    http_version: str
    request: bytes
    """The request head as it arrived, line by line with CRLF, the empty line included."""
    response: bytes
    """The response head likewise; empty if there was none."""
    status: int | None
    """101 where the upgrade was accepted; None where no response came."""
    body: bytes
    """The body of a response that was not a 101, up to the limit of the capture."""
    body_length: int
    """Its true length."""
    subprotocol: str | None
    """As the server chose it."""
    extensions: str
    """As the server accepted them, e.g. `permessage-deflate; client_no_context_takeover`."""
    findings: tuple[str, ...]
    """What is wrong with the handshake (RFC 6455 section 4), in words."""
    error: str | None
    """Why there was no response: unreachable, bad certificate, reset."""
    tls: dict[str, Any] = field(default_factory=dict)
    """`client` and `server`: `version`, `cipher`, `alpn`, `sni`, and for the server `certificate`."""


@dataclass(frozen=True, slots=True)
class ClosureRecord:
    """How a connection ended."""

    connection: int
    time: int
    by: str | None
    """`client`, `server` or `proxy`: whose Close frame came first, else who ended TCP first."""
    code: int | None
    """The status code of that Close frame; 1005 if it had none, 1006 if there was no Close frame."""
    reason: str
    """Invalid UTF-8 replaced; the frame itself has the bytes."""
    clean: bool
    """Both sides sent a Close frame before TCP ended (RFC 6455 section 7.1.4)."""
    how: str
    """How TCP ended: `eof`, `reset`, `error`, or `stopped` when the proxy was."""


@dataclass(frozen=True, slots=True)
class FrameRecord:
    """One frame."""

    id: int
    """1 and up, in the order of arrival in the whole capture."""
    connection: int
    time: int
    """When the read that held its header was done, ns."""
    from_client: bool
    opcode: int
    flags: FrameFlag
    length: int
    """As its header declares."""
    header: bytes
    """The wire bytes, 2 to 14 (fewer if the connection ended inside it)."""
    payload: bytes
    """Unmasked, as compressed on the wire; what was kept of it."""
    anomalies: Anomaly
    stored: int
    """Bytes of payload in the capture; for a large frame more than `payload` may hold."""

    @property
    def is_control(self) -> bool:
        """Close, ping, pong and the reserved control opcodes."""
        return self.opcode >= 8


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """
    A message that says more than its frame: it was fragmented, compressed, or so large that what
    is wrong with it showed only after its frame had been written.
    """

    last_frame: int
    """The id of the frame that ended it, which also identifies the message."""
    connection: int
    first_frame: int
    from_client: bool
    opcode: int
    """1 text, 2 binary; of a single large frame with something wrong at its end, its own."""
    frames: int
    """How many data frames it came in."""
    compressed: bool
    length: int
    """Of the whole content, inflated; a lower bound if `truncated`."""
    content: bytes | None
    """The inflated content; None where the frames have it (fragmented, not compressed)."""
    truncated: bool
    """The content was longer than the limit, or could not be inflated to its end."""
    anomalies: Anomaly


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """
    What was decided about a message other than letting it pass, or a message nobody sent.

    The frames that arrived and those that were sent in their place are both in the capture; the
    latter have `FrameFlag.FROM_PROXY`.
    """

    id: int
    connection: int
    time: int
    """When it took effect, ns."""
    from_client: bool
    """The direction the message travels."""
    action: str
    """
    `pass` (only kept waiting), `recode` (the same content, compressed anew), `edit`, `drop`,
    `inject`, or `cut` (the proxy broke the connection).
    """
    by: str
    """Who: `addon NAME`, `rule N`, `hand`, `limit`; several separated by commas."""
    first_frame: int | None
    last_frame: int | None
    """The frames that arrived; None where nothing did."""
    first_sent: int | None
    last_sent: int | None
    """The frames sent in their place; None where nothing was, or the very bytes that arrived."""
    held: int
    """How long it was kept waiting, ns."""
    note: str
    """More about it, for people; often empty."""


class ExchangeFlag(enum.IntFlag):
    """The `flags` column of an exchange. The values are written to captures and never change."""

    TRUNCATED = 1
    """The body was longer than the limit of the capture; its rest was relayed, not kept."""
    REDACTED = 2
    """What is kept is not what was relayed, or nothing is: an addon wanted that."""


@dataclass(frozen=True, slots=True)
class ExchangeRecord:
    """
    The body of one HTTP request, or of its answer, by which a session of Engine.IO goes on without a
    WebSocket (long-polling). The WebSocket that the session moves to has the same `sid` in its URL.
    """

    id: int
    """1 and up, in the order in which they were whole."""
    time: int
    """When the body was whole, or was broken off, ns."""
    sid: str
    """The session, by the query or by the answer that opens it; empty where neither says."""
    from_client: bool
    """Of the request; otherwise of the answer."""
    began: int
    """When the request came, ns."""
    client: str
    """The client's address, `host:port`; empty if unknown."""
    server: str
    """The server's address, `host:port`; empty if never reached."""
    method: str
    """Of the request, mostly `GET` (whose answer brings packets) or `POST` (which brings them)."""
    url: str
    """`http://` or `https://`, of the server."""
    status: int | None
    """Of the answer; None where none came, and of a request."""
    type: str
    """Content-Type."""
    encoding: str
    """Content-Encoding: what the body is packed in."""
    length: int
    """Of the body as it came."""
    body: bytes
    """As it came, up to the limit of the capture."""
    flags: ExchangeFlag
    error: str | None
    """Why it was broken off, or why there was no answer."""


@dataclass(frozen=True, slots=True)
class ReplayRecord:
    """What a connection of this capture is the replay of."""

    connection: int
    capture: str
    """The file of the original, absolute, as it was called then."""
    created: int
    """When that capture was made, ns: finds it again under another name."""
    original: int
    """The connection in it."""


@dataclass(frozen=True, slots=True)
class GapRecord:
    """A time in which nothing could be recorded; the traffic itself went on."""

    id: int
    started: int
    ended: int
    frames: int
    """How many were relayed and not recorded."""
    bytes: int
    reason: str


@dataclass(frozen=True, slots=True)
class CaptureInfo:
    """What a capture says about itself."""

    schema: int
    created: int
    program: str
    """The program and version that made it."""
    writer_pid: int | None
    """The process writing it, as long as it has not ended in order."""
    ended: int | None
    unrecorded_since: int | None = None
    """Frames have not been recorded since then, ns; the gap that tells how many is written later."""

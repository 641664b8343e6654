"""
What may be sent: the mistakes that are caught before they reach a peer.

Everything illegal is possible with `force=True`, for this is a debugger; only what has no bytes is not.
"""

from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from wsproxy.wire import encode
from wsproxy.wire.closing import is_sendable
from wsproxy.wire.frames import OPCODE_NAMES, Opcode

Type: TypeAlias = Literal["text", "binary"]
Side: TypeAlias = Literal["server", "client"]

MOST = 256 * 1024 * 1024
"""Bytes of one message made here: it is held in memory several times over."""

CONTROL = 125
"""Bytes of payload a control frame may have (RFC 6455 section 5.5)."""

_TYPES = {"text": Opcode.TEXT, "binary": Opcode.BINARY}


def content_of(content: str | bytes, kind: Type | None, otherwise: int, force: bool) -> tuple[int, bytes]:
    """
    A message to send.

    Args:
        content: text as str, or bytes.
        kind: its type; where None, that is `otherwise`.
        otherwise: 1 or 2.
        force: allow text that is not UTF-8.

    Returns:
        Its opcode and its bytes.

    Raises:
        ValueError: it cannot be sent like that.
    """
    if kind is not None and kind not in _TYPES:
        raise ValueError(f"a message is of type 'text' or 'binary', not {kind!r}")
    opcode = otherwise if kind is None else int(_TYPES[kind])
    data = bytes_of(content)
    if opcode == Opcode.TEXT and not force and not isinstance(content, str):
        try:
            data.decode()
        except UnicodeDecodeError as error:
            raise ValueError(f"a text message must be UTF-8 ({error.reason} at {error.start})") from None
    return opcode, data


def bytes_of(content: str | bytes) -> bytes:
    """
    The bytes of content. Surrogates that stand for the bytes of broken text become those again.

    Raises:
        ValueError: it has none, or too many.
    """
    if isinstance(content, str):
        try:
            data = content.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError as error:
            lone = content[error.start]
            raise ValueError(f"{lone!r} at {error.start} is half a character and has no UTF-8") from None
    elif isinstance(content, bytes):
        data = content
    elif isinstance(content, bytearray | memoryview):
        data = bytes(content)
    else:
        raise ValueError(f"content must be str or bytes, not {type(content).__name__}")
    if len(data) > MOST:
        raise ValueError(f"{len(data):,} bytes are too many for one message; {MOST:,} are the most")
    return data


def to_server(to: Side) -> bool:
    """Whether something goes to the server. Raises ValueError for what is no side."""
    if to not in ("server", "client"):
        raise ValueError(f"a message goes to 'server' or 'client', not {to!r}")
    return to == "server"


def opcode_of(opcode: str | int) -> int:
    """0 to 15, for a number or a name such as `ping` or `0x3`. Raises ValueError."""
    if isinstance(opcode, str) and opcode in OPCODE_NAMES:
        return OPCODE_NAMES.index(opcode)
    if isinstance(opcode, int) and not isinstance(opcode, bool) and 0 <= opcode <= 15:
        return int(opcode)
    raise ValueError(f"{opcode!r} is no opcode; there are 0 to 15, and {', '.join(OPCODE_NAMES[:11])}")


def legal_frame(opcode: int, payload: bytes, fin: bool, rsv: int) -> None:
    """Raises ValueError for a frame that no peer can accept (RFC 6455 section 5.2 and 5.5)."""
    allowed = "; it is possible with force=True"
    if rsv:
        raise ValueError(f"reserved bits belong to extensions{allowed}")
    if opcode not in set(Opcode):
        raise ValueError(f"the opcode {OPCODE_NAMES[opcode]} is reserved{allowed}")
    if opcode >= Opcode.CLOSE:
        if not fin:
            raise ValueError(f"control frames cannot be fragmented{allowed}")
        if len(payload) > CONTROL:
            raise ValueError(
                f"a control frame has at most {CONTROL} bytes of payload, not {len(payload)}{allowed}"
            )


def close_payload(code: int | None, reason: str, force: bool) -> bytes:
    """
    The payload of a Close frame (RFC 6455 section 5.5.1).

    Raises:
        ValueError: no peer may send that, and it is not forced; or it has no bytes.
    """
    if code is None and reason:
        raise ValueError("a reason needs a code")
    if code is not None and not isinstance(code, int):
        raise ValueError(f"a close code is a number, not {code!r}")
    payload = encode.close_payload(code, reason)
    if not force and code is not None:
        if not is_sendable(code):
            raise ValueError(
                f"{code} is no close code that may be sent (1000 to 1014, 3000 to 4999, without 1004 to "
                "1006); it is possible with force=True"
            )
        if len(payload) > CONTROL:
            raise ValueError(
                f"a close reason has at most {CONTROL - 2} bytes, not {len(payload) - 2}; it is possible "
                "with force=True"
            )
    return payload


def destination_of(url: str) -> tuple[bool, str, int]:
    """
    With TLS or without, host, and port.

    Raises:
        ValueError: it is no URL of a WebSocket server.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname or parts.path not in ("", "/"):
        raise ValueError(f"{url!r} is no server: it looks like ws://127.0.0.1:8081")
    secure = parts.scheme == "wss"
    return secure, parts.hostname, parts.port or (443 if secure else 80)

"""
What a person may send: mistakes are caught before they reach a peer.

Everything illegal is possible with force, for this is a debugger; only what has no bytes is not.
"""

from wsproxy.errors import UsageError
from wsproxy.wire.closing import Close
from wsproxy.wire.encode import close_payload
from wsproxy.wire.frames import Anomaly, FrameScanner, Opcode

TYPES = {"text": Opcode.TEXT, "binary": Opcode.BINARY, "ping": Opcode.PING, "pong": Opcode.PONG}
RAW = "raw"
"""In place of a type: the content are frames, to be sent as they are."""

_FORCE = "With --force it is sent all the same"
_CONTROL = 125
"""Bytes of payload a control frame has at most (RFC 6455 section 5.5)."""


def check(opcode: int, content: bytes, force: bool) -> None:
    """
    See whether a message or control frame may be sent.

    Raises:
        UsageError: no peer can accept it, and it is not forced.
    """
    if force:
        return
    if opcode == Opcode.TEXT:
        try:
            content.decode()
        except UnicodeDecodeError as error:
            raise UsageError(
                f"text must be UTF-8, and this is not ({error.reason} at byte {error.start})", _FORCE
            ) from None
    elif opcode >= Opcode.CLOSE and len(content) > _CONTROL:
        raise UsageError(
            f"a control frame has at most {_CONTROL} bytes of payload, not {len(content):,}", _FORCE
        )
    if opcode == Opcode.CLOSE:
        _check_closing(content)


def check_frames(frames: bytes, force: bool) -> None:
    """
    See whether bytes are whole frames; what they say is free.

    Raises:
        UsageError: they are not, and it is not forced.
    """
    if not frames:
        raise UsageError("there are no bytes to send")
    if force:
        return
    scanner = FrameScanner()
    pieces = scanner.feed(frames)
    if scanner.head or not pieces:
        raise UsageError("this ends inside the header of a frame", _FORCE)
    if scanner.left:
        raise UsageError(
            f"the last frame misses {scanner.left:,} bytes: what comes next would be taken for them",
            _FORCE,
        )


def closing(code: int | None, reason: str, force: bool) -> bytes:
    """
    The payload of a Close frame.

    Raises:
        UsageError: it has no bytes, or no peer can accept it and it is not forced.
    """
    if code is None:
        if reason:
            raise UsageError("a reason needs a code")
        return b""
    try:
        payload = close_payload(code, reason)
    except UnicodeEncodeError:
        raise UsageError("the reason is not UTF-8") from None
    except ValueError:
        raise UsageError(f"{code} is no close code: it has two bytes, 0 to 65535") from None
    if not force and len(payload) > _CONTROL:
        raise UsageError(f"a reason has at most {_CONTROL - 2} bytes, not {len(payload) - 2:,}", _FORCE)
    check(Opcode.CLOSE, payload, force)
    return payload


def from_hex(digits: str) -> bytes:
    """
    Bytes from pairs of hex digits, with or without white space between.

    Raises:
        UsageError: they are none.
    """
    try:
        return bytes.fromhex(digits)
    except ValueError:
        pass
    squeezed = "".join(digits.split())
    for at, char in enumerate(squeezed):
        if char not in "0123456789abcdefABCDEF":
            raise UsageError(f"{char!r} is no hex digit (digit {at + 1} of {len(squeezed)})")
    raise UsageError("hex digits come in pairs", "A byte has two, white space between bytes does not matter")


def _check_closing(payload: bytes) -> None:
    close = Close.parse(payload)
    if close.anomalies & Anomaly.CLOSE_TOO_SHORT:
        raise UsageError("the payload of a Close frame is a code of two bytes and a reason, or empty", _FORCE)
    if close.anomalies & Anomaly.INVALID_CLOSE_CODE:
        raise UsageError(
            f"{close.code} is no close code that may be sent: those are 1000 to 1014 without 1004 to 1006, "
            "and 3000 to 4999",
            _FORCE,
        )
    if close.anomalies & Anomaly.INVALID_UTF8:
        raise UsageError("the reason is not UTF-8", _FORCE)

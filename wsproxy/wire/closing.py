"""
What a Close frame says (RFC 6455 sections 5.5.1 and 7.4), and how a connection ended (7.1.4 to 7.1.6).
"""

import codecs
from dataclasses import dataclass

from wsproxy.wire.frames import Anomaly

NO_STATUS = 1005
"""What is reported for a Close frame without a code; never on the wire."""
ABNORMAL = 1006
"""What is reported where no Close frame was received; never on the wire."""

LONGEST = 4096
"""Bytes of a Close payload that are looked at; a legal one has at most 125."""

_Utf8 = codecs.getincrementaldecoder("utf-8")
_REGISTERED = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015)})


def is_sendable(code: int) -> bool:
    """Whether `code` may stand in a Close frame (section 7.4, and the IANA registry up to 1014)."""
    return code in _REGISTERED or 3000 <= code <= 4999


@dataclass(frozen=True, slots=True)
class Close:
    """The content of one Close frame."""

    code: int | None
    """None for an empty payload, and for one of a single byte."""
    reason: str
    """Invalid UTF-8 is replaced."""
    anomalies: Anomaly

    @classmethod
    def parse(cls, payload: bytes) -> "Close":
        """
        Read the payload of a Close frame; never raises.

        Args:
            payload: unmasked, of any length; only the first `LONGEST` bytes are read.
        """
        # A character cut by that limit is not the peer's mistake.
        whole = len(payload) <= LONGEST
        payload = payload[:LONGEST]
        if not payload:
            return cls(None, "", Anomaly(0))
        if len(payload) == 1:
            return cls(None, "", Anomaly.CLOSE_TOO_SHORT)
        anomalies = Anomaly(0)
        code = int.from_bytes(payload[:2], "big")
        if not is_sendable(code):
            anomalies |= Anomaly.INVALID_CLOSE_CODE
        try:
            reason = _Utf8().decode(payload[2:], whole)
        except UnicodeDecodeError:
            reason = _Utf8("replace").decode(payload[2:], whole)
            anomalies |= Anomaly.INVALID_UTF8
        return cls(code, reason, anomalies)


@dataclass(frozen=True, slots=True)
class Closure:
    """How a connection ended, seen from both sides."""

    by: str | None
    """`client`, `server` or `proxy`: whose Close frame came first, else who ended TCP first."""
    code: int
    """Of the first Close frame; `NO_STATUS` if that had none, `ABNORMAL` without any Close frame."""
    reason: str
    clean: bool
    """Both sides sent a Close frame before TCP ended."""
    how: str
    """How TCP ended first: `eof`, `reset`, `error`, or `stopped`."""

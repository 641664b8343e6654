"""
The few errors that reach a person, each with the exit code of the command that met it.

    WsproxyError            3  the environment failed
    ├── UsageError          2  the call was wrong
    ├── CaptureError        3  a capture file cannot be opened, read or written
    ├── AuthorityError      3  the certificate authority cannot be made, read or used
    └── EngineError         3  the proxy cannot start

Frames never raise: what breaks a protocol rule is recorded as an anomaly (`wsproxy.wire.frames`).
"""


class WsproxyError(Exception):
    """
    Something a person must hear about, said in one sentence.

    Args:
        message: names the thing and says why, without a final full stop.
        hint: what to do next, in one sentence; empty when there is nothing to add.
    """

    exit_code = 3

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}. {self.hint}" if self.hint else self.message


class UsageError(WsproxyError):
    """The command was called with something it cannot take."""

    exit_code = 2


class CaptureError(WsproxyError):
    """A capture file cannot be opened, read or written."""


class AuthorityError(WsproxyError):
    """The certificate authority cannot be made, read or used."""


class EngineError(WsproxyError):
    """The proxy cannot start."""

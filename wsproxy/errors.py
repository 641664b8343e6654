"""
The few errors that reach a person, each with the exit code of the command that met it.

    WsproxyError            3  the environment failed
    ├── UsageError          2  the call was wrong
    │   ├── FilterError     2  a filter cannot be understood
    │   ├── AddonError      2  an addon cannot be loaded
    │   └── OptionError     2  an option of an addon has a value it cannot take
    ├── CaptureError        3  a capture file cannot be opened, read or written
    ├── AuthorityError      3  the certificate authority cannot be made, read or used
    ├── TrustError          3  a trust store cannot be read or changed
    ├── EngineError         3  the proxy cannot start
    ├── ControlError        3  no running proxy can be reached
    ├── ReplayError         3  the server of a replay cannot be reached
    │   └── RefusedError    1  it refuses the handshake
    └── MissingError        1  what was asked for is not there, or no more

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


class FilterError(UsageError):
    """
    A filter cannot be understood.

    Args:
        problem: what is wrong with it.
        hint: as of every error.
        text: the filter, as far as it is one line; shown with a mark under `column`.
        column: where it is wrong, from 1.
    """

    def __init__(self, problem: str, hint: str, text: str, column: int) -> None:
        super().__init__(f"filter, column {column}: {problem}", hint)
        self.problem = problem
        self.text = text
        self.column = column


class AddonError(UsageError):
    """An addon cannot be loaded. The message may have several lines: the addon's part of the traceback."""


class OptionError(UsageError):
    """An option of an addon has a value it cannot take."""


class CaptureError(WsproxyError):
    """A capture file cannot be opened, read or written."""


class AuthorityError(WsproxyError):
    """The certificate authority cannot be made, read or used."""


class TrustError(WsproxyError):
    """A trust store cannot be read or changed."""


class EngineError(WsproxyError):
    """The proxy cannot start."""


class ControlError(WsproxyError):
    """No running proxy can be reached."""


class ReplayError(WsproxyError):
    """The server of a replay cannot be reached, or its certificate is not to be trusted."""


class RefusedError(ReplayError):
    """
    The server of a replay refuses the handshake.

    Args:
        url: of the server.
        start: the first line of its answer.
        status: in there.
        body: of the answer, its beginning.
    """

    exit_code = 1

    def __init__(self, url: str, start: str, status: int | None, body: bytes) -> None:
        words = " ".join(body[:500].decode("utf-8", "replace").split())
        said = start.partition(" ")[2] or start or "nothing"
        super().__init__(f"{url} refuses the handshake: {said}" + (f": {words}" if words else ""))
        self.status = status
        self.body = body


class MissingError(WsproxyError):
    """What was asked for is not there, or no more."""

    exit_code = 1

"""Frames of STOMP 1.0, 1.1 and 1.2 (https://stomp.github.io/stomp-specification-1.2.html)."""

import re
from dataclasses import dataclass

from wsproxy.decoders.decoded import Unfit

HELD = 1 << 20
"""Bytes of one frame."""
COMMANDS = (
    "CONNECT", "STOMP", "CONNECTED", "SEND", "SUBSCRIBE", "UNSUBSCRIBE", "ACK", "NACK",
    "BEGIN", "COMMIT", "ABORT", "DISCONNECT", "MESSAGE", "RECEIPT", "ERROR",
)  # fmt: skip
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_UNESCAPED = {"\\n": "\n", "\\c": ":", "\\\\": "\\", "\\r": "\r"}
_ESCAPED = {value: escape for escape, value in _UNESCAPED.items()}
_AS_IS = ("CONNECT", "STOMP", "CONNECTED")
"""Frames without escapes, to be understood by 1.0."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame."""

    command: str
    headers: tuple[tuple[str, str], ...]
    """In order; of a header that occurs twice the first one counts."""
    body: bytes
    eol: str = "\n"
    """How its lines end."""

    def get(self, name: str) -> str:
        """The value of a header; empty if it is not there."""
        return next((value for header, value in self.headers if header == name), "")

    def written(self, escapes: bool = True) -> bytes:
        """
        As it goes over the wire, up to and with its NUL.

        Args:
            escapes: not in version 1.0.
        """
        lines = [self.command]
        for name, value in self.headers:
            if escapes and self.command not in _AS_IS:
                # 1.1 has no escape for a carriage return; nor can there be one in its headers.
                name, value = ("".join(_ESCAPED.get(char, char) for char in part) for part in (name, value))
            lines.append(f"{name}:{value}")
        head = self.eol.join([*lines, "", ""])
        return head.encode("utf-8", "surrogateescape") + self.body + b"\0"


class Frames:
    """
    The frames of one direction: they may share a message, or take several.

    Attributes:
        escapes: whether headers have escapes; not in version 1.0.
    """

    def __init__(self) -> None:
        self.escapes = True
        self._kept = b""

    @property
    def waiting(self) -> int:
        """Bytes of a frame that is not there yet as a whole."""
        return len(self._kept)

    def lose(self) -> None:
        """Something is missing."""
        self._kept = b""

    def feed(self, data: bytes) -> list[Frame]:
        """
        Take the next message.

        Returns:
            The frames that it completes, without the line ends in between, which alone are heart-beats.

        Raises:
            Unfit: there is something else in it, or a frame is too large. The next message is taken for a
                beginning.
        """
        data = self._kept + data
        self._kept = b""
        found: list[Frame] = []
        at = 0
        while True:
            while data[at : at + 1] in (b"\n", b"\r"):
                at += 1
            if at == len(data):
                return found
            frame, at = self._frame(data, at)
            if frame is None:
                if len(data) - at > HELD:
                    raise Unfit(f"a frame of more than {HELD:,} B")
                self._kept = data[at:]
                return found
            found.append(frame)

    def _frame(self, data: bytes, at: int) -> tuple[Frame | None, int]:
        """The frame that begins there, and where it ends; none if it is not whole."""
        head_end = _HEAD_END.search(data, at)
        first = data[at : at + 16].splitlines()[0].decode("latin-1")
        if first not in COMMANDS and (len(data) - at > 16 or head_end or not _may_become(first)):
            raise Unfit(f"{first!r} is no command of STOMP")
        if head_end is None:
            return None, at
        lines = data[at : head_end.start()].decode("utf-8", "surrogateescape").split("\n")
        eol = "\r\n" if lines[0].endswith("\r") or head_end[0].startswith(b"\r") else "\n"
        command, *rest = (line.removesuffix("\r") for line in lines)
        headers = tuple(self._header(command, line) for line in rest)
        body = head_end.end()
        length = next((value for name, value in headers if name == "content-length"), "")
        if length.isascii() and length.isdigit() and len(length) < 12:
            end = body + int(length)
            if end >= len(data):
                return None, at
            if data[end]:
                raise Unfit("the body goes on behind its content-length")
        else:
            end = data.find(b"\0", body)
            if end < 0:
                return None, at
        return Frame(command, headers, data[body:end], eol), end + 1

    def _header(self, command: str, line: str) -> tuple[str, str]:
        name, colon, value = line.partition(":")
        if not colon:
            raise Unfit(f"{line[:50]!r} is no header")
        if self.escapes and command not in _AS_IS and "\\" in line:
            return _plain(name), _plain(value)
        return name, value


def _plain(text: str) -> str:
    return re.sub(r"\\[nc\\r]", lambda match: _UNESCAPED[match[0]], text)


def _may_become(first: str) -> bool:
    return any(command.startswith(first) for command in COMMANDS)

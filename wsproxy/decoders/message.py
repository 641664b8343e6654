"""What a decoder is given: the handshake of a connection, then its messages."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from wsproxy.wire.handshake import Head


@dataclass
class Opening:
    """The handshake of a connection, as far as it is known."""

    url: str = ""
    """`ws://` or `wss://`, of the server."""
    subprotocol: str | None = None
    """As the server chose it."""
    request: bytes = b""
    """The request's head as it arrived."""
    response: bytes = b""
    """The response's head likewise."""
    connection: int = 0
    """Its number in the capture."""
    time: int = 0
    """When it was opened, ns."""

    @cached_property
    def path(self) -> str:
        """Of the URL, unquoted, without the query."""
        return unquote(_split(self.url)[0])

    @cached_property
    def query(self) -> dict[str, list[str]]:
        """Of the URL; each name has one value or more."""
        return parse_qs(_split(self.url)[1], keep_blank_values=True, max_num_fields=None)

    @cached_property
    def request_head(self) -> Head:
        """Start line and headers."""
        return Head.parse(self.request)

    @cached_property
    def response_head(self) -> Head:
        """Start line and headers."""
        return Head.parse(self.response)


def _split(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.path, parts.query


class Message:
    """
    One complete message, defragmented and inflated.

    Args:
        number: identifies it in the capture: the id of the frame that ended it.
        time: when that frame arrived, ns since the epoch.
        from_client: its direction.
        is_text: text (opcode 1) or binary (opcode 2).
        content: all of it, or its beginning.
        length: of the whole content; that of `content` by default.
    """

    __slots__ = ("_json", "_text", "content", "from_client", "is_text", "length", "number", "time")

    def __init__(
        self,
        number: int,
        time: int,
        from_client: bool,
        is_text: bool,
        content: bytes,
        length: int | None = None,
    ) -> None:
        self.number = number
        self.time = time
        self.from_client = from_client
        self.is_text = is_text
        self.content = content
        self.length = len(content) if length is None else length
        self._text: Any = _UNSET
        self._json: Any = _UNSET

    @property
    def truncated(self) -> bool:
        """`content` is not all of it."""
        return self.length > len(self.content)

    @property
    def text(self) -> str | None:
        """The content as text, of binary messages too; None if it is not UTF-8."""
        if self._text is _UNSET:
            try:
                self._text = self.content.decode()
            except UnicodeDecodeError:
                self._text = None
        text: str | None = self._text
        return text

    @property
    def json(self) -> Any:
        """
        The content as Python's `json` reads it, if it is a JSON object or array; otherwise None.

        To recognise and pair by. For a tree use `wsproxy.decoders.json_.parse`, which keeps numbers as
        they are written.
        """
        if self._json is _UNSET:
            self._json = _json(self.text) if self.content.lstrip()[:1] in _JSON_STARTS else None
        return self._json

    def part(self, content: bytes, is_text: bool | None = None) -> "Message":
        """A message of its own found inside this one: same number, time and direction."""
        return Message(
            self.number, self.time, self.from_client, self.is_text if is_text is None else is_text, content
        )


_UNSET = object()
_JSON_STARTS = (b"{", b"[")
_loads = json.JSONDecoder().decode


def _json(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return _loads(text)
    except (ValueError, RecursionError):
        return None

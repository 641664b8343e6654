"""
permessage-deflate (RFC 7692): what was negotiated, and inflating what passes.

The proxy never takes part in the compression: bytes are relayed as they are. It inflates a copy
for the record, so its inflater has to stay in step with the sender's window, whatever is thrown
at it, without ever costing more memory than it was allowed.
"""

import re
import zlib
from dataclasses import dataclass
from typing import NamedTuple

TAIL = b"\x00\x00\xff\xff"
"""What the sender cut off the end of every message (section 7.2.1)."""

WINDOW = 32 * 1024
"""Bytes: the farthest a deflate stream can refer back."""

_FORGET = 2 * WINDOW
"""Bytes of plaintext remembered before what no window reaches is forgotten; seldom, as it copies."""

_PIECE = 48
"""Bytes of memory a remembered piece of plaintext costs besides its own."""

DISCARD_FACTOR = 16
"""How far past its limit one message is inflated (and thrown away) only to keep the window."""

DISCARD_LEAST = 16 * 1024 * 1024
"""Bytes a message is inflated for that purpose however low its limit is."""

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_PARAMETER = re.compile(rf'\s*;\s*({_TOKEN})(?:\s*=\s*(?:({_TOKEN})|"((?:[^"\\]|\\.)*)"))?')
_NAME = re.compile(rf"\s*({_TOKEN})")

Extension = tuple[str, dict[str, str | None]]
"""A name and its parameters, in order; a parameter without a value has None."""


def parse_extensions(header: str) -> list[Extension]:
    """
    Read a `Sec-WebSocket-Extensions` value (RFC 6455 section 9.1).

    Returns:
        The extensions in order, names in lower case. What is not well-formed is left out:
        a malformed element does not hide the ones after it.
    """
    found: list[Extension] = []
    for element in re.findall(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+', header):
        match = _NAME.match(element)
        if not match:
            continue
        parameters: dict[str, str | None] = {}
        pos = match.end()
        while parameter := _PARAMETER.match(element, pos):
            name, token, quoted = parameter.groups()
            value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else token
            parameters.setdefault(name.lower(), value)
            pos = parameter.end()
        found.append((match[1].lower(), parameters))
    return found


@dataclass(frozen=True, slots=True)
class DeflateParameters:
    """What the server's answer settled (section 7.1)."""

    server_no_context_takeover: bool = False
    client_no_context_takeover: bool = False
    server_max_window_bits: int = 15
    client_max_window_bits: int = 15

    @classmethod
    def negotiated(cls, response_extensions: str) -> "DeflateParameters | None":
        """
        From the `Sec-WebSocket-Extensions` of the response.

        Returns:
            None if permessage-deflate was not accepted. Window sizes out of range count as 15,
            with which every smaller window can be inflated too.
        """
        for name, parameters in parse_extensions(response_extensions):
            if name == "permessage-deflate":
                return cls(
                    "server_no_context_takeover" in parameters,
                    "client_no_context_takeover" in parameters,
                    _window_bits(parameters.get("server_max_window_bits")),
                    _window_bits(parameters.get("client_max_window_bits")),
                )
        return None

    def inflater(self, from_client: bool, limit: int) -> "Inflater":
        """
        A new inflater for the messages of one side.

        Args:
            from_client: whose messages.
            limit: bytes of inflated content kept of one message.
        """
        if from_client:
            return Inflater(self.client_max_window_bits, self.client_no_context_takeover, limit)
        return Inflater(self.server_max_window_bits, self.server_no_context_takeover, limit)


def _window_bits(value: str | None) -> int:
    return int(value) if value in ("8", "9", "10", "11", "12", "13", "14", "15") else 15


class Inflated(NamedTuple):
    """The outcome of one message."""

    content: bytes
    """At most the inflater's limit."""
    length: int
    """Bytes of the whole content, as far as it was inflated."""
    failed: bool
    """The data was not valid deflate, or the window it needs was lost before."""
    lost: bool = False
    """It failed for what was never fed to the inflater: its sender is not to blame."""

    @property
    def truncated(self) -> bool:
        """Whether `content` is not the whole message."""
        return self.failed or self.length > len(self.content)


class Inflater:
    """
    Inflate the messages of one direction, in order.

    Args:
        window_bits: the sender's window, 8 to 15.
        no_context_takeover: every message starts with an empty window.
        limit: bytes of content kept of one message.
    """

    def __init__(
        self, window_bits: int = 15, no_context_takeover: bool = False, limit: int = 1 << 24
    ) -> None:
        # zlib cannot make an 8-bit raw window; a larger window reads the same data.
        self._bits = max(9, window_bits)
        self._fresh_each_time = no_context_takeover
        self._limit = limit
        self.most = max(limit * DISCARD_FACTOR, DISCARD_LEAST)
        """Bytes one message may become before nobody follows it any more."""
        self._parts: list[bytes] = []
        self._kept = 0
        self._length = 0
        self._failed = False
        self._lost = False
        self._recent: list[bytes] = []
        """The last plaintext: at least the window, and not much more than twice of it."""
        self._remembered = 0
        self._zlib = zlib.decompressobj(-self._bits)
        self._is_behind = False
        """`_zlib` has not seen the last messages, whose plaintext is known."""

    def message(self, data: bytes) -> bytes | Inflated:
        """
        A whole message: what `feed()` and `finish()` do, in one call of zlib as a rule.

        Returns:
            The content alone, if that is all of it and nothing went wrong: one object less for nearly
            every message.
        """
        if self._is_behind:
            self._catch_up()
        engine = self._zlib
        if self._failed or engine.eof or not self._limit:
            self.feed(data)
            return self.finish()
        try:
            content = engine.decompress(data + TAIL, self._limit)
        except zlib.error:
            self._failed = True
            return self._end()
        if not self._fresh_each_time:
            self._remember(content)
        if not engine.eof and not engine.unconsumed_tail:
            if self._fresh_each_time:
                self._zlib = zlib.decompressobj(-self._bits)
            return content
        # Longer than the limit, or ended by a final block: the rest goes the long way.
        self._parts.append(content)
        self._kept = self._length = len(content)
        rest = engine.unused_data if engine.eof else engine.unconsumed_tail
        if len(rest) >= len(TAIL):
            self.feed(rest[: -len(TAIL)])
            return self.finish()
        self.feed(rest)
        return self._end()

    def know(self, content: bytes) -> bytes | Inflated:
        """
        In place of `message()`, where somebody else has inflated it already.

        The window is that of the plaintext, so inflating can go on from here any time.
        """
        if not self._fresh_each_time:
            self._remember(content)
            self._is_behind = True
        if len(content) <= self._limit:
            return content
        return Inflated(content[: self._limit], len(content), False)

    def feed(self, data: bytes) -> None:
        """Take a further part of the current message's compressed data."""
        if self._is_behind:
            self._catch_up()
        while data and not self._failed:
            room = self._limit - self._kept
            if room <= 0 and self._length >= self.most:
                self._failed = True
                break
            if self._zlib.eof:
                # A final block ended the stream before (section 7.2.3.5): what follows starts a new
                # deflate stream, but over the same window.
                self._zlib = self._restarted()
            try:
                part = self._zlib.decompress(data, room if room > 0 else max(self._limit, 1 << 16))
            except zlib.error:
                self._failed = True
                break
            self._length += len(part)
            if room > 0:
                self._parts.append(part)
                self._kept += len(part)
            if not self._fresh_each_time:
                self._remember(part)
            data = self._zlib.unused_data if self._zlib.eof else self._zlib.unconsumed_tail

    def finish(self) -> Inflated:
        """End the current message and be ready for the next."""
        if not self._zlib.eof:
            self.feed(TAIL)
        return self._end()

    def drop(self) -> None:
        """
        Give the unfinished message up, as when another one interrupts it.

        Its sender cut no tail off, so none is added: a sender that flushes after every fragment
        can be followed on.
        """
        self._end()

    def take(self) -> bytes:
        """What `feed()` has brought of the current message and was not taken yet; makes room for more."""
        content = b"".join(self._parts)
        self._parts = []
        self._kept = 0
        return content

    def copy(self) -> "Inflater":
        """Another one that goes on from here by itself; for the moment between two messages."""
        if self._is_behind:
            self._catch_up()
        twin = Inflater(self._bits, self._fresh_each_time, self._limit)
        twin._failed = self._failed
        twin._recent = self._recent.copy()
        twin._remembered = self._remembered
        twin._zlib = self._zlib.copy() if not self._zlib.eof else self._zlib
        return twin

    def give_up(self) -> None:
        """Stop following: what was inflated of this message is already too much."""
        self._failed = True

    @property
    def has_failed(self) -> bool:
        """The window is lost: with context takeover, nothing can be inflated any more."""
        return self._failed

    def lose(self) -> None:
        """Messages went by that were not fed: later ones may refer to them."""
        self._parts = []
        self._end()
        if not self._fresh_each_time:
            self._failed = self._lost = True

    def window(self) -> bytes:
        """The last plaintext bytes, at most 32 KiB: what later messages may refer back to."""
        return b"".join(self._recent)[-WINDOW:]

    def _end(self) -> Inflated:
        parts = self._parts
        content = parts[0] if len(parts) == 1 else b"".join(parts)
        done = Inflated(content, self._length, self._failed, self._lost)
        self._parts = []
        self._kept = 0
        self._length = 0
        if self._fresh_each_time:
            self._failed = False
            self._zlib = zlib.decompressobj(-self._bits)
        return done

    def _remember(self, part: bytes) -> None:
        self._recent.append(part)
        self._remembered += len(part) + _PIECE
        if self._remembered > _FORGET:
            window = part[-WINDOW:] if len(part) >= WINDOW else self.window()
            self._recent = [window]
            self._remembered = len(window)

    def _catch_up(self) -> None:
        self._is_behind = False
        if not self._failed:
            self._zlib = self._restarted()

    def _restarted(self) -> "zlib._Decompress":
        window = self.window()
        return zlib.decompressobj(-self._bits, zdict=window) if window else zlib.decompressobj(-self._bits)

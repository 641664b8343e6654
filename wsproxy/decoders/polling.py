r"""
Bodies of Engine.IO's long-polling: what they are packed in, and the packets in them.

Version 4 puts `\x1e` between packets, version 3 a length before each (`6:4hello2:40`), or a length in
binary (https://github.com/socketio/engine.io-protocol). Bytes stand as base64 behind a `b`. Browsers that can
do no better get JavaScript that calls a function with the text (`___eio[0]("...")`), and send a form.

What comes out are messages as a WebSocket would have brought them, for the decoder of the session.
"""

import binascii
import json
import re
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote_plus

from wsproxy.decoders.decoded import Unfit
from wsproxy.decoders.message import Message

LIMIT = 4 << 20
"""Bytes of a body, unpacked, that are looked at."""
MOST = 10_000
"""Packets of one body."""

OLD = ("1", "2", "3")
"""Versions that count, where newer ones separate."""

_SEPARATOR = b"\x1e"
_ENCODINGS = 3
"""Ways of packing a body that may be wrapped in each other."""
_BROTLI_STEP = 16
"""Bytes of brotli that are unpacked at a time: few enough that they cannot become too many."""
_LONGEST = 10
"""Digits of a length."""
_JSONP = re.compile(r'\s*___eio\[\d+\]\(("(?:[^"\\]|\\.)*")\);?\s*', re.DOTALL)
_ESCAPED = re.compile(r"(\\)?\\n")


@dataclass(frozen=True, slots=True)
class Body:
    """
    A body as it came.

    Attributes:
        content: its bytes, or their beginning.
        encoding: Content-Encoding.
        length: of the whole body.
    """

    content: bytes
    encoding: str = ""
    length: int | None = None

    @property
    def is_cut(self) -> bool:
        """`content` is not all of it."""
        return self.length is not None and self.length > len(self.content)

    def unpacked(self) -> tuple[bytes, bool]:
        """
        The content without its encodings, and whether that is all of it.

        Raises:
            Unfit: it cannot be unpacked.
        """
        content, whole = self.content, not self.is_cut
        encodings = [word for part in self.encoding.lower().split(",") if (word := part.strip())]
        if len(encodings) > _ENCODINGS:
            raise Unfit(f"packed {len(encodings)} times")
        for encoding in reversed(encodings):
            if encoding != "identity":
                content, to_the_end = _unpack(content, encoding)
                whole = whole and to_the_end
        if not whole and not self.is_cut and len(content) <= LIMIT:
            raise Unfit("the compressed data has no end")
        return content[:LIMIT], whole and len(content) <= LIMIT


def packets(
    content: bytes, whole: bool, version: str, number: int, time: int, from_client: bool
) -> list[Message]:
    """
    The packets in a body.

    Args:
        content: of the body, unpacked.
        whole: it is all of it; otherwise the last packet is one that was not kept whole.
        version: of Engine.IO: `3` or `4`, as the query has it.
        number, time, from_client: of the messages made.

    Raises:
        Unfit: it holds no packets, or more than `MOST`.
    """
    if not content:
        return []
    old = version in OLD
    if old and content[:1] in (b"\0", b"\1"):
        found = _binary(content, whole)
    else:
        text = _text(content, whole)
        if from_client and text.startswith("d="):
            # What the browser would change of a line break is escaped (engine.io, transports/polling-jsonp).
            text = unquote_plus(text[2:], errors="surrogateescape")
            text = _ESCAPED.sub(lambda match: match[0] if match[1] else "\n", text).replace("\\\\n", "\\n")
        elif not from_client and (script := _JSONP.fullmatch(text)):
            text = _spoken(script[1])
        if not text:
            return []
        found = _counted(text, whole) if old else _separated(text, whole)
    made: list[Message] = []
    for is_text, data, is_whole in found:
        if len(made) >= MOST:
            raise Unfit(f"more than {MOST:,} packets in one body")
        made.append(Message(number, time, from_client, is_text, data, len(data) + (not is_whole)))
    if made and whole and made[-1].truncated:
        raise Unfit("the last packet is shorter than its length says")
    return made


def opened(message: Message, version: str) -> tuple[bool, bytes]:
    """
    Whether a packet is text, and what is in it, without the base64 or the type around bytes.

    Raises:
        Unfit: it is broken.
    """
    if not message.is_text:
        return False, message.content[1:] if message.content[:1] == b"\4" else message.content
    if message.content[:1] == b"b":
        return False, from_base64(message.text or "", version)
    return True, message.content


def from_base64(text: str, version: str) -> bytes:
    """
    The bytes in a packet of text that begins with `b`.

    Raises:
        Unfit: there are none.
    """
    # Version 3 has the type behind the mark.
    start = 2 if version == "3" and text[1:2] == "4" else 1
    try:
        return b64decode(text[start:], validate=True)
    except (binascii.Error, ValueError):
        raise Unfit("no base64 behind the mark of bytes") from None


def packed(contents: Iterable[tuple[bool, bytes]], version: str) -> bytes:
    """
    A body of packets, as a server writes it to a client that takes text alone.

    Args:
        contents: of each packet whether it is text, and what is in it.
        version: of Engine.IO.
    """
    old = version in OLD
    mark = b"b4" if old else b"b"
    written = [data if is_text else mark + b64encode(data) for is_text, data in contents]
    if not old:
        return _SEPARATOR.join(written)
    counts = [len(data.decode("utf-8", "replace").encode("utf-16-le")) // 2 for data in written]
    return b"".join(b"%d:%s" % (size, data) for size, data in zip(counts, written, strict=True))


def _unpack(data: bytes, encoding: str) -> tuple[bytes, bool]:
    """Up to `LIMIT` bytes and one more, and whether that is all."""
    if encoding in ("gzip", "x-gzip"):
        return _inflated(data, 31)
    if encoding == "deflate":
        try:
            return _inflated(data, zlib.MAX_WBITS)
        except Unfit:
            # What many servers have taken it for.
            return _inflated(data, -zlib.MAX_WBITS)
    if encoding == "br":
        return _unbrotlied(data)
    raise Unfit(f"packed by {encoding!r}, which is not read")


def _inflated(data: bytes, bits: int) -> tuple[bytes, bool]:
    inflater = zlib.decompressobj(bits)
    try:
        content = inflater.decompress(data, LIMIT + 1)
    except zlib.error as error:
        raise Unfit(f"does not inflate: {error}") from None
    return content, inflater.eof


def _unbrotlied(data: bytes) -> tuple[bytes, bool]:
    import brotli

    unpacker = brotli.Decompressor()
    parts: list[bytes] = []
    room = LIMIT + 1
    try:
        for start in range(0, len(data), _BROTLI_STEP):
            parts.append(unpacker.process(data[start : start + _BROTLI_STEP])[:room])
            room -= len(parts[-1])
            if room <= 0:
                break
        return b"".join(parts), room > 0 and unpacker.is_finished()
    except brotli.error as error:
        raise Unfit(f"does not unpack: {error}") from None


def _text(content: bytes, whole: bool) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        if not whole and error.end == len(content) and error.reason == "unexpected end of data":
            return content[: error.start].decode()
        raise Unfit("neither text nor packets of bytes") from None


def _spoken(literal: str) -> str:
    """A string of JavaScript, as servers write it: as JSON."""
    try:
        text = json.loads(literal, strict=False)
    except ValueError:
        raise Unfit("a string of JavaScript that is not JSON") from None
    assert isinstance(text, str)
    return text


_Found = Iterator[tuple[bool, bytes, bool]]
"""Whether a packet is text, its content, and whether that is all of it."""


def _separated(text: str, whole: bool) -> _Found:
    """Version 4."""
    *others, last = _bytes(text).split(_SEPARATOR)
    for packet in others:
        yield True, packet, True
    yield True, last, whole


def _counted(text: str, whole: bool) -> _Found:
    """Version 3: the length counts what its author counts, UTF-16 as in JavaScript, characters, or bytes."""
    ways = ["utf-32-le"] if text.isascii() else ["utf-16-le", "utf-32-le", "utf-8"]
    unit = {"utf-16-le": 2, "utf-32-le": 4, "utf-8": 1}
    for way in ways:
        try:
            found = list(_counted_in(text.encode(way, "surrogatepass"), whole, way, unit[way]))
        except Unfit:
            if way == ways[-1]:
                raise
            continue
        if found[-1][2] or way == ways[-1]:
            return iter(found)
    raise AssertionError("the last way returns or raises")


def _counted_in(data: bytes, whole: bool, way: str, unit: int) -> _Found:
    place, count = 0, 0
    colon = ":".encode(way)
    while place < len(data):
        count += 1
        if count > MOST + 1:
            return
        end = data.find(colon, place, place + (_LONGEST + 1) * unit)
        digits = data[place:end].decode(way, "replace") if end > place else ""
        if not (digits.isascii() and digits.isdigit()):
            if not whole and count > 1:
                return
            raise Unfit("no length before a packet")
        start = end + unit
        size = int(digits) * unit
        packet = data[start : start + size]
        try:
            yield True, _bytes(packet.decode(way, "surrogatepass")), len(packet) == size
        except UnicodeDecodeError:
            raise Unfit("a length that ends inside a character") from None
        place = start + size


def _binary(content: bytes, whole: bool) -> _Found:
    """Version 3 in binary: 0 for text and 1 for bytes, the digits of the length, 255, the packet."""
    place = 0
    while place < len(content):
        kind = content[place]
        end = content.find(b"\xff", place, place + _LONGEST + 2)
        digits = content[place + 1 : end]
        if kind > 1 or end < 0 or not digits or max(digits) > 9:
            if not whole and place:
                return
            raise Unfit("no length before a packet")
        size = int("".join(map(str, digits)))
        packet = content[end + 1 : end + 1 + size]
        yield kind == 0, packet, len(packet) == size
        place = end + 1 + size


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")

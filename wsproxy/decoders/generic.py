"""
The reading of a message that no protocol claims: by its encoding, each message on its own.

The order is that of certainty. Text: JSON, XML, form data, base64, else text. Binary: by a signature
(compressed, a file), JSON and other text, by structure (MessagePack, CBOR, Protocol Buffers), else
hex. What the last message of a direction was is tried first, since the next one mostly is, too.
"""

from wsproxy.decoders.api import Context, Decoded, Decoder, Message, Opening, Tree, Unfit, because
from wsproxy.decoders.cbor import Cbor
from wsproxy.decoders.compressed import LEVELS, Compressed
from wsproxy.decoders.files import File
from wsproxy.decoders.forms import Form
from wsproxy.decoders.json_messages import Json
from wsproxy.decoders.msgpack_ import MessagePack
from wsproxy.decoders.nested import SHORTEST
from wsproxy.decoders.protobuf import Protobuf
from wsproxy.decoders.texts import PART, Base64, Hex, Text, Xml

ENCODINGS: tuple[type[Decoder], ...] = (
    Json,
    Xml,
    Form,
    Base64,
    Compressed,
    File,
    MessagePack,
    Cbor,
    Protobuf,
    Text,
    Hex,
)
"""In the order in which they are tried, but for those that are tried of text or binary messages only."""


class Generic(Decoder):
    """Whatever encoding fits."""

    name = "generic"
    size_limit = 1 << 62

    def __init__(self, opening: Opening, context: Context, levels: int = LEVELS) -> None:
        super().__init__(opening, context)
        self._json, self._text, self._hex = (kind(opening, context) for kind in (Json, Text, Hex))
        self._xml, self._form, self._base64 = (kind(opening, context) for kind in (Xml, Form, Base64))
        self._protobuf = Protobuf(opening, context)
        compressed = (Compressed(opening, context, levels),) if levels else ()
        signed: tuple[Decoder, ...] = (*compressed, File(opening, context))
        built = (MessagePack(opening, context), Cbor(opening, context), self._protobuf)
        self._binary: tuple[Decoder, ...] = (*signed, *built)
        self._last: dict[bool, Decoder | None] = {True: None, False: None}

    def decode(self, message: Message) -> Decoded:
        """Never raises."""
        if not message.is_text and self._protobuf.has_schema:
            try:
                return self._protobuf.decode(message)
            except Exception as error:
                decoded = self._guess(message)
                decoded.notes = (f"protobuf gave up: {because(error)}", *decoded.notes)
                return decoded
        return self._guess(message)

    def reencode(self, tree: Tree, message: Message) -> bytes:
        """By the encoding that reads the message."""
        name = self.decode(message).decoder
        texts = (self._json, self._text, self._xml, self._form, self._base64)
        for decoder in (*texts, *self._binary, self._hex):
            if decoder.name == name:
                return decoder.reencode(tree, message)
        raise Unfit(f"{name} does not write messages")

    def _guess(self, message: Message) -> Decoded:
        content = message.content
        whole = len(content) <= Json.size_limit and not message.truncated
        if whole and message.json is not None:
            return self._json.decode(message)
        if message.is_text or (message.text is not None and _is_visible(message.text[:PART])):
            # Cheap signs first: most text is text.
            decoder: Decoder | None = None
            if content.lstrip()[:1] == b"<":
                decoder = self._xml
            elif b"&" in content and b"=" in content:
                decoder = self._form
            elif may_be_base64(content):
                decoder = self._base64
            if whole and decoder is not None and (decoded := _try(decoder, message)) is not None:
                return decoded
            return self._text.decode(message)
        last = self._last[message.from_client]
        if last is not None and (decoded := _try(last, message)) is not None:
            return decoded
        for decoder in self._binary:
            if decoder is not last and (decoded := _try(decoder, message)) is not None:
                self._last[message.from_client] = decoder
                return decoded
        return self._hex.decode(message)


def may_be_base64(content: bytes) -> bool:
    """Whether it is long enough, and its beginning has no white space."""
    return len(content) >= SHORTEST and b" " not in content[:64] and b"\n" not in content[:64]


def speaks_for_itself(message: Message) -> bool:
    """Whether nothing better can be said of a message than what it says; sure if true, and quickly told."""
    content = message.content
    return message.is_text and (content[:1] in (b"{", b"[", b"<") or not may_be_base64(content))


def _try(decoder: Decoder, message: Message) -> Decoded | None:
    if len(message.content) > decoder.size_limit or (message.truncated and not isinstance(decoder, File)):
        return None
    try:
        return decoder.decode(message)
    except Exception:
        return None


def _is_visible(text: str) -> bool:
    return bool(text) and all(char.isprintable() or char in "\t\r\n" for char in text)

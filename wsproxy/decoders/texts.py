"""Messages that are text of some sort, or nothing but bytes."""

from wsproxy.decoders import nested, xml_
from wsproxy.decoders.api import Decoded, Decoder, Kind, Message, Tree, Unfit

PART = 4096
"""Characters of a text, or a quarter of the bytes of a dump, that go into an event."""


class Xml(Decoder):
    """
    XML that belongs to no protocol known here.

    Elements with their attributes, texts and comments in order. A document type is not read, since it may
    define entities that grow without bounds.
    """

    name = "xml"
    matches = "one well-formed element"

    def decode(self, message: Message) -> Decoded:
        """Raises Unfit if it is not well-formed."""
        text = message.text
        if text is None or text.lstrip("\ufeff \t\r\n")[:1] != "<":
            raise Unfit("no XML")
        root = xml_.parse(text.lstrip("\ufeff \t\r\n"))
        return Decoded(self.name, text, name=root.label, verbatim=True, make_tree=lambda: root)


class Base64(Decoder):
    """
    Base64 of something known: JSON, a file, readable text.

    Anything else in that alphabet is text, since most words are base64 by chance.
    """

    name = "base64"
    matches = "base64 of JSON, of a known type of file, or of text"
    editable = True

    def decode(self, message: Message) -> Decoded:
        """Raises Unfit if it is none, or of nothing known."""
        text = message.text
        data = nested.from_base64(text) if text else None
        found = nested.known(data) if data is not None else None
        if text is None or data is None or found is None:
            raise Unfit("no base64 of anything known")
        words = f"base64 of {found.label}"
        if isinstance(found.value, str):
            words += f": {found.value}"
        elif found.label == "JSON":
            words += f": {data.decode()}"
        return self.say(words, Kind.DATA, tree=lambda: nested.unpacked(text))

    def reencode(self, tree: Tree, message: Message) -> bytes:
        """In the original's alphabet and padding."""
        written = nested.packed(tree)
        if not isinstance(written, str):
            raise Unfit("base64 is not written from this")
        return written.encode()


class Text(Decoder):
    """Text that is nothing else."""

    name = "text"
    matches = "every text message; of binary ones UTF-8 without control characters"
    editable = True
    size_limit = 1 << 62

    def decode(self, message: Message) -> Decoded:
        """Invalid UTF-8 becomes surrogates, as `printable` expects them."""
        content = message.content
        return Decoded(
            self.name,
            content[:PART].decode("utf-8", "surrogateescape"),
            verbatim=True,
            make_tree=lambda: content.decode("utf-8", "surrogateescape"),
        )

    def reencode(self, tree: Tree, message: Message) -> bytes:
        """Raises Unfit if it is no text."""
        if not isinstance(tree, str):
            raise Unfit("text is not written from anything but text")
        return tree.encode("utf-8", "surrogateescape")


class Hex(Decoder):
    """Bytes that are nothing else, as pairs of hex digits."""

    name = "hex"
    matches = "everything"
    editable = True
    size_limit = 1 << 62

    def decode(self, message: Message) -> Decoded:
        """Never raises."""
        content = message.content
        return Decoded(self.name, content[: PART // 4].hex(" "), verbatim=True, make_tree=lambda: content)

    def reencode(self, tree: Tree, message: Message) -> bytes:
        """Raises Unfit if it is not bytes."""
        if not isinstance(tree, bytes):
            raise Unfit("bytes are not written from anything but bytes")
        return tree

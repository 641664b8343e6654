"""Messages whose content was compressed by the program that sent it, not by the WebSocket."""

import zlib

from wsproxy.decoders.api import Context, Decoded, Decoder, Message, Node, Opening, Unfit

LIMIT = 4 << 20
"""Bytes that are inflated of one message."""
LEVELS = 2
"""Of compression, one in the other."""

_GZIP = b"\x1f\x8b\x08"


class Compressed(Decoder):
    """
    gzip (RFC 1952) or zlib (RFC 1950) inside a message.

    The content is read as a message of its own. It is inflated up to 4 MiB, and if there is more that is
    said.
    """

    name = "gzip"
    matches = "the header of gzip or zlib, and data that inflates"
    size_limit = 4 << 20

    def __init__(self, opening: Opening, context: Context, levels: int = LEVELS) -> None:
        super().__init__(opening, context)
        self._levels = levels

    def decode(self, message: Message) -> Decoded:
        """Raises Unfit if it does not inflate."""
        from wsproxy.decoders.generic import Generic

        kind, content, whole = inflate(message.content)
        part = Message(
            message.number,
            message.time,
            message.from_client,
            message.is_text,
            content,
            None if whole else len(content) + 1,
        )
        inner = Generic(self.opening, self.context, self._levels - 1).decode(part)
        notes = inner.notes if whole else (*inner.notes, f"only the first {len(content):,} B were inflated")
        return self.say(
            f"{kind} of {len(content):,} B {inner.decoder}: {inner.event}",
            inner.kind,
            inner.name,
            notes=notes,
            tree=lambda: Node(f"{kind}, {inner.decoder}", inner.tree, message.content),
        )


def inflate(data: bytes) -> tuple[str, bytes, bool]:
    """
    What gzip or zlib holds.

    Returns:
        `gzip` or `zlib`, the content up to `LIMIT`, and whether that is all of it.

    Raises:
        Unfit: it is neither, or does not inflate.
    """
    if data.startswith(_GZIP):
        kind, bits = "gzip", 31
    elif len(data) > 6 and data[0] & 0x0F == 8 and data[0] >> 4 <= 7 and (data[0] << 8 | data[1]) % 31 == 0:
        kind, bits = "zlib", 15
    else:
        raise Unfit("neither gzip nor zlib")
    inflater = zlib.decompressobj(bits)
    try:
        content = inflater.decompress(data, LIMIT)
    except zlib.error as error:
        raise Unfit(f"does not inflate: {error}") from None
    if inflater.unused_data:
        raise Unfit(f"{len(inflater.unused_data):,} B follow the compressed data")
    if not inflater.eof and len(content) < LIMIT:
        raise Unfit("the compressed data has no end")
    return kind, content, inflater.eof

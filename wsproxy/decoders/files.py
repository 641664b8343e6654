"""Images and other files, by their first bytes."""

import io
from dataclasses import dataclass

from wsproxy.decoders.api import Decoded, Decoder, Kind, Message, Unfit

_WEAK = {
    "audio/mpeg": 128,
    "audio/aac": 128,
    "image/bmp": 54,
    "application/x-compress": 64,
    "image/x-icon": 64,
}
"""Types known by two or three bytes: one of these needs to be at least so long."""

_LOOKED_AT = 8192
_SHORTEST = 12
_SEARCHED = 128 * 1024
"""Bytes in which the size of an image is looked for; a hostile one has segments without end."""


@dataclass(frozen=True, slots=True)
class FileType:
    """What a file is."""

    mime: str
    extension: str
    width: int | None
    height: int | None
    size: int

    @property
    def words(self) -> str:
        """`PNG image 640 × 480, 1,234 B`."""
        kind, _, _ = self.mime.partition("/")
        noun = kind if kind in ("image", "audio", "video", "font") else "file"
        pixels = f" {self.width} × {self.height}" if self.width is not None else ""
        return f"{self.extension.upper()} {noun}{pixels}, {self.size:,} B"


def recognised(data: bytes, length: int | None = None) -> FileType | None:
    """
    What kind of file some bytes are.

    Args:
        data: the beginning is enough.
        length: of the whole, if `data` is not that.
    """
    size = len(data) if length is None else length
    if size < _SHORTEST:
        return None
    # Imported late: together they take longer than all other decoders.
    import filetype

    try:
        found = filetype.guess(data[:_LOOKED_AT])
    except Exception:
        return None
    if found is None or size < _WEAK.get(found.mime, 0):
        return None
    width: int | None = None
    height: int | None = None
    if found.mime.startswith("image/"):
        import imagesize

        try:
            width, height = (int(pixels) for pixels in imagesize.get(io.BytesIO(data[:_SEARCHED])))
        except Exception:
            width = height = None
        if width is None or width < 0 or height is None or height < 0:
            width = height = None
    return FileType(found.mime, found.extension, width, height, size)


class File(Decoder):
    """
    Images, sound, archives and other files with a signature.

    Says what it is and how large, of images the width and height in pixels. The content is not looked at
    further, and not changed by editing.
    """

    name = "file"
    matches = "the first bytes of some eighty types of file"
    size_limit = 1 << 62

    def decode(self, message: Message) -> Decoded:
        """Raises Unfit if it is none that is known."""
        content = message.content
        found = recognised(content, message.length)
        if found is None:
            raise Unfit("no known type of file")

        facts = {"type": found.mime, "size": found.size}
        if found.width is not None and found.height is not None:
            facts |= {"width": found.width, "height": found.height}
        return self.say(found.words, Kind.DATA, found.mime, tree=lambda: {**facts, "content": content})

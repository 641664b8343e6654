"""An editor for the content of a message: text with colours, or bytes in hex digits."""

from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.reactive import var
from textual.widgets import Static, TextArea

from wsproxy.control.sendable import from_hex
from wsproxy.decoders.text import printable
from wsproxy.errors import UsageError
from wsproxy.tui.inspector.colours import COLOURS, PARTS, PLAIN, spans
from wsproxy.tui.inspector.layout import Kind, kind_of
from wsproxy.tui.visible import from_visible, to_visible

LARGEST = 256 * 1024
"""Bytes that can be edited on a screen."""
_ROW = 16
_COLOURED = 4096
"""Characters of a line up to which it is coloured as one types."""


class ContentArea(TextArea):
    """A text area that colours JSON and XML, a line at a time."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {*(f"text--{part}" for part in PARTS)}
    DEFAULT_CSS = f"ContentArea {{ height: 1fr; padding: 0; &, &:focus {{ border: none; }} {COLOURS} }}"

    kind = Kind.PLAIN
    """What is in it."""

    def get_line(self, line_index: int) -> Text:
        """Textual's: a line, with its colours."""
        line = super().get_line(line_index)
        if self.kind is not Kind.PLAIN and len(line) <= _COLOURED:
            for start, end, what in spans(line.plain, self.kind):
                if what != PLAIN:
                    style = self.get_component_rich_style(f"text--{what}", partial=True)
                    line.stylize(style, start, end)
        return line


class PayloadEditor(Vertical):
    """
    Content that can be changed.

    What is too large to be edited here can be replaced from a file.

    Args:
        hint: said below it, behind what is in it.
    """

    DEFAULT_CSS = """
    PayloadEditor { height: 1fr; }
    PayloadEditor > #about { height: 1; color: $text-muted; padding: 0 1; }
    PayloadEditor > #about.wrong { color: $error; }
    """

    hex: var[bool] = var(False)
    """Bytes are edited, rather than text."""

    class Changed(Message):
        """Something was typed."""

    def __init__(self, hint: str = "", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._hint = hint
        self._loaded = b""
        self._whole: bytes | None = None
        """The content, where it cannot be edited here."""

    def compose(self) -> ComposeResult:
        """The editor, and what is in it."""
        # Highlighting the line of the cursor takes the colours from it.
        yield ContentArea(tab_behavior="focus", soft_wrap=True, highlight_cursor_line=False)
        yield Static(self._hint, id="about", markup=False)

    @property
    def area(self) -> ContentArea:
        """Where it is typed."""
        return self.query_one(ContentArea)

    @property
    def changed(self) -> bool:
        """It is not what was loaded."""
        try:
            return self.content() != self._loaded
        except UsageError:
            return True

    def load(self, content: bytes, is_text: bool) -> None:
        """
        Edit this.

        Args:
            content: of a message.
            is_text: it is to be edited as text, if it is UTF-8.
        """
        self._loaded = content
        self._show(content, not is_text or not _is_text(content))

    def content(self) -> bytes:
        """
        What was made of it.

        Raises:
            UsageError: it is not hex digits.
        """
        if self._whole is not None:
            return self._whole
        text = self.area.text
        if not self.hex:
            return from_visible(text).encode("utf-8", "surrogatepass")
        return from_hex(text)

    def toggle(self) -> None:
        """
        Edit as bytes what was text, or the other way round.

        Raises:
            UsageError: it is no text, or not hex digits.
        """
        content = self.content()
        if self.hex and not _is_text(content):
            raise UsageError("these bytes are not UTF-8 and cannot be edited as text")
        self._show(content, not self.hex)

    def replace(self, path: Path) -> None:
        """
        Take the content from a file.

        Raises:
            UsageError: it cannot be read.
        """
        try:
            content = path.expanduser().read_bytes()
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
        self._show(content, self.hex or not _is_text(content))

    def _show(self, content: bytes, as_hex: bool) -> None:
        self.hex = as_hex
        area = self.area
        too_large = len(content) > LARGEST
        self._whole = content if too_large else None
        area.read_only = too_large
        if too_large:
            text = (
                f"{len(content):,} B are too many to be edited here. Take the new content from a file (^o)."
            )
        elif as_hex:
            text = "\n".join(content[at : at + _ROW].hex(" ") for at in range(0, len(content), _ROW))
        else:
            text = to_visible(content.decode("utf-8"))
        area.kind = Kind.PLAIN if as_hex or too_large else kind_of(text)
        area.load_text(text)
        self._tell()

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Say how much it is, and whether it can be sent."""
        event.stop()
        self._tell()
        self.post_message(self.Changed())

    def _tell(self) -> None:
        about = self.query_one("#about", Static)
        try:
            content = self.content()
        except UsageError as error:
            about.update(printable(error.message))
            about.set_class(True, "wrong")
            return
        words = ["hex" if self.hex else "text", f"{len(content):,} B"]
        if content != self._loaded:
            words.append("changed")
        if not self.hex and "⟨U+" in self.area.text:
            words.append("⟨U+...⟩ stands for a character that cannot be seen")
        about.update("  ".join(filter(None, [*words, self._hint])))
        about.set_class(False, "wrong")


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True

"""The inspector: one frame or message, in tabs, each of which is filled when it is looked at."""

from collections.abc import Callable, Sequence
from pathlib import Path

from textual.app import ComposeResult
from textual.content import Content
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import Static, TabbedContent, TabPane

from wsproxy.decoders.text import printable
from wsproxy.store.records import FrameFlag
from wsproxy.tui.actions import Action, bindings, register
from wsproxy.tui.inspector import edits_page, frame_page, handshake_page, timing_page
from wsproxy.tui.inspector.copying import FORMS, Form
from wsproxy.tui.inspector.hex_view import HexView
from wsproxy.tui.inspector.image import ImageView
from wsproxy.tui.inspector.page import Page
from wsproxy.tui.inspector.saving import save
from wsproxy.tui.inspector.shown import Shown
from wsproxy.tui.inspector.text_view import TextView
from wsproxy.tui.inspector.tree import DecodedTree
from wsproxy.tui.screens.dialogs import Choice, Choose, Question
from wsproxy.tui.widgets.tabs import Tabs
from wsproxy.wire.frames import OPCODE_NAMES
from wsproxy.words import RECEIVED, SENT

TABS: tuple[tuple[str, str], ...] = (
    ("decoded", "Decoded"),
    ("text", "Text"),
    ("hex", "Hex"),
    ("frame", "Frame"),
    ("handshake", "Handshake"),
    ("timing", "Timing"),
    ("sent", "Sent"),
    ("image", "Image"),
)
"""Names and headings, in their order."""

CLIPBOARD = 100_000
"""Bytes that terminals take through OSC 52; many drop more without a word."""

register(
    Action(
        "next_tab",
        "right_square_bracket",
        "Next tab",
        "Show the next tab of the inspector",
        "inspector",
        footer=False,
    ),
    Action(
        "previous_tab",
        "left_square_bracket",
        "Previous tab",
        "Show the tab before",
        "inspector",
        footer=False,
    ),
    *(
        Action(f"tab('{name}')", "", f"Tab {label}", f"Show the tab {label}", "inspector", footer=False)
        for name, label in TABS
    ),
    Action(
        "copy",
        "c",
        "Copy",
        "Copy the frame to the clipboard: content, JSON, hex, Python, wscat, curl",
        "inspector",
    ),
    Action("save", "w", "Write to file", "Write the same to a file", "inspector"),
    Action("pretty", "p", "Pretty", "Show JSON and XML on lines of their own, or as they came", "inspector"),
    Action(
        "next_hit",
        "n",
        "Next match",
        "Go to the next place of what was searched for",
        "inspector",
        footer=False,
    ),
    Action("previous_hit", "N", "Match before", "Go to the place before", "inspector", footer=False),
)


class Inspector(Widget):
    """
    Shows one frame.

    Give it what `wsproxy.tui.inspector.shown.load` has read.
    """

    WHERE = "inspector"
    BINDINGS = bindings("inspector")
    DEFAULT_CSS = """
    Inspector { height: 1fr; }
    Inspector > #title { height: 1; padding: 0 1; background: $panel; color: $foreground; }
    Inspector > #notes { height: auto; max-height: 3; padding: 0 1; color: $warning; display: none; }
    Inspector > #notes.told { display: block; }
    Inspector TabPane { padding: 0; height: 1fr; }
    Inspector TabbedContent { height: 1fr; }
    Inspector ContentSwitcher { height: 1fr; }
    """

    shown: var[Shown | None] = var(None)
    """What is shown."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._stale: set[str] = set()
        """Tabs that were not filled since another frame is shown."""

    def compose(self) -> ComposeResult:
        """Title, notes of the decoder, tabs."""
        yield Static("No frame is selected.", id="title", markup=False)
        yield Static("", id="notes", markup=False)
        views: dict[str, Widget] = {
            "decoded": DecodedTree(),
            "text": TextView(),
            "hex": HexView(),
            "frame": Page(frame_page.lines),
            "handshake": Page(handshake_page.lines),
            "timing": Page(timing_page.lines),
            "sent": Page(edits_page.lines),
            "image": ImageView(),
        }
        with Tabs(id="tabs"):
            for name, label in TABS:
                with TabPane(label, id=name):
                    yield views[name]

    def on_mount(self) -> None:
        """Nothing was edited, and there is no picture."""
        for name in ("sent", "image"):
            self._tabs.hide_tab(name)

    @property
    def _tabs(self) -> TabbedContent:
        return self.query_one("#tabs", TabbedContent)

    def show(self, shown: Shown | None) -> None:
        """Show another frame, or none; the tab stays."""
        self.shown = shown
        self.query_one("#title", Static).update(_title(shown))
        notes = self.query_one("#notes", Static)
        told = list(shown.decoded.notes) if shown and shown.decoded else []
        notes.update(Content("\n").join(Content(printable(f"! {note}", 500)) for note in told))
        notes.set_class(bool(told), "told")
        tabs = self._tabs
        for name, there in (("sent", bool(shown and shown.edited)), ("image", _is_image(shown))):
            if there:
                tabs.show_tab(name)
            else:
                if tabs.active == name:
                    tabs.active = "decoded"
                tabs.hide_tab(name)
        self._stale = {name for name, _ in TABS}
        self._fill(tabs.active)

    def highlight(self, needles: Sequence[str]) -> None:
        """Mark what was searched for, in texts and bytes."""
        self.query_one(TextView).mark(needles)
        self.query_one(HexView).mark(needles)

    def on_tabbed_content_tab_activated(self, event: TabbedContent.TabActivated) -> None:
        """Fill the tab that is seen now."""
        event.stop()
        self._fill(self._tabs.active)

    def _fill(self, name: str) -> None:
        if name not in self._stale:
            return
        self._stale.discard(name)
        shown = self.shown
        fill: dict[str, Callable[[], None]] = {
            "decoded": lambda: self.query_one(DecodedTree).show(shown.tree if shown else None),
            "text": lambda: self.query_one(TextView).show(shown.content if shown else b""),
            "hex": lambda: self.query_one(HexView).show(shown.content if shown else b""),
            "image": lambda: self.query_one(ImageView).show(shown.content if shown else b""),
        }
        if name in fill:
            fill[name]()
        else:
            self.query_one(f"#{name} Page", Page).show(shown)

    # What a person does.

    def action_tab(self, name: str) -> None:
        """Show a tab, and go there."""
        if self._tabs.get_tab(name).display:
            self._tabs.active = name
            self.call_after_refresh(self._go)

    def action_next_tab(self) -> None:
        """The next one."""
        self._step(1)

    def action_previous_tab(self) -> None:
        """The one before."""
        self._step(-1)

    def _step(self, by: int) -> None:
        there = [name for name, _ in TABS if self._tabs.get_tab(name).display]
        self.action_tab(there[(there.index(self._tabs.active) + by) % len(there)])

    def _go(self) -> None:
        pane = self._tabs.active_pane
        for view in pane.children if pane else ():
            self.screen.set_focus(view)

    def action_pretty(self) -> None:
        """Break JSON and XML into lines, or not."""
        view = self.query_one(TextView)
        view.pretty = not view.pretty
        self.action_tab("text")

    def action_next_hit(self) -> None:
        """Scroll to it."""
        self._find(True)

    def action_previous_hit(self) -> None:
        """Scroll to it."""
        self._find(False)

    def _find(self, forward: bool) -> None:
        if self._tabs.active not in ("text", "hex"):
            self.action_tab("text")
        if self._tabs.active == "hex":
            self._tell_found(self.query_one(HexView).find(forward))
        else:
            self.run_worker(self._find_text(forward), group="find")

    async def _find_text(self, forward: bool) -> None:
        self._tell_found(await self.query_one(TextView).find(forward))

    def _tell_found(self, found: bool) -> None:
        if not found:
            self.notify("What was searched for is not in this message.", severity="warning")

    def action_copy(self) -> None:
        """Ask how, and copy."""
        if self.shown:
            self.app.push_screen(_menu("Copy as"), self._copy)

    def action_save(self) -> None:
        """Ask what and where, and write."""
        if self.shown:
            self.app.push_screen(_menu("Write to a file as", then=self._save))

    def _copy(self, form: Form | None) -> None:
        if form is None or self.shown is None:
            return
        data = form.make(self.shown)
        if len(data) > CLIPBOARD:
            self.notify(
                f"{len(data):,} B are more than a terminal takes; write them to a file instead (w).",
                severity="warning",
            )
            return
        self.app.copy_to_clipboard(data.decode("utf-8", "backslashreplace"))
        self.notify(f"Copied {len(data):,} B as {form.name}.")

    def _save(self, form: Form) -> Question | None:
        if self.shown is None:
            return None
        data = form.make(self.shown)
        suffix = form.suffix
        if form.name == "Content":
            suffix = self.shown.file.extension if self.shown.file else "txt" if self.shown.is_text else "bin"
        name = Path(f"frame-{self.shown.frame.id}.{suffix}")

        def write(path: str) -> None:
            if not path:
                return
            try:
                self.notify(f"Wrote {len(data):,} B to {save(Path(path), data)}.", markup=False)
            except OSError as error:
                self.notify(
                    f"Cannot write {path}: {error.strerror or error}.", severity="error", markup=False
                )

        hint = "A path; a file that is there already stays as it is."
        return Question("Write to", hint, str(name), then=write)


def _menu(title: str, then: Callable[[Form], Question | None] | None = None) -> Choose:
    return Choose(title, [Choice(form.name, form, form.about) for form in FORMS], then=then)


def _title(shown: Shown | None) -> Content:
    if shown is None:
        return Content("No frame is selected.")
    frame = shown.frame
    arrow, style = (SENT, "$success") if frame.from_client else (RECEIVED, "$primary")
    words = [f"{shown.length:,} B"]
    if shown.decoded and not shown.decoded.verbatim:
        words.append(f"{shown.decoded.decoder}: {shown.decoded.event[:200]}")
    elif shown.file:
        words.append(shown.file.words)
    elif shown.decoded:
        words.append(shown.decoded.decoder)
    if FrameFlag.FROM_PROXY in frame.flags:
        words.append("sent by the proxy")
    return Content.assemble(
        (f"{frame.id:,} ", "bold"),
        (f"#{frame.connection} {arrow} {OPCODE_NAMES[shown.opcode]} ", style),
        printable("  ".join(words), 300),
    )


def _is_image(shown: Shown | None) -> bool:
    return bool(shown and shown.file and shown.file.mime.startswith("image/"))

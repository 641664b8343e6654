"""The list of frames: a million as easily as ten."""

import re
import time
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.message import Message
from textual.reactive import reactive

from wsproxy.decoders.text import columns, printable
from wsproxy.errors import CaptureError
from wsproxy.tui.actions import Action, bindings, register
from wsproxy.tui.background import in_background
from wsproxy.tui.capture.frames import FrameRow
from wsproxy.tui.capture.model import LIVE, CaptureModel
from wsproxy.tui.capture.view import FrameView
from wsproxy.tui.widgets.rows import Part, Rows
from wsproxy.view.frame_line import TYPES
from wsproxy.words import RECEIVED, SENT

register(
    Action("choose", "enter", "Inspect", "Show the selected frame in the inspector", "frames"),
    Action("follow", "space", "Follow", "Follow what comes, or stay here", "frames"),
)

TINTS = 5
"""Colours that connections take in turn."""
_NEAR = 5000
"""Frames: what is farther from what was read before is a jump."""
_PATIENT = 1.0
"""Seconds for decoding what was shown undecoded."""


class FrameLog(Rows[FrameRow]):
    """
    Frames, one a line.

    Args:
        model: the capture.
    """

    WHERE = "frames"
    BINDINGS = bindings("frames")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "frame--dim",
        "frame--send",
        "frame--receive",
        "frame--control",
        "frame--wrong",
        "frame--error",
        "frame--mark",
        "frame--hit",
        "frame--from-proxy",
        *(f"frame--tint{n}" for n in range(TINTS)),
    }
    DEFAULT_CSS = """
    FrameLog {
        & > .frame--dim { color: $text-muted; }
        & > .frame--send { color: $text-success; }
        & > .frame--receive { color: $text-primary; }
        & > .frame--control { color: $text-secondary; }
        & > .frame--wrong { color: $text-error; }
        & > .frame--error { color: $text-error; }
        & > .frame--mark { color: $text-warning; text-style: bold; }
        & > .frame--hit { background: $warning; color: $background; }
        & > .frame--from-proxy { color: $text-warning; }
        & > .frame--tint0 { color: $text-accent; }
        & > .frame--tint1 { color: $text-warning; }
        & > .frame--tint2 { color: $text-success; }
        & > .frame--tint3 { color: $text-primary; }
        & > .frame--tint4 { color: $text-secondary; }
        &:ansi > .frame--dim { color: ansi_bright_black; }
        &:ansi > .frame--send { color: ansi_green; }
        &:ansi > .frame--receive { color: ansi_blue; }
        &:ansi > .frame--control { color: ansi_magenta; }
        &:ansi > .frame--wrong { color: ansi_red; }
        &:ansi > .frame--error { color: ansi_red; }
        &:ansi > .frame--mark { color: ansi_yellow; text-style: bold; }
        &:ansi > .frame--hit { background: ansi_yellow; color: ansi_black; }
        &:ansi > .frame--from-proxy { color: ansi_yellow; }
        &:ansi > .frame--tint0 { color: ansi_cyan; }
        &:ansi > .frame--tint1 { color: ansi_yellow; }
        &:ansi > .frame--tint2 { color: ansi_green; }
        &:ansi > .frame--tint3 { color: ansi_blue; }
        &:ansi > .frame--tint4 { color: ansi_magenta; }
    }
    """

    following: reactive[bool] = reactive(True, repaint=False)
    """The last frame is on the screen and stays there."""
    deltas: reactive[bool] = reactive(False)
    """Times since the row before, in place of the time of day."""
    by_connection: reactive[bool] = reactive(True)
    """Colour lines by connection; otherwise by direction."""

    class Moved(Message):
        """What is on the screen, or how much there is, has changed."""

    def __init__(self, model: CaptureModel, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.model = model
        self.view = FrameView(model)
        self.marked: Callable[[int], str] = lambda number: " "
        """One column for a frame: whether it is marked, and how."""
        self.highlight: re.Pattern[str] | None = None
        """What is to stand out in the text."""
        self._seen = 0
        """The last frame that was on the screen."""
        self._anchor = (0, 0)
        """A frame that stays where it is, and how many rows from the top that is."""
        self._holding = False
        """It scrolls, but nobody has scrolled it."""
        self._wanted: list[int] = []
        self._last = (0, 0)
        """The first and the last of what was read before."""
        self._fetching = False
        self._undecoded: list[int] = []
        """What was shown as it is, because more came; it is decoded when nothing more does."""
        self._room = 0

    # What is in it.

    @property
    def count(self) -> int:
        return len(self.view.index)

    def key_at(self, row: int) -> int:
        return self.view.index.id_at(row)

    def row_of(self, key: int) -> int:
        return self.view.index.row_of(key)

    @property
    def new(self) -> int:
        """Rows below that were never on the screen."""
        return 0 if self.following else self.count - self.row_of(self._seen + 1)

    def use(self, view: FrameView) -> None:
        """Show other frames; the selected one stays where it is, if it is among them."""
        if not self.following and self.selected is not None and self.count:
            # Held where it is on the screen, or in the middle.
            off = self.row_of(self.selected) - self.top
            page = self.page_size
            self._anchor = (self.selected, off if 0 <= off < page else page // 2)
        self.workers.cancel_group(self, "search")
        self.view = view
        self._seen = max(self._seen, view.first - 1)
        self._search()
        self._more()

    def grown(self) -> None:
        """There is more in the capture."""
        self.view.grown()
        if self.view.searched:
            self._more()

    def on_mount(self) -> None:
        """Textual's."""
        self._search()

    def _search(self) -> None:
        in_background(self, "search", self._run, self.view)

    async def _run(self, view: FrameView) -> None:
        try:
            await view.run(self._more)
        except CaptureError as error:
            if not self.model.closed:
                self.notify(str(error), severity="error", markup=False)

    def _more(self) -> None:
        """Rows came, behind what is on the screen or before it: it stays where it is, or follows."""
        if self.following:
            self._follow_on()
        else:
            key, off = self._anchor
            self._moved_to(self.row_of(key) - off if key else None)

    def _follow_on(self) -> None:
        """Go to the end, once what is there can be drawn: who draws twice for every look pays twice."""
        missing = self._missing_at_end()
        if missing:
            self.want(missing)
        elif self._undecoded:
            self.want(self._undecoded)
        if not missing or not self._rows:
            self._moved_to(self.count)

    def _moved_to(self, top: int | None) -> None:
        """Draw what is there from a row on, without anybody having scrolled."""
        self._holding = True
        try:
            self.changed(top=top)
        finally:
            self._holding = False
        self._look()
        self.post_message(self.Moved())

    def _missing_at_end(self) -> list[int]:
        rows = range(max(self.count - self.page_size, 0), self.count)
        return [key for row in rows if (key := self.key_at(row)) not in self._rows]

    def _look(self) -> None:
        """Remember what is on the screen."""
        if self.count:
            top = min(self.top, self.count - 1)
            self._seen = max(self._seen, self.key_at(min(top + self.page_size, self.count) - 1))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if self._holding:
            return
        if self.count:
            self._anchor = (self.key_at(min(self.top, self.count - 1)), 0)
        self._look()
        self.post_message(self.Moved())

    # Following.

    def watch_following(self) -> None:
        """Textual's."""
        if self.following:
            self._follow_on()
        else:
            self.fetch()
            self._look()
            self.post_message(self.Moved())

    def action_follow(self) -> None:
        """Follow what comes, or stay."""
        self.following = not self.following

    def action_last(self) -> None:
        """To the last row, and follow."""
        super().action_last()
        self.following = True

    def action_choose(self) -> None:
        """Inspect the selected frame."""
        if self.selected is None and self.count:
            self.select(self.key_at(min(self.top + self.page_size, self.count) - 1))
        if self.selected is not None:
            self.post_message(self.Chosen(self, self.selected))

    def select(self, key: int | None, center: bool = False) -> None:
        """Select a frame: who looks at one does not want it to run away."""
        if key is not None:
            self.following = False
        super().select(key, center)

    def _on_mouse_scroll_down(self, event: object) -> None:
        super()._on_mouse_scroll_down(event)  # type: ignore[arg-type]
        if self.is_at_end:
            self.following = True

    def _on_mouse_scroll_up(self, event: object) -> None:
        if self.count > self.page_size:
            self.following = False
        super()._on_mouse_scroll_up(event)  # type: ignore[arg-type]

    # Fetching.

    def fetch(self) -> None:
        """Want what is missing; who follows wants the end alone."""
        if not self.following:
            super().fetch()

    def want(self, keys: Sequence[int]) -> None:
        self._wanted = list(keys)
        if not self._fetching:
            self._fetching = True
            in_background(self, "fetch", self._fetch)

    def arrived(self, rows: Sequence[tuple[int, FrameRow]]) -> None:
        super().arrived(rows)
        if not self.following or not rows:
            return
        missing = self._missing_at_end()
        end, last = self.count, rows[-1][0]
        if missing and last in self.view.index:
            # More has come meanwhile. However fast it comes, what was read is shown.
            end = self.row_of(last) + 1
        self._moved_to(end - self.page_size)
        if missing and not self._wanted:
            self.want(missing)

    async def _fetch(self) -> None:
        """Read what is wanted, and then what is wanted by then; what was wanted in between is over."""
        try:
            while self._wanted:
                wanted, self._wanted = self._wanted, []
                # After a jump, what is said is shown first and what it means a moment later: that takes
                # what came before. Who goes on from row to row has it at once.
                patience: float | None = None if self._near(wanted) else -1
                if wanted == self._undecoded:
                    patience = _PATIENT
                self._undecoded = []
                self._last = (wanted[0], wanted[-1])
                rows = await self.model.rows(wanted, self._room or 80, patience)
                self.arrived([(row.id, row) for row in rows])
                later = [row.id for row in rows if not row.decoded]
                if later and patience != _PATIENT and self._races(wanted):
                    self._undecoded = later
                elif later and not self._wanted:
                    rows = await self.model.rows(later, self._room or 80, _PATIENT)
                    self.arrived([(row.id, row) for row in rows])
        except CaptureError as error:
            if not self.model.closed:
                self.notify(str(error), severity="error", markup=False)
        finally:
            self._fetching = False

    def _races(self, wanted: Sequence[int]) -> bool:
        """Whether it comes faster than it can be read: then nobody misses what it means."""
        return self.following and self.model.now.state == LIVE and len(wanted) >= self.page_size

    def _near(self, wanted: Sequence[int]) -> bool:
        first, last = self._last
        if self.following and last:
            return last < wanted[-1]
        return first - _NEAR < wanted[0] and wanted[-1] < last + _NEAR

    def on_resize(self) -> None:
        """Textual's."""
        room = max(self.room - self._fixed, 10)
        if room != self._room:
            self._room = room
            self.forget()
        self._more()
        if not self.following and self.selected is not None:
            self.show(self.selected)

    # How it looks.

    @property
    def _digits(self) -> int:
        return max(len(f"{self.model.now.last_frame}"), 4)

    @property
    def _tag(self) -> int:
        return len(f"#{max(self.model.now.connections, 1)}")

    @property
    def _fixed(self) -> int:
        """Columns before the text."""
        return 1 + self._digits + 1 + 12 + 1 + self._tag + 1 + 2 + 7 + 3 + 7 + 1

    def header(self, width: int) -> list[Part]:
        when = "Δ" if self.deltas else "time"
        left = f" {'no':>{self._digits}} {when:<12} {'on':<{self._tag}} {'type':<8}    {'bytes':>7} "
        return [(left, ""), ("what it says", "")]

    def parts(self, row: FrameRow, number: int, width: int) -> list[Part]:
        tint = f"frame--tint{(row.connection - 1) % TINTS}"
        way = "frame--send" if row.from_client else "frame--receive"
        if row.opcode > 7:
            way = "frame--control"
        line = "" if self.by_connection else way
        size = f"{row.length:>7,}" if row.length < 1_000_000 else f"{row.length / 1e6:>6.1f}M"
        parts: list[Part] = [
            (self.marked(row.id), "frame--mark"),
            (f"{row.id:>{self._digits}} ", "frame--dim"),
            (f"{self._when(row, number):<12} ", "frame--dim"),
            (f"#{row.connection:<{self._tag - 1}} ", tint if self.by_connection else ""),
            (f"{SENT if row.from_client else RECEIVED} {TYPES[row.opcode]:<6} ", way),
            (f"{row.flags:<2} ", "frame--dim"),
            (f"{size} ", line or ("frame--dim" if row.is_heartbeat else "")),
        ]
        room = width - sum(len(text) for text, _ in parts)
        wrong = f"! {row.wrong}" if row.wrong else ""
        if row.remarks:
            parts.append((f"{row.remarks} ", "frame--from-proxy" if row.from_proxy else "frame--dim"))
            room -= columns(row.remarks) + 1
        style = "frame--error" if row.is_error else "frame--dim" if row.is_heartbeat else line
        text = row.text
        if wrong and columns(text) + len(wrong) + 2 > room:
            # What is wrong must be seen, whatever it says.
            text = printable(text, max(room - len(wrong) - 2, 12))
        parts += self._lit(text, style)
        if wrong:
            parts.append((f"  {wrong}" if text else wrong, "frame--wrong"))
        return parts

    def _lit(self, text: str, style: str) -> list[Part]:
        """The text, with what is searched for standing out."""
        if self.highlight is None:
            return [(text, style)]
        parts: list[Part] = []
        end = 0
        for hit in self.highlight.finditer(text):
            if hit.start() == hit.end():
                continue
            parts += [(text[end : hit.start()], style), (hit[0], "frame--hit")]
            end = hit.end()
        return [*parts, (text[end:], style)]

    def _when(self, row: FrameRow, number: int) -> str:
        if self.deltas:
            before = self.row(self.key_at(number - 1)) if number else None
            return "" if before is None else f"{delta(row.time - before.time):>11}"
        second, rest = divmod(row.time, 1_000_000_000)
        return f"{_clock(second)}.{rest // 1_000_000:03}"

    def empty(self) -> str:
        if not self.view.searched:
            return "searching …"
        if self.view.wanted is not None:
            return "nothing matches the filter" + (" so far" if self.model.now.state == LIVE else "")
        if self.view.first > 1:
            return "the view was cleared: new frames appear here"
        return "no frames yet"


def delta(ns: int) -> str:
    """A short time in at most eleven columns: `+0.000123`, `+12.345 s`."""
    seconds = ns / 1e9
    return f"{seconds:+.6f}" if abs(seconds) < 10 else f"{seconds:+,.1f} s"


def _clock(second: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(second))

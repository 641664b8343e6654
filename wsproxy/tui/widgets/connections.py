"""The list of connections: what each is, how it does, and how it ended."""

import time
from collections.abc import Callable, Sequence
from typing import ClassVar

from wsproxy.decoders.text import columns, printable
from wsproxy.errors import CaptureError
from wsproxy.tui.actions import Action, bindings, register
from wsproxy.tui.background import in_background
from wsproxy.tui.capture import connections
from wsproxy.tui.capture.connections import ConnectionRow
from wsproxy.tui.capture.model import LIVE, CaptureModel
from wsproxy.tui.capture.traffic import Flow
from wsproxy.tui.widgets.frames import TINTS
from wsproxy.tui.widgets.rows import Part, Rows
from wsproxy.words import duration

register(
    Action(
        "choose",
        "enter",
        "Only this one",
        "Show the frames of this connection only, or of all again",
        "connections",
    ),
)

_BLOCKS = " ▁▂▃▄▅▆▇█"
_MARKS = {"open": ("●", "open"), "closed": ("○", "closed"), "refused": ("✗", "bad"), "failed": ("✗", "bad")}
_NOTHING = Flow()
_WIDE = 110
"""Columns from which there is room for everything."""
_IDLE = 0.5
"""Seconds between two times that is drawn how long nothing has come."""


class ConnectionList(Rows[ConnectionRow]):
    """
    Connections, one a line, the newest last.

    Args:
        model: the capture.
        hint: what to say below that there are none.
    """

    WHERE = "connections"
    BINDINGS = bindings("connections")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "connection--open",
        "connection--closed",
        "connection--bad",
        "connection--dim",
        "connection--bars",
        *(f"connection--tint{n}" for n in range(TINTS)),
    }
    DEFAULT_CSS = """
    ConnectionList {
        & > .connection--open { color: $text-success; }
        & > .connection--closed { color: $text-muted; }
        & > .connection--bad { color: $text-error; }
        & > .connection--dim { color: $text-muted; }
        & > .connection--bars { color: $text-accent; }
        & > .connection--tint0 { color: $text-accent; }
        & > .connection--tint1 { color: $text-warning; }
        & > .connection--tint2 { color: $text-success; }
        & > .connection--tint3 { color: $text-primary; }
        & > .connection--tint4 { color: $text-secondary; }
        &:ansi > .connection--open { color: ansi_green; }
        &:ansi > .connection--closed { color: ansi_bright_black; }
        &:ansi > .connection--bad { color: ansi_red; }
        &:ansi > .connection--dim { color: ansi_bright_black; }
        &:ansi > .connection--bars { color: ansi_cyan; }
        &:ansi > .connection--tint0 { color: ansi_cyan; }
        &:ansi > .connection--tint1 { color: ansi_yellow; }
        &:ansi > .connection--tint2 { color: ansi_green; }
        &:ansi > .connection--tint3 { color: ansi_blue; }
        &:ansi > .connection--tint4 { color: ansi_magenta; }
    }
    """

    def __init__(
        self, model: CaptureModel, hint: Callable[[], str] = lambda: "", *, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self.model = model
        self._hint = hint
        self.only: int | None = None
        """The connection whose frames alone are shown."""
        self._wanted: list[int] = []
        self._fetching = False
        self._closures = 0
        self._known = 0
        """How many there were when somebody last looked."""
        self._counted = (0, 0, 0.0)
        """What the numbers were of when they were last drawn."""

    @property
    def count(self) -> int:
        return self.model.now.connections

    def key_at(self, row: int) -> int:
        return row + 1

    def row_of(self, key: int) -> int:
        return key - 1

    def grown(self) -> None:
        """There is more in the capture."""
        if self.model.now.closures != self._closures:
            self._closures = self.model.now.closures
            for key in [key for key, row in self._rows.items() if row.state == "open"]:
                del self._rows[key]
        # Of what there was: when ten have come at once, the end is far away.
        at_end = self.top + self.page_size >= self._known
        self._known = self.count
        self.changed(top=self.count if at_end and not self.has_focus else None)
        # The numbers of those on the screen have changed, or only how long ago that was.
        counted = self.model.traffic.counted, self.model.now.closures, time.monotonic() // _IDLE
        if counted != self._counted:
            self._counted = counted
            self.refresh()

    def want(self, keys: Sequence[int]) -> None:
        self._wanted = list(keys)
        if not self._fetching:
            self._fetching = True
            in_background(self, "fetch", self._fetch)

    async def _fetch(self) -> None:
        try:
            while self._wanted:
                wanted, self._wanted = self._wanted, []
                rows = await self.model.ask(lambda reader: connections.rows(reader, wanted))  # noqa: B023
                self.arrived([(row.id, row) for row in rows])
        except CaptureError as error:
            if not self.model.closed:
                self.notify(str(error), severity="error", markup=False)
        finally:
            self._fetching = False

    def action_choose(self) -> None:
        """Show this one's frames only."""
        if self.selected is None and self.count:
            self.select(self.key_at(self.top))
        if self.selected is not None:
            self.post_message(self.Chosen(self, self.selected))

    def empty(self) -> str:
        hint = self._hint()
        return f"no connections yet\n{hint}" if hint else "no connections yet"

    def header(self, width: int) -> list[Part]:
        left = f"  {'on':<{self._tag}} {'where':<{self._place(width)}} "
        wide = f"{'protocol':<14} " if width >= _WIDE else ""
        wide += f"{'rate':<12} {'ping':>7} " if width >= _WIDE else ""
        flows = f"{SENT_TITLE:>15} {RECEIVED_TITLE:>15} " if width >= _WIDE else f"{'→':>9} {'←':>9} "
        return [(f"{left}{wide}{flows}idle, or how it ended", "")]

    def parts(self, row: ConnectionRow, number: int, width: int) -> list[Part]:
        flow = self.model.traffic.flows.get(row.id, _NOTHING)
        mark, style = _MARKS[row.state]
        if row.state == "closed" and not row.clean:
            style = "bad"
        place = self._place(width)
        parts: list[Part] = [
            (f"{'▸' if row.id == self.only else ' '}", ""),
            (mark, f"connection--{style}"),
            (f"#{row.id:<{self._tag - 1}} ", f"connection--tint{(row.id - 1) % TINTS}"),
            *_filled(row.place, place, ""),
        ]
        if width >= _WIDE:
            ping = "" if flow.round_trip is None else _milliseconds(flow.round_trip)
            parts += [
                *_filled(row.protocol, 14, "connection--dim"),
                (f"{sparkline(flow.bars.values, 12):<12} ", "connection--bars"),
                (f"{ping:>7} ", "connection--dim"),
                (f"{flow.sent:>7,} {_size(flow.sent_bytes):>7} ", ""),
                (f"{flow.received:>7,} {_size(flow.received_bytes):>7} ", ""),
            ]
        else:
            parts.append((f"{flow.sent:>9,} {flow.received:>9,} ", ""))
        room = max(width - sum(columns(text) for text, _ in parts), 0)
        if row.state == "open":
            parts.append((self._idle(row, flow), "connection--dim"))
        else:
            parts.append((printable(row.end, room), "connection--dim" if row.clean else "connection--bad"))
        return parts

    def _idle(self, row: ConnectionRow, flow: Flow) -> str:
        if self.model.now.state != LIVE:
            return "never closed"
        quiet = time.time_ns() - max(flow.last, row.opened)
        return "active" if quiet < 1_000_000_000 else f"idle {duration(quiet)}"

    @property
    def _tag(self) -> int:
        return len(f"#{max(self.count, 1)}")

    def _place(self, width: int) -> int:
        """Columns for host and path."""
        return max(width // 3, 20) if width >= _WIDE else max(width - self._tag - 3 - 20 - 26, 16)


SENT_TITLE, RECEIVED_TITLE = "→ frames  bytes", "← frames  bytes"


def sparkline(values: Sequence[int], width: int) -> str:
    """Numbers as bars side by side, the last `width` sums of them."""
    if not values:
        return ""
    step = -(-len(values) // width)
    sums = [sum(values[n : n + step]) for n in range(0, len(values), step)]
    most = max(sums) or 1
    return "".join(_BLOCKS[-(-value * 8 // most)] for value in sums)


def _filled(text: str, width: int, style: str) -> list[Part]:
    shown = printable(text, width)
    return [(shown + " " * (width - columns(shown) + 1), style)]


def _milliseconds(ns: int) -> str:
    return f"{ns / 1e6:.1f} ms" if ns < 1e9 else f"{ns / 1e9:.1f} s"


def _size(size: int) -> str:
    """In at most six columns."""
    for unit in ("B", "K", "M", "G"):
        if size < 10_000:
            return f"{size:,}{unit}"
        size //= 1000
    return f"{size:,}T"

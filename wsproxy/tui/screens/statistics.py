"""Statistics: how much, how large, how fast, and what; while it is counted, and as it grows."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from textual import events
from textual.containers import Grid, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from wsproxy.errors import CaptureError
from wsproxy.tui import charts
from wsproxy.tui.actions import Action, bindings, register
from wsproxy.tui.capture.thread import ReadingThread
from wsproxy.tui.messages import Grew
from wsproxy.tui.screens.base import TaskScreen
from wsproxy.tui.screens.dialogs import Question
from wsproxy.tui.statistics import EDGES, Meaning, Traffic
from wsproxy.tui.widgets.bars import StatusLine
from wsproxy.tui.work import work
from wsproxy.wire.frames import OPCODE_NAMES
from wsproxy.words import RECEIVED, SENT, count, duration, file_size, span

register(
    Action("connection", "c", "Connection", "Count one connection only, or all of them again", "statistics"),
    Action("recount", "r", "Count anew", "Begin to count anew", "statistics"),
)

_WIDE = 120
_TELL = 0.3
"""Seconds between two looks at how far the counting has come."""
_ROWS = 5
"""Lines of a chart over time."""
_LISTED = 12
_WAYS = ((True, SENT, "$success"), (False, RECEIVED, "$primary"))
_LATENCIES = (1e6, 3e6, 1e7, 3e7, 1e8, 3e8, 1e9, 3e9, 1e10)
"""Ns between two bars."""


class StatisticsScreen(TaskScreen):
    """Six boxes, one below the other or in two columns."""

    WHERE = "statistics"
    BINDINGS = bindings("statistics")
    AUTO_FOCUS = "#boxes"
    DEFAULT_CSS = """
    StatisticsScreen {
        #boxes { height: 1fr; overflow-y: scroll; scrollbar-size-vertical: 1; }
        Grid { grid-size: 1; grid-rows: auto; height: auto; grid-gutter: 0 1; }
        &.-wide Grid { grid-size: 2; }
        .box {
            height: auto; border: round $panel; padding: 0 1; border-title-color: $primary;
            text-wrap: nowrap; text-overflow: clip;
        }
        &:ansi .box { border: round ansi_blue; }
    }
    """
    BOXES = (
        ("messages", "Messages a second"),
        ("bytes", "Bytes a second"),
        ("sizes", "Sizes of frames"),
        ("latency", "Latency of calls"),
        ("events", "What messages are"),
        ("protocols", "Protocols and types of frames"),
    )

    def __init__(self) -> None:
        super().__init__()
        self._only: int | None = None
        self._thread: ReadingThread | None = None
        self._grew = asyncio.Event()
        self._traffic = Traffic()
        self._meaning: Meaning | None = None
        self.complete = False
        """All there is was counted, and is on the screen."""

    def compose_task(self) -> Iterable[Widget]:
        """The boxes, and how far the counting has come."""
        with VerticalScroll(id="boxes"), Grid():
            for name, title in self.BOXES:
                box = Static("", id=f"box-{name}", classes="box", markup=False)
                box.border_title = title
                yield box
        yield StatusLine(id="status")

    def on_resize(self, event: events.Resize) -> None:
        """Textual's."""
        self.set_class(event.size.width >= _WIDE, "-wide")
        self.call_after_refresh(self._show)

    def on_screen_resume(self) -> None:
        """It is seen: count."""
        super().on_screen_resume()
        self._work()

    def on_screen_suspend(self) -> None:
        """It is not: what was counted stays."""
        self.workers.cancel_group(self, "count")

    async def on_unmount(self) -> None:
        """Textual's."""
        self.workers.cancel_group(self, "count")
        if self._thread:
            await self._thread.close()

    def on_grew(self, message: Grew) -> None:
        """There is more in the capture."""
        self._grew.set()
        self.say_subject()

    def action_recount(self) -> None:
        """From the beginning."""
        self._traffic = Traffic(self._only)
        self._meaning = None
        self._work()

    async def action_connection(self) -> None:
        """Ask which one."""

        def use(text: str | None) -> None:
            if text is None:
                return
            self._only = int(text) if text.strip() else None
            self.action_recount()

        selected, suggested = self.app.selected, ""
        if selected is not None:
            with contextlib.suppress(CaptureError):
                frame = await self.app.capture.ask(lambda reader: reader.frame(selected))
                suggested = str(frame.connection) if frame else ""
        hint = "The number of a connection; empty for all of them."
        self.app.push_screen(Question("Count connection", hint, suggested, _wrong), use)

    # Counting.

    def _work(self) -> None:
        work(self, "count", self._count)

    async def _count(self) -> None:
        if self._thread is None:
            # Of its own: counting must not keep the lists waiting.
            self._thread = ReadingThread(self.app.capture.path, "statistics")
        thread = self._thread
        loop = asyncio.get_running_loop()
        told = 0.0
        while True:
            self._grew.clear()
            if self._meaning is None:
                self._meaning = Meaning(self.app.factory, self._only)
            traffic, meaning = self._traffic, self._meaning
            try:
                more = await thread.ask(traffic.step)
                more |= await thread.ask(meaning.step)
            except CaptureError as error:
                self.query_one("#status", StatusLine).say((str(error), "bold red"))
                return
            if not more or loop.time() - told > _TELL:
                told = loop.time()
                self._show()
            if not more:
                # Once more in the room there is: the boxes had none before they had something in them.
                self.call_after_refresh(self._show_all)
                await self._grew.wait()
                self.complete = False
                await asyncio.sleep(_TELL)

    # Showing.

    def _show_all(self) -> None:
        self._show()
        self.complete = True

    def _show(self) -> None:
        if not self.is_mounted:
            return
        makers: dict[str, Callable[[int], Iterator[Content]]] = {
            "messages": partial(self._over_time, "messages"),
            "bytes": partial(self._over_time, "bytes"),
            "sizes": self._sizes,
            "latency": self._latency,
            "events": self._events,
            "protocols": self._protocols,
        }
        for name, make in makers.items():
            box = self.query_one(f"#box-{name}", Static)
            width = max(box.content_size.width, 30)
            box.update(Content("\n").join(make(width)))
        traffic = self._traffic
        of = f"connection #{self._only}" if self._only else "the whole capture"
        share = f"{traffic.done / traffic.last:.0%} counted" if not traffic.complete else ""
        self.query_one("#status", StatusLine).say(of, count(traffic.frames, "frame"), share)

    def _over_time(self, what: str, width: int) -> Iterator[Content]:
        traffic = self._traffic
        table = traffic.messages if what == "messages" else traffic.bytes
        series = {way: traffic.series(table, way, width) for way, _, _ in _WAYS}
        top = max((max(values, default=0.0) for values in series.values()), default=0.0)
        for way, arrow, style in _WAYS:
            total = sum(value for (_, which), value in table.items() if which is way)
            whole = f"{total:,}" if what == "messages" else file_size(total)
            most = max(series[way], default=0.0)
            said = f"{most:,.1f}/s" if what == "messages" else f"{file_size(int(most))}/s"
            yield Content.assemble((f"{arrow} ", style), (f"{whole} in all, at most {said}", "dim"))
            yield from charts.over_time(series[way], width, _ROWS, top, style)
        lasted = duration(traffic.spans * traffic.width)
        yield Content.styled(f"{'0 s':<{max(width - len(lasted), 3)}}{lasted}", "dim")

    def _sizes(self, width: int) -> Iterator[Content]:
        sizes = self._traffic.sizes
        names = ["empty", *(f"< {_short(edge)}" for edge in EDGES[1:]), f"≥ {_short(EDGES[-1])}"]
        if not self._traffic.frames:
            yield _nothing("No frame was counted yet.")
            return
        rows = [
            (f"{arrow} {name}", float(sizes[way][at]), f"{sizes[way][at]:,}", style)
            for at, name in enumerate(names)
            if sizes[True][at] or sizes[False][at]
            for way, arrow, style in _WAYS
        ]
        yield from charts.bars(rows, width, 12)

    def _latency(self, width: int) -> Iterator[Content]:
        methods = self._meaning.tally.methods() if self._meaning else []
        if not methods:
            yield _nothing("There are no calls that a decoder knows.")
            return
        found = [0] * (len(_LATENCIES) + 1)
        for method in methods:
            for latency in method.latencies:
                found[sum(latency >= edge for edge in _LATENCIES)] += 1
        used = [at for at, number in enumerate(found) if number]
        if used:
            names = [*(f"< {span(int(edge))}" for edge in _LATENCIES), f"≥ {span(int(_LATENCIES[-1]))}"]
            rows = [
                (names[at], float(found[at]), f"{found[at]:,}", "$accent")
                for at in range(used[0], used[-1] + 1)
            ]
            yield from charts.bars(rows, width, 12)
            yield Content("")
        room = max(width - 44, 12)
        yield Content.styled(f"{'':<{room}}{'calls':>8}{'p50':>11}{'p95':>11}{'no answer':>12}", "dim")
        for method in methods[:_LISTED]:
            arrow = SENT if method.from_client else RECEIVED
            cells = (
                f"{method.count:,}",
                *(span(value) if value is not None else "" for value in map(method.percentile, (0.5, 0.95))),
            )
            yield Content.assemble(
                f"{charts.padded(f'{arrow} {method.name or method.decoder}', room)}",
                f"{cells[0]:>8}{cells[1]:>11}{cells[2]:>11}",
                (f"{method.unanswered or '':>12}", "$warning"),
            )

    def _events(self, width: int) -> Iterator[Content]:
        meaning = self._meaning
        if meaning is None or not meaning.events:
            yield _nothing("No message was decoded yet.")
            return
        whole = sum(meaning.events.values())
        rows = [
            (
                f"{SENT if way else RECEIVED} {name or decoder}",
                float(number),
                f"{number:,} {number / whole:>4.0%}",
                "$success" if way else "$primary",
            )
            for (decoder, name, way), number in meaning.events.most_common(_LISTED)
        ]
        yield from charts.bars(rows, width, min(28, width // 3))
        if len(meaning.events) > _LISTED:
            yield Content.styled(f"and {len(meaning.events) - _LISTED:,} more kinds", "dim")
        if meaning.first:
            said = f"by the messages from frame {meaning.first + 1:,} on"
            yield Content.styled(said, "dim")

    def _protocols(self, width: int) -> Iterator[Content]:
        kinds: dict[str, int] = {}
        for name in self._meaning.protocols.values() if self._meaning else ():
            kinds[name] = kinds.get(name, 0) + 1
        rows = [
            (name, float(number), count(number, "connection"), "$accent")
            for name, number in sorted(kinds.items(), key=lambda item: -item[1])[:_LISTED]
        ]
        yield from charts.bars(rows, width, 16)
        opcodes = self._traffic.opcodes
        rows = [
            (OPCODE_NAMES[opcode], float(number), f"{number:,}", "$secondary")
            for opcode, number in opcodes.most_common()
        ]
        if rows:
            yield from charts.bars(rows, width, 16)
        else:
            yield _nothing("No frame was counted yet.")


def _short(size: int) -> str:
    whole = file_size(size)
    return whole.replace(".0 ", " ")


def _nothing(text: str) -> Content:
    return Content.styled(text, "dim")


def _wrong(text: str) -> str:
    text = text.strip()
    if text and not (text.isascii() and text.isdigit() and len(text) < 19):
        return "a connection has a number"
    return ""

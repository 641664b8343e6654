"""
What the list of frames shows: which frames, in which rows, while a filter is still looking for them.

A search begins at the end, where people look first, and goes back; what is written meanwhile is looked at
in between. Which calls were never answered changes with every reply: a list of them is searched anew.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from wsproxy.filters.nodes import And, Filter
from wsproxy.filters.rows import FrameSubject
from wsproxy.filters.search import Search
from wsproxy.filters.sql import Statement
from wsproxy.filters.subject import Subject
from wsproxy.store.reader import Reader
from wsproxy.store.records import FrameFlag
from wsproxy.tui.capture.index import BLOCK, Everything, Found, Index
from wsproxy.tui.capture.model import LIVE, CaptureModel
from wsproxy.view.meanings import Meanings

_TOLD = 0.2
"""Seconds between two times the list is told that more was found, after the first."""
_FIRST_STEP = 512
"""Frames that are searched first: some screens full, whatever each takes."""
_STEP_TAKES = 0.05
"""Seconds: a step that takes less is followed by a longer one, of a block at most."""
_ANEW = 1.0
"""Seconds before what has to be searched anew is, at least; and ten times as long as that took."""
_MOST_LATE = 64
"""Frames still arriving that are looked at again."""
_FIN = int(FrameFlag.FIN)


@dataclass(frozen=True)
class Whole(Filter):
    """Messages: the frame that ends each, and control frames. Not for people to type."""

    def match(self, subject: Subject) -> bool:
        frame = subject.frame if isinstance(subject, FrameSubject) else None
        return frame is not None and (frame.opcode > 2 or bool(frame.flags & _FIN))

    def to_sql(self, statement: Statement) -> str:
        return f"(frame.opcode > 2 OR frame.flags & {_FIN})"


class FrameView:
    """
    Which frames are in the list.

    Args:
        model: the capture.
        wanted: only what matches.
        messages: of fragmented messages only the last frame, which shows the whole.
        first: only from this frame on.
    """

    def __init__(
        self, model: CaptureModel, wanted: Filter | None = None, messages: bool = False, first: int = 1
    ) -> None:
        self.wanted = wanted
        self.messages = messages
        self.first = first
        parts = [part for part in (Whole() if messages else None, wanted) if part is not None]
        self._filter = And(tuple(parts)) if len(parts) > 1 else parts[0] if parts else None
        self._model = model
        self.index: Index = Everything(first, model.now.last_frame) if not parts else Found(first)
        self.searched = not parts
        """Everything that there is has been looked at."""
        self._news = asyncio.Event()
        self._up_to = 0
        self._down_to = 0
        self._late: list[int] = []
        self._decision = 0
        self._took = 0.0
        self._step = _FIRST_STEP

    def grown(self) -> None:
        """There is more in the capture."""
        if isinstance(self.index, Everything):
            self.index.last = self._model.now.last_frame
        self._news.set()

    @property
    def share(self) -> float:
        """How much of the capture has been searched, from 0 to 1."""
        total = self._up_to - self.first + 1
        return 1.0 if self.searched or total <= 0 else (self._up_to - self._down_to) / total

    async def run(self, told: Callable[[], None]) -> None:
        """
        Search, and go on as the capture grows, until cancelled.

        Args:
            told: called when there are more rows, or the search is over.

        Raises:
            CaptureError: the capture cannot be read.
        """
        if self._filter is None:
            return
        search = await self._whole(told)
        while True:
            await self._news.wait()
            self._news.clear()
            if self._filter.wants_replies:
                await self._anew()
                told()
            elif await self._forward(search):
                told()

    async def _anew(self) -> None:
        await asyncio.sleep(max(_ANEW, 10 * self._took))
        again = FrameView(self._model, self.wanted, self.messages, self.first)
        await again._whole(lambda: None)
        self.index, self._up_to, self._took = again.index, again._up_to, again._took

    async def _whole(self, told: Callable[[], None]) -> Search:
        began, last_told = time.monotonic(), 0.0
        search = await self._model.filtering.ask(self._begin)
        while self._down_to >= self.first:
            await self._forward(search)
            if await self._backward(search) and time.monotonic() - last_told > _TOLD:
                last_told = time.monotonic()
                told()
        self.searched = True
        self._took = time.monotonic() - began
        told()
        return search

    def _begin(self, reader: Reader) -> Search:
        self._up_to = self._down_to = self._model.now.last_frame
        (self._decision,) = reader.db.execute("SELECT coalesce(max(id), 0) FROM decision").fetchone()
        assert self._filter is not None
        return Search(reader, self._filter, decode=Meanings(reader, self._model.factory))

    async def _backward(self, search: Search) -> bool:
        began = time.monotonic()
        after = max(self.first - 1, (self._down_to - 1) // BLOCK * BLOCK, self._down_to - self._step)
        found = await self._pick(search, after, self._down_to)
        self._down_to = after
        took = time.monotonic() - began
        if took < _STEP_TAKES:
            self._step = min(self._step * 2, BLOCK)
        elif took > 2 * _STEP_TAKES:
            self._step = max(self._step // 2, _FIRST_STEP)
        return self._add(found)

    async def _forward(self, search: Search) -> bool:
        any_new = False
        while (last := self._model.now.last_frame) > self._up_to:
            up_to = min(last, (self._up_to // BLOCK + 1) * BLOCK)
            found = await self._pick(search, self._up_to, up_to)
            self._up_to = up_to
            any_new |= self._add(found)
        if self._model.now.state == LIVE:
            any_new |= self._add(await self._model.filtering.ask(lambda reader: self._again(reader, search)))
        return any_new

    async def _pick(self, search: Search, after: int, up_to: int) -> list[int]:
        def pick(reader: Reader) -> list[int]:
            if search.is_live:
                # What is still arriving is looked at again, until its end is there.
                rows = reader.db.execute(
                    "SELECT id FROM frame WHERE id > ? AND id <= ? AND payload IS NULL", (after, up_to)
                )
                self._late = [*self._late, *(row[0] for row in rows)][-_MOST_LATE:]
            return search.pick(after, up_to)

        return await self._model.filtering.ask(pick)

    def _again(self, reader: Reader, search: Search) -> list[int]:
        """What matches only now: a large frame that has arrived, a message that was decided about."""
        found = [number for late in self._late for number in search.pick(late - 1, late)]
        rows = reader.db.execute(
            "SELECT id, first_frame, last_frame FROM decision WHERE id > ? ORDER BY id", (self._decision,)
        )
        for self._decision, first, last in rows.fetchall():
            if first is not None and last is not None:
                found += search.pick(max(first, self.first) - 1, last)
        return found

    def _add(self, numbers: list[int]) -> bool:
        assert isinstance(self.index, Found)
        new = [number for number in numbers if number not in self.index] if self._late else numbers
        self.index.add(new)
        return bool(new)


async def find(
    model: CaptureModel, wanted: Filter, start: int, backward: bool, first: int = 1, messages: bool = False
) -> int | None:
    """
    The next frame that matches.

    Args:
        model: the capture.
        wanted: the filter.
        start: the search begins behind (or before) this frame.
        backward: towards the beginning.
        first: the first frame to look at.
        messages: as of `FrameView`.

    Raises:
        CaptureError: the capture cannot be read.
    """
    looked_for = And((Whole(), wanted)) if messages else wanted
    at, last = start, model.now.last_frame
    search = await model.finding.ask(
        lambda reader: Search(reader, looked_for, decode=Meanings(reader, model.factory))
    )
    size = BLOCK // 8
    while first <= at - 1 if backward else at < last:
        after, up_to = (max(at - 1 - size, first - 1), at - 1) if backward else (at, min(at + size, last))
        found = await model.finding.ask(lambda _, after=after, up_to=up_to: search.pick(after, up_to))  # type: ignore[misc]
        if found:
            return found[-1] if backward else found[0]
        at = after + 1 if backward else up_to
        size = min(size * 2, BLOCK * 8)
    return None

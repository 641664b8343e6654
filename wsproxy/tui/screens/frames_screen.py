"""A list of frames: going from one to another, by what they are, and by marks."""

from wsproxy.errors import CaptureError
from wsproxy.filters.nodes import And, Filter
from wsproxy.store.marks import Marks
from wsproxy.tui.background import in_background
from wsproxy.tui.capture.jumps import partner, target
from wsproxy.tui.capture.view import find
from wsproxy.tui.screens.base import TaskScreen
from wsproxy.tui.screens.dialogs import Question
from wsproxy.tui.widgets.filter_bar import FIND, FilterBar
from wsproxy.tui.widgets.frames import FrameLog


class FramesScreen(TaskScreen):
    """
    A screen with a list of frames, in which one goes about.

    A subclass has a `FrameLog` called `frames` and a `FilterBar`, says how it stands with `say_status`, and
    calls `load_marks` when it is there.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: Filter | None = None
        """What `next` and `previous` go to."""
        self.searching = False
        self._marks: Marks | None = None

    @property
    def frames(self) -> FrameLog:
        """The list of frames."""
        return self.query_one("#frames", FrameLog)

    @property
    def bar(self) -> FilterBar:
        """Where filters are typed."""
        return self.query_one(FilterBar)

    def say_status(self) -> None:
        """Say how it stands."""
        raise NotImplementedError

    def _go(self, number: int) -> None:
        """Select a frame, wherever it is."""
        frames = self.frames
        if number not in frames.view.index:
            if number < frames.view.first:
                self.notify(f"Frame {number:,} was cleared from the view: X brings it back", markup=False)
                return
            if frames.view.wanted is not None or frames.view.messages:
                self.notify(f"Frame {number:,} is hidden by the filter", severity="warning", markup=False)
                return
        frames.select(number, center=True)

    def action_next(self) -> None:
        """To the next match."""
        self._step(backward=False)

    def action_previous(self) -> None:
        """To the match before."""
        self._step(backward=True)

    def _step(self, backward: bool) -> None:
        if self.found is None:
            self.bar.edit(FIND)
            return
        in_background(self, "find", self._step_to, backward)

    async def _step_to(self, backward: bool) -> None:
        frames, view = self.frames, self.frames.view
        assert self.found is not None
        wanted = And((view.wanted, self.found)) if view.wanted else self.found
        start = frames.selected
        if start is None:
            start = frames.key_at(frames.top) - 1 if frames.count and not frames.following else 0
        self.searching = True
        self.say_status()
        try:
            number = await find(self.app.capture, wanted, start, backward, view.first, view.messages)
        except CaptureError as error:
            self.app.complain(error)
            return
        finally:
            self.searching = False
            self.say_status()
        if number is None:
            self.notify(
                f"No match {'before' if backward else 'after'} this", severity="warning", markup=False
            )
        else:
            self._go(number)

    def action_go_to(self) -> None:
        """To a frame, or a time."""
        hint = (
            "A frame's number, a time (12:30:05), a date and time (2026-11-21T12:30), or how long ago (-5m)"
        )
        self.app.push_screen(Question("Go to", hint), self._went)

    def _went(self, text: str | None) -> None:
        if text and text.strip():
            in_background(self, "find", self._go_to, text)

    async def _go_to(self, text: str) -> None:
        near = self.frames.selected
        try:
            number = await self.app.capture.ask(lambda reader: target(reader, text, near))
        except ValueError as error:
            self.notify(". ".join(map(str, error.args)), severity="warning", markup=False)
        except CaptureError as error:
            self.app.complain(error)
        else:
            view = self.frames.view
            row = view.index.row_of(max(number, view.first))
            if row < len(view.index):
                # What the filter hides is not gone to, but what comes next.
                self.frames.select(view.index.id_at(row), center=True)
            else:
                self.frames.action_last()

    def action_partner(self) -> None:
        """From a call to its reply, and back."""
        if self.frames.selected is not None:
            in_background(self, "find", self._pair, self.frames.selected)

    async def _pair(self, number: int) -> None:
        factory = self.app.factory
        try:
            other = await self.app.capture.ask(lambda reader: partner(reader, factory, number))
        except CaptureError as error:
            self.app.complain(error)
            return
        if other is None:
            self.notify("This is no call with a reply, and no reply to a call", severity="warning")
        else:
            self._go(other)

    # Marks.

    @property
    def has_marks(self) -> bool:
        """What was marked before is there."""
        return self._marks is not None

    def load_marks(self) -> None:
        """Read what was marked before."""
        self.frames.marked = self._mark_of
        in_background(self, "marks", self._load_marks)

    def comment_on(self, number: int) -> str:
        """What somebody said about a frame; mostly nothing."""
        return self._marks.comment(number) if self._marks else ""

    async def _load_marks(self) -> None:
        try:
            created = await self.app.capture.ask(lambda reader: reader.info().created)
            marks = Marks(self.app.capture.path, created)
            marks.load()
            self._marks = marks
        except CaptureError as error:
            if not self.app.capture.closed:
                self.app.complain(error)
        self.frames.refresh()

    def _mark_of(self, number: int) -> str:
        if self._marks is None or number not in self._marks:
            return " "
        return "✎" if self._marks.comment(number) else "◆"

    def _set_mark(self, number: int, comment: str, keep: bool) -> None:
        assert self._marks is not None
        try:
            if keep:
                self._marks.set(number, comment)
            else:
                self._marks.remove(number)
        except CaptureError as error:
            self.app.complain(error)
        self.frames.refresh()
        self.say_status()

    def action_mark(self) -> None:
        """Mark the selected frame, or unmark it."""
        number = self.frames.selected
        if number is None or self._marks is None:
            self.notify("Select a frame first", severity="warning")
            return
        self._set_mark(number, "", number not in self._marks)

    def action_comment(self) -> None:
        """Say something about the selected frame."""
        number, marks = self.frames.selected, self._marks
        if number is None or marks is None:
            self.notify("Select a frame first", severity="warning")
            return

        def keep(text: str | None) -> None:
            if text is not None:
                self._set_mark(number, text.strip(), True)

        self.app.push_screen(Question(f"About frame {number}", "", marks.comment(number)), keep)

    def action_next_mark(self) -> None:
        """To the next marked frame."""
        self._to_mark(backward=False)

    def action_previous_mark(self) -> None:
        """To the marked frame before."""
        self._to_mark(backward=True)

    def _to_mark(self, backward: bool) -> None:
        frames = self.frames
        start = frames.selected or (self.app.capture.now.last_frame + 1 if backward else 0)
        number = self._marks.next(start, backward) if self._marks else None
        if number is None:
            self.notify(f"No mark {'before' if backward else 'after'} this", severity="warning")
        else:
            self._go(number)

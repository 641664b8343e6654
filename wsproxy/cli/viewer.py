"""
Show a capture: `wsproxy log`, and the child process in which `wsproxy dump` prints what it records.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from wsproxy.cli import output
from wsproxy.cli.jsonl import JsonLines
from wsproxy.cli.render import Renderer
from wsproxy.decoders.follow import Follower
from wsproxy.errors import CaptureError
from wsproxy.store.reader import Reader
from wsproxy.store.tail import Event, Tail, follow
from wsproxy.view.fragments import Fragments


@contextmanager
def opened(path: Path) -> Iterator[Reader]:
    """
    A capture to read from.

    Raises:
        CaptureError: it cannot be opened; or what is done inside finds it damaged.
    """
    with Reader(path) as reader:
        try:
            yield reader
        except sqlite3.Error as error:
            raise CaptureError(
                f"cannot read {path}: {error}", "The sqlite3 shell's .recover may save what is left"
            ) from error


def show(
    reader: Reader,
    tail: Tail,
    *,
    to_the_end: bool = False,
    as_json: bool = False,
    color: bool = False,
    width: int | None = None,
    partial: bool = False,
    before: Callable[[], None] = lambda: None,
    follower: Follower | None = None,
    stop: Callable[[], bool] = lambda: False,
    write: Callable[[str, bool], None] = output.emit,
) -> None:
    """
    Print events, a page at a time.

    Args:
        reader: the capture.
        tail: where to begin.
        to_the_end: go on until the writer has closed the capture.
        as_json: one JSON object per line instead of lines for people.
        color: of the lines for people.
        width: of the lines for people; the terminal's by default, also when that changes.
        partial: these are not all events; so a continuation frame may continue what was not shown,
            and the end of a connection does not sum it up.
        before: called before anything is written.
        follower: decodes the messages; without one they are shown raw.
        stop: asked between pages; True ends it.
        write: takes text and whether it is coloured.
    """
    fragments = Fragments(reader, gaps=partial)
    if as_json:
        line = JsonLines(reader, fragments, whole=to_the_end).line
        color = False
    else:
        renderer = Renderer(width or output.line_width(), color, fragments, partial=partial)
        line = renderer.line
    pages = follow(tail, reader, stop) if to_the_end else _pages(tail, stop)
    for page in pages:
        if not as_json and width is None:
            renderer.width = output.line_width()
        # A page is bounded in bytes, but a payload of control characters grows sixfold in JSON.
        text: list[str] = []
        size = 0
        before()
        for event in page:
            text.append(line(event, follower.decoded(event) if follower else None))
            size += len(text[-1])
            if size > 1 << 20:
                write("".join(text), color)
                text, size = [], 0
        if text:
            write("".join(text), color)


def _pages(tail: Tail, stop: Callable[[], bool]) -> Iterator[list[Event]]:
    while not stop() and (events := tail.read()):
        yield events

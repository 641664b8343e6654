"""How captures are compared and the outcome reported: the same for every command that does it."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import wraps
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol, TypeVar

import click

if TYPE_CHECKING:
    from wsproxy.decoders.registry import Factory
    from wsproxy.replay.diff import Diff, Part, Total
    from wsproxy.replay.values import Rules
    from wsproxy.store.reader import Reader

F = TypeVar("F", bound=Callable[..., Any])


class Comparing:
    """What the options say: `rules` does not count, and `junit` and `html` are files to write."""

    def __init__(
        self,
        rules: "Rules",
        *,
        any_order: bool = False,
        only: bool | None = None,
        heartbeats: bool = False,
        messages_only: bool = False,
        junit: Path | None = None,
        html: Path | None = None,
    ) -> None:
        self.rules = rules
        self.any_order = any_order
        self.only = only
        self.heartbeats = heartbeats
        self.messages_only = messages_only
        self.junit = junit
        self.html = html

    def diff(
        self,
        left: "Reader",
        right: "Reader",
        factories: "tuple[Factory, Factory]",
        progress: Callable[[int, int], None],
        pairs: Sequence[tuple[int | None, int | None]] | None = None,
    ) -> "Diff":
        """The comparison of two captures, to be reported; arguments as for `wsproxy.replay.diff.Diff`."""
        from wsproxy.replay.diff import Diff

        return Diff(
            left,
            right,
            self.rules,
            any_order=self.any_order,
            pairs=pairs,
            only=self.only,
            heartbeats=self.heartbeats,
            facts=not self.messages_only,
            factories=factories,
            progress=progress,
        )


def diff_options(command: F) -> F:
    """What does not count and where to report to, together as the parameter `comparing`."""

    @click.option(
        "--ignore",
        "ignored",
        multiple=True,
        metavar="PATH",
        help="Leave out what JSON has at PATH: user.id, items[*].time, and ..time at any depth.",
    )
    @click.option(
        "--ignore-regex",
        "ignored_text",
        multiple=True,
        metavar="REGEX",
        help="Leave out what matches in texts and in the strings of JSON.",
    )
    @click.option(
        "--numbers-within",
        "within",
        metavar="N|N%",
        help="Numbers that differ by no more than N count as equal.",
    )
    @click.option("--any-order", is_flag=True, help="Messages of one direction may come in any order.")
    @click.option("--unordered", multiple=True, metavar="PATH", help="The arrays at PATH have no order.")
    @click.option(
        "--direction",
        type=click.Choice(["send", "receive"]),
        help="Compare only one: send is client to server.",
    )
    @click.option("--heartbeats", is_flag=True, help="Compare what only keeps connections alive, too.")
    @click.option(
        "--messages-only", is_flag=True, help="Compare no handshakes, and not how connections ended."
    )
    @click.option(
        "--junit",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Write JUnit XML to FILE, too.",
    )
    @click.option(
        "--html",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Write a page to FILE, too.",
    )
    @wraps(command)
    def wrapped(
        *args: Any,
        ignored: tuple[str, ...],
        ignored_text: tuple[str, ...],
        within: str | None,
        any_order: bool,
        unordered: tuple[str, ...],
        direction: str | None,
        heartbeats: bool,
        messages_only: bool,
        junit: Path | None,
        html: Path | None,
        **kwargs: Any,
    ) -> Any:
        from wsproxy.errors import UsageError
        from wsproxy.replay.values import Rules

        try:
            rules = Rules.of(ignored, ignored_text, within, unordered)
        except ValueError as error:
            raise UsageError(str(error), "`wsproxy help diff` has examples") from None
        comparing = Comparing(
            rules,
            any_order=any_order,
            only=None if direction is None else direction == "send",
            heartbeats=heartbeats,
            messages_only=messages_only,
            junit=junit,
            html=html,
        )
        return command(*args, comparing=comparing, **kwargs)

    return wrapped  # type: ignore[return-value]  # fmt: skip


class Report(Protocol):
    """A form of a report: text is asked for part by part."""

    def start(self) -> str:
        """What comes first."""

    def part(self, part: "Part") -> str:
        """What is said of one part."""

    def end(self, total: "Total") -> str:
        """What comes last."""


def report(
    diff: "Diff",
    comparing: Comparing,
    names: tuple[str, str],
    *,
    as_json: bool = False,
    color: bool = False,
    quiet: bool = False,
    before: Callable[[], None] = lambda: None,
) -> bool:
    """
    Go through a comparison and report it: on stdout, and to the files of the options.

    Args:
        diff: nobody has gone through it.
        comparing: the options.
        names: of the two captures.
        as_json: one JSON object per line instead of text for people.
        color: of the text for people.
        quiet: nothing on stdout.
        before: called before anything is written there.

    Returns:
        Whether both are the same.

    Raises:
        WsproxyError: a file cannot be written.
        sqlite3.Error: a capture is damaged.
    """
    from wsproxy.cli import output
    from wsproxy.cli.diff_lines import DiffJson, DiffLines

    with ExitStack() as stack:
        reports: list[tuple[Report, Callable[[str], None]]] = []
        if not quiet:
            lines: Report = DiffJson() if as_json else DiffLines(*names, output.line_width(), color)

            def emit(text: str) -> None:
                before()
                output.emit(text, color)

            reports.append((lines, emit))
        if comparing.junit:
            from wsproxy.replay.reports.junit import JUnit

            reports.append((JUnit(*names), _Writer(comparing.junit, stack)))
        if comparing.html:
            from wsproxy.replay.reports.html import Html

            reports.append((Html(*names), _Writer(comparing.html, stack)))
        for each, write in reports:
            if text := each.start():
                write(text)
        for part in diff:
            for each, write in reports:
                if text := each.part(part):
                    write(text)
        for each, write in reports:
            if text := each.end(diff.total):
                write(text)
    return diff.total.is_same


class _Writer:
    """Writes a report to a file, which nobody else may read: it says what a capture does."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self._path = path
        with _failing(path):
            self._file: IO[str] = stack.enter_context(private_file(path))

    def __call__(self, text: str) -> None:
        with _failing(self._path):
            self._file.write(text)


def private_file(path: Path, *, replace: bool = True) -> IO[str]:
    """
    A new text file for its owner alone (0600).

    Raises:
        OSError: it cannot be made; `FileExistsError` for one that is there and must not be replaced.
    """
    import os

    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if replace else os.O_EXCL)
    return open(os.open(path, flags, 0o600), "w", encoding="utf-8", newline="\n")


class _failing:
    """Says which file could not be written."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, OSError):
            from wsproxy.errors import WsproxyError

            raise WsproxyError(
                f"cannot write {self._path}: {(error.strerror or str(error)).lower()}"
            ) from error

"""
Writing to the terminal, a pipe or a file: colours, width, and readers that go away.

stdout is data, stderr is talk.
"""

import contextlib
import errno
import os
import shutil
import sys
from collections.abc import Callable
from typing import IO, Any, TypeVar

import click

from wsproxy.decoders.text import printable

F = TypeVar("F", bound=Callable[..., Any])

PIPE_WIDTH = 200
"""Columns where stdout is not a terminal."""

# For encodings that lack them, as on a Windows pipe.
_PLAIN = str.maketrans({"→": ">", "←": "<", "…": "~", "·": ".", "─": "-", "×": "x"})


def color_option(command: F) -> F:
    """`--color`, for commands that print something coloured."""
    return click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        show_default=True,
        help="Colour the output; auto: on a terminal, unless NO_COLOR is set.",
    )(command)


def json_option(help_text: str) -> Callable[[F], F]:
    """`--json`, as the parameter `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help=help_text)


def use_color(choice: str = "auto", stream: IO[Any] | None = None) -> bool:
    """
    Whether to colour what goes to a stream.

    Args:
        choice: `auto`, `always` or `never`. `NO_COLOR` (https://no-color.org) rules `auto` only.
        stream: stdout by default.
    """
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return is_terminal(sys.stdout if stream is None else stream)


def line_width() -> int:
    """Columns to fill on stdout: the terminal's, or `COLUMNS`, or `PIPE_WIDTH`."""
    if is_terminal(sys.stdout) or os.environ.get("COLUMNS"):
        return max(shutil.get_terminal_size().columns, 40)
    return PIPE_WIDTH


def emit(text: str, color: bool = False) -> None:
    """
    Write data to stdout, as it is, and flush.

    Raises:
        click.exceptions.Exit: nobody reads any more (`| head`). That is no failure: code 0.
    """
    if not _can_write(text):
        text = text.translate(_PLAIN).encode(_encoding(), "backslashreplace").decode(_encoding())
    try:
        click.echo(text, nl=False, color=color)
    except OSError as error:
        # Windows reports a closed pipe as an invalid argument.
        if error.errno != errno.EPIPE and not (sys.platform == "win32" and error.errno == errno.EINVAL):
            raise
        _abandon_stdout()
        raise click.exceptions.Exit(0) from None


def say(message: str) -> None:
    """Say one sentence on stderr; harmless whatever is in it."""
    talk(printable(message))


def complain(message: str, hint: str = "") -> None:
    """
    Report an error on stderr.

    Args:
        message: may have several lines, as click's lists of choices do.
        hint: what to do next; empty when there is nothing to add.
    """
    lines = [printable(line) for line in message.expandtabs(2).splitlines()] or [""]
    color = use_color(stream=sys.stderr)
    lines[0] = click.style("wsproxy: error:", fg="red", bold=True) + " " + lines[0].rstrip(".")
    if hint:
        lines.append("  " + click.style(printable(hint), fg="cyan"))
    talk("\n".join(lines), color)


def talk(text: str, color: bool = False, end: str = "\n") -> None:
    """Write to stderr, as it is. Where nobody listens, what was to be done goes on."""
    with contextlib.suppress(OSError):
        click.echo(text + end, err=True, color=color, nl=False)


def is_terminal(stream: IO[Any] | None) -> bool:
    """Whether somebody looks at a stream."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def _encoding() -> str:
    return getattr(sys.stdout, "encoding", None) or "utf-8"


def _can_write(text: str) -> bool:
    if text.isascii() or _encoding().lower().replace("-", "") == "utf8":
        return True
    try:
        text.encode(_encoding())
    except UnicodeEncodeError:
        return False
    return True


def _abandon_stdout() -> None:
    # Otherwise the interpreter complains at exit that it cannot flush.
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)

"""`wsproxy diff`: what is different between two captures."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wsproxy.cli.decoding import Decoding, decoder_options
from wsproxy.cli.diffing import Comparing, diff_options
from wsproxy.cli.library import CaptureFile
from wsproxy.cli.output import color_option, json_option

if TYPE_CHECKING:
    from wsproxy.store.reader import Reader


@click.command()
@click.argument("left", metavar="A", type=CaptureFile())
@click.argument("right", metavar="B", type=CaptureFile())
@click.option(
    "--connection",
    "connections",
    multiple=True,
    metavar="N|N:M",
    help="Compare only A's connection N, with B's connection M or the one that belongs to it.",
)
@diff_options
@decoder_options
@click.option("-q", "--quiet", is_flag=True, help="Print nothing; the exit code is the answer.")
@json_option("Print one JSON object per line (`wsproxy help diff` has the keys).")
@color_option
def diff(
    left: Path,
    right: Path,
    connections: tuple[str, ...],
    comparing: Comparing,
    decoding: Decoding,
    quiet: bool,
    as_json: bool,
    color: str,
) -> None:
    """
    Show what is different between two captures. The exit code is 0 if they are the same, 1 if not.

    A and B are paths, names of captures as `wsproxy captures` lists them, or the word last. Connections
    belong together by the path of their URL and their order, messages by their order and by the calls they
    answer. JSON and decoded messages are compared by what they mean: names have no order, numbers are exact.
    Heartbeats, pings and pongs do not count, nor does when something was said.

    \b
    Examples:
      wsproxy diff before.wsp after.wsp
      wsproxy diff before.wsp last --ignore ..time --ignore-regex '[0-9a-f]{32}'
      wsproxy diff before.wsp last --direction receive --numbers-within 1%
      wsproxy diff before.wsp last --any-order --html report.html
      wsproxy diff before.wsp last --json | jq 'select(.changes)'
    """
    from wsproxy.cli import output, viewer
    from wsproxy.cli.diffing import report
    from wsproxy.cli.progress import Progress

    factory = decoding.factory()
    wanted = [_numbers(text) for text in connections]
    progress = Progress("comparing")
    with viewer.opened(left) as a, viewer.opened(right) as b:
        pairs = _chosen(a, b, wanted) if wanted else None
        compared = comparing.diff(a, b, (factory, factory), progress, pairs)
        same = report(
            compared,
            comparing,
            (str(left), str(right)),
            as_json=as_json,
            color=output.use_color(color) and not as_json,
            quiet=quiet,
            before=progress.clear,
        )
        progress.clear()
    if not same:
        raise click.exceptions.Exit(1)


def _numbers(text: str) -> tuple[int, int | None]:
    from wsproxy.errors import UsageError

    found = re.fullmatch(r"([1-9][0-9]{0,17})(?::([1-9][0-9]{0,17}))?", text)
    if not found:
        raise UsageError(f"{text!r} is no connection", "It is a number, or two such as 3:5")
    return int(found[1]), int(found[2]) if found[2] else None


def _chosen(
    left: "Reader", right: "Reader", wanted: Sequence[tuple[int, int | None]]
) -> list[tuple[int | None, int | None]]:
    """
    The pairs a person wants.

    Raises:
        UsageError: a connection is not there.
    """
    from wsproxy.errors import UsageError
    from wsproxy.replay.pairing import matched

    known = dict(matched(left, right))
    for reader, numbers in ((left, [a for a, _ in wanted]), (right, [b for _, b in wanted if b])):
        for number in numbers:
            if reader.connection(number) is None:
                raise UsageError(
                    f"there is no connection {number} in {reader.path}",
                    f"`wsproxy info {reader.path}` lists those there are",
                )
    return [(a, b if b is not None else known.get(a)) for a, b in wanted]

"""`wsproxy log`: print the events of a capture, one line each."""

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wsproxy.cli.library import CaptureFile
from wsproxy.cli.output import color_option, json_option

if TYPE_CHECKING:
    from wsproxy.store.reader import Reader


@click.command()
@click.argument("path", metavar="FILE", type=CaptureFile())
@click.option("--follow", is_flag=True, help="Go on printing while the capture is being written.")
@click.option("--connection", type=click.IntRange(1), metavar="N", help="Only connection N.")
@click.option("--from", "start", type=click.IntRange(1), metavar="ID", help="Begin with frame ID.")
@click.option("--last", type=click.IntRange(0), metavar="N", help="Begin with the last N frames.")
@json_option("Print one JSON object per line (see `json` in the documentation).")
@color_option
@click.option("--until-closed", is_flag=True, hidden=True)
@click.option("--since", type=int, default=0, hidden=True)
def log(
    path: Path,
    follow: bool,
    connection: int | None,
    start: int | None,
    last: int | None,
    as_json: bool,
    color: str,
    until_closed: bool,
    since: int,
) -> None:
    """
    Print every frame of a capture, one line each.

    FILE is a path, the name of a capture as `wsproxy captures` lists it, or the word last for the
    newest one. It may still be growing; --follow stays with it until it is finished.

    A line shows the frame's number, time, connection, direction (→ client to server, ← server to
    client), opcode, bytes on the wire and the beginning of its content. What breaks the protocol
    is said in red.

    \b
    Examples:
      wsproxy log last
      wsproxy log last --follow --connection 3
      wsproxy log session.wsp --last 20
      wsproxy log session.wsp --json | jq -r 'select(.opcode=="text") | .text'
    """
    from wsproxy.cli import output, viewer
    from wsproxy.errors import UsageError
    from wsproxy.store.tail import Tail

    if start is not None and last is not None:
        raise UsageError("--from and --last exclude each other", "Use one of them")
    if until_closed:
        # The proxy that writes the capture gets the same Ctrl-C, and closes it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    with viewer.opened(path) as reader:
        if connection is not None and not follow and reader.connection(connection) is None:
            count, _ = reader.counts()
            raise UsageError(
                f"there is no connection {connection} in {path}",
                f"It has {count}; `wsproxy info {path}` lists them" if count else "It has none at all",
            )
        after = start - 1 if start is not None else 0
        if last is not None:
            after = _before_last(reader, last, connection)
        viewer.show(
            reader,
            Tail(reader, after, connection, since),
            to_the_end=follow or until_closed,
            as_json=as_json,
            color=output.use_color(color),
        )


def _before_last(reader: "Reader", count: int, connection: int | None) -> int:
    """The frame behind which the last `count` frames are."""
    where, values = ("WHERE connection = ?", [connection]) if connection is not None else ("", [])
    row = reader.db.execute(
        f"SELECT id FROM frame {where} ORDER BY id DESC LIMIT 1 OFFSET ?", (*values, count)
    ).fetchone()
    return int(row[0]) if row else 0

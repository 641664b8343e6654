"""`wsproxy log`: print the events of a capture, one line each."""

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wsproxy.cli.decoding import Decoding, decoder_options
from wsproxy.cli.filtering import filter_option
from wsproxy.cli.library import CaptureFile
from wsproxy.cli.output import color_option, json_option

if TYPE_CHECKING:
    from wsproxy.filters.nodes import Filter
    from wsproxy.store.reader import Reader


@click.command()
@click.argument("path", metavar="FILE", type=CaptureFile())
@filter_option("Only what matches.")
@click.option("--follow", is_flag=True, help="Go on printing while the capture is being written.")
@click.option("--connection", type=click.IntRange(1), metavar="N", help="Only connection N.")
@click.option("--from", "start", type=click.IntRange(1), metavar="ID", help="Begin with frame ID.")
@click.option("--last", type=click.IntRange(0), metavar="N", help="Begin with the last N frames.")
@click.option("--raw", is_flag=True, help="Show messages as they are, without decoding them.")
@decoder_options
@json_option("Print one JSON object per line (see `json` in the documentation).")
@color_option
@click.option("--until-closed", is_flag=True, hidden=True)
@click.option("--since", type=int, default=0, hidden=True)
def log(
    path: Path,
    wanted: "Filter | None",
    follow: bool,
    connection: int | None,
    start: int | None,
    last: int | None,
    raw: bool,
    decoding: Decoding,
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
    client), opcode, bytes on the wire and what the message means, or the beginning of its content
    where no decoder knows more. What breaks the protocol is said in red. With -f the exit code is 1
    if nothing matches.

    \b
    Examples:
      wsproxy log last
      wsproxy log last --follow --connection 3
      wsproxy log session.wsp --last 20
      wsproxy log last -f '~up & ~text & token'
      wsproxy log session.wsp --json | jq -r 'select(.opcode=="text") | .text'
    """
    from wsproxy.cli import output, viewer
    from wsproxy.decoders.follow import Follower
    from wsproxy.errors import UsageError
    from wsproxy.store.tail import Tail
    from wsproxy.words import unrecorded

    if wanted is not None:
        from wsproxy.cli.progress import Progress
        from wsproxy.filters.nodes import check_followed
        from wsproxy.filters.search import Search
        from wsproxy.filters.tail import FilteredTail

        if follow or until_closed:
            check_followed(wanted)
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
        since_when = reader.info().unrecorded_since
        if since_when is not None and not until_closed:
            output.say(unrecorded(since_when))
        after = start - 1 if start is not None else 0
        if last is not None:
            after = _before_last(reader, last, connection)
        to_the_end = follow or until_closed
        color_it = output.use_color(color)
        follower: Follower | None = None
        if not raw:
            # With a filter, what it leaves out is looked up.
            gaps = wanted is not None
            follower = Follower(reader, decoding.factory(), gaps=gaps, verbatim=as_json)
        if wanted is None:
            viewer.show(
                reader,
                Tail(reader, after, connection, since),
                to_the_end=to_the_end,
                as_json=as_json,
                color=color_it,
                follower=follower,
            )
            return
        progress = Progress("searching")
        meanings = decoding.decode(reader)
        search = Search(reader, wanted, connection, decode=meanings, decode_exchange=meanings.exchange)
        filtered = FilteredTail(reader, search, after, connection, since, progress)
        try:
            viewer.show(
                reader,
                filtered,
                to_the_end=to_the_end,
                as_json=as_json,
                color=color_it,
                follower=follower,
                partial=True,
                before=progress.clear,
            )
        finally:
            progress.clear()
    if not filtered.found and not to_the_end:
        raise click.exceptions.Exit(1)


def _before_last(reader: "Reader", count: int, connection: int | None) -> int:
    """The frame behind which the last `count` frames are."""
    where, values = ("WHERE connection = ?", [connection]) if connection is not None else ("", [])
    row = reader.db.execute(
        f"SELECT id FROM frame {where} ORDER BY id DESC LIMIT 1 OFFSET ?", (*values, count)
    ).fetchone()
    return int(row[0]) if row else 0

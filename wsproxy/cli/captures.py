"""`wsproxy captures`: what is in the captures folder."""

from typing import TYPE_CHECKING

import click

from wsproxy.cli.output import json_option

if TYPE_CHECKING:
    from wsproxy.cli import library


@click.command()
@json_option("Print one JSON object per capture.")
def captures(as_json: bool) -> None:
    """
    List your captures, newest first.

    `wsproxy dump` puts them here unless told otherwise with -w. Other commands take their names,
    or the word last for the newest.

    \b
    Examples:
      wsproxy captures
      wsproxy captures --json | jq -r 'select(.state=="interrupted") | .path'
    """
    from wsproxy import config
    from wsproxy.cli import library, output

    found = library.summaries()
    if not found:
        output.say(f"There are no captures in {config.captures_dir()} yet; `wsproxy dump` makes one.")
    elif as_json:
        output.emit("".join(_json(summary) for summary in found))
    else:
        output.emit(_table(found))


def _json(summary: "library.Summary") -> str:
    from wsproxy.store.jsontext import Timestamps, dumps

    readable = not summary.error
    return (
        dumps(
            {
                "name": summary.path.stem,
                "path": str(summary.path),
                "created": Timestamps()(summary.created),
                "size": summary.size,
                "state": summary.state,
                "connections": summary.connections if readable else None,
                "frames": summary.frames if readable else None,
                "error": summary.error or None,
            }
        )
        + "\n"
    )


def _table(found: "list[library.Summary]") -> str:
    import time

    from wsproxy.decoders.text import columns, printable
    from wsproxy.words import file_size

    names = [printable(summary.path.stem, 40) for summary in found]
    width = max(4, *(columns(name) for name in names))
    lines = [f"{'NAME':<{width}}  {'CREATED':<16}  {'SIZE':>9}  {'CONNS':>5}  {'FRAMES':>9}  STATE"]
    for name, summary in zip(names, found, strict=True):
        created = time.strftime("%Y-%m-%d %H:%M", time.localtime(summary.created / 1e9))
        start = f"{name}{' ' * (width - columns(name))}  {created}  {file_size(summary.size):>9}  "
        if summary.error:
            lines.append(f"{start}{printable(summary.error)}")
        else:
            lines.append(f"{start}{summary.connections:>5,}  {summary.frames:>9,}  {summary.state}")
    return "\n".join(lines) + "\n"

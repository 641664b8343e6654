"""`wsproxy ctl status` and `addons`: the proxy itself."""

from typing import TYPE_CHECKING

import click

from wsproxy.cli.ctl_call import Answer, call_options, client

if TYPE_CHECKING:
    from wsproxy.control.messages import StatusInfo


@click.command()
@call_options
def status(port: int | None, as_json: bool, color: str) -> None:
    """
    Show where the proxy listens and records, what is open, held and waiting.

    \b
    Examples:
      wsproxy ctl status
      wsproxy ctl status --json | jq -r .capture
    """
    answer = Answer(as_json, color)
    found = client(port).status()
    if as_json:
        answer.objects([found])
    else:
        answer.text(_text(found, answer.width))


@click.command()
@call_options
def addons(port: int | None, as_json: bool, color: str) -> None:
    """
    List the loaded addons, in the order in which they are asked.

    \b
    Examples:
      wsproxy ctl addons
    """
    from wsproxy.cli import output
    from wsproxy.cli.table import table

    answer = Answer(as_json, color)
    found = client(port).addons()["addons"]
    if as_json:
        answer.objects(found)
    elif not found:
        output.say("No addon is loaded.")
    else:
        rows = [
            [
                (addon["name"], "plain"),
                (f"{addon['errors']:,}", "wrong" if addon["errors"] else "dim"),
                (", ".join(addon["hooks"]), "plain"),
                (addon["path"] or "", "dim"),
            ]
            for addon in found
        ]
        answer.text(table(("NAME", ">ERRORS", "HOOKS", "FILE"), rows, answer.paint, answer.width))


def _text(found: "StatusInfo", width: int) -> str:
    from wsproxy.cli.ctl_options import written
    from wsproxy.cli.table import facts
    from wsproxy.words import count, duration, file_size

    connections, queue = found["connections"], found["queue"]
    options = ", ".join(f"{name}={written(value)}" for name, value in found["options"].items())
    full = "; FULL: senders are slowed down" if queue["full"] else ""
    return facts(
        [
            ("Listening", f"{', '.join(found['listen']) or 'nowhere'} ({', '.join(found['modes'])})"),
            ("Control", f"{found['control']}, process {found['pid']}, wsproxy {found['version']}"),
            ("Recording", found["capture"]),
            ("Up", f"{duration(int(found['uptime'] * 1e9))}, since {found['started'][:19]}Z"),
            (
                "Connections",
                f"{connections['open']:,} open ({connections['fast']:,} on the fast path), "
                f"{connections['recorded']:,} in the capture",
            ),
            ("Held", count(found["held"], "message")),
            ("Taking part", f"{count(found['addons'], 'addon')}, {count(found['rules'], 'rule')}"),
            ("Queue", f"{file_size(queue['bytes'])} of {file_size(queue['limit'])} wait for the disk{full}"),
            ("Options", options or "all of wsproxy's own are at their default"),
        ],
        width,
    )

"""`wsproxy ctl options` and `set`: options of a running proxy."""

from typing import TYPE_CHECKING

import click

from wsproxy.cli.ctl_call import Answer, call_options, client
from wsproxy.errors import MissingError, UsageError

if TYPE_CHECKING:
    from wsproxy.control.messages import OptionValue


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--all", "all_", is_flag=True, help="mitmproxy's at their default, too.")
@call_options
def options(names: tuple[str, ...], all_: bool, port: int | None, as_json: bool, color: str) -> None:
    """
    List options with their values: wsproxy's own, and those of mitmproxy that were changed.

    \b
    Examples:
      wsproxy ctl options
      wsproxy ctl options hold_seconds
      wsproxy ctl options --all --json | jq 'select(.live) | .name'
    """
    from wsproxy.cli.table import table

    answer = Answer(as_json, color)
    found = client(port).options()
    known = {option["name"] for option in found}
    for name in names:
        if name not in known:
            raise MissingError(f"there is no option {name!r}", "`wsproxy ctl options --all` lists them")
    shown = [
        option
        for option in found
        if (
            option["name"] in names
            if names
            else all_ or option["own"] or option["value"] != option["default"]
        )
    ]
    if as_json:
        answer.objects(shown)
        return
    rows = [
        [
            (option["name"], "plain" if option["live"] else "dim"),
            (written(option["value"]), "plain" if option["value"] == option["default"] else "warn"),
            ("live" if option["live"] else "at start", "dim"),
            (option["help"], "plain"),
        ]
        for option in shown
    ]
    answer.text(table(("NAME", "VALUE", "SET", "MEANING"), rows, answer.paint, answer.width))


@click.command("set")
@click.argument("settings", metavar="KEY=VALUE...", nargs=-1, required=True)
@call_options
def set_(settings: tuple[str, ...], port: int | None, as_json: bool, color: str) -> None:
    """
    Change options while the proxy runs, as --set does at start.

    A sequence gets its parts by naming it several times. Limits hold for connections opened from now on.

    \b
    Examples:
      wsproxy ctl set hold_seconds=30
      wsproxy ctl set 'ignore_hosts=bank\\.example' 'ignore_hosts=.*:5000'
    """
    wanted: dict[str, list[str]] = {}
    for setting in settings:
        name, sign, value = setting.partition("=")
        if not sign:
            raise UsageError(f"{setting!r} is not KEY=VALUE")
        wanted.setdefault(name, []).append(value)
    answer = Answer(as_json, color)
    proxy = client(port)
    for name, values in wanted.items():
        changed = proxy.set_option(name, values)
        answer.done(changed, f"{name} is {written(changed['value']) or 'empty'}.")


def written(value: "OptionValue") -> str:
    """A value for people."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(value) if isinstance(value, list) else str(value)

"""`wsproxy ctl hold`: keep messages until a person has seen them."""

import click

from wsproxy.cli.ctl_call import RULE_OR_ALL, Answer, call_options, client
from wsproxy.cli.ctl_rule import remove_rules, show

_EVERY = "(~text | ~binary)"
"""Close frames have to be asked for."""


@click.group()
def hold() -> None:
    """
    Hold messages that match a filter, until they are released, edited or dropped.

    Only what is behind a held message in its own direction waits; pings and pongs pass. What is held too
    long, or keeps too much waiting, goes on (`hold_seconds` and `hold_limit` in `wsproxy ctl options`).
    """


@hold.command("add")
@click.argument("filter", required=False, default="")
@click.option("--from", "from_", type=click.Choice(["client", "server"]), help="Only what that side sends.")
@call_options
def add(filter: str, from_: str | None, port: int | None, as_json: bool, color: str) -> None:
    """
    Hold messages that FILTER matches from now on, every one without it.

    \b
    Examples:
      wsproxy ctl hold add
      wsproxy ctl hold add --from client
      wsproxy ctl hold add '~u /chat & ~b hello'
    """
    if from_:
        filter = f"~from{from_} & {f'({filter})' if filter.strip() else _EVERY}"
    made = client(port).add_rule("hold", filter)
    held = made["filter"] or "every message"
    Answer(as_json, color).done(
        made, f"Holding {held} (rule {made['id']}); `wsproxy ctl held` lists what is held."
    )


@hold.command("list")
@call_options
def list_(port: int | None, as_json: bool, color: str) -> None:
    """
    List the rules that hold.

    \b
    Examples:
      wsproxy ctl hold list
    """
    holding = [rule for rule in client(port).rules() if rule["action"] == "hold"]
    show(holding, Answer(as_json, color), "Nothing is to be held.")


@hold.command("remove")
@click.argument("numbers", metavar="ID...", type=RULE_OR_ALL, nargs=-1, required=True)
@call_options
def remove(numbers: tuple[int | str, ...], port: int | None, as_json: bool, color: str) -> None:
    """
    Hold no more by rule ID, or all of them; what they hold is let go.

    \b
    Examples:
      wsproxy ctl hold remove all
    """
    remove_rules(client(port), numbers, Answer(as_json, color), "hold")

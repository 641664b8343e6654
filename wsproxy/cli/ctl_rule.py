"""`wsproxy ctl rule`: what is done to every message a filter matches."""

from typing import TYPE_CHECKING

import click

from wsproxy.cli.ctl_call import ALL, RULE_OR_ALL, Answer, call_options, client
from wsproxy.errors import MissingError, UsageError

if TYPE_CHECKING:
    from wsproxy.control.client import Client
    from wsproxy.control.messages import RuleInfo

_WANTS = {"rewrite": "/REGEX/REPLACEMENT", "delay": "a number of seconds", "close": "a status code"}


@click.group()
def rule() -> None:
    """
    Hold, drop, rewrite, delay or close by rule; rules hold from the next message on.

    They are asked in the order they were made, on all connections, open ones too.
    """


@rule.command("add")
@click.argument("action", type=click.Choice(["hold", "drop", "rewrite", "delay", "close"]))
@click.argument("filter", required=False, default="")
@click.argument("argument", required=False, default="")
@call_options
def add(action: str, filter: str, argument: str, port: int | None, as_json: bool, color: str) -> None:
    """
    Make a rule: do ACTION to messages that FILTER matches; '' is every message.

    \b
    ACTION is
      hold      keep the message until somebody lets it go
      drop      do not send it on
      rewrite   replace in it; ARGUMENT is /REGEX/REPLACEMENT
      delay     keep it for ARGUMENT seconds
      close     close the connection with the code ARGUMENT

    \b
    Examples:
      wsproxy ctl rule add drop '~b heartbeat'
      wsproxy ctl rule add rewrite '~fromclient' '/"qty":\\d+/"qty":1000/'
      wsproxy ctl rule add delay '' 0.5
      wsproxy ctl rule add close '~json op = login' 4001
    """
    if action in _WANTS and not argument:
        raise UsageError(
            f"{action} wants a FILTER and {_WANTS[action]}",
            f"wsproxy ctl rule add {action} '' ... is for every message",
        )
    answer = Answer(as_json, color)
    made = client(port).add_rule(action, filter, argument)
    answer.done(made, f"Rule {made['id']}: {words(made)}.")


@rule.command("list")
@call_options
def list_(port: int | None, as_json: bool, color: str) -> None:
    """
    List the rules.

    \b
    Examples:
      wsproxy ctl rule list
    """
    show(client(port).rules(), Answer(as_json, color), "There is no rule.")


@rule.command("remove")
@click.argument("numbers", metavar="ID...", type=RULE_OR_ALL, nargs=-1, required=True)
@call_options
def remove(numbers: tuple[int | str, ...], port: int | None, as_json: bool, color: str) -> None:
    """
    Remove rules; ID is a number, or all. What they hold is let go.

    \b
    Examples:
      wsproxy ctl rule remove 2
    """
    remove_rules(client(port), numbers, Answer(as_json, color))


@rule.command("on")
@click.argument("numbers", metavar="ID...", type=RULE_OR_ALL, nargs=-1, required=True)
@call_options
def on(numbers: tuple[int | str, ...], port: int | None, as_json: bool, color: str) -> None:
    """
    Switch rules on; ID is a number, or all.

    \b
    Examples:
      wsproxy ctl rule on 2
    """
    _switch(client(port), numbers, True, Answer(as_json, color))


@rule.command("off")
@click.argument("numbers", metavar="ID...", type=RULE_OR_ALL, nargs=-1, required=True)
@call_options
def off(numbers: tuple[int | str, ...], port: int | None, as_json: bool, color: str) -> None:
    """
    Switch rules off; ID is a number, or all. What they hold is let go.

    \b
    Examples:
      wsproxy ctl rule off all
    """
    _switch(client(port), numbers, False, Answer(as_json, color))


def words(rule: "RuleInfo") -> str:
    """A rule on one line."""
    of = rule["filter"] or "every message"
    return f"{rule['action']} {of}{' ' + rule['argument'] if rule['argument'] else ''}"


def show(found: "list[RuleInfo]", answer: Answer, none: str) -> None:
    """List rules; `none` is said where there is none."""
    from wsproxy.cli import output
    from wsproxy.cli.table import table

    if answer.as_json:
        answer.objects(found)
        return
    if not found:
        output.say(none)
        return
    rows = [
        [
            (str(r["id"]), "plain"),
            ("on", "good") if r["enabled"] else ("off", "dim"),
            (f"{r['hits']:,}", "plain"),
            (str(r["held"]), "warn" if r["held"] else "dim"),
            (words(r), "plain"),
        ]
        for r in found
    ]
    answer.text(table((">ID", "", ">HITS", ">HELD", "RULE"), rows, answer.paint, answer.width))


def remove_rules(
    proxy: "Client", numbers: tuple[int | str, ...], answer: Answer, action: str | None = None
) -> None:
    """Remove those that are named; with `action`, of that kind only."""
    known = {r["id"]: r for r in proxy.rules() if action in (None, r["action"])}
    for number in _chosen(numbers, list(known)):
        if number not in known:
            raise _missing(number, action)
        gone = proxy.remove_rule(number)
        answer.done(gone, f"Removed rule {number}: {words(gone)}.")


def _switch(proxy: "Client", numbers: tuple[int | str, ...], enabled: bool, answer: Answer) -> None:
    known = [r["id"] for r in proxy.rules()]
    for number in _chosen(numbers, known):
        changed = proxy.enable_rule(number, enabled)
        answer.done(changed, f"Rule {number} is {'on' if enabled else 'off'}: {words(changed)}.")


def _chosen(numbers: tuple[int | str, ...], known: list[int]) -> list[int]:
    if ALL not in numbers:
        return [int(number) for number in numbers]
    if not known:
        raise MissingError("there is no rule")
    return known


def _missing(number: int, action: str | None) -> MissingError:
    kind = "rule" if action is None else f"rule that {action}s,"
    return MissingError(f"there is no {kind} {number}", "`wsproxy ctl rule list` lists them")

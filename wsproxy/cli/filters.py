"""`wsproxy filters`: the operators of the filter language, and the user's saved filters."""

from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from wsproxy.cli.filtering import FilterText
from wsproxy.cli.output import json_option

if TYPE_CHECKING:
    from wsproxy.filters.nodes import Filter


@click.group(invoke_without_command=True)
@json_option("Print one JSON object per operator and saved filter.")
@click.pass_context
def filters(ctx: click.Context, as_json: bool) -> None:
    """
    List what can stand in a filter (-f), and the filters you have saved.

    Operators combine with & (and), | (or), ! (not) and parentheses; side by side means and. Words
    with spaces or parentheses go in quotes. `wsproxy help filters` has all of it.

    \b
    Examples:
      wsproxy log last -f '~up & ~text & token'
      wsproxy dump -f '!(~ping | ~pong)'
      wsproxy filters save quiet '!(~ping | ~pong)'
      wsproxy log last -f @quiet
      wsproxy filters remove quiet
    """
    if ctx.invoked_subcommand is not None:
        return
    from wsproxy.cli import output
    from wsproxy.filters import saved

    known = saved.load()
    output.emit(_json(known) if as_json else _text(known, output.line_width()))


@filters.command()
@click.argument("name")
@click.argument("wanted", metavar="FILTER", type=FilterText())
def save(name: str, wanted: "Filter") -> None:
    """
    Keep FILTER as NAME, for `-f @NAME`.

    \b
    Examples:
      wsproxy filters save quiet '!(~ping | ~pong)'
    """
    from wsproxy.cli import output
    from wsproxy.filters import saved

    name = name.removeprefix("@")
    replaced = saved.save(name, str(wanted))
    output.say(f"{'replaced' if replaced else 'saved'} @{name} in {saved.path()}")


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from wsproxy.errors import WsproxyError
    from wsproxy.filters import saved

    try:
        known = saved.load()
    except WsproxyError:
        return []
    return [CompletionItem(name, help=text) for name, text in known.items() if name.startswith(incomplete)]


@filters.command()
@click.argument("name", shell_complete=_complete)
def remove(name: str) -> None:
    """
    Forget the saved filter NAME.

    \b
    Examples:
      wsproxy filters remove quiet
    """
    from wsproxy.cli import output
    from wsproxy.filters import saved

    name = name.removeprefix("@")
    saved.remove(name)
    output.say(f"removed @{name} from {saved.path()}")


def _json(known: dict[str, str]) -> str:
    from wsproxy.filters.operators import OPERATORS
    from wsproxy.store.jsontext import dumps

    lines = [
        dumps(
            {
                "operator": operator.names[0],
                "names": list(operator.names),
                "argument": operator.argument or None,
                "group": operator.group,
                "help": operator.help.replace("`", ""),
                "example": operator.example,
            }
        )
        for operator in OPERATORS
    ]
    lines += [dumps({"saved": name, "filter": text}) for name, text in known.items()]
    return "".join(f"{line}\n" for line in lines)


def _text(known: dict[str, str], width: int) -> str:
    import textwrap

    from wsproxy.decoders.text import printable
    from wsproxy.filters.operators import OPERATORS

    lines: list[str] = []
    left = max(len(operator.syntax()) for operator in OPERATORS) + 2
    group = ""
    for operator in OPERATORS:
        if operator.group != group:
            group = operator.group
            lines += ["", group] if lines else [group]
        told = textwrap.wrap(operator.help.replace("`", ""), max(min(width, 110) - left - 2, 24))
        lines += [f"  {operator.syntax() if n == 0 else '':<{left}}{line}" for n, line in enumerate(told)]
    if known:
        lines += ["", "Saved"]
        lines += [f"  {printable('@' + name):<{left}}{printable(text)}" for name, text in known.items()]
    return "\n".join(lines) + "\n"

"""`wsproxy help`: the longer texts, the same in the terminal as in the repository."""

import difflib
import sys
from importlib import resources

import click

from wsproxy.errors import UsageError


def topics() -> dict[str, str]:
    """The titles of the pages by their names."""
    found: dict[str, str] = {}
    for page in sorted(resources.files("wsproxy.docs").iterdir(), key=lambda page: page.name):
        if page.name.endswith(".md"):
            title = page.read_text(encoding="utf-8").partition("\n")[0]
            found[page.name.removesuffix(".md")] = title.lstrip("# ")
    return found


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in topics() if name.startswith(incomplete)]


@click.command("help")
@click.argument("topic", required=False, shell_complete=_complete)
def help_(topic: str | None) -> None:
    """
    Read about TOPIC; without one, list them.

    \b
    Examples:
      wsproxy help
      wsproxy help how-it-works
    """
    known = topics()
    if topic is None:
        for name, title in known.items():
            click.echo(f"{name:<16} {title}")
        click.echo("\n`wsproxy COMMAND --help` explains a command.", err=True)
        return
    if topic not in known:
        near = difflib.get_close_matches(topic, known, 1)
        hint = f"Did you mean {near[0]!r}?" if near else "`wsproxy help` lists them"
        raise UsageError(f"there is no help on {topic!r}", hint)
    text = resources.files("wsproxy.docs").joinpath(f"{topic}.md").read_text(encoding="utf-8")
    if sys.stdout.isatty():
        click.echo_via_pager(text)
    else:
        click.echo(text, nl=False)

"""`wsproxy ca guide`: how to trust the authority on each platform, by hand."""

import difflib
import sys
from pathlib import Path

import click

from wsproxy.errors import UsageError

_OVERVIEW = "README"
_ALSO = {
    "debian": "linux",
    "ubuntu": "linux",
    "fedora": "linux",
    "arch": "linux",
    "mac": "macos",
    "ipad": "ios",
    "iphone": "ios",
    "chromium": "chrome",
    "edge": "chrome",
    "nodejs": "node",
    "golang": "go",
    "podman": "docker",
}
"""What people may call a page."""


def pages() -> dict[str, Path]:
    """The pages by the name of their platform."""
    from wsproxy.config import shared_dir

    found = sorted(shared_dir("certs").glob("*.md"))
    return {page.stem: page for page in found if page.stem != _OVERVIEW}


def _title(page: Path) -> str:
    return page.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in pages() if name.startswith(incomplete.lower())]


@click.command()
@click.argument("platform", required=False, shell_complete=_complete)
def guide(platform: str | None) -> None:
    """
    Print how to trust the authority on PLATFORM, and how to undo it; without one, list them.

    \b
    Examples:
      wsproxy ca guide
      wsproxy ca guide android
      wsproxy ca guide node
    """
    from wsproxy.config import shared_dir

    known = pages()
    if platform is None:
        for name, page in known.items():
            click.echo(f"{name:<13} {_title(page)}")
        click.echo("\n`wsproxy ca guide about` tells what trusting the authority means.", err=True)
        return
    wanted = platform.lower()
    wanted = _ALSO.get(wanted, wanted)
    if wanted == "about":
        wanted, known = _OVERVIEW, {_OVERVIEW: shared_dir("certs") / f"{_OVERVIEW}.md"}
    if wanted not in known:
        near = difflib.get_close_matches(wanted, [*known, *_ALSO], 1, 0.5)
        hint = f"Did you mean {near[0]!r}?" if near else "`wsproxy ca guide` lists them"
        raise UsageError(f"there is no guide for {platform!r}", hint)
    text = known[wanted].read_text(encoding="utf-8")
    if sys.stdout.isatty():
        click.echo_via_pager(text)
    else:
        click.echo(text, nl=False)

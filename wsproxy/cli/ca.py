"""`wsproxy ca`: the certificate authority that signs for intercepted servers, and who trusts it."""

import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wsproxy.cli.lazy import LazyGroup

if TYPE_CHECKING:
    from wsproxy.certs import Authority

COMMANDS = {
    "show": ("wsproxy.cli.ca_show:show", "Show fingerprint, dates, files, and where it is trusted."),
    "export": ("wsproxy.cli.ca_export:export", "Write the certificate, never the private key."),
    "trust": ("wsproxy.cli.ca_trust:trust", "Let the system, Chrome or Firefox trust it."),
    "untrust": ("wsproxy.cli.ca_trust:untrust", "Take back what `trust` did."),
    "renew": ("wsproxy.cli.ca_renew:renew", "Give it a new certificate, or a new key."),
    "guide": ("wsproxy.cli.ca_guide:guide", "How to trust it on each platform, by hand."),
}

CONFDIR = click.option(
    "--confdir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The folder of the certificate authority (default: the user's own).",
)


@click.group(cls=LazyGroup, lazy=COMMANDS)
def ca() -> None:
    """
    Show, export, trust and renew the certificate authority that signs for intercepted servers.

    `wsproxy browser` needs none of this: the browser it opens accepts the authority by itself.

    \b
    Examples:
      wsproxy ca show
      wsproxy ca trust --nss            Chrome and Chromium of your account
      wsproxy ca trust --system         everything on this machine
      wsproxy ca untrust
      wsproxy ca guide android

    Exit codes: 1 you said no, 2 wrong usage, 3 something is missing or failed.
    """


def folder(confdir: Path | None) -> Path:
    """Where the authority is: what was given, or the user's own place for it."""
    from wsproxy.config import ca_dir

    return (confdir or ca_dir()).expanduser().absolute()


def authority_in(confdir: Path | None, *, even_expired: bool = False) -> "Authority":
    """
    The authority, made if there is none; says so, and warns if its key is not private.

    Args:
        confdir: its folder; the user's own if None.
        even_expired: also one that is not valid any more.

    Raises:
        AuthorityError: it cannot be made, read or used.
    """
    from wsproxy.certs import Authority

    authority = Authority.ensure(folder(confdir), even_expired=even_expired)
    if authority.created:
        click.echo(f"Made a new certificate authority in {authority.directory}.", err=True)
    if sys.platform != "win32" and stat.S_IMODE(authority.key_path.stat().st_mode) & 0o077:
        click.echo(
            f"Warning: others on this machine may read or write the private key; "
            f"`chmod 600 {authority.key_path}` makes it yours alone.",
            err=True,
        )
    return authority


def agree(question: str, yes: bool) -> None:
    """
    Go on only if the person says so.

    Args:
        question: without its question mark's answer.
        yes: they have said so already.

    Raises:
        UsageError: nobody is there to answer.
        click.Abort: the answer is no.
    """
    from wsproxy.cli.output import is_terminal
    from wsproxy.errors import UsageError

    if yes:
        return
    if not is_terminal(sys.stdin):
        raise UsageError("this asks first, and nobody is here to answer", "Add --yes to agree beforehand")
    click.confirm(question, abort=True, err=True)

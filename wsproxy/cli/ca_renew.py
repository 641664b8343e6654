"""`wsproxy ca renew`: a new certificate for the authority, over the same key or over a new one."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wsproxy.cli.ca import CONFDIR, agree, folder

if TYPE_CHECKING:
    from wsproxy.certs import Authority


@click.command()
@click.option(
    "--limit-to",
    "limit_to",
    multiple=True,
    metavar="HOST",
    help="Let it vouch for HOST only: a name with all below it, an IP address or a network. "
    "May be given several times.",
)
@click.option("--unlimited", is_flag=True, help="Let it vouch for every host again.")
@click.option("--new-key", is_flag=True, help="Make a new private key, too, and lose the old one.")
@click.option("-y", "--yes", is_flag=True, help="Do it without asking.")
@CONFDIR
def renew(limit_to: tuple[str, ...], unlimited: bool, new_key: bool, yes: bool, confdir: Path | None) -> None:
    """
    Give the authority a new certificate, valid for ten years from now.

    Before or after it has expired. With the same key a running proxy goes on, and what trusts the old
    certificate accepts the proxy until that one expires. With --new-key it is another authority: for when
    somebody else may have read the key. Makes the authority if there is none.

    \b
    Examples:
      wsproxy ca renew
      wsproxy ca renew --limit-to example.com --limit-to 127.0.0.1
      wsproxy ca renew --new-key
    """
    from wsproxy.certs import Authority, limits
    from wsproxy.certs.authority import KEY_FILE
    from wsproxy.errors import UsageError

    if limit_to and unlimited:
        raise UsageError("--limit-to and --unlimited contradict each other")
    wanted = [limits.parse(text) for text in limit_to]
    directory = folder(confdir)
    if not (directory / KEY_FILE).exists() and not (directory / KEY_FILE).is_symlink():
        authority = Authority.create(directory, wanted)
        click.echo(f"Made a new certificate authority in {authority.directory}.", err=True)
        return
    old = Authority.load(directory, even_expired=True)
    click.echo(_before(old, new_key), err=True)
    agree("Renew it?", yes)
    new = old.renew(wanted if limit_to or unlimited else None, new_key=new_key)
    until = f"{new.certificate.not_valid_after_utc:%Y-%m-%d}"
    kept = ", ".join(limits.of(new.certificate))
    click.echo(f"Renewed until {until}{f', limited to {kept}' if kept else ''}.", err=True)
    for line in _after(old, new, new_key):
        click.echo(line, err=True)


def _before(old: "Authority", new_key: bool) -> str:
    end = old.certificate.not_valid_after_utc
    state = f"expired on {end:%Y-%m-%d}" if old.expired else f"is valid until {end:%Y-%m-%d}"
    loses = " Its private key will be gone." if new_key else ""
    return f"The authority in {old.directory} {state}.{loses}"


def _after(old: "Authority", new: "Authority", new_key: bool) -> list[str]:
    """What is to be done now."""
    from wsproxy.certs import limits
    from wsproxy.certs.trust.places import of_entry
    from wsproxy.certs.trust.record import Record
    from wsproxy.errors import TrustError

    lines = []
    try:
        entries = [entry for entry in Record().entries if entry.authority == str(old.directory)]
    except TrustError as error:
        entries = []
        lines.append(f"Where the old one is trusted cannot be told: {error}")
    if new_key:
        lines.append("Nothing trusts the new one yet. Take trust away from the old one wherever it is.")
    elif old.expired:
        lines.append("Nothing trusts the new certificate yet; the key is the same.")
    else:
        lines.append(
            "The key is the same: what trusts the old certificate accepts the proxy until that one "
            "expires, and `wsproxy browser` notices nothing."
        )
        if limits.of(new.certificate) != limits.of(old.certificate):
            lines.append("Where the old certificate is trusted, the old limits hold.")
    for entry in entries:
        store = of_entry(entry)
        lines.append(
            f"  In {store.title}: `wsproxy ca trust --{store.option}` puts the new one in its place."
        )
    if new_key:
        lines += _running()
    return lines


def _running() -> list[str]:
    """Proxies that go on with the old key."""
    from wsproxy.control import runfile
    from wsproxy.errors import ControlError

    try:
        runs = runfile.running()
    except ControlError:
        return []
    return [
        f"The proxy on {' and '.join(run.listen)} (process {run.pid}) signs with the old key until it is "
        "started anew, if it uses this authority."
        for run in runs
    ]

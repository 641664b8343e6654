"""`wsproxy ca trust` and `untrust`: change trust stores, command by command, and only when told to."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from wsproxy.cli import output
from wsproxy.cli.ca import CONFDIR, agree, authority_in, folder
from wsproxy.errors import TrustError, UsageError

if TYPE_CHECKING:
    from wsproxy.certs import Authority
    from wsproxy.certs.trust.command import Command
    from wsproxy.certs.trust.record import Record
    from wsproxy.certs.trust.store import Entry, TrustStore

F = TypeVar("F", bound=Callable[..., Any])


def _where(command: F) -> F:
    """Options of both: which stores, and how much to ask."""
    for option in reversed(
        [
            click.option("--system", is_flag=True, help="The system's store, or that of your account."),
            click.option("--nss", is_flag=True, help="The databases of Chrome and Chromium (Linux)."),
            click.option("--firefox", is_flag=True, help="Your profiles of Firefox."),
            click.option("-y", "--yes", is_flag=True, help="Do it without asking."),
            click.option("--dry-run", is_flag=True, help="Print the commands and run none."),
        ]
    ):
        command = option(command)
    return command


@click.command()
@_where
@CONFDIR
def trust(system: bool, nss: bool, firefox: bool, yes: bool, dry_run: bool, confdir: Path | None) -> None:
    """
    Let trust stores vouch for the authority; `wsproxy ca untrust` takes it back.

    Prints the commands, asks, and runs them. Choose as little as will do: one browser rather than the
    whole system. Whoever gets hold of the private key can pretend to be any site to what trusts it.

    \b
    Examples:
      wsproxy ca trust --nss
      wsproxy ca trust --system --dry-run
      wsproxy ca trust --nss --firefox --yes
    """
    from wsproxy.certs import Authority
    from wsproxy.certs.trust.places import stores
    from wsproxy.certs.trust.record import Record

    chosen = _chosen(system, nss, firefox)
    if not chosen:
        raise UsageError(
            "say which trust store: --system, --nss (Chrome, Chromium) or --firefox",
            "`wsproxy ca show` lists those of this machine",
        )
    found = [store for option in chosen for store in stores(option)]
    authority = Authority.load(folder(confdir)) if dry_run else authority_in(confdir)
    record = Record()
    for store in found:
        _trust(store, authority, record, yes, dry_run)
    if not dry_run and record.entries:
        output.say("`wsproxy ca untrust` takes it back.")


@click.command()
@_where
def untrust(system: bool, nss: bool, firefox: bool, yes: bool, dry_run: bool) -> None:
    """
    Undo exactly what `wsproxy ca trust` did, everywhere or in the stores that are named.

    It is remembered in a file of yours, with the certificate: this works after the authority was renewed
    or deleted, too.

    \b
    Examples:
      wsproxy ca untrust
      wsproxy ca untrust --system --dry-run
    """
    from wsproxy.certs.trust.places import of_entry
    from wsproxy.certs.trust.record import Record

    chosen = _chosen(system, nss, firefox)
    record = Record()
    wanted = [(entry, of_entry(entry)) for entry in reversed(record.entries)]
    if chosen:
        wanted = [(entry, store) for entry, store in wanted if store.option in chosen]
    if not wanted:
        where = " there" if chosen else ""
        output.say(f"Nothing to take back: `wsproxy ca trust` has done nothing{where}.")
    for entry, store in wanted:
        _untrust(entry, store, record, yes, dry_run)


def _chosen(system: bool, nss: bool, firefox: bool) -> list[str]:
    return [name for name, given in (("system", system), ("nss", nss), ("firefox", firefox)) if given]


def _trust(store: "TrustStore", authority: "Authority", record: "Record", yes: bool, dry_run: bool) -> None:
    _require(store, dry_run)
    # What was there of the same authority would otherwise stay beside it.
    earlier = [
        entry
        for entry in record.of(store)
        if entry.authority == str(authority.directory) and entry.x509 != authority.certificate
    ]
    for entry in earlier:
        _untrust(entry, store, record, yes, dry_run)
    if store.trusts(authority.certificate):
        output.say(f"Trusted already in {store.title}.")
        return
    plan = store.trust(authority.certificate, authority.certificate_path, authority.directory)
    _announce(f"To trust it in {store.title}:", plan.commands)
    output.say(f"It will then be believed by {store.audience}.")
    if dry_run:
        return
    agree("Run this?", yes)
    new = plan.entry
    for old in record.of(store):
        if old.x509 == authority.certificate:
            # Interrupted then, or undone by somebody else since; what it made is ours all the same.
            new = replace(new, made=tuple(dict.fromkeys((*old.made, *new.made))))
            record.remove(old)
    record.add(new)
    _run(
        plan.commands,
        lambda: record.remove(new) if new is plan.entry else None,
        "`wsproxy ca untrust` undoes what was done",
    )
    if not store.trusts(authority.certificate):
        raise TrustError(
            f"the commands went well, and yet {store.title} does not trust the authority",
            "`wsproxy ca untrust` undoes them",
        )
    output.say(f"Trusted in {store.title}.")


def _untrust(entry: "Entry", store: "TrustStore", record: "Record", yes: bool, dry_run: bool) -> None:
    from wsproxy.certs.trust.store import common_name

    _require(store, dry_run)
    commands = store.untrust(entry)
    if commands:
        _announce(f"To take trust in {common_name(entry.x509)} away from {store.title}:", commands)
    if dry_run:
        return
    if commands:
        agree("Run this?", yes)
        _run(commands, None, "The rest can be undone by the same command later")
    record.remove(entry)
    output.say(f"Not trusted any more in {store.title}.")


def _require(store: "TrustStore", dry_run: bool) -> None:
    """Raises TrustError, or only says so, if what the commands need is not installed."""
    if lack := store.lacks():
        error = TrustError(f"{lack.message}, which {store.title} needs", lack.hint)
        if not dry_run:
            raise error
        output.say(f"{error}.")


def _announce(what: str, commands: "Sequence[Command]") -> None:
    output.say(what)
    for command in commands:
        output.emit(f"{command}\n")


def _run(commands: "Sequence[Command]", nothing_done: Callable[[], None] | None, hint: str) -> None:
    for number, command in enumerate(commands):
        try:
            command.run()
        except TrustError as error:
            if number == 0 and nothing_done:
                nothing_done()
                raise
            raise TrustError(error.message, error.hint or hint) from None

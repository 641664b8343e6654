"""`wsproxy ca show`: the facts of the authority, and who trusts it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wsproxy.cli.ca import CONFDIR, authority_in
from wsproxy.cli.output import json_option

if TYPE_CHECKING:
    from wsproxy.certs import Authority


@dataclass(frozen=True, slots=True)
class Standing:
    """What one trust store makes of the authority."""

    kind: str
    """Of the store."""
    title: str
    place: str
    trusted: bool | None
    """None: it cannot be told."""
    by_wsproxy: bool
    """Whether `wsproxy ca trust` did it."""
    problem: str
    """Why it cannot be told; empty if it can."""


@click.command()
@json_option("Print one JSON object.")
@CONFDIR
def show(as_json: bool, confdir: Path | None) -> None:
    """
    Print fingerprint, SPKI pin, dates and files of the authority, and where it is trusted.

    Makes the authority if there is none yet.
    """
    import json
    from dataclasses import asdict

    from wsproxy.certs import describe, limits
    from wsproxy.cli import output

    authority = authority_in(confdir, even_expired=True)
    info = describe(authority.certificate)
    limited_to = limits.of(authority.certificate)
    standings, elsewhere = look(authority)
    if as_json:
        facts = {
            "subject": info.subject,
            "sha256": info.sha256,
            "spki_pin": info.spki_pin,
            "key": info.key,
            "not_before": f"{info.not_before:%Y-%m-%dT%H:%M:%SZ}",
            "not_after": f"{info.not_after:%Y-%m-%dT%H:%M:%SZ}",
            "expired": authority.expired,
            "limited_to": limited_to,
            "certificate": str(authority.certificate_path),
            "private_key": str(authority.key_path),
            "trust": [asdict(standing) for standing in standings],
        }
        output.emit(json.dumps(facts) + "\n")
        return
    expired = ", EXPIRED: `wsproxy ca renew`" if authority.expired else ""
    lines = [
        ("Subject", info.subject),
        ("SHA-256", info.sha256),
        ("SPKI pin", info.spki_pin),
        ("Key", info.key),
        ("Valid", f"{info.not_before:%Y-%m-%d} to {info.not_after:%Y-%m-%d} (UTC){expired}"),
        ("Limited to", ", ".join(limited_to) or "nothing: it may vouch for every host"),
        ("Certificate", str(authority.certificate_path)),
        ("Private key", str(authority.key_path)),
        *(("Trusted" if number == 0 else "", line) for number, line in enumerate(map(words, standings))),
        *(("Elsewhere", line) for line in elsewhere),
    ]
    from wsproxy.decoders.text import printable

    output.emit("".join(f"{name:<12} {printable(value)}\n" for name, value in lines))


def look(authority: "Authority") -> tuple[list[Standing], list[str]]:
    """
    What the trust stores of this machine make of the authority.

    Returns:
        Their standings; and sentences about earlier certificates of it that are still trusted.
    """
    from wsproxy.certs.trust.places import all_stores, of_entry
    from wsproxy.certs.trust.record import Record
    from wsproxy.errors import TrustError

    try:
        entries = Record().entries
    except TrustError:
        entries = []
    ours = [entry for entry in entries if entry.x509 == authority.certificate]
    standings = []
    for store in all_stores():
        trusted, problem = None, ""
        try:
            trusted = store.trusts(authority.certificate)
        except TrustError as error:
            problem = str(error)
        did = any((entry.kind, entry.place) == (store.kind, str(store.place)) for entry in ours)
        standings.append(
            Standing(store.kind, store.title, str(store.place), trusted, bool(trusted and did), problem)
        )
    earlier = [
        f"an earlier certificate is still trusted in {of_entry(entry).title}: `wsproxy ca untrust`"
        for entry in entries
        if entry.authority == str(authority.directory) and entry not in ours
    ]
    return standings, earlier


def words(standing: Standing) -> str:
    """A standing in one line."""
    if standing.trusted is None:
        return f"? {standing.title}: {standing.problem}"
    if standing.trusted:
        return f"yes, in {standing.title}{' by `wsproxy ca trust`' if standing.by_wsproxy else ''}"
    return f"no, in {standing.title}"

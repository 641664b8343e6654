"""The certificate authority: is it there, valid and private, and who trusts it."""

import datetime
import os
import stat
from pathlib import Path

from wsproxy.certs.authority import KEY_FILE, Authority
from wsproxy.certs.trust.places import all_stores
from wsproxy.doctor.check import Check
from wsproxy.errors import AuthorityError, TrustError

_SOON = datetime.timedelta(days=30)


def check(directory: Path) -> tuple[Check, Authority | None]:
    """The authority in a folder, and what is to be said of it; nothing is made."""
    if not os.path.lexists(directory / KEY_FILE):
        found = f"there is none yet in {directory}"
        return Check("authority", "note", found, "The proxy makes one at its first start"), None
    try:
        authority = Authority.load(directory)
    except AuthorityError as error:
        return Check("authority", "wrong", error.message, error.hint), None
    if advice := _exposed(authority):
        return Check(
            "authority", "wrong", f"others may get at the private key in {directory}", advice
        ), authority
    until = authority.certificate.not_valid_after_utc
    found = f"{authority.certificate.subject.rfc4514_string()}, valid until {until:%Y-%m-%d}, in {directory}"
    if until - datetime.datetime.now(datetime.UTC) < _SOON:
        return Check("authority", "note", found, "`wsproxy ca renew` makes it valid for longer"), authority
    return Check("authority", "ok", found), authority


def trust(authority: Authority) -> list[Check]:
    """Who trusts it. Nobody has to: `wsproxy browser` accepts it by itself."""
    found = []
    for store in all_stores():
        try:
            trusted = store.trusts(authority.certificate)
        except TrustError as error:
            found.append(Check("trust", "note", f"{store.title}: {error.message}", error.hint))
            continue
        if trusted:
            found.append(Check("trust", "ok", f"trusted in {store.title}"))
        else:
            advice = f"If you want it there: `wsproxy ca trust --{store.option}`"
            found.append(Check("trust", "note", f"not trusted in {store.title}", advice))
    return found


def _exposed(authority: Authority) -> str:
    """What to do so that nobody else reads or replaces the key; empty if nobody can."""
    if os.name == "nt":
        return ""
    if stat.S_IMODE(authority.key_path.stat().st_mode) & 0o077:
        return f"`chmod 600 {authority.key_path}`"
    if stat.S_IMODE(authority.directory.stat().st_mode) & 0o022:
        return f"`chmod go-w {authority.directory}`"
    return ""

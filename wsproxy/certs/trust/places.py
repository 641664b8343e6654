"""The trust stores of this machine and user."""

import sys
from collections.abc import Sequence
from pathlib import Path

from wsproxy.certs.trust.arch import ArchStore
from wsproxy.certs.trust.debian import DebianStore
from wsproxy.certs.trust.fedora import FedoraStore
from wsproxy.certs.trust.firefox import FirefoxProfile
from wsproxy.certs.trust.macos import MacOSStore
from wsproxy.certs.trust.nss import NssDatabase
from wsproxy.certs.trust.store import Entry, TrustStore
from wsproxy.certs.trust.windows import WindowsStore
from wsproxy.errors import TrustError

OPTIONS = ("system", "nss", "firefox")
"""What can be chosen."""


def stores(option: str) -> Sequence[TrustStore]:
    """
    Those that an option means.

    Args:
        option: one of `OPTIONS`.

    Raises:
        TrustError: there is none here; the hint says what to do instead.
    """
    found = _FIND[option]()
    if not found:
        raise TrustError(*_NONE[option])
    return found


def all_stores() -> list[TrustStore]:
    """All of this machine and user."""
    return [store for option in OPTIONS for store in _FIND[option]()]


def of_entry(entry: Entry) -> TrustStore:
    """
    The store that an entry of the record is about.

    Raises:
        TrustError: no store is of that kind.
    """
    for store in all_stores():
        if (store.kind, str(store.place)) == (entry.kind, entry.place):
            return store
    # A profile that is gone, or another system's.
    by_place: dict[str, type[NssDatabase] | type[MacOSStore] | type[WindowsStore]] = {
        kind.kind: kind for kind in (NssDatabase, FirefoxProfile, MacOSStore, WindowsStore)
    }
    if entry.kind in by_place:
        return by_place[entry.kind](Path(entry.place))
    for system in (DebianStore, FedoraStore, ArchStore):
        if entry.kind == system.kind:
            return system(Path(entry.place))
    raise TrustError(f"{entry.kind!r} is no kind of trust store that this version knows")


def _system() -> Sequence[TrustStore]:
    if sys.platform == "darwin":
        return [MacOSStore.find()]
    if sys.platform == "win32":
        return [WindowsStore.find()]
    for kind in (FedoraStore, ArchStore, DebianStore):
        if store := kind.find():
            return [store]
    return []


def _nss() -> Sequence[TrustStore]:
    # Elsewhere Chrome asks the system.
    return NssDatabase.find() if sys.platform.startswith("linux") else []


_FIND = {"system": _system, "nss": _nss, "firefox": FirefoxProfile.find}

_NONE = {
    "system": (
        "this system's trust store is none of those known here (Debian, Fedora, Arch, macOS, Windows)",
        "`wsproxy ca guide linux` says how it is done by hand",
    ),
    "nss": (
        "Chrome and Chromium have no database of their own on this system",
        "They ask the system: `wsproxy ca trust --system`",
    ),
    "firefox": (
        "no profile of Firefox was found",
        "Start Firefox once, or see `wsproxy ca guide firefox`",
    ),
}

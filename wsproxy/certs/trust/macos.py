"""
The login keychain of macOS (security(1)): trusted by the user's own account, for TLS servers only.

macOS asks for the account's password or a fingerprint when trust changes.
"""

from collections.abc import Sequence
from pathlib import Path

from cryptography import x509

from wsproxy.certs.trust.command import Command, ask, lacking
from wsproxy.certs.trust.store import Entry, Plan, TrustStore, common_name, sha1
from wsproxy.errors import TrustError


class MacOSStore(TrustStore):
    """Args: place: the keychain."""

    kind = "macos"
    option = "system"

    @classmethod
    def find(cls) -> "MacOSStore":
        """The user's login keychain."""
        return cls(Path.home() / "Library/Keychains/login.keychain-db")

    @property
    def title(self) -> str:
        return "your login keychain"

    @property
    def audience(self) -> str:
        return "every program of your account that asks the keychain: Safari, Chrome, Edge, ..."

    def lacks(self) -> TrustError | None:
        return lacking("security")

    def trusts(self, certificate: x509.Certificate) -> bool:
        if not self._has(certificate):
            return False
        # Names of all certificates with settings of the user's; ours carries its key's identifier.
        settings = ask("security", "dump-trust-settings") or ""
        return any(line.endswith(f": {common_name(certificate)}") for line in settings.splitlines())

    def trust(self, certificate: x509.Certificate, file: Path, authority: Path) -> Plan:
        if self._has(certificate):
            raise TrustError(
                f"{common_name(certificate)} is in {self.title} already, but not trusted",
                "Delete it in Keychain Access, or trust it there",
            )
        add = ("security", "add-trusted-cert", "-r", "trustRoot", "-p", "ssl", "-k", str(self.place))
        entry = self.entry(certificate, authority, common_name(certificate))
        return Plan((Command((*add, str(file))),), entry)

    def untrust(self, entry: Entry) -> Sequence[Command]:
        if not self._has(entry.x509):
            return []
        # -t takes the settings away with it.
        delete = ("security", "delete-certificate", "-t", "-Z", sha1(entry.x509), str(self.place))
        return [Command(delete)]

    def _has(self, certificate: x509.Certificate) -> bool:
        listed = ask("security", "find-certificate", "-a", "-Z", str(self.place)) or ""
        return sha1(certificate) in listed.upper()

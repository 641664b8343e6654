"""
The root store of Windows, of the user's own account (Windows's certutil, which is not that of NSS).

Windows asks for confirmation, in a window, when it changes.
"""

import os
import ssl
import sys
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from wsproxy.certs.trust.command import Command, lacking
from wsproxy.certs.trust.store import Entry, Plan, TrustStore, common_name, sha1
from wsproxy.errors import TrustError


class WindowsStore(TrustStore):
    """Args: place: the program that changes it, since programs of that name are many."""

    kind = "windows"
    option = "system"

    @classmethod
    def find(cls) -> "WindowsStore":
        """The user's."""
        return cls(Path(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "certutil.exe"))

    @property
    def title(self) -> str:
        return "the root store of your Windows account"

    @property
    def audience(self) -> str:
        return "every program of your account that asks Windows: Chrome, Edge, .NET, PowerShell, ..."

    def lacks(self) -> TrustError | None:
        return lacking(str(self.place))

    def trusts(self, certificate: x509.Certificate) -> bool:
        if sys.platform != "win32":
            raise TrustError("this is not Windows")
        der = certificate.public_bytes(Encoding.DER)
        return any(der == found for found, _, _ in ssl.enum_certificates("ROOT"))

    def trust(self, certificate: x509.Certificate, file: Path, authority: Path) -> Plan:
        add = (str(self.place), "-user", "-addstore", "Root", str(file))
        return Plan((Command(add),), self.entry(certificate, authority, common_name(certificate)))

    def untrust(self, entry: Entry) -> Sequence[Command]:
        return [Command((str(self.place), "-user", "-delstore", "Root", sha1(entry.x509)))]

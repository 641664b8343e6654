"""
NSS databases of the user's: what Chrome and Chromium read on Linux (certutil(1), of NSS).

They look in `~/.pki/nssdb` where it exists, and newer ones otherwise in `~/.local/share/pki/nssdb`
(crypto/nss_util.cc). Older ones know only the first, so that is the one to make where there is neither.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509

from wsproxy.certs.trust.command import Command, ask, lacking
from wsproxy.certs.trust.store import Entry, Plan, TrustStore, common_name, missing_folders, removable
from wsproxy.errors import TrustError

_FILES = ("cert9.db", "key4.db", "pkcs11.txt")
"""Of a database."""
_LINE = re.compile(r"^(?P<name>.*\S)\s+(?P<flags>[a-zA-Z]*,[a-zA-Z]*,[a-zA-Z]*)\s*$")
"""Of `certutil -L`. The flags are for TLS, e-mail and code."""
_TRUSTED = "C"
"""Among the flags: vouches for servers."""


class NssDatabase(TrustStore):
    """Args: place: the folder of the database."""

    kind = "nss"
    option = "nss"

    @classmethod
    def find(cls) -> Sequence["NssDatabase"]:
        """Those that Chrome and Chromium read, snaps and flatpaks included."""
        home = Path.home()
        legacy = home / ".pki/nssdb"
        newer = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share", "pki/nssdb")
        main = newer if os.path.isdir(newer) and not os.path.isdir(legacy) else legacy
        confined = [
            *home.glob("snap/chromium/current/.pki/nssdb"),
            *home.glob(".var/app/*/data/pki/nssdb"),
            *home.glob(".var/app/*/.pki/nssdb"),
        ]
        return [cls(place) for place in [main, *sorted(confined)]]

    @property
    def title(self) -> str:
        return f"Chrome's and Chromium's database {short_path(self.place)}"

    @property
    def audience(self) -> str:
        return "Chrome, Chromium and their relatives, in your account, from their next start"

    def lacks(self) -> TrustError | None:
        return lacking("certutil")

    def trusts(self, certificate: x509.Certificate) -> bool:
        if not self._exists:
            return False
        return any(_TRUSTED in flags.split(",")[0] for _, flags in self._find(certificate, _TRUSTED))

    def trust(self, certificate: x509.Certificate, file: Path, authority: Path) -> Plan:
        database = f"sql:{self.place}"
        for name, flags in self._find(certificate):
            # It is there, and does not vouch for servers.
            change = Command(("certutil", "-d", database, "-M", "-n", name, "-t", f"{_TRUSTED}{flags}"))
            return Plan((change,), self.entry(certificate, authority, name, before=flags))
        commands: list[Command] = []
        made: list[Path] = []
        if not self._exists:
            folders = missing_folders(self.place)
            commands += [Command(("mkdir", "-m", "700", str(folder))) for folder in folders]
            commands.append(Command(("certutil", "-d", database, "-N", "--empty-password")))
            made = [*folders, *(self.place / name for name in _FILES if not (self.place / name).exists())]
        name = common_name(certificate)
        add = ("certutil", "-d", database, "-A", "-n", name, "-t", f"{_TRUSTED},,", "-i", str(file))
        commands.append(Command(add))
        return Plan(tuple(commands), self.entry(certificate, authority, name, made))

    def untrust(self, entry: Entry) -> Sequence[Command]:
        if not self._exists:
            return []
        database = f"sql:{self.place}"
        there = self._find(entry.x509)
        if entry.before:
            return [
                Command(("certutil", "-d", database, "-M", "-n", n, "-t", entry.before)) for n, _ in there
            ]
        made = list(map(Path, entry.made))
        files = [path for path in made if not path.is_dir()]
        if files and len(self._list()) == len(there) and ask("certutil", "-d", database, "-K") is None:
            # Ours from the beginning, and nobody has put anything else into it.
            commands = [Command(("rm", "-f", *map(str, files)))]
            empty = removable([path for path in made if path.is_dir()], files)
            if empty:
                commands.append(Command(("rmdir", *map(str, empty))))
            return commands
        return [Command(("certutil", "-d", database, "-D", "-n", name)) for name, _ in there]

    @property
    def _exists(self) -> bool:
        try:
            return (self.place / _FILES[0]).exists()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise TrustError(f"cannot look into {self.place}: {reason}") from None

    def _list(self) -> list[tuple[str, str]]:
        """Names and flags of all certificates."""
        if not self._exists:
            return []
        listed = ask("certutil", "-d", f"sql:{self.place}", "-L")
        if listed is None:
            raise TrustError(f"certutil cannot read the database {self.place}")
        found = [_LINE.match(line) for line in listed.splitlines()]
        # The second line of the heading looks like an entry.
        return [(m["name"], m["flags"]) for m in found if m and m["flags"] != "SSL,S/MIME,JAR/XPI"]

    def _find(self, certificate: x509.Certificate, flag: str = "") -> list[tuple[str, str]]:
        """Name and flags of this very certificate, if it is there (and its TLS flags have `flag`)."""
        for name, flags in self._list():
            if flag not in flags.split(",")[0]:
                continue
            pem = ask("certutil", "-d", f"sql:{self.place}", "-L", "-n", name, "-a") or ""
            if certificate in x509.load_pem_x509_certificates(pem.encode()):
                return [(name, flags)]
        return []


def short_path(path: Path) -> str:
    """As people write it, with `~` for their home."""
    try:
        return f"~/{path.relative_to(Path.home())}"
    except ValueError:
        return str(path)

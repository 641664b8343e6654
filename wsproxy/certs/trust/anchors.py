"""Stores of Linux systems: a folder for administrators' certificates, and a program that collects them."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from wsproxy.certs.trust.command import Command, lacking, needs_sudo
from wsproxy.certs.trust.store import Entry, Plan, TrustStore, missing_folders, removable, short_name
from wsproxy.errors import TrustError


class AnchorStore(TrustStore):
    """
    A store of a Linux system.

    Args:
        place: the folder of certificates.
        bundle: the file with all trusted ones, which `update` writes.
        update: the program that collects them, and its arguments.
    """

    option = "system"
    suffix: ClassVar[str]
    """Of the files in the folder."""
    system: ClassVar[str]
    """The family of systems."""

    def __init__(self, place: Path, bundle: Path, update: Sequence[str]) -> None:
        super().__init__(place)
        self.bundle = bundle
        self.update = Command(tuple(update), as_root=True)

    @classmethod
    @abstractmethod
    def find(cls) -> "AnchorStore | None":
        """This machine's, if it is of this family."""

    @property
    def title(self) -> str:
        return f"the system's store ({self.system})"

    @property
    def audience(self) -> str:
        return "every program on this machine that asks the system, whoever runs it"

    def lacks(self) -> TrustError | None:
        return lacking(self.update.words[0], *(["sudo"] if needs_sudo() else []))

    def trusts(self, certificate: x509.Certificate) -> bool:
        try:
            bundle = self.bundle.read_text("ascii", "replace")
        except FileNotFoundError:
            return False
        except OSError as error:
            raise TrustError(f"cannot read {self.bundle}: {(error.strerror or str(error)).lower()}") from None
        return _body(certificate) in "".join(bundle.split())

    def trust(self, certificate: x509.Certificate, file: Path, authority: Path) -> Plan:
        name = short_name(certificate)
        target = self.place / f"{name}{self.suffix}"
        folders = missing_folders(self.place)
        commands = [Command(("mkdir", str(folder)), as_root=True) for folder in folders]
        commands.append(Command(("install", "-m", "644", str(file), str(target)), as_root=True))
        commands.append(self.update)
        return Plan(tuple(commands), self.entry(certificate, authority, name, [*folders, target]))

    def untrust(self, entry: Entry) -> Sequence[Command]:
        made = list(map(Path, entry.made))
        files, folders = [path for path in made if not path.is_dir()], [p for p in made if p.is_dir()]
        commands = [
            Command(("rm", "-f", *map(str, [*files, *self.traces(entry)])), as_root=True),
            self.update,
        ]
        commands += self.afterwards(entry)
        empty = removable(folders, files)
        if empty:
            commands.append(Command(("rmdir", *map(str, empty)), as_root=True))
        return commands

    def traces(self, entry: Entry) -> list[Path]:
        """What else leads to the certificate, and is not taken away by `update`."""
        return []

    def afterwards(self, entry: Entry) -> list[Command]:
        """What remains to be done after `update`."""
        return []


def _body(certificate: x509.Certificate) -> str:
    """The base64 of its PEM, in one line."""
    lines = certificate.public_bytes(Encoding.PEM).decode("ascii").split("\n")
    return "".join(line for line in lines if not line.startswith("-"))

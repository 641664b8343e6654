"""What every trust store can do, and what was done to one."""

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from wsproxy.certs.trust.command import Command
from wsproxy.errors import TrustError


@dataclass(frozen=True, slots=True)
class Entry:
    """What was done to a store for one certificate: enough to undo it, whatever became of the authority."""

    kind: str
    """Of the store (`TrustStore.kind`)."""
    place: str
    """Of the store (`TrustStore.place`)."""
    certificate: str
    """PEM."""
    authority: str
    """The folder of the authority it belongs to."""
    name: str
    """What the certificate is called in the store."""
    made: tuple[str, ...] = ()
    """Files and folders that were not there before, outer ones first."""
    before: str = ""
    """How the store treated the certificate before; empty if it did not have it."""

    @property
    def x509(self) -> x509.Certificate:
        """The certificate."""
        return x509.load_pem_x509_certificate(self.certificate.encode())


@dataclass(frozen=True, slots=True)
class Plan:
    """How to make a store trust a certificate."""

    commands: tuple[Command, ...]
    """In this order."""
    entry: Entry
    """What they do."""


class TrustStore(ABC):
    """
    One store, in one place. Nothing here changes it but the commands it gives.

    All methods raise TrustError if the store cannot be read or a program is missing.
    """

    kind: ClassVar[str]
    """Of the family: `debian`, `nss`, ..."""
    option: ClassVar[str]
    """The option of `wsproxy ca trust` that means it: `system`, `nss` or `firefox`."""

    def __init__(self, place: Path) -> None:
        self.place = place

    @property
    @abstractmethod
    def title(self) -> str:
        """What people call it."""

    @property
    @abstractmethod
    def audience(self) -> str:
        """Who believes what it trusts."""

    @abstractmethod
    def lacks(self) -> TrustError | None:
        """Why it cannot be changed here; None if it can."""

    @abstractmethod
    def trusts(self, certificate: x509.Certificate) -> bool:
        """Whether it does."""

    @abstractmethod
    def trust(self, certificate: x509.Certificate, file: Path, authority: Path) -> Plan:
        """
        How to make it trust `certificate`, which it does not.

        Args:
            certificate: of an authority.
            file: holds it, as PEM.
            authority: the folder it came from.
        """

    @abstractmethod
    def untrust(self, entry: Entry) -> Sequence[Command]:
        """How to undo what `entry` says, as far as nobody else has."""

    def entry(
        self,
        certificate: x509.Certificate,
        authority: Path,
        name: str,
        made: Iterable[Path] = (),
        before: str = "",
    ) -> Entry:
        """What is done to this store."""
        return Entry(
            kind=self.kind,
            place=str(self.place),
            certificate=certificate.public_bytes(Encoding.PEM).decode("ascii"),
            authority=str(authority),
            name=name,
            made=tuple(map(str, made)),
            before=before,
        )


def short_name(certificate: x509.Certificate) -> str:
    """A file name without suffix: `wsproxy-` and eight digits of the SHA-256 fingerprint."""
    return f"wsproxy-{certificate.fingerprint(hashes.SHA256()).hex()[:8]}"


def common_name(certificate: x509.Certificate) -> str:
    """The subject's, in printable ASCII; `wsproxy` if it has none."""
    for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
        text = "".join(c for c in str(attribute.value) if c.isascii() and c.isprintable() and c != ":")
        if text.strip():
            return text.strip()
    return "wsproxy"


def sha1(certificate: x509.Certificate) -> str:
    """The fingerprint by which macOS and Windows name a certificate, upper-case hex."""
    return hashlib.sha1(certificate.public_bytes(Encoding.DER), usedforsecurity=False).hexdigest().upper()


def missing_folders(folder: Path) -> list[Path]:
    """`folder` and those around it that do not exist, outer ones first."""
    missing = []
    while not os.path.lexists(folder):
        missing.append(folder)
        folder = folder.parent
    return missing[::-1]


def removable(folders: Iterable[Path], files: Iterable[Path]) -> list[Path]:
    """Those of `folders` that are empty once `files` are gone, inner ones first."""
    gone = set(files)
    found = []
    for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
        try:
            left = set(folder.iterdir()) - gone
        except OSError:
            continue
        if not left:
            found.append(folder)
            gone.add(folder)
    return found

"""
The authorities a program trusts already, and ours, in the files that programs read.

Most variables *replace* what a program trusts. So the file they name has the system's authorities, those the
user's own variables name, and ours: what could be reached before can be reached still.
"""

import base64
import hashlib
import re
import ssl
import struct
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from wsproxy.certs import files
from wsproxy.errors import WsproxyError

STORE_PASSWORD = "changeit"
"""Of Java's stores, by custom. They hold nothing secret; it only guards against damage."""

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----\s(.*?)-----END CERTIFICATE-----", re.DOTALL)
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Arch, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # macOS, the BSDs
)
"""Where a system's authorities are, for a Python that was built to look elsewhere."""


@dataclass(frozen=True, slots=True)
class TrustFiles:
    """Where they were written. None of them is secret."""

    whole: Path
    """PEM: everything, for variables that replace."""
    added: Path
    """PEM: ours, and what the user's own variables add, for variables that add."""
    java: Path
    """A JKS store with everything; its password is `STORE_PASSWORD`."""
    php: Path
    """A folder of settings for PHP, which name `whole`."""


def write(folder: Path, ours: Path, replacing: Iterable[str], adding: Iterable[str]) -> TrustFiles:
    """
    Write the files.

    Args:
        folder: where; it exists.
        ours: the proxy's certificate, PEM.
        replacing: files the user's own variables name in place of the system's; missing ones are passed over.
        adding: files they name beside it; likewise.

    Raises:
        WsproxyError: `ours` cannot be read, or the folder cannot be written.
    """
    try:
        own = certificates_in(ours.read_text("ascii", "replace"))
    except OSError as error:
        raise WsproxyError(
            f"cannot read the proxy's certificate {ours}: {(error.strerror or str(error)).lower()}"
        ) from error
    added = _distinct([*own, *_of_files(adding)])
    whole = _distinct([*system_certificates(), *_of_files(replacing), *added])
    found = TrustFiles(folder / "bundle.pem", folder / "added.pem", folder / "truststore.jks", folder / "php")
    try:
        files.publish(found.whole, _pem(whole), files.SECRET)
        files.publish(found.added, _pem(added), files.SECRET)
        files.publish(found.java, java_store(whole), files.SECRET)
        found.php.mkdir(mode=0o700, exist_ok=True)
        files.publish(found.php / "wsproxy.ini", _php_settings(found.whole), files.SECRET)
    except OSError as error:
        raise WsproxyError(f"cannot write to {folder}: {(error.strerror or str(error)).lower()}") from error
    return found


def certificates_in(pem: str) -> list[bytes]:
    """The certificates (DER) in a text that may hold anything else."""
    found = []
    for block in _PEM.findall(pem):
        try:
            found.append(base64.b64decode("".join(block.split()), validate=True))
        except ValueError:
            continue
    return [certificate for certificate in found if certificate]


def system_certificates() -> list[bytes]:
    """The authorities (DER) of this system, or Mozilla's where it has none that could be found."""
    # SSL_CERT_FILE and SSL_CERT_DIR of the user are heeded, and Windows' own store is read.
    found = ssl.create_default_context().get_ca_certs(binary_form=True)
    if not found:
        found = _of_files(_BUNDLES)
    if not found:
        import certifi

        found = _of_files([certifi.where()])
    return found


def java_store(certificates: Iterable[bytes]) -> bytes:
    """
    A store of trusted certificates (DER) for Java, every version of it.

    Its format is JKS (the comment in sun.security.provider.JavaKeyStore): of PKCS #12 Java trusts only
    entries with an attribute of its own, which not every `cryptography` that mitmproxy allows can write.
    """
    now = time.time_ns() // 1_000_000
    entries = []
    for number, certificate in enumerate(certificates):
        alias, kind = f"wsproxy{number}".encode(), b"X.509"
        entries.append(
            struct.pack(">IH", 2, len(alias)) + alias
            + struct.pack(">QH", now, len(kind)) + kind
            + struct.pack(">I", len(certificate)) + certificate
        )  # fmt: skip
    content = struct.pack(">III", 0xFEEDFEED, 2, len(entries)) + b"".join(entries)
    guard = STORE_PASSWORD.encode("utf-16-be") + b"Mighty Aphrodite" + content
    return content + hashlib.sha1(guard, usedforsecurity=False).digest()


def _php_settings(bundle: Path) -> bytes:
    """For the curl extension, which heeds no variable, and for streams where other settings say otherwise."""
    path = str(bundle)
    if "'" in path:
        # There is no way to write that.
        return b""
    return f"curl.cainfo='{path}'\nopenssl.cafile='{path}'\n".encode()


def _of_files(paths: Iterable[str]) -> list[bytes]:
    found: list[bytes] = []
    for path in paths:
        try:
            found += certificates_in(Path(path).read_text("ascii", "replace"))
        except OSError:
            continue
    return found


def _distinct(certificates: Iterable[bytes]) -> list[bytes]:
    return list(dict.fromkeys(certificates))


def _pem(certificates: Iterable[bytes]) -> bytes:
    return "".join(map(ssl.DER_cert_to_PEM_cert, certificates)).encode("ascii")

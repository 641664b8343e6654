"""
Trust stores to be changed in tests: of nobody, in a folder of their own, with the system's own programs.
"""

import os
import shutil
import sqlite3
import stat
import struct
import subprocess
from pathlib import Path

import pytest

from wsproxy.certs.trust.debian import DebianStore

needs_update_ca_certificates = pytest.mark.skipif(
    not Path("/usr/sbin/update-ca-certificates").exists(), reason="update-ca-certificates is not installed"
)
FIREFOX = shutil.which("firefox") or shutil.which("firefox-esr")

needs_firefox = pytest.mark.skipif(FIREFOX is None, reason="Firefox is not installed")
needs_certutil = pytest.mark.skipif(shutil.which("certutil") is None, reason="certutil is not installed")

_HOOK = """#!/bin/sh
cat >> {heard}
"""


def snapshot(folder: Path) -> dict[str, object]:
    """Everything below a folder: bytes, modes, and where links lead."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_dir():
            found[name] = stat.S_IMODE(path.stat().st_mode)
        else:
            found[name] = (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
    return found


class Debian:
    """
    A Debian's trust store in a folder, kept by the real `update-ca-certificates`.

    Args:
        root: the folder, empty.
        anchors: whether the administrator's folder is there.
    """

    def __init__(self, root: Path, anchors: bool = True) -> None:
        self.root = root
        self.heard = root.parent / f"{root.name}-heard"
        """What hooks were told."""
        shipped = root / "usr/share/ca-certificates"
        self.anchors = root / "usr/local/share/ca-certificates"
        self.links = root / "etc/ssl/certs"
        hooks = root / "etc/ca-certificates/update.d"
        for folder in (shipped, self.links, hooks, *([self.anchors] if anchors else [])):
            folder.mkdir(parents=True)
        originals = sorted(Path("/usr/share/ca-certificates").rglob("*.crt"))[:6]
        for original in originals:
            shutil.copy(original, shipped / original.name)
        conf = root / "etc/ca-certificates.conf"
        conf.write_text("".join(f"{original.name}\n" for original in originals))
        hook = hooks / "jks-keystore"
        hook.write_text(_HOOK.format(heard=self.heard))
        hook.chmod(0o755)
        update = (
            "update-ca-certificates",
            *("--certsconf", str(conf), "--certsdir", str(shipped), "--localcertsdir", str(self.anchors)),
            *("--etccertsdir", str(self.links), "--hooksdir", str(hooks)),
        )
        self.store = DebianStore(self.anchors, self.links, hooks, update)
        self.store.update.run()
        self.heard.unlink(missing_ok=True)

    def verifies(self, certificate: Path) -> bool:
        """Whether OpenSSL accepts a server's certificate: by the links and by the bundle."""
        nothing = ["-no-CAfile", "-no-CAstore"]
        by_links = ["-CApath", str(self.links), *nothing]
        by_bundle = ["-CAfile", str(self.store.bundle), "-no-CApath", "-no-CAstore"]
        said = {
            subprocess.run(
                ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", *trust, str(certificate)],
                capture_output=True,
                check=False,
            ).returncode
            for trust in (by_links, by_bundle)
        }
        assert len(said) == 1, "links and bundle disagree"
        return said == {0}


def java_entries(store: Path) -> set[tuple[str, int, bytes]]:
    """What is in a JKS store of certificates: names, times, certificates. Java writes them in any order."""
    data = store.read_bytes()
    magic, version, count = struct.unpack_from(">III", data)
    assert (magic, version) == (0xFEEDFEED, 2)
    found, at = set(), 12

    def part(kind: str) -> bytes:
        nonlocal at
        (size,) = struct.unpack_from(kind, data, at)
        at += struct.calcsize(kind) + size
        return data[at - size : at]

    for _ in range(count):
        assert data[at : at + 4] == b"\0\0\0\2"
        at += 4
        name = part(">H").decode()
        (time,) = struct.unpack_from(">Q", data, at)
        at += 8
        assert part(">H") == b"X.509"
        found.add((name, time, part(">I")))
    return found


def rows(database: Path) -> list[str]:
    """All that is in an NSS database, certificates and keys, as SQL."""
    found: list[str] = []
    for name in ("cert9.db", "key4.db"):
        connection = sqlite3.connect(f"file:{database / name}?mode=ro", uri=True)
        try:
            found += connection.iterdump()
        finally:
            connection.close()
    return found

"""
The stores of Fedora and Arch, collected by the real p11-kit.

Their `update-ca-trust` is a script that calls it once for each kind of file. Here it is the one call that
makes `tls-ca-bundle.pem`, on a machine of the test's own, whose p11-kit looks into folders of the test's.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.machine import machine, needs_machine
from tests.support.stores import snapshot
from wsproxy.certs import Authority
from wsproxy.certs.trust.arch import ArchStore
from wsproxy.certs.trust.fedora import FedoraStore

pytestmark = pytest.mark.alike

MODULE = Path("/usr/share/p11-kit/modules/p11-kit-trust.module")
EXTRACT = ("--format=pem-bundle", "--filter=ca-anchors", "--purpose=server-auth", "--overwrite", "--comment")


@needs_machine
@pytest.mark.skipif(shutil.which("trust") is None, reason="p11-kit is not installed")
@pytest.mark.parametrize("kind", [FedoraStore, ArchStore])
def test_p11_kit_collects_what_we_put_there_and_drops_it_again(
    tmp_path: Path, kind: type[FedoraStore | ArchStore]
) -> None:
    source, bundle = tmp_path / "root" / "source", tmp_path / "root" / "tls-ca-bundle.pem"
    (source / "anchors").mkdir(parents=True)
    other = Authority.create(tmp_path / "other")
    shutil.copy(other.certificate_path, source / "anchors" / "company.pem")
    module = tmp_path / "p11-kit-trust.module"
    module.write_text(f"module: p11-kit-trust.so\ntrust-policy: yes\nx-init-reserved: paths='{source}'\n")
    authority = Authority.create(tmp_path / "ca")
    with machine() as here:
        here.run("mount", "--bind", str(module), str(MODULE))
        update = here.command("trust", "extract", *EXTRACT, str(bundle))
        store = kind(source / "anchors", bundle, update)
        store.update.run()
        before = snapshot(tmp_path / "root")
        assert store.trusts(other.certificate)

        plan = store.trust(authority.certificate, authority.certificate_path, authority.directory)
        for command in plan.commands:
            command.run()
        assert store.trusts(authority.certificate)
        assert verifies(bundle, authority, tmp_path)
        for command in store.untrust(plan.entry):
            command.run()

        assert not store.trusts(authority.certificate)
        assert snapshot(tmp_path / "root") == before


def verifies(bundle: Path, authority: Authority, folder: Path) -> bool:
    """Whether OpenSSL accepts what the authority signs."""
    leaf = folder / "leaf.pem"
    leaf.write_bytes(authority.issue("localhost").certificate_pem)
    words = ["openssl", "verify", "-no-CApath", "-no-CAstore", "-CAfile", str(bundle), str(leaf)]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0

"""
Trust stores whose systems are not here: their programs are played by small ones that take the arguments
of the real ones' manuals, and nothing else.
"""

import json
import stat
import sys
from pathlib import Path

import pytest

from tests.support.stores import snapshot
from wsproxy.certs import Authority
from wsproxy.certs.trust import command, places
from wsproxy.certs.trust.anchors import AnchorStore
from wsproxy.certs.trust.arch import ArchStore
from wsproxy.certs.trust.fedora import FedoraStore
from wsproxy.certs.trust.macos import MacOSStore
from wsproxy.certs.trust.store import TrustStore, sha1
from wsproxy.certs.trust.windows import WindowsStore
from wsproxy.errors import TrustError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs are scripts")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.create(tmp_path / "ca")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that are found before all others."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(command, "needs_sudo", lambda: False)
    return folder


def install(path: Path, source: str) -> None:
    path.write_text(f"#!{sys.executable}\n{source}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def round_trip(store: TrustStore, authority: Authority) -> None:
    plan = store.trust(authority.certificate, authority.certificate_path, authority.directory)
    for step in plan.commands:
        step.run()
    assert store.trusts(authority.certificate)
    for step in store.untrust(plan.entry):
        step.run()
    assert not store.trusts(authority.certificate)


UPDATE_CA_TRUST = """
import pathlib, sys
assert sys.argv[1:] == [], sys.argv
anchors, bundle = pathlib.Path({anchors!r}), pathlib.Path({bundle!r})
files = sorted(anchors.iterdir()) if anchors.is_dir() else []
bundle.write_text("# shipped\\n" + "".join(path.read_text() for path in files))
"""


@pytest.mark.parametrize("kind", [FedoraStore, ArchStore])
@pytest.mark.parametrize("there", [True, False], ids=["folder there", "no folder yet"])
def test_systems_with_update_ca_trust_are_as_they_were(
    tmp_path: Path,
    authority: Authority,
    programs: Path,
    kind: type[FedoraStore | ArchStore],
    there: bool,
) -> None:
    root = tmp_path / "root"
    anchors, bundle = root / "anchors", root / "bundle.pem"
    root.mkdir()
    if there:
        anchors.mkdir()
    install(programs / "update-ca-trust", UPDATE_CA_TRUST.format(anchors=str(anchors), bundle=str(bundle)))
    store: AnchorStore = kind(anchors, bundle)
    store.update.run()
    before = snapshot(root)
    assert store.lacks() is None

    round_trip(store, authority)

    assert snapshot(root) == before


SECURITY = """
import hashlib, json, pathlib, ssl, sys
path = pathlib.Path(sys.argv[0]).with_name("keychain.json")
inside = json.loads(path.read_text()) if path.exists() else {}
name, *arguments = sys.argv[1:]
if name == "add-trusted-cert":
    result, root, policy, ssl_, k, keychain, file = arguments
    assert [result, root, policy, ssl_, k] == ["-r", "trustRoot", "-p", "ssl", "-k"], arguments
    der = ssl.PEM_cert_to_DER_cert(pathlib.Path(file).read_text())
    inside[hashlib.sha1(der).hexdigest().upper()] = "trusted"
elif name == "delete-certificate":
    t, z, digest, keychain = arguments
    assert [t, z] == ["-t", "-Z"], arguments
    del inside[digest]
elif name == "find-certificate":
    assert arguments[:2] == ["-a", "-Z"], arguments
    for digest in inside:
        print("SHA-256 hash:", "0" * 64)
        print("SHA-1 hash:", digest)
elif name == "dump-trust-settings":
    trusted = [digest for digest, state in inside.items() if state == "trusted"]
    if not trusted:
        sys.exit("SecTrustSettingsCopyCertificates: No Trust Settings were found.")
    print(f"Number of trusted certs = {len(trusted)}")
    for number, digest in enumerate(trusted):
        print(f"Cert {number}: NAME")
        print("   Number of trust settings : 1")
else:
    sys.exit(f"unknown: {sys.argv}")
path.write_text(json.dumps(inside))
"""


@pytest.fixture
def keychain(programs: Path, authority: Authority) -> Path:
    """What the keychain of a played macOS has, by SHA-1."""
    name = authority.certificate.subject.rfc4514_string().partition(",")[0].removeprefix("CN=")
    install(programs / "security", SECURITY.replace("NAME", name))
    return programs / "keychain.json"


def test_macos_trusts_in_the_login_keychain_for_tls_only(
    tmp_path: Path, authority: Authority, keychain: Path
) -> None:
    store = MacOSStore(tmp_path / "login.keychain-db")
    assert store.lacks() is None

    round_trip(store, authority)

    assert json.loads(keychain.read_text()) == {}


def test_macos_does_not_touch_what_the_user_has_put_there(
    tmp_path: Path, authority: Authority, keychain: Path
) -> None:
    keychain.write_text(json.dumps({sha1(authority.certificate): "untrusted"}))
    store = MacOSStore(tmp_path / "login.keychain-db")

    assert not store.trusts(authority.certificate)
    with pytest.raises(TrustError, match="is in your login keychain already, but not trusted"):
        store.trust(authority.certificate, authority.certificate_path, authority.directory)


def test_windows_adds_to_the_users_own_root_store_and_deletes_by_digest(
    tmp_path: Path, authority: Authority
) -> None:
    store = WindowsStore(tmp_path / "certutil.exe")

    plan = store.trust(authority.certificate, authority.certificate_path, authority.directory)

    program, file = str(tmp_path / "certutil.exe"), str(authority.certificate_path)
    assert [step.words for step in plan.commands] == [(program, "-user", "-addstore", "Root", file)]
    digest = sha1(authority.certificate)
    assert [step.words for step in store.untrust(plan.entry)] == [
        (program, "-user", "-delstore", "Root", digest)
    ]
    assert not any(step.as_root for step in plan.commands)


@pytest.mark.parametrize(
    ("platform", "option", "says"),
    [
        ("darwin", "nss", "wsproxy ca trust --system"),
        ("win32", "nss", "wsproxy ca trust --system"),
        ("linux", "firefox", "Start Firefox once"),
    ],
)
def test_where_there_is_no_such_store_it_is_said_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: str, option: str, says: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", platform)

    with pytest.raises(TrustError) as caught:
        places.stores(option)

    assert says in caught.value.hint


@pytest.mark.parametrize(("platform", "kind"), [("darwin", "macos"), ("win32", "windows")])
def test_every_system_has_its_store(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: str, kind: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", platform)

    [store] = places.stores("system")

    assert store.kind == kind


def test_an_entry_of_every_kind_finds_its_store(tmp_path: Path, authority: Authority) -> None:
    for store in (FedoraStore(tmp_path), ArchStore(tmp_path), MacOSStore(tmp_path), WindowsStore(tmp_path)):
        found = places.of_entry(store.entry(authority.certificate, authority.directory, "name"))
        assert (type(found), found.place) == (type(store), tmp_path)

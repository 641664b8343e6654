"""A renewed authority: accepted where the old one is trusted, and vice versa; or a wholly new one."""

import datetime
import os
import ssl
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from mitmproxy.certs import CertStore

from tests.support.foreign_ca import DAY, NOW, certificate_pem, key_pem, write
from wsproxy.certs import Authority, describe, limits
from wsproxy.errors import AuthorityError

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no permission bits")


def test_with_the_same_key_either_certificate_vouches_for_what_either_one_signed(
    tmp_path: Path, handshake: Callable[..., str]
) -> None:
    old = Authority.create(tmp_path)
    trusting_old = tmp_path / "old.pem"
    trusting_old.write_bytes(old.certificate_path.read_bytes())
    signed_before = old.issue("localhost").server_context()

    new = old.renew()

    signed_after = new.issue("localhost").server_context()
    assert new.certificate != old.certificate
    for context in (signed_before, signed_after):
        for trust in (trusting_old, new.certificate_path):
            assert handshake(context, "localhost", trust=trust) == "TLSv1.3"
    assert describe(new.certificate).spki_pin == describe(old.certificate).spki_pin
    assert describe(new.certificate).subject == describe(old.certificate).subject
    assert x509.load_pem_x509_certificate(new.certificate_path.read_bytes()) == new.certificate


def test_with_a_new_key_it_is_another_authority(tmp_path: Path, handshake: Callable[..., str]) -> None:
    old = Authority.create(tmp_path)
    trusting_old = tmp_path / "old.pem"
    trusting_old.write_bytes(old.certificate_path.read_bytes())
    secret = old.key_path.read_bytes()

    new = old.renew(new_key=True)

    assert describe(new.certificate).subject != describe(old.certificate).subject
    assert secret[:200] not in new.key_path.read_bytes()
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(new.issue("localhost").server_context(), "localhost", trust=trusting_old)


@pytest.mark.parametrize("new_key", [False, True])
def test_an_expired_one_is_valid_again(tmp_path: Path, new_key: bool) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    write(tmp_path, key_pem(key) + certificate_pem(key, begin=NOW - 9 * DAY, end=NOW - DAY))
    old = Authority.load(tmp_path, even_expired=True)
    assert old.expired

    new = old.renew(new_key=new_key)

    assert not new.expired
    assert Authority.load(tmp_path).certificate == new.certificate
    assert new.certificate.not_valid_after_utc > datetime.datetime.now(datetime.UTC) + 3640 * DAY


def test_one_that_mitmproxy_made_stays_usable_for_it_and_may_do_less(tmp_path: Path) -> None:
    CertStore.from_store(tmp_path, "mitmproxy", 2048)
    old = Authority.load(tmp_path)

    new = old.renew()

    store = CertStore.from_store(tmp_path, "mitmproxy", 2048)
    assert x509.load_pem_x509_certificate(store.default_ca.to_pem()) == new.certificate
    assert describe(new.certificate).key == "RSA 2048"
    constraints = new.certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert constraints.path_length == 0
    identifiers = [
        one.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        for one in (old, new)
    ]
    assert identifiers[0] == identifiers[1]


def test_limits_are_kept_changed_and_lifted(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path, [limits.parse("example.com")])

    authority = authority.renew()
    assert limits.of(authority.certificate) == ["example.com"]
    authority = authority.renew([limits.parse("example.org")])
    assert limits.of(authority.certificate) == ["example.org"]
    authority = authority.renew([])
    assert limits.of(authority.certificate) == []


def test_what_another_authority_signed_can_only_be_replaced(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding

    root, key = Authority.create(tmp_path / "root"), ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "intermediate")]))
        .issuer_name(root.certificate.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .add_extension(x509.BasicConstraints(True, 0), critical=True)
        .sign(root._key, hashes.SHA256())
    )
    write(tmp_path / "ca", key_pem(key) + certificate.public_bytes(Encoding.PEM))
    authority = Authority.load(tmp_path / "ca")

    with pytest.raises(AuthorityError, match="was signed by another, which alone can renew it"):
        authority.renew()
    assert Authority.load(tmp_path / "ca").certificate == certificate
    assert authority.renew(new_key=True).certificate.issuer != root.certificate.subject


# In the way, and who may read it


@POSIX
@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_a_hostile_umask_changes_nothing(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        authority = Authority.create(tmp_path / "a" / "ca")
        authority = authority.renew()
    finally:
        os.umask(before)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a").rglob("*")}
    assert modes == {
        "ca": 0o700,
        "mitmproxy-ca.pem": 0o600,
        "mitmproxy-ca-cert.pem": 0o644,
        "mitmproxy-ca-cert.cer": 0o644,
        "mitmproxy-ca-cert.p12": 0o644,
    }
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700


@POSIX
@pytest.mark.parametrize("leads_to", ["nothing", "a file", "a key"])
def test_a_link_in_the_place_of_the_key_is_refused(tmp_path: Path, leads_to: str) -> None:
    target = tmp_path / "target"
    if leads_to == "a file":
        target.write_text("mine")
    elif leads_to == "a key":
        target.write_bytes(Authority.create(tmp_path / "other").key_path.read_bytes())
    before = target.read_bytes() if target.exists() else None
    directory = tmp_path / "ca"
    directory.mkdir()
    (directory / "mitmproxy-ca.pem").symlink_to(target)

    for make in (Authority.ensure, Authority.load, Authority.create):
        with pytest.raises(AuthorityError, match=r"mitmproxy-ca\.pem is a symbolic link") as caught:
            make(directory)
        assert "--confdir" in caught.value.hint

    assert (target.read_bytes() if target.exists() else None) == before
    assert [path.name for path in directory.iterdir()] == ["mitmproxy-ca.pem"]


@POSIX
def test_a_link_that_takes_the_place_of_the_key_is_not_written_through(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path / "ca")
    target = tmp_path / "target"
    target.write_text("mine")
    authority.key_path.unlink()
    authority.key_path.symlink_to(target)

    with pytest.raises(AuthorityError, match="is a symbolic link"):
        authority.renew()
    assert target.read_text() == "mine"


@POSIX
def test_a_link_in_the_place_of_a_certificate_is_replaced_not_followed(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path / "ca")
    target = tmp_path / "target"
    target.write_text("mine")
    authority.certificate_path.unlink()
    authority.certificate_path.symlink_to(target)

    Authority.ensure(tmp_path / "ca")

    assert target.read_text() == "mine"
    assert not authority.certificate_path.is_symlink()

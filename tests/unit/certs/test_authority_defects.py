"""An authority that cannot be used: what is wrong with it is named, and nothing is changed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from tests.support.foreign_ca import DAY, NOW, certificate_pem, key_pem, names, write
from tests.support.unprivileged import unprivileged
from wsproxy.certs import Authority
from wsproxy.errors import AuthorityError


def test_a_missing_authority_is_not_loaded(tmp_path: Path) -> None:
    with pytest.raises(AuthorityError, match=r"there is no certificate authority in .*wsproxy ca show"):
        Authority.load(tmp_path)
    assert names(tmp_path) == set()


def defects() -> Iterator[tuple[str, bytes, str]]:
    key, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ed = ed25519.Ed25519PrivateKey.generate()
    secret = key_pem(key)
    yield "empty", b"", "is not a PEM file with a readable private key"
    yield "not PEM", b"\x30\x82\x01\x02", "is not a PEM file with a readable private key"
    yield "no key", certificate_pem(key), "is not a PEM file with a readable private key"
    yield "no certificate", secret, "holds no readable certificate"
    yield "half a certificate", secret + certificate_pem(key)[:200], "holds no readable certificate"
    yield "encrypted", key_pem(key, b"hush") + certificate_pem(key), "is encrypted. Remove its passphrase"
    yield "Ed25519", key_pem(ed) + certificate_pem(ed), "is neither RSA nor EC"
    yield "other key", secret + certificate_pem(other), "do not belong together"
    yield "a server", secret + certificate_pem(key, ca=False), "is not that of an authority"
    yield "unconstrained", secret + certificate_pem(key, ca=None), "is not that of an authority"
    yield "may not sign", secret + certificate_pem(key, may_sign=False), "is not that of an authority"
    past = certificate_pem(key, begin=NOW - 9 * DAY, end=NOW - DAY)
    yield "expired", secret + past, f"expired on {NOW - DAY:%Y-%m-%d}. `wsproxy ca renew`"
    future = certificate_pem(key, begin=NOW + DAY, end=NOW + 9 * DAY)
    yield "too early", secret + future, f"not valid before {NOW + DAY:%Y-%m-%d}. Check the clock"


@pytest.mark.parametrize(
    ("data", "message"), [pytest.param(data, message, id=name) for name, data, message in defects()]
)
def test_a_defect_is_named_and_the_file_left_alone(tmp_path: Path, data: bytes, message: str) -> None:
    write(tmp_path, data)

    for read in (Authority.load, Authority.ensure):
        with pytest.raises(AuthorityError) as caught:
            read(tmp_path)
        assert message in str(caught.value)
        assert str(tmp_path / "mitmproxy-ca.pem") in str(caught.value)
        assert caught.value.hint
    assert names(tmp_path) == {"mitmproxy-ca.pem"}
    assert (tmp_path / "mitmproxy-ca.pem").read_bytes() == data


def test_a_folder_in_place_of_the_key_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "mitmproxy-ca.pem").mkdir()

    with pytest.raises(AuthorityError, match="cannot read the certificate authority"):
        Authority.ensure(tmp_path)


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("")

    with pytest.raises(AuthorityError, match="certificate authority"):
        Authority.ensure(tmp_path / "ca")


@unprivileged
def test_a_key_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path)
    authority.key_path.chmod(0)

    with pytest.raises(AuthorityError, match=r"cannot read .*mitmproxy-ca\.pem: permission denied"):
        Authority.ensure(tmp_path)


@unprivileged
def test_a_folder_that_may_not_be_entered_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca").mkdir(mode=0)

    with pytest.raises(AuthorityError, match="permission denied"):
        Authority.ensure(tmp_path / "ca")


@unprivileged
def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    with pytest.raises(AuthorityError, match=r"cannot write .*: permission denied.*WSPROXY_HOME"):
        Authority.ensure(tmp_path)


@unprivileged
def test_a_read_only_folder_with_just_the_key_file_serves(tmp_path: Path) -> None:
    made = Authority.create(tmp_path)
    made.certificate_path.unlink()
    tmp_path.chmod(0o500)

    assert Authority.ensure(tmp_path).certificate == made.certificate

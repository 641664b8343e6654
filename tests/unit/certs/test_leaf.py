"""Server certificates: accepted by a strict client for the names they carry, and for no others."""

import datetime
import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from wsproxy.certs import Authority, describe

DAY = datetime.timedelta(days=1)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("ca"))


@pytest.mark.parametrize(
    ("issued", "asked"),
    [
        ("localhost", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("*.example.com", "chat.example.com"),
        ("example.com.", "example.com"),
        ("bücher.example", "bücher.example"),
        ("*.bücher.example", "www.xn--bcher-kva.example"),
        (".".join(["a" * 40] * 3), ".".join(["a" * 40] * 3)),
    ],
)
def test_a_strict_client_accepts_the_name(
    authority: Authority, handshake: Callable[..., str], issued: str, asked: str
) -> None:
    context = authority.issue(issued).server_context()

    assert handshake(context, asked, trust=authority.certificate_path) == "TLSv1.3"


def test_one_certificate_carries_several_names(authority: Authority, handshake: Callable[..., str]) -> None:
    context = authority.issue("localhost", "127.0.0.1", "::1").server_context()

    for name in ("localhost", "127.0.0.1", "::1"):
        assert handshake(context, name, trust=authority.certificate_path) == "TLSv1.3"


def test_another_name_is_refused(authority: Authority, handshake: Callable[..., str]) -> None:
    context = authority.issue("localhost").server_context()

    with pytest.raises(ssl.SSLCertVerificationError, match="ostname mismatch"):
        handshake(context, "example.com", trust=authority.certificate_path)


def test_another_authority_is_refused(
    authority: Authority, handshake: Callable[..., str], tmp_path: Path
) -> None:
    other = Authority.create(tmp_path)

    with pytest.raises(ssl.SSLCertVerificationError, match=r"unable to get local issuer|self-signed"):
        handshake(authority.issue("localhost").server_context(), "localhost", trust=other.certificate_path)


def test_an_expired_certificate_can_be_made_and_is_refused(
    authority: Authority, handshake: Callable[..., str]
) -> None:
    context = authority.issue("localhost", days=0).server_context()

    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        handshake(context, "localhost", trust=authority.certificate_path)


def test_the_chain_is_the_leaf_and_then_the_authority(authority: Authority) -> None:
    leaf = authority.issue("localhost")

    assert x509.load_pem_x509_certificates(leaf.certificate_pem) == [leaf.certificate, authority.certificate]


def test_every_leaf_has_a_key_of_its_own(authority: Authority) -> None:
    one, two = authority.issue("localhost"), authority.issue("localhost")

    pins = {describe(c).spki_pin for c in (one.certificate, two.certificate, authority.certificate)}
    assert len(pins) == 3
    assert load_pem_private_key(one.key_pem, None).public_key() == one.certificate.public_key()


def test_the_authority_is_named_by_its_own_identifier(authority: Authority) -> None:
    leaf = authority.issue("localhost").certificate

    issuer = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    named = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert named.key_identifier == issuer.digest


def test_it_is_for_servers_only(authority: Authority) -> None:
    leaf = authority.issue("localhost").certificate

    assert list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        x509.ExtendedKeyUsageOID.SERVER_AUTH
    ]
    assert not describe(leaf).is_ca


def test_the_default_period_is_the_longest_that_browsers_allow(authority: Authority) -> None:
    leaf = authority.issue("localhost").certificate

    # Counted as they count: the last second belongs to it.
    period = leaf.not_valid_after_utc - leaf.not_valid_before_utc + datetime.timedelta(seconds=1)
    assert 397 * DAY < period <= 398 * DAY


def test_no_leaf_outlives_its_authority(authority: Authority) -> None:
    leaf = authority.issue("localhost", days=100_000).certificate

    assert leaf.not_valid_after_utc == authority.certificate.not_valid_after_utc


def test_a_name_too_long_for_the_subject_makes_the_alternative_name_critical(authority: Authority) -> None:
    leaf = authority.issue(".".join(["a" * 40] * 3)).certificate

    assert leaf.subject == x509.Name([])
    assert leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical


@pytest.mark.parametrize(
    "name", ["", "*.", ".", "two words", "a\x00b", "https://example.com", "a..b", "x" * 64]
)
def test_what_is_not_a_name_is_refused(authority: Authority, name: str) -> None:
    with pytest.raises(ValueError, match="is neither a DNS name nor an IP address"):
        authority.issue("localhost", name)


def test_a_certificate_for_nothing_is_refused(authority: Authority) -> None:
    with pytest.raises(ValueError, match="one name at least"):
        authority.issue()


def test_the_key_does_not_stay_on_disk(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    authority.issue("localhost").server_context()

    assert list(tmp_path.iterdir()) == []

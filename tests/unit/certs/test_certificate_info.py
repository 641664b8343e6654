"""Fingerprints and pins, compared with what OpenSSL and RFC 7469 compute."""

import base64
import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from wsproxy.certs import Authority, describe, spki_pin

OPENSSL = pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl program is not installed")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("ca"))


def openssl(*arguments: str, data: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=True).stdout


def test_the_fingerprint_is_that_of_the_der_form(authority: Authority) -> None:
    digest = hashlib.sha256(authority.certificate.public_bytes(Encoding.DER)).hexdigest()

    assert describe(authority.certificate).sha256.replace(":", "").lower() == digest


@OPENSSL
def test_the_fingerprint_is_written_as_openssl_writes_it(authority: Authority) -> None:
    printed = openssl("x509", "-noout", "-fingerprint", "-sha256", "-in", str(authority.certificate_path))

    assert printed.decode().strip().partition("=")[2] == describe(authority.certificate).sha256


@OPENSSL
def test_the_pin_is_the_digest_of_the_public_key(authority: Authority) -> None:
    pem = openssl("x509", "-noout", "-pubkey", "-in", str(authority.certificate_path))
    der = openssl("pkey", "-pubin", "-outform", "der", data=pem)

    assert spki_pin(authority.certificate) == base64.b64encode(hashlib.sha256(der).digest()).decode()


def test_the_authority_is_its_own_issuer(authority: Authority) -> None:
    info = describe(authority.certificate)

    assert info.subject == info.issuer
    assert info.is_ca
    assert info.spki_pin == spki_pin(authority.certificate)


def test_a_leaf_names_its_issuer(authority: Authority) -> None:
    info = describe(authority.issue("localhost").certificate)

    assert info.subject == "CN=localhost"
    assert info.issuer == describe(authority.certificate).subject
    assert not info.is_ca
    assert info.not_before.utcoffset() is not None
    assert info.not_before < info.not_after


@OPENSSL
@pytest.mark.parametrize(
    ("options", "kind"),
    [
        (["ed25519"], "Ed25519"),
        (["rsa:2048"], "RSA 2048"),
        (["ec", "-pkeyopt", "ec_paramgen_curve:P-521"], "EC P-521"),
        (["ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"], "EC secp256k1"),
    ],
)
def test_keys_of_every_kind_have_a_name(tmp_path: Path, options: list[str], kind: str) -> None:
    from cryptography import x509

    pem = openssl(
        *("req", "-x509", "-nodes", "-subj", "/CN=x", "-keyout", str(tmp_path / "key"), "-newkey"), *options
    )

    assert describe(x509.load_pem_x509_certificate(pem)).key == kind

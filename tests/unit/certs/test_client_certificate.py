"""What a client certificate must be, said before the proxy starts."""

from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.support.foreign_ca import key_pem
from wsproxy.certs import client
from wsproxy.errors import UsageError


@pytest.fixture(scope="module")
def good() -> bytes:
    return trustme.CA().issue_cert("ada@example.com").private_key_and_cert_chain_pem.bytes()


def test_a_certificate_with_its_key_is_taken(good: bytes, tmp_path: Path) -> None:
    file = tmp_path / "me.pem"
    file.write_bytes(good)

    assert client.checked(file) == str(file)


def test_the_key_may_stand_behind_the_certificate(good: bytes, tmp_path: Path) -> None:
    key, mark, certificates = good.partition(b"-----BEGIN CERTIFICATE")
    file = tmp_path / "me.pem"
    file.write_bytes(mark + certificates + key)

    assert client.checked(file)


def test_a_folder_is_taken_if_every_file_is_good(good: bytes, tmp_path: Path) -> None:
    (tmp_path / "example.com.pem").write_bytes(good)
    assert client.checked(tmp_path) == str(tmp_path)

    (tmp_path / "example.org.pem").write_bytes(b"")
    with pytest.raises(UsageError, match=r"example\.org\.pem is not a client certificate"):
        client.checked(tmp_path)


def test_an_empty_folder_is_a_wrong_call(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no client certificate in .*HOST\.pem"):
        client.checked(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read the client certificate .*me\.pem: no such file"):
        client.checked(tmp_path / "me.pem")


def test_what_is_wrong_with_a_file_is_said(good: bytes, tmp_path: Path) -> None:
    key, mark, certificates = good.partition(b"-----BEGIN CERTIFICATE")
    secret = load_pem_private_key(key, None)
    other = ec.generate_private_key(ec.SECP256R1())
    assert isinstance(secret, ec.EllipticCurvePrivateKey)
    file = tmp_path / "me.pem"
    for content, says in (
        (b"", "is not a client certificate with its private key"),
        (b"\xff\xfe", "is not a client certificate with its private key"),
        (key, "is not a client certificate with its private key"),
        (mark + certificates, "is not a client certificate with its private key"),
        (key_pem(other) + mark + certificates, "do not belong together"),
        (key_pem(secret, b"hush") + mark + certificates, "is encrypted"),
    ):
        file.write_bytes(content)
        with pytest.raises(UsageError, match=says):
            client.checked(file)

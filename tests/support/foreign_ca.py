"""Authorities that were not made here: keys and certificates of any kind, in the files of ours."""

import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.now(datetime.UTC)

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def names(directory: Path) -> set[str]:
    """What is in a folder."""
    return {path.name for path in directory.iterdir()}


def key_pem(key: Key, passphrase: bytes = b"") -> bytes:
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def certificate_pem(
    key: Key,
    *,
    begin: datetime.datetime = NOW - DAY,
    end: datetime.datetime = NOW + DAY,
    ca: bool | None = True,
    may_sign: bool = True,
) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "somebody's own authority")])
    usage = dict.fromkeys(
        [
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ],
        False,
    )
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), begin, end
    ).add_extension(x509.KeyUsage(**usage, key_cert_sign=may_sign), critical=True)
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(Encoding.PEM)


def write(directory: Path, data: bytes) -> Path:
    directory.mkdir(exist_ok=True)
    (directory / "mitmproxy-ca.pem").write_bytes(data)
    return directory

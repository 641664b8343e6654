"""What a certificate says, in the forms people and browsers compare."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
"""The names of FIPS 186-4 for those of SEC 2."""


@dataclass(frozen=True, slots=True)
class CertificateInfo:
    """The facts of one certificate; names are as in the certificate, not made safe for a terminal."""

    subject: str
    """RFC 4514, e.g. `CN=wsproxy CA 5f3a91c2,O=wsproxy`."""
    issuer: str
    """RFC 4514."""
    sha256: str
    """The fingerprint of the whole certificate, upper-case hex pairs joined by colons."""
    spki_pin: str
    """Base64 of the SHA-256 of the public key, as browsers take it; survives a renewal with the same key."""
    not_before: datetime
    """UTC."""
    not_after: datetime
    """UTC."""
    key: str
    """`EC P-256`, `RSA 2048`, `Ed25519`, ..."""
    is_ca: bool
    """Whether it may sign other certificates (basic constraints, RFC 5280 section 4.2.1.9)."""


def describe(certificate: x509.Certificate) -> CertificateInfo:
    """The facts of `certificate`."""
    return CertificateInfo(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        sha256=certificate.fingerprint(hashes.SHA256()).hex(":").upper(),
        spki_pin=spki_pin(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key=_key_kind(certificate),
        is_ca=is_ca(certificate),
    )


def spki_pin(certificate: x509.Certificate) -> str:
    """
    Base64 of the SHA-256 of the DER SubjectPublicKeyInfo (RFC 7469 section 2.4).

    This is what Chromium's `--ignore-certificate-errors-spki-list` and curl's `--pinnedpubkey
    sha256//` compare.
    """
    info = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(info).digest()).decode("ascii")


def is_ca(certificate: x509.Certificate) -> bool:
    """Whether basic constraints and key usage let it sign certificates (RFC 5280, 4.2.1.3 and 4.2.1.9)."""
    extensions = certificate.extensions
    try:
        if not extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
    except x509.ExtensionNotFound:
        return False
    try:
        return extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        return True


def _key_kind(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {_CURVES.get(key.curve.name, key.curve.name)}"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, dsa.DSAPublicKey):
        return f"DSA {key.key_size}"
    return type(key).__name__.removesuffix("PublicKey")

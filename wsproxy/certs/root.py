"""
The certificate of an authority: signed by its own key, and allowed no more than it must do.

It signs servers and no further authorities, and it vouches for servers only, or for some hosts only
(`wsproxy.certs.limits`): less to fear from a stolen key wherever it was trusted.
"""

import datetime
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wsproxy.certs import leaf

BACKDATED = datetime.timedelta(days=2)
"""For devices whose clock is slow, as mitmproxy does."""
LIFETIME = datetime.timedelta(days=10 * 365)

AuthorityKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
"""The kinds of key that mitmproxy can sign with: it always asks for SHA-256, which Ed25519 has no use for."""


def self_signed(
    key: ec.EllipticCurvePrivateKey, constraints: x509.NameConstraints | None
) -> x509.Certificate:
    """
    A new authority's.

    Args:
        key: its own.
        constraints: what it may vouch for; everything if None.
    """
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "wsproxy"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"wsproxy CA {identifier.digest[:4].hex()}"),
        ]
    )
    return _sign(key, name, identifier, constraints)


def renewed(
    old: x509.Certificate, key: AuthorityKey, constraints: x509.NameConstraints | None
) -> x509.Certificate:
    """
    Another certificate of the same authority, valid from now on.

    Args:
        old: the one it has; its name is kept.
        key: of `old`.
        constraints: as of `self_signed`.
    """
    try:
        # What it has signed names this one, which need not be that of RFC 5280's first method.
        identifier = old.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return _sign(key, old.subject, identifier, constraints)


def _sign(
    key: AuthorityKey,
    name: x509.Name,
    identifier: x509.SubjectKeyIdentifier,
    constraints: x509.NameConstraints | None,
) -> x509.Certificate:
    not_before = datetime.datetime.now(datetime.UTC) - BACKDATED
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_before + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(leaf.key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
    )
    if constraints is not None:
        builder = builder.add_extension(constraints, critical=True)
    return builder.sign(key, hashes.SHA256())

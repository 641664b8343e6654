"""
The certificate of one server, signed by the authority, with a key of its own.

`issue` is for the servers of this program, such as a replayed server that answers over TLS. For
intercepted servers mitmproxy signs, over the authority's own key; where that is an RSA key, `over`
signs the same again over an EC key, and where the authority is limited, for the names within its limits.
"""

import datetime
import ipaddress
import ssl
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

BACKDATED = datetime.timedelta(days=1)
"""For clients whose clock is slow. With the default of 397 days it makes the 398 days that browsers allow."""

_LONGEST_COMMON_NAME = 64
"""Characters (RFC 5280 appendix A.1, ub-common-name)."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A server's certificate and private key."""

    certificate: x509.Certificate
    certificate_pem: bytes
    """The certificate, then those of the authority: what a server sends."""
    key_pem: bytes = field(repr=False)
    """The unencrypted private key, PKCS #8."""

    def server_context(self) -> ssl.SSLContext:
        """
        A context for a TLS server that shows this certificate.

        `ssl` reads keys from files only, so the key is on disk, in a folder of mode 0700, for as
        long as the call takes.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory(prefix="wsproxy-leaf-") as private:
            path = Path(private) / "leaf.pem"
            path.write_bytes(self.key_pem + self.certificate_pem)
            context.load_cert_chain(path)
        return context


def issue(
    names: Sequence[str],
    days: int,
    issuers: Sequence[x509.Certificate],
    issuer_key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
) -> Leaf:
    """
    Sign a certificate for `names` over a fresh EC P-256 key.

    Args:
        names: DNS names (internationalised or with a leading `*.` too) and IP addresses, one at least.
        days: valid from yesterday until this many days from now, but not longer than the issuer.
        issuers: the signing certificate first, then those above it.
        issuer_key: the key of the first issuer.

    Raises:
        ValueError: no name was given, or one is neither a DNS name nor an IP address.
    """
    if not names:
        raise ValueError("a server certificate needs one name at least")
    issuer = issuers[0]
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    # Both ends of the period are part of it (RFC 5280 section 4.1.2.5), hence the second less.
    not_after = now + datetime.timedelta(days=days, seconds=-1)
    # A name too long for the subject stands in the subjectAltName alone, which is then critical
    # (RFC 5280 section 4.2.1.6).
    common_name = [names[0]] if 0 < len(names[0]) <= _LONGEST_COMMON_NAME else []
    if _is_limited(issuer):
        # OpenSSL takes it for a DNS name, even an address, and holds it against the limits.
        common_name = []
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in common_name]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(min(not_after, issuer.not_valid_after_utc))
        .add_extension(
            x509.SubjectAlternativeName([general_name(name) for name in names]), critical=not common_name
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_authority_key_identifier(issuer), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    return Leaf(
        certificate=certificate,
        certificate_pem=b"".join(c.public_bytes(Encoding.PEM) for c in (certificate, *issuers)),
        key_pem=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def over(
    certificate: x509.Certificate,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
    permits: Callable[[x509.GeneralName], bool] | None = None,
) -> x509.Certificate:
    """
    The same certificate, with another serial number, over another key.

    Args:
        certificate: whose names, period and extensions are taken. It says nothing about its own key
            (RFC 5280 section 4.2.1.2), as mitmproxy's do not.
        key: of the new one.
        issuer_key: which has signed the given one.
        permits: whether the issuer may vouch for a name. One that it may not vouch for would spoil the
            whole certificate, and is left out, unless nothing else is in it.
    """
    subject = certificate.subject
    if permits:
        # The common name is held against the limits, too.
        subject = x509.Name([part for part in subject if part.oid != NameOID.COMMON_NAME])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(certificate.issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(certificate.not_valid_before_utc)
        .not_valid_after(certificate.not_valid_after_utc)
    )
    for extension in certificate.extensions:
        value, critical = extension.value, extension.critical
        if permits and isinstance(value, x509.SubjectAlternativeName):
            value = x509.SubjectAlternativeName([name for name in value if permits(name)] or value)
            critical = critical or not list(subject)
        builder = builder.add_extension(value, critical)
    return builder.sign(issuer_key, hashes.SHA256())


def key_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    """A key usage extension (RFC 5280 section 4.2.1.3) with the named bits and no others."""
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def general_name(name: str) -> x509.DNSName | x509.IPAddress:
    """
    A DNS name or IP address as it stands in a certificate.

    Args:
        name: internationalised or with a leading `*.` too; an IPv6 address may stand in brackets.

    Raises:
        ValueError: it is neither.
    """
    try:
        return x509.IPAddress(ipaddress.ip_address(name.removeprefix("[").removesuffix("]")))
    except ValueError:
        pass
    bare = name.removesuffix(".")
    wildcard, rest = ("*.", bare[2:]) if bare.startswith("*.") else ("", bare)
    try:
        encoded = rest.encode("idna").decode("ascii")
    except UnicodeError:
        encoded = ""
    if not encoded or any(not (c.isalnum() or c in "-_.") for c in encoded):
        raise ValueError(f"{name!r} is neither a DNS name nor an IP address")
    return x509.DNSName(wildcard + encoded)


def _is_limited(issuer: x509.Certificate) -> bool:
    return any(isinstance(extension.value, x509.NameConstraints) for extension in issuer.extensions)


def _authority_key_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    # RFC 5280 section 4.2.1.2: the identifier is copied from the issuer, which may have computed
    # it in its own way; strict verifiers compare the bytes.
    try:
        identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        # Only `Authority` calls this, and it lets no other kind of key in.
        public_key = issuer.public_key()
        assert isinstance(public_key, (ec.EllipticCurvePublicKey, rsa.RSAPublicKey))
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(public_key)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)

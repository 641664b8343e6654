"""
The certificate authority: it signs, for every intercepted server, a certificate in its name.

It lives in one folder, in the files that mitmproxy reads and names (its `confdir`), so the engine
uses it as it is, and a folder made by mitmproxy itself works here:

    mitmproxy-ca.pem        private key and certificate; the one file that counts, 0600
    mitmproxy-ca-cert.pem   the certificate alone: what people trust
    mitmproxy-ca-cert.cer   the same content, for Android
    mitmproxy-ca-cert.p12   the same certificate as PKCS #12, for Windows

All but the first are derived from it and are written anew when they are missing. mitmproxy adds
`mitmproxy-dhparam.pem`, which holds public parameters.

The key is EC P-256: mitmproxy signs server certificates over the authority's own key, so its kind
decides what every handshake of the proxy costs, and an RSA signature costs more than ten times as much.
"""

import contextlib
import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)

from wsproxy.certs import files, leaf, limits, root
from wsproxy.certs.inspect import is_ca
from wsproxy.certs.root import AuthorityKey
from wsproxy.config import private_dir
from wsproxy.errors import AuthorityError

KEY_FILE = "mitmproxy-ca.pem"
CERTIFICATE_FILE = "mitmproxy-ca-cert.pem"
CERTIFICATE_CER_FILE = "mitmproxy-ca-cert.cer"
CERTIFICATE_P12_FILE = "mitmproxy-ca-cert.p12"

_START_OVER = (
    "Move the file away and a new authority is made at the next start; "
    "whatever trusted the old one must then trust the new one."
)


class Authority:
    """
    The certificate authority in one folder. Made by `ensure`, `load` or `create`.

    The subject carries eight hex digits of the key's identifier, which tell the authorities of
    several machines apart and keep their names different, as chain building needs. It carries no
    user and no host name: everybody who is shown a certificate of the proxy, on a phone or in a
    bug report, would read them.
    """

    def __init__(
        self,
        directory: Path,
        key: AuthorityKey,
        certificates: Sequence[x509.Certificate],
        *,
        created: bool = False,
    ) -> None:
        self.directory = directory
        self.certificate = certificates[0]
        self.created = created
        """Whether the call that returned this object made the authority."""
        self._key = key
        self._certificates = tuple(certificates)

    def __repr__(self) -> str:
        return f"<Authority {self.certificate.subject.rfc4514_string()} in {self.directory}>"

    @property
    def key_path(self) -> Path:
        """Private key and certificate, PEM, 0600."""
        return self.directory / KEY_FILE

    @property
    def certificate_path(self) -> Path:
        """The certificate alone, PEM."""
        return self.directory / CERTIFICATE_FILE

    @classmethod
    def ensure(
        cls, directory: Path, limited_to: Sequence[limits.Limit] = (), *, even_expired: bool = False
    ) -> Self:
        """
        The authority in `directory`, made if there is none; processes that start together get the same.

        Certificate files that are missing, or belong to another authority, are written anew where
        the folder allows it.

        Args:
            directory: its folder.
            limited_to: what one that is made may vouch for; everything if empty.
            even_expired: also one that is not valid any more.

        Raises:
            AuthorityError: as `load` and `create` raise it.
        """
        data = _read(directory)
        created = data is None and _make(directory, limited_to)
        authority = cls._parse(
            directory, data or _read_existing(directory), created=created, even_expired=even_expired
        )
        if not created and not authority._certificate_is_written():
            # A read-only folder, such as a mounted secret, serves without them.
            with contextlib.suppress(OSError):
                _write_derived(directory, authority.certificate)
        return authority

    @classmethod
    def load(cls, directory: Path, *, even_expired: bool = False) -> Self:
        """
        The authority in `directory`; nothing is written.

        Args:
            directory: its folder.
            even_expired: also one that is not valid any more.

        Raises:
            AuthorityError: there is none, it cannot be read, or it is not a valid authority with its key.
        """
        return cls._parse(directory, _read_existing(directory), even_expired=even_expired)

    @classmethod
    def create(cls, directory: Path, limited_to: Sequence[limits.Limit] = ()) -> Self:
        """
        A new authority in `directory`, which is made (0700) if it does not exist.

        Args:
            directory: its folder.
            limited_to: what it may vouch for; everything if empty.

        Raises:
            AuthorityError: there already is one, or the folder cannot be written.
        """
        _refuse_link(directory / KEY_FILE)
        if not _make(directory, limited_to):
            raise AuthorityError(
                f"there already is a certificate authority in {directory}",
                "It was left as it is.",
            )
        return cls._parse(directory, _read_existing(directory), created=True)

    @property
    def expired(self) -> bool:
        """Whether it is not valid any more."""
        return datetime.datetime.now(datetime.UTC) > self.certificate.not_valid_after_utc

    def renew(
        self, limited_to: Sequence[limits.Limit] | None = None, *, new_key: bool = False
    ) -> "Authority":
        """
        Put a new certificate in the place of this one, valid from now on for as long as a new authority's.

        Over the same key it has the same name, so what either one has signed is accepted wherever
        either one is trusted and valid. Over a new key it is another authority.

        Args:
            limited_to: what the new one may vouch for: everything if empty, the same as this one if None.
            new_key: over a new key; the old one is lost.

        Returns:
            The authority that is in the folder now.

        Raises:
            AuthorityError: somebody else signed this one, or the folder cannot be written.
        """
        if self.certificate.issuer != self.certificate.subject and not new_key:
            raise AuthorityError(
                f"the authority in {self.directory} was signed by another, which alone can renew it",
                "`wsproxy ca renew --new-key` puts one of its own in its place",
            )
        _refuse_link(self.key_path)
        wanted = limits.extension(self.certificate)
        if limited_to is not None:
            wanted = limits.constraints(limited_to) if limited_to else None
        key: AuthorityKey
        if new_key:
            key = ec.generate_private_key(ec.SECP256R1())
            certificate = root.self_signed(key, wanted)
        else:
            key = self._key
            certificate = root.renewed(self.certificate, key, wanted)
        try:
            files.publish(self.key_path, _key_pem(key, certificate), files.SECRET)
            _write_derived(self.directory, certificate)
        except OSError as error:
            raise AuthorityError(f"cannot write to {self.directory}: {_reason(error)}") from error
        return Authority.load(self.directory)

    def issue(self, *names: str, days: int = 397) -> leaf.Leaf:
        """
        A server certificate over a fresh key.

        Args:
            names: DNS names and IP addresses, one at least.
            days: valid from yesterday until this many days from now, but not longer than the authority.

        Raises:
            ValueError: no name was given, or one is neither a DNS name nor an IP address.
        """
        return leaf.issue(names, days, self._certificates, self._key)

    @classmethod
    def _parse(
        cls, directory: Path, data: bytes, *, created: bool = False, even_expired: bool = False
    ) -> Self:
        path = directory / KEY_FILE
        key = _parse_key(path, data)
        try:
            certificates = x509.load_pem_x509_certificates(data)
            public_key = certificates[0].public_key()
        except (ValueError, UnsupportedAlgorithm):
            raise AuthorityError(f"{path} holds no readable certificate", _START_OVER) from None
        _check(path, key, certificates[0], public_key == key.public_key(), even_expired)
        return cls(directory, key, certificates, created=created)

    def _certificate_is_written(self) -> bool:
        try:
            written = x509.load_pem_x509_certificates(self.certificate_path.read_bytes())
        except (OSError, ValueError):
            return False
        return self.certificate in written


def _read(directory: Path) -> bytes | None:
    path = directory / KEY_FILE
    try:
        _refuse_link(path)
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AuthorityError(
            f"cannot read the certificate authority {path}: {_reason(error)}",
            "It must be a file that belongs to you and that you may read.",
        ) from error


def _refuse_link(path: Path) -> None:
    # Whoever may put a link there would decide which key everything is signed with.
    if path.is_symlink():
        raise AuthorityError(
            f"{path} is a symbolic link, and a private key is not looked for behind one",
            "Put the file itself in its place, or name its folder with --confdir.",
        )


def _read_existing(directory: Path) -> bytes:
    data = _read(directory)
    if data is None:
        raise AuthorityError(
            f"there is no certificate authority in {directory}",
            "`wsproxy ca show` makes one.",
        )
    return data


def _parse_key(path: Path, data: bytes) -> AuthorityKey:
    try:
        key = load_pem_private_key(data, None)
    except TypeError:
        raise AuthorityError(
            f"the private key in {path} is encrypted",
            "Remove its passphrase, for instance with `openssl pkey`.",
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise AuthorityError(f"{path} is not a PEM file with a readable private key", _START_OVER) from None
    if not isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
        raise AuthorityError(
            f"the private key in {path} is neither RSA nor EC, and the proxy can sign with no other",
            _START_OVER,
        )
    return key


def _check(
    path: Path, key: AuthorityKey, certificate: x509.Certificate, belongs: bool, even_expired: bool
) -> None:
    if not belongs:
        raise AuthorityError(
            f"the private key and the certificate in {path} do not belong together", _START_OVER
        )
    if not is_ca(certificate):
        raise AuthorityError(
            f"the certificate in {path} is not that of an authority: it may not sign others", _START_OVER
        )
    now = datetime.datetime.now(datetime.UTC)
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now > end and not even_expired:
        raise AuthorityError(
            f"the certificate authority {path} expired on {end:%Y-%m-%d}",
            "`wsproxy ca renew` makes it valid again.",
        )
    if now < begin:
        raise AuthorityError(
            f"the certificate authority {path} is not valid before {begin:%Y-%m-%d}",
            "Check the clock of this machine.",
        )


def _make(directory: Path, limited_to: Sequence[limits.Limit]) -> bool:
    """Make an authority unless there is one; whether this call made it."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = root.self_signed(key, limits.constraints(limited_to) if limited_to else None)
    try:
        private_dir(directory)
        if not files.publish_new(directory / KEY_FILE, _key_pem(key, certificate), files.SECRET):
            return False
        _write_derived(directory, certificate)
    except OSError as error:
        raise AuthorityError(
            f"cannot write a certificate authority to {directory}: {_reason(error)}",
            "Make the folder writable, or set WSPROXY_HOME to another one.",
        ) from error
    return True


def _key_pem(key: AuthorityKey, certificate: x509.Certificate) -> bytes:
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return secret + certificate.public_bytes(Encoding.PEM)


def certificate_p12(certificate: x509.Certificate) -> bytes:
    """The certificate alone as PKCS #12 (RFC 7292) without a password, as Windows imports it."""
    return pkcs12.serialize_key_and_certificates(b"wsproxy", None, certificate, None, NoEncryption())


def _write_derived(directory: Path, certificate: x509.Certificate) -> None:
    files.sweep(directory)
    pem = certificate.public_bytes(Encoding.PEM)
    files.publish(directory / CERTIFICATE_CER_FILE, pem, files.PUBLIC)
    files.publish(directory / CERTIFICATE_P12_FILE, certificate_p12(certificate), files.PUBLIC)
    # Last, because `ensure` takes its presence to mean that all are there.
    files.publish(directory / CERTIFICATE_FILE, pem, files.PUBLIC)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()

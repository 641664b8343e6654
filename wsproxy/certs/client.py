"""
A client's own certificate, which the proxy shows to servers that ask for one (mitmproxy's `client_certs`).

mitmproxy reads it when a server asks; what is wrong with it would come out only then, and an encrypted key
would make the proxy wait for a passphrase.
"""

from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from wsproxy.errors import UsageError

_FORM = "It must be a PEM file with the certificate and its unencrypted private key"


def checked(path: Path) -> str:
    """
    The path of a client certificate, as mitmproxy takes it.

    Args:
        path: a PEM file with certificate and private key; or a folder of such files, named `HOST.pem`.

    Raises:
        UsageError: it cannot be read, or is no such file.
    """
    path = path.expanduser().absolute()
    if path.is_dir():
        found = sorted(path.glob("*.pem"))
        if not found:
            raise UsageError(f"there is no client certificate in {path}", "Their files are named HOST.pem")
        for file in found:
            _check(file)
    else:
        _check(path)
    return str(path)


def _check(path: Path) -> None:
    try:
        data = path.read_bytes()
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise UsageError(f"cannot read the client certificate {path}: {why}") from None
    try:
        [certificate, *_] = x509.load_pem_x509_certificates(data)
        key = load_pem_private_key(data, None)
        belongs = certificate.public_key() == key.public_key()
    except TypeError:
        raise UsageError(
            f"the private key in {path} is encrypted",
            "Remove its passphrase, for instance with `openssl pkey`",
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise UsageError(f"{path} is not a client certificate with its private key", _FORM) from None
    if not belongs:
        raise UsageError(f"the private key and the certificate in {path} do not belong together", _FORM)

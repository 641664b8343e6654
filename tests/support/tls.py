"""
Certificates for test servers, made when the tests start.
"""

import ssl
from functools import cache
from pathlib import Path

import trustme


@cache
def test_ca() -> trustme.CA:
    """The authority of the servers in the tests."""
    return trustme.CA()


@cache
def server_context() -> ssl.SSLContext:
    """For a server on loopback."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    test_ca().issue_cert("127.0.0.1", "::1", "localhost").configure_cert(context)
    return context


def ca_file(folder: Path) -> Path:
    """The authority's certificate in a file, for programs that want one."""
    path = folder / "test-ca.pem"
    test_ca().cert_pem.write_to_path(str(path))
    return path


def trusting(ca: Path) -> ssl.SSLContext:
    """A client that trusts `ca`."""
    return ssl.create_default_context(cafile=str(ca))

"""A TLS handshake over a real socket pair, checked as strictly as Python's `ssl` can."""

import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def handshake() -> Callable[..., str]:
    """
    `handshake(server_context, name, trust=path)`: the TLS version, after a byte went each way.

    Raises what the client raises: `ssl.SSLCertVerificationError` for a certificate it refuses.
    """

    def shake(server: ssl.SSLContext, name: str, *, trust: Path) -> str:
        client = ssl.create_default_context(cafile=trust)
        # The default since Python 3.13.
        client.verify_flags |= ssl.VERIFY_X509_STRICT
        near, far = socket.socketpair()
        echo = threading.Thread(target=_echo, args=(server, far))
        echo.start()
        try:
            with near, client.wrap_socket(near, server_hostname=name) as tls:
                tls.sendall(b"?")
                assert tls.recv(1) == b"?"
                return tls.version() or ""
        finally:
            echo.join()

    return shake


def _echo(context: ssl.SSLContext, raw: socket.socket) -> None:
    with raw:
        try:
            with context.wrap_socket(raw, server_side=True) as tls:
                tls.sendall(tls.recv(1))
        except OSError:
            pass  # the client refused, and says why itself

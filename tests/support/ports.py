"""
Ports that are named before somebody listens on them, or nobody does.

The system gives away ports from 32768 on (Linux; RFC 6335 has 49152), also to each end of a connection that
does not mind, and keeps them for a minute after its end: one that was free a moment ago may be anybody's now.
Those below are only given to who asks for them.
"""

import contextlib
import secrets
import socket

_FIRST, _COUNT = 20_000, 12_000


def free_port() -> int:
    """A port of loopback where nobody listens, nor will by chance."""
    while True:
        port = _FIRST + secrets.randbelow(_COUNT)
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port

"""Ask a server over HTTP, on one connection: for what comes before a WebSocket."""

import contextlib
import http.client
import socket
from dataclasses import dataclass

from wsproxy.replay.dial import Way, tls_context
from wsproxy.replay.target import Target

TEXT = "text/plain;charset=UTF-8"


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, with status 200."""

    content: bytes
    type: str
    """Content-Type."""


class Asker:
    """
    One server. Use it in one thread at a time, and `close()` it.

    Args:
        target: whom.
        way: how to reach it.
        headers: of every request.

    Raises:
        OSError: it cannot be reached.
    """

    def __init__(self, target: Target, way: Way, headers: dict[str, str]) -> None:
        self._headers = headers
        self._connection = http.client.HTTPConnection(target.host, target.port, timeout=way.timeout)
        sock = _reach(target, way)
        self.addresses = _address(sock.getsockname()), _address(sock.getpeername())
        """Our own and the server's, `host:port`."""
        if target.secure:
            sock = tls_context(way).wrap_socket(sock, server_hostname=target.host)
        self._connection.sock = self._sock = sock

    def __call__(self, method: str, path: str, body: bytes = b"") -> Answered:
        """
        Ask.

        Raises:
            OSError: the connection broke, or there was no answer in time.
            http.client.HTTPException: what came is no answer.
            ValueError: it is another one than 200.
        """
        headers = self._headers | ({"Content-Type": TEXT} if body else {})
        self._connection.request(method, path, body if method == "POST" else None, headers)
        answer = self._connection.getresponse()
        content = answer.read(1 << 22)
        if answer.status != 200:
            raise ValueError(f"{answer.status} {answer.reason}: {content[:200].decode('utf-8', 'replace')}")
        return Answered(content, answer.getheader("Content-Type") or "")

    def close(self) -> None:
        """End the connection; from another thread, too, which then is not kept waiting for an answer."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)
        self._connection.close()


def _reach(target: Target, way: Way) -> socket.socket:
    if not way.proxy:
        return socket.create_connection((target.host, target.port), way.timeout)
    from python_socks import ProxyError
    from python_socks.sync import Proxy

    try:
        reached: socket.socket = Proxy.from_url(way.proxy_url, rdns=True).connect(
            target.host, target.port, timeout=way.timeout
        )
    except ProxyError as error:
        raise OSError(f"the proxy does not connect: {error}") from None
    return reached


def _address(address: tuple[str, int]) -> str:
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

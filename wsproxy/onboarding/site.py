"""
What the proxy answers in its own name.

Everything here may be read by whoever reaches the proxy, and nothing of it is secret: the certificate without
its key, the proxy's address, the patterns of `--only`. Still no page of another origin gets at it: nothing is
shared across origins, nothing may be framed or run by others.
"""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate

from wsproxy.certs import describe
from wsproxy.certs.authority import certificate_p12
from wsproxy.onboarding import pac, page

HOST = "wsproxy.local"
"""The name it goes by, for who uses the proxy. Nobody else's: `.local` is for the own network (RFC 6762)."""

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


_CERTIFICATE = "application/x-x509-ca-cert"
"""As this type iOS offers to install it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """To one request."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Visit:
    """One request, as far as it matters."""

    method: str
    path: str
    host: str
    """Of the proxy, as this client reaches it."""
    port: int
    is_proxied: bool
    """Whether it came as a request to a proxy; otherwise as one to a server."""


class Site:
    """
    Args:
        certificate: of the authority.
        only: the patterns of `--only`.
        listen_hosts: where the proxy listens.
        name: the host it goes by.
    """

    def __init__(
        self, certificate: Certificate, only: Sequence[str], listen_hosts: Sequence[str], name: str = HOST
    ) -> None:
        self._certificate = certificate
        self._only = only
        self._listen_hosts = listen_hosts
        self._name = name

    def answer(self, visit: Visit) -> Answer:
        """The answer, whatever was asked."""
        if visit.method not in ("GET", "HEAD"):
            return self._made("text/plain", b"only GET and HEAD\n", 405, {"Allow": "GET, HEAD"})
        path = visit.path.partition("?")[0]
        if path == "/":
            info = describe(self._certificate)
            phone = self._for_phones(visit)
            text = page.page(visit.host, visit.port, info, phone, visit.is_proxied)
            return self._made("text/html; charset=utf-8", text.encode())
        if path == "/proxy.pac":
            place = f"[{visit.host}]:{visit.port}" if ":" in visit.host else f"{visit.host}:{visit.port}"
            return self._made(pac.MEDIA_TYPE, pac.script(place, self._only, self._name).encode())
        if path == "/ca.pem":
            # As this type iOS offers to install it.
            return self._file(
                "pem", "application/x-x509-ca-cert", self._certificate.public_bytes(Encoding.PEM)
            )
        if path == "/ca.crt":
            return self._file(
                "crt", "application/x-x509-ca-cert", self._certificate.public_bytes(Encoding.DER)
            )
        if path == "/ca.p12":
            return self._file("p12", "application/x-pkcs12", certificate_p12(self._certificate))
        return self._made(
            "text/plain", b"there is only / here, /proxy.pac and /ca.pem, .crt, .p12\n", status=404
        )

    def _for_phones(self, visit: Visit) -> str | None:
        """The page's address for other devices."""
        shared = [host for host in self._listen_hosts if not _is_loopback(host)]
        if not shared:
            return None
        host = visit.host
        if _is_loopback(host):
            host = shared[0] if shared[0] not in ("0.0.0.0", "::") else own_address() or ""
        if not host:
            return None
        return f"http://[{host}]:{visit.port}/" if ":" in host else f"http://{host}:{visit.port}/"

    def _file(self, extension: str, kind: str, data: bytes) -> Answer:
        disposition = f'attachment; filename="wsproxy-ca.{extension}"'
        return self._made(kind, data, 200, {"Content-Disposition": disposition})

    @staticmethod
    def _made(
        kind: str, body: bytes, status: int = 200, headers: Mapping[str, str] = MappingProxyType({})
    ) -> Answer:
        return Answer(status, body, {"Content-Type": kind, **_HEADERS, **headers})


def own_address() -> str | None:
    """This machine's address in its network, as far as it has one; nothing is sent to find out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # An address for documentation (RFC 5737): only the route to it is looked up.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return str(probe.getsockname()[0])


def _is_loopback(host: str) -> bool:
    return host == "localhost" or host == "::1" or host.startswith("127.")

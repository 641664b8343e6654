"""
TLS on both sides, for less than mitmproxy's addon of the same name takes.

mitmproxy signs the certificates of intercepted servers. It keeps a hundred, and to find one it takes
the server's own certificate apart each time. Here a thousand are kept, by what they are made from.
It signs over the authority's own key: with an RSA authority (one that mitmproxy made) every
handshake would pay for an RSA signature, which costs ten times an elliptic one, and no other socket
is served meanwhile. So those get an EC key. It takes over all names of the server's own certificate: where
the authority is limited to some, the others are left out.

Of servers it believes what mitmproxy does, Mozilla's authorities, and beside them those of the system: what
the machine's own browsers accept is not to be refused on their way.

A socket that is idle needs none of OpenSSL's buffers.
"""

from __future__ import annotations

import functools
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from mitmproxy import certs
from mitmproxy.addons import tlsconfig
from mitmproxy.net import tls as net_tls
from mitmproxy.proxy.context import Context
from mitmproxy.tls import TlsData
from OpenSSL import SSL

from wsproxy.certs import leaf, limits

_KEPT = 1000
"""Certificates; about 3 KiB each."""

REACHED_INTO: tuple[tuple[type, str, tuple[str, ...]], ...] = (
    (
        certs.CertStore,
        "get_cert",
        ("self.certs[(commonname, sans)] = entry", "self.expire(entry)"),
    ),
    (certs.CertStore, "expire", ("self.expire_queue.append(entry)",)),
    (
        tlsconfig.TlsConfig,
        "get_cert",
        (
            "conn_context.server.certificate_list[0]",
            "conn_context.client.sni",
            "conn_context.client.sockname[0]",
            "conn_context.server.address[0]",
        ),
    ),
    (certs.Cert, "__init__", ("self._cert = cert",)),
    (
        tlsconfig.TlsConfig,
        "tls_start_server",
        (
            "net_tls.create_proxy_server_context(",
            "ca_path=ctx.options.ssl_verify_upstream_trusted_confdir",
            "ca_pemfile=ctx.options.ssl_verify_upstream_trusted_ca",
        ),
    ),
)
"""What is relied on: where it is, and its lines. The seam looks for them."""


class TlsConfig(tlsconfig.TlsConfig):
    """mitmproxy's addon of the same name, with a memory of its own for certificates."""

    name = "tlsconfig"

    def __init__(self) -> None:
        self._entries: dict[tuple[Any, ...], certs.CertStoreEntry] = {}
        """The one used last is last."""
        self._key = ec.generate_private_key(ec.SECP256R1())

    def configure(self, updated: set[str]) -> None:
        super().configure(updated)  # type: ignore[no-untyped-call]
        # Another authority, certificates of one's own, or what they are made from.
        self._entries.clear()

    def tls_start_client(self, tls_start: TlsData) -> None:
        super().tls_start_client(tls_start)
        _release_buffers(tls_start)

    def tls_start_server(self, tls_start: TlsData) -> None:
        super().tls_start_server(tls_start)
        _release_buffers(tls_start)

    def get_cert(self, conn_context: Context) -> certs.CertStoreEntry:
        """The certificate for a client; made if there is none for this host yet."""
        client, server = conn_context.client, conn_context.server
        upstream = server.certificate_list[0] if server.certificate_list else None
        made_from = (
            upstream._cert if upstream else None,
            client.sni or client.sockname[0],
            server.address[0] if server.address else None,
        )
        entry = self._entries.pop(made_from, None) or self._make(conn_context)
        self._entries[made_from] = entry
        if len(self._entries) > _KEPT:
            del self._entries[next(iter(self._entries))]
        return entry

    def _make(self, conn_context: Context) -> certs.CertStoreEntry:
        store = self.certstore
        kept = len(store.expire_queue)
        entry = super().get_cert(conn_context)
        if len(store.expire_queue) > kept:
            # It need not keep what is kept here. It would compare every new one with all it has.
            store.expire_queue.pop()
            store.certs.popitem()
        authority_key: Any = store.default_privatekey
        if entry.privatekey is not authority_key:
            # The user's own, from the option `certs`.
            return entry
        is_rsa = isinstance(authority_key, rsa.RSAPrivateKey)
        limit = limits.extension(store.default_ca._cert)
        if is_rsa or limit:
            # Typed as an RSA key in mitmproxy 11, as any key later.
            leaf_key: Any = self._key if is_rsa else authority_key
            permits = functools.partial(limits.permits, limit) if limit else None
            entry = certs.CertStoreEntry(
                cert=certs.Cert(leaf.over(entry.cert._cert, leaf_key, authority_key, permits)),
                privatekey=leaf_key,
                chain_file=entry.chain_file,
                chain_certs=entry.chain_certs,
            )
        return entry


def install() -> None:
    """Let contexts for servers be made by `_server_context`."""
    net_tls.create_proxy_server_context = _server_context


_make_context = net_tls.create_proxy_server_context


# Whoever asks for the same once more gets the same, as from mitmproxy.
@functools.lru_cache(256)
def _server_context(**wanted: Any) -> SSL.Context:
    """One that believes the system, too, unless the user has named the authorities."""
    context: SSL.Context = _make_context(**wanted)
    if wanted["ca_path"] is None and wanted["ca_pemfile"] is None:
        # As far as OpenSSL finds them: on Linux, and where SSL_CERT_FILE or SSL_CERT_DIR says.
        context.set_default_verify_paths()
    return context


def _release_buffers(tls_start: TlsData) -> None:
    """Let OpenSSL keep no buffers (33 KiB) for a side on which nothing is said at the moment."""
    if tls_start.ssl_conn is not None:
        ssl: Any = tls_start.ssl_conn
        _lib.SSL_set_mode(ssl._ssl, _lib.SSL_MODE_RELEASE_BUFFERS)


_lib: Any = SSL._lib  # type: ignore[attr-defined]

"""
From mitmproxy's flow of a handshake to the connection's row in the capture.
"""

import functools
import ipaddress
import time
from dataclasses import replace
from typing import Any

from cryptography import x509
from mitmproxy import certs, connection, http
from mitmproxy.utils import human

from wsproxy.engine import seam
from wsproxy.engine.participants import facts_of
from wsproxy.store.records import ConnectionRecord
from wsproxy.wire.handshake import Handshake, Head


def is_upgrade(request: http.Request) -> bool:
    """Whether a client asks for a WebSocket, however badly it does."""
    return "websocket" in request.headers.get("upgrade", "").lower()


def accepted(flow: http.HTTPFlow) -> tuple[ConnectionRecord, Handshake]:
    """The row of an accepted upgrade, and what was agreed."""
    return _record(flow, b"", 0, None)


def refused(flow: http.HTTPFlow, body: bytes, length: int) -> tuple[ConnectionRecord, Handshake]:
    """
    The row of an upgrade that got another answer than 101.

    Args:
        flow: the handshake.
        body: of the answer, as far as it was kept.
        length: its true length in bytes.
    """
    return _record(flow, body, length, None)


def failed(flow: http.HTTPFlow, error: str) -> tuple[ConnectionRecord, Handshake]:
    """The row of an upgrade that got no answer at all."""
    return _record(flow, b"", 0, error)


def _record(
    flow: http.HTTPFlow, body: bytes, length: int, error: str | None
) -> tuple[ConnectionRecord, Handshake]:
    request, response = seam.raw_head(flow.request), seam.raw_head(flow.response)
    handshake = Handshake.of(request, response)
    client, server = flow.client_conn, flow.server_conn
    tls: dict[str, Any] = {}
    if client.tls_established:
        tls["client"] = _tls(client)
    if server.tls_established:
        tls["server"] = _tls(server)
    record = ConnectionRecord(
        id=0,
        opened=time.time_ns(),
        url=asked_url(flow),
        client=_address(client.peername),
        server=_address(server.peername or server.address),
        mode=client.proxy_mode.type_name,
        http_version=flow.request.http_version,
        request=request,
        response=response,
        status=flow.response.status_code if flow.response else None,
        body=body,
        body_length=length,
        subprotocol=handshake.subprotocol,
        extensions=handshake.extensions,
        findings=handshake.findings,
        error=error,
        tls=tls,
    )
    return _as_addons_want(record, flow), handshake


def _as_addons_want(record: ConnectionRecord, flow: http.HTTPFlow) -> ConnectionRecord:
    """Without what is not to be known, and with a word about what was changed."""
    facts = facts_of(flow)
    if facts is None:
        return record
    arrived = Head.parse(facts.request).fields
    sent = [(name, value) for name, value in facts.asked.headers.fields]
    findings = record.findings
    if changed := sorted({name for name, _ in {*arrived} ^ {*sent}}):
        findings += (f"an addon changed the request before it was sent: {', '.join(changed)}",)
    if facts.destination is not None:
        secure, host, port = facts.destination
        where = f"{'wss' if secure else 'ws'}://{human.format_address((host, port))}"
        findings += (f"an addon sent the request to {where}, in place of the server",)
    if not facts.is_redacted:
        return replace(record, findings=findings)
    return replace(
        record,
        url=facts.redacted_text(record.url),
        request=facts.redacted(record.request),
        response=facts.redacted(record.response),
        body=facts.redacted(record.body),
        error=facts.redacted_text(record.error) if record.error else record.error,
        findings=findings,
    )


def is_redirected(flow: http.HTTPFlow) -> bool:
    """Whether an addon sent the request to another server."""
    facts = facts_of(flow)
    return facts is not None and facts.destination is not None


def asked_url(flow: http.HTTPFlow) -> str:
    """The URL that the client asks for, wherever an addon sent it."""
    facts = facts_of(flow)
    return facts.url if facts is not None and facts.destination is not None else url_of(flow.request)


def url_of(request: http.Request) -> str:
    """The request's URL with the scheme a WebSocket has: `ws://` or `wss://`."""
    secure = request.scheme == "https"
    host = request.pretty_host
    if ":" in host:
        host = f"[{host}]"
    port = "" if request.port == (443 if secure else 80) else f":{request.port}"
    return f"{'wss' if secure else 'ws'}://{host}{port}{request.path}"


def _is_ip(name: str) -> bool:
    """mitmproxy notes an IP address as the name it verifies; it is not sent (RFC 6066 section 3)."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _address(address: Any) -> str:
    return human.format_address(address) if address else ""


def _tls(conn: connection.Connection) -> dict[str, Any]:
    described: dict[str, Any] = {
        "version": conn.tls_version,
        "cipher": conn.cipher,
        "alpn": conn.alpn.decode("ascii", "backslashreplace") if conn.alpn else None,
        "sni": conn.sni if conn.sni and not _is_ip(conn.sni) else None,
    }
    if isinstance(conn, connection.Server) and conn.certificate_list:
        described["certificate"] = _certificate(conn.certificate_list[0]._cert)
    return described


@functools.lru_cache(256)
def _certificate(received: x509.Certificate) -> dict[str, Any]:
    certificate = certs.Cert(received)
    return {
        "subject": dict(certificate.subject),
        "issuer": dict(certificate.issuer),
        "names": [str(name.value) for name in certificate.altnames],
        "not_after": certificate.notafter.isoformat(),
        "sha256": certificate.fingerprint().hex(),
    }

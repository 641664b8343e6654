"""
From a flow of mitmproxy's to the connection's row.
"""

import time

import pytest
import trustme
from mitmproxy import certs, connection, http
from mitmproxy.test import tflow

from wsproxy.engine import handshakes, seam
from wsproxy.wire.handshake import accept_for

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
REQUEST = (
    b"GET /chat?room=1 HTTP/1.1\r\nhOst: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: " + KEY.encode() + b"\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)
RESPONSE = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: " + accept_for(KEY).encode() + b"\r\n"
    b"Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)


def _flow(request: bytes = REQUEST, response: bytes | None = RESPONSE, status: int = 101) -> http.HTTPFlow:
    """A flow whose heads were kept by the seam."""
    flow = tflow.tflow(resp=response is not None)
    flow.request = http.Request.make("GET", "http://example.com/chat?room=1")
    flow.request.raw_head = request  # type: ignore[attr-defined]
    if response is not None:
        flow.response = http.Response.make(status)
        flow.response.raw_head = response  # type: ignore[attr-defined]
    flow.client_conn.peername = ("127.0.0.1", 50123)
    flow.server_conn.peername = ("192.0.2.7", 80)
    flow.client_conn.timestamp_tls_setup = flow.server_conn.timestamp_tls_setup = None
    return flow


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("websocket", True),
        ("WebSocket", True),
        ("h2c, websocket", True),
        ("h2c", False),
        ("", False),
        (None, False),
    ],
)
def test_an_upgrade_is_known_by_its_header(value: str | None, wanted: bool) -> None:
    request = http.Request.make("GET", "http://example.com/")
    if value is not None:
        request.headers["Upgrade"] = value
    assert handshakes.is_upgrade(request) is wanted


def test_an_accepted_upgrade_is_recorded_with_its_heads_as_they_came() -> None:
    before = time.time_ns()
    record, handshake = handshakes.accepted(_flow())
    assert (record.request, record.response) == (REQUEST, RESPONSE)
    assert (record.url, record.status, record.error) == ("ws://example.com/chat?room=1", 101, None)
    assert (record.client, record.server) == ("127.0.0.1:50123", "192.0.2.7:80")
    assert (record.mode, record.http_version) == ("regular", "HTTP/1.1")
    assert (record.subprotocol, record.extensions) == ("chat", "permessage-deflate")
    assert (record.body, record.body_length, record.tls, record.findings) == (b"", 0, {}, ())
    assert before <= record.opened <= time.time_ns()
    assert handshake.deflate is not None


def test_a_refused_upgrade_is_recorded_with_what_was_kept_of_the_body_and_its_length() -> None:
    record, _ = handshakes.refused(_flow(response=b"HTTP/1.1 403 Forbidden\r\n\r\n", status=403), b"no en", 8)
    assert (record.status, record.body, record.body_length, record.error) == (403, b"no en", 8, None)


def test_a_failed_upgrade_is_recorded_with_the_reason_and_without_an_answer() -> None:
    record, _ = handshakes.failed(_flow(response=None), "connection refused")
    assert (record.status, record.response, record.error) == (None, b"", "connection refused")


def test_a_server_that_was_never_reached_is_recorded_by_the_address_that_was_tried() -> None:
    flow = _flow(response=None)
    flow.server_conn.peername = None
    flow.server_conn.address = ("example.com", 80)
    assert handshakes.failed(flow, "no such host")[0].server == "example.com:80"
    flow.server_conn.address = None
    assert handshakes.failed(flow, "no such host")[0].server == ""


def test_what_is_wrong_with_a_handshake_is_found() -> None:
    record, _ = handshakes.accepted(_flow(request=REQUEST.replace(b"Version: 13", b"Version: 8")))
    assert record.findings == ("Sec-WebSocket-Version is '8', it must be 13 (RFC 6455 section 4.1)",)


def test_a_head_that_was_not_kept_is_rebuilt() -> None:
    flow = _flow()
    del flow.request.raw_head  # type: ignore[attr-defined]
    assert flow.response is not None
    del flow.response.raw_head  # type: ignore[attr-defined]
    assert seam.raw_head(flow.request).startswith(b"GET /chat?room=1 HTTP/1.1\r\n")
    assert seam.raw_head(flow.response).startswith(b"HTTP/1.1 101 ")
    assert seam.raw_head(None) == b""


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("http://example.com/", "ws://example.com/"),
        ("http://example.com:80/x", "ws://example.com/x"),
        ("http://example.com:8080/x?y=1", "ws://example.com:8080/x?y=1"),
        ("https://example.com/", "wss://example.com/"),
        ("https://example.com:443/", "wss://example.com/"),
        ("https://example.com:80/", "wss://example.com:80/"),
        ("http://[::1]:8080/", "ws://[::1]:8080/"),
        ("http://[::1]/", "ws://[::1]/"),
    ],
)
def test_the_url_has_the_scheme_of_a_websocket_and_no_port_that_goes_without_saying(
    url: str, wanted: str
) -> None:
    assert handshakes.url_of(http.Request.make("GET", url)) == wanted


def test_tls_of_both_sides_is_described() -> None:
    flow = _flow()
    leaf = trustme.CA().issue_cert("example.com", "192.0.2.7")
    for conn in (flow.client_conn, flow.server_conn):
        conn.timestamp_tls_setup = time.time()
        conn.tls_version, conn.cipher = "TLSv1.3", "TLS_AES_256_GCM_SHA384"
        conn.alpn, conn.sni = b"http/1.1", "example.com"
    flow.server_conn.certificate_list = [certs.Cert.from_pem(leaf.cert_chain_pems[0].bytes())]
    described = handshakes.accepted(flow)[0].tls
    assert described["client"] == {
        "version": "TLSv1.3",
        "cipher": "TLS_AES_256_GCM_SHA384",
        "alpn": "http/1.1",
        "sni": "example.com",
    }
    certificate = described["server"].pop("certificate")
    assert described["server"] == described["client"]
    assert certificate["names"] == ["example.com", "192.0.2.7"]
    assert len(certificate["sha256"]) == 64
    assert certificate["issuer"]["O"].startswith("trustme")


def test_a_side_without_tls_is_left_out() -> None:
    flow = _flow()
    flow.server_conn.timestamp_tls_setup = time.time()
    flow.server_conn.certificate_list = []
    assert list(handshakes.accepted(flow)[0].tls) == ["server"]
    assert isinstance(flow.server_conn, connection.Server)

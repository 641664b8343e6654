"""
Certificates of intercepted servers: over an EC key, kept, and made anew only for what is new.
TLS on a socket that is idle keeps no buffers.
"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from mitmproxy import certs
from mitmproxy.test import taddons, tflow
from mitmproxy.tls import TlsData
from OpenSSL import SSL

from wsproxy.certs.authority import Authority
from wsproxy.engine import tls
from wsproxy.engine.tls import TlsConfig


def _asking(sni: str | None, address: str = "127.0.0.1", upstream: Any = None) -> Any:
    server = tflow.tserver_conn()
    server.state = server.state.CLOSED
    server.address = (address, 443)
    server.certificate_list = [upstream] if upstream else []
    client = tflow.tclient_conn()
    client.sni = sni
    client.sockname = ("127.0.0.9", 8080)
    return SimpleNamespace(client=client, server=server)


@pytest.fixture(params=["our authority", "one that mitmproxy made"])
async def addon(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A configured addon, with an EC authority or an RSA one. A master without a loop makes one."""
    if request.param == "our authority":
        Authority.ensure(tmp_path)
    else:
        certs.CertStore.create_store(tmp_path, "mitmproxy", 2048)
    addon = TlsConfig()
    with taddons.context(addon) as context:
        context.configure(addon, confdir=str(tmp_path))
        yield addon


def test_the_key_is_elliptic_whatever_the_authority_has(addon: Any) -> None:
    entry = addon.get_cert(_asking("shop.example"))
    key = entry.privatekey
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert entry.cert.public_key() == key.public_key()


def test_it_says_what_mitmproxy_would_say(addon: Any) -> None:
    asking = _asking("shop.example", "shop.example")
    found = addon.get_cert(asking).cert._cert
    theirs = super(TlsConfig, addon).get_cert(asking).cert._cert
    assert found.subject == theirs.subject
    assert found.issuer == theirs.issuer
    assert list(found.extensions) == list(theirs.extensions)
    assert found.not_valid_after_utc - found.not_valid_before_utc == (
        theirs.not_valid_after_utc - theirs.not_valid_before_utc
    )
    found.verify_directly_issued_by(addon.certstore.default_ca._cert)


def test_the_same_question_gets_the_same_certificate_and_another_one_another(addon: Any) -> None:
    upstream = addon.certstore.default_ca
    asked = [
        ("a.example", "a.example", None),
        ("b.example", "a.example", None),
        (None, "a.example", None),
        ("a.example", "10.0.0.1", None),
        ("a.example", "a.example", upstream),
    ]
    first = [addon.get_cert(_asking(*question)) for question in asked]
    again = [addon.get_cert(_asking(*question)) for question in asked]
    assert all(one is other for one, other in zip(first, again, strict=True))
    names = [entry.cert._cert for entry in first]
    assert len(set(names)) == len(asked)
    san = x509.SubjectAlternativeName
    assert [n.extensions.get_extension_for_class(san).value.get_values_for_type(x509.DNSName) for n in names][
        1
    ] == ["b.example", "a.example"]


def test_only_so_many_are_kept_and_those_in_use_stay(addon: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "_KEPT", 3)
    used = addon.get_cert(_asking("used.example"))
    unused = addon.get_cert(_asking("unused.example"))
    for number in range(5):
        addon.get_cert(_asking(f"{number}.example"))
        assert addon.get_cert(_asking("used.example")) is used
    assert len(addon._entries) == 3
    assert addon.get_cert(_asking("unused.example")) is not unused
    # mitmproxy's own store would keep them a second time.
    assert not addon.certstore.expire_queue
    assert not addon.certstore.certs


@pytest.mark.filterwarnings("ignore:Passing pyOpenSSL")  # mitmproxy 11 does
def test_idle_sides_keep_no_buffers(addon: Any) -> None:
    asking = _asking("shop.example")
    asking.layers = []
    started = [TlsData(asking.client, asking), TlsData(asking.server, asking)]
    addon.tls_start_client(started[0])
    addon.tls_start_server(started[1])
    for side in started:
        ssl: Any = side.ssl_conn
        # Setting nothing returns what is set.
        assert SSL._lib.SSL_set_mode(ssl._ssl, 0) & SSL._lib.SSL_MODE_RELEASE_BUFFERS  # type: ignore[attr-defined]


async def test_a_certificate_of_ones_own_is_used_as_it_is(addon: Any, tmp_path: Path) -> None:
    leaf = Authority.ensure(tmp_path / "other").issue("own.example")
    path = tmp_path / "own.pem"
    path.write_bytes(leaf.key_pem + leaf.certificate_pem)
    before = addon.get_cert(_asking("own.example"))
    with taddons.context(addon) as context:
        context.configure(addon, confdir=str(tmp_path), certs=[f"own.example={path}"])
        for _ in range(2):
            entry = addon.get_cert(_asking("own.example"))
            assert entry is not before
            assert entry.cert._cert == leaf.certificate

"""Authorities that may vouch for some hosts only, as OpenSSL, Python and we ourselves understand it."""

import ipaddress
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import DNSName, IPAddress

from wsproxy.certs import Authority, leaf, limits
from wsproxy.errors import UsageError

CASES = [
    # limited to, host, allowed
    (["example.com"], "example.com", True),
    (["example.com"], "chat.example.com", True),
    (["example.com"], "*.example.com", True),
    (["example.com"], "notexample.com", False),
    (["example.com"], "example.org", False),
    (["example.com"], "127.0.0.1", False),
    (["example.com"], "::1", False),
    (["bücher.example"], "www.xn--bcher-kva.example", True),
    (["127.0.0.1"], "127.0.0.1", True),
    (["127.0.0.1"], "127.0.0.2", False),
    (["127.0.0.1"], "localhost", False),
    (["127.0.0.1"], "::1", False),
    (["10.0.0.0/8"], "10.9.8.7", True),
    (["10.0.0.0/8"], "11.0.0.1", False),
    (["[::1]"], "::1", True),
    (["2001:db8::/32"], "2001:db8::5", True),
    (["2001:db8::/32"], "2001:db9::5", False),
    (["localhost", "127.0.0.1"], "localhost", True),
    (["localhost", "127.0.0.1"], "127.0.0.1", True),
    (["localhost", "127.0.0.1"], "::1", False),
]


@pytest.mark.parametrize(("limited", "host", "allowed"), CASES)
def test_openssl_and_we_agree_on_what_is_within_a_limit(
    tmp_path: Path, limited: list[str], host: str, allowed: bool
) -> None:
    authority = Authority.create(tmp_path / "ca", [limits.parse(text) for text in limited])
    found = limits.extension(authority.certificate)
    assert found is not None
    server = tmp_path / "server.pem"
    server.write_bytes(authority.issue(host).certificate_pem)

    trust = ["-no-CApath", "-no-CAstore", "-CAfile", str(authority.certificate_path)]
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", *trust, str(server)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode == 0) is allowed, done.stderr
    assert allowed or "subtree violation" in done.stderr
    assert limits.permits(found, leaf.general_name(host)) is allowed


def test_a_client_refuses_what_is_out_of_bounds(tmp_path: Path, handshake: Callable[..., str]) -> None:
    authority = Authority.create(tmp_path, [limits.parse("example.com")])

    inside = authority.issue("chat.example.com").server_context()
    assert handshake(inside, "chat.example.com", trust=authority.certificate_path) == "TLSv1.3"
    outside = authority.issue("bank.example").server_context()
    with pytest.raises(ssl.SSLCertVerificationError, match="subtree violation"):
        handshake(outside, "bank.example", trust=authority.certificate_path)


def test_the_extension_is_critical_and_says_what_was_asked_for(tmp_path: Path) -> None:
    wanted = ["example.com", "10.0.0.0/8", "::1"]

    certificate = Authority.create(tmp_path, [limits.parse(text) for text in wanted]).certificate

    assert certificate.extensions.get_extension_for_class(x509.NameConstraints).critical
    assert limits.of(certificate) == ["example.com", "10.0.0.0/8", "::1/128"]


def test_without_limits_there_is_no_extension(tmp_path: Path) -> None:
    certificate = Authority.create(tmp_path).certificate

    assert limits.extension(certificate) is None
    assert limits.of(certificate) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("*.example.com", "'example.com' stands for itself and all names below it"),
        (".example.com", "'example.com' stands for itself and all names below it"),
        ("10.0.0.1/8", "The network is 10.0.0.0/8"),
        ("", "is neither a DNS name nor an IP address"),
        ("two words", "is neither a DNS name nor an IP address"),
        ("https://example.com", "is neither a DNS name nor an IP address"),
        ("example.com:443", "is neither a DNS name nor an IP address"),
    ],
)
def test_what_cannot_be_a_limit_is_explained(text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        limits.parse(text)

    assert says in str(caught.value)


def test_names_out_of_bounds_are_left_out_of_a_copy_unless_nothing_else_is_there(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path, [limits.parse("example.com")])
    found = limits.extension(authority.certificate)
    assert found is not None
    key = ec.generate_private_key(ec.SECP256R1())
    address = IPAddress(ipaddress.ip_address("192.0.2.1"))

    def copied(*names: str) -> list[x509.GeneralName]:
        old = authority.issue(*names).certificate
        new = leaf.over(old, key, authority._key, lambda name: limits.permits(found, name))
        return list(new.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)

    assert copied("example.com", "bank.example", "192.0.2.1") == [DNSName("example.com")]
    assert copied("bank.example", "192.0.2.1") == [DNSName("bank.example"), address]

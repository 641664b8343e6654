"""The authority on disk: made once, whole, private, readable by mitmproxy, and clear about what is wrong."""

import datetime
import ipaddress
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from mitmproxy.certs import CertStore

from tests.support.foreign_ca import DAY, certificate_pem, key_pem, names, write
from wsproxy.certs import Authority, Leaf, describe
from wsproxy.errors import AuthorityError

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no permission bits")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# Making


def test_a_missing_authority_is_made(tmp_path: Path) -> None:
    authority = Authority.ensure(tmp_path / "not" / "there" / "ca")

    assert authority.created
    assert authority.directory == tmp_path / "not" / "there" / "ca"
    assert names(authority.directory) == {
        "mitmproxy-ca.pem",
        "mitmproxy-ca-cert.pem",
        "mitmproxy-ca-cert.cer",
        "mitmproxy-ca-cert.p12",
    }


def test_the_next_start_finds_the_same_authority(tmp_path: Path) -> None:
    first = Authority.ensure(tmp_path)
    second = Authority.ensure(tmp_path)

    assert second.certificate == first.certificate
    assert not second.created
    assert Authority.load(tmp_path).certificate == first.certificate


def test_create_leaves_an_existing_authority_alone(tmp_path: Path) -> None:
    first = Authority.create(tmp_path)

    with pytest.raises(AuthorityError, match="there already is a certificate authority"):
        Authority.create(tmp_path)
    assert Authority.load(tmp_path).certificate == first.certificate


def test_the_certificate_says_what_it_is_for(tmp_path: Path) -> None:
    certificate = Authority.create(tmp_path).certificate
    extensions = certificate.extensions

    constraints = extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert (constraints.value.ca, constraints.value.path_length) == (True, 0)
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert usage.value.crl_sign
    assert not usage.value.digital_signature
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        x509.ExtendedKeyUsageOID.SERVER_AUTH
    ]
    assert describe(certificate).key == "EC P-256"


def test_it_is_valid_since_the_day_before_yesterday_and_for_ten_years(tmp_path: Path) -> None:
    certificate = Authority.create(tmp_path).certificate

    age = datetime.datetime.now(datetime.UTC) - certificate.not_valid_before_utc
    assert 2 * DAY <= age < 3 * DAY
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == 3650 * DAY


def test_two_authorities_differ_in_name_and_serial_number(tmp_path: Path) -> None:
    one = Authority.create(tmp_path / "one").certificate
    two = Authority.create(tmp_path / "two").certificate

    assert one.subject != two.subject
    assert one.serial_number != two.serial_number


def test_the_name_tells_nobody_whose_machine_this_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "alice")
    monkeypatch.setenv("LOGNAME", "alice")

    certificate = Authority.create(tmp_path).certificate

    identifier = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert describe(certificate).subject == f"CN=wsproxy CA {identifier[:4].hex()},O=wsproxy"


def test_all_files_hold_the_same_certificate(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path)

    for name in ("mitmproxy-ca.pem", "mitmproxy-ca-cert.pem", "mitmproxy-ca-cert.cer"):
        assert x509.load_pem_x509_certificate((tmp_path / name).read_bytes()) == authority.certificate
    public = pkcs12.load_pkcs12((tmp_path / "mitmproxy-ca-cert.p12").read_bytes(), None)
    assert public.key is None
    assert [bag.certificate for bag in public.additional_certs] == [authority.certificate]


# Privacy


@POSIX
def test_keys_are_for_their_owner_alone_even_with_an_open_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        authority = Authority.create(tmp_path / "ca")
    finally:
        os.umask(before)

    assert mode(authority.directory) == 0o700
    assert mode(authority.key_path) == 0o600
    assert mode(authority.certificate_path) == 0o644


def test_an_authority_does_not_print_its_key(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path)

    assert repr(authority).startswith("<Authority CN=wsproxy CA ")
    assert "PRIVATE" not in repr(authority.issue("localhost"))


# Several at once, and crashes

ENSURE_ON_COMMAND = """
import sys
from pathlib import Path
from wsproxy.certs import Authority, describe
print("ready", flush=True)
sys.stdin.readline()
authority = Authority.ensure(Path(sys.argv[1]))
assert authority.certificate_path.exists()
print(describe(authority.certificate).sha256, authority.created)
"""


def test_processes_that_start_together_get_the_same_authority(tmp_path: Path) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", ENSURE_ON_COMMAND, str(tmp_path / "ca")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    answers = [child.communicate()[0].split() for child in children]

    fingerprint = describe(Authority.load(tmp_path / "ca").certificate).sha256
    assert {answer[0] for answer in answers} == {fingerprint}
    assert sorted(answer[1] for answer in answers) == ["False"] * 5 + ["True"]
    assert not [name for name in names(tmp_path / "ca") if name.endswith(".tmp")]


def crash(directory: Path, function: str) -> None:
    """Die without a word in a process of its own where `function` would be called."""
    code = f"""
import os, sys
from pathlib import Path
from wsproxy.certs import Authority, files
{function} = lambda *a, **k: os._exit(9)
Authority.ensure(Path(sys.argv[1]))
"""
    assert subprocess.run([sys.executable, "-c", code, str(directory)], check=False).returncode == 9


@POSIX
def test_a_crash_before_the_key_has_its_name_leaves_no_authority(tmp_path: Path) -> None:
    crash(tmp_path, "os.link")

    assert not (tmp_path / "mitmproxy-ca.pem").exists()
    assert Authority.ensure(tmp_path).created


@POSIX
def test_a_crash_after_the_key_has_its_name_keeps_the_authority(tmp_path: Path) -> None:
    crash(tmp_path, "files.publish")
    made = Authority.load(tmp_path)

    authority = Authority.ensure(tmp_path)

    assert authority.certificate == made.certificate
    assert not authority.created
    assert authority.certificate_path.exists()


@POSIX
def test_what_a_crash_left_is_removed_a_minute_later(tmp_path: Path) -> None:
    crash(tmp_path, "os.link")
    [leftover] = tmp_path.iterdir()
    assert mode(leftover) == 0o600

    Authority.ensure(tmp_path)
    assert leftover.exists()
    os.utime(leftover, (0, 0))
    (tmp_path / "mitmproxy-ca-cert.pem").unlink()
    Authority.ensure(tmp_path)

    assert not leftover.exists()


def test_certificate_files_of_an_older_authority_are_replaced(tmp_path: Path) -> None:
    old = Authority.create(tmp_path)
    old.key_path.unlink()

    new = Authority.ensure(tmp_path)

    assert new.certificate != old.certificate
    assert x509.load_pem_x509_certificate(new.certificate_path.read_bytes()) == new.certificate


def test_a_key_file_put_in_by_hand_brings_its_certificate_files_along(tmp_path: Path) -> None:
    Authority.create(tmp_path)
    key = ec.generate_private_key(ec.SECP384R1())
    write(tmp_path, key_pem(key) + certificate_pem(key))

    authority = Authority.ensure(tmp_path)

    assert describe(authority.certificate).key == "EC P-384"
    assert x509.load_pem_x509_certificate(authority.certificate_path.read_bytes()) == authority.certificate


# mitmproxy


def test_mitmproxy_uses_the_authority_as_it_is(tmp_path: Path, handshake: Callable[..., str]) -> None:
    authority = Authority.create(tmp_path)

    store = CertStore.from_store(tmp_path, "mitmproxy", 2048)
    assert store.default_ca.to_pem() == authority.certificate.public_bytes(Encoding.PEM)

    loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    entry = store.get_cert("localhost", [x509.DNSName("localhost"), loopback])
    served = Leaf(
        certificate=x509.load_pem_x509_certificate(entry.cert.to_pem()),
        certificate_pem=b"".join(c.to_pem() for c in [entry.cert, *entry.chain_certs]),
        key_pem=entry.privatekey.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )
    assert handshake(served.server_context(), "localhost", trust=authority.certificate_path).startswith("TLS")
    # The promise behind `wsproxy browser`: the pin of the authority is the pin of every server.
    assert describe(served.certificate).spki_pin == describe(authority.certificate).spki_pin


def test_an_authority_made_by_mitmproxy_serves_here(tmp_path: Path, handshake: Callable[..., str]) -> None:
    CertStore.from_store(tmp_path, "mitmproxy", 2048)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}

    authority = Authority.ensure(tmp_path)

    assert not authority.created
    assert describe(authority.certificate).key == "RSA 2048"
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    context = authority.issue("localhost").server_context()
    assert handshake(context, "localhost", trust=authority.certificate_path).startswith("TLS")


def test_an_intermediate_authority_sends_its_chain(tmp_path: Path) -> None:
    key, root = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    write(tmp_path, key_pem(key) + certificate_pem(key) + certificate_pem(root))

    chain = x509.load_pem_x509_certificates(Authority.ensure(tmp_path).issue("localhost").certificate_pem)

    assert [certificate.public_key() for certificate in chain[1:]] == [key.public_key(), root.public_key()]

"""The authority on disk: made once, whole, private, readable by mitmproxy, and clear about what is wrong."""

import datetime
import ipaddress
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from mitmproxy.certs import CertStore

from wsproxy.certs import Authority, Leaf, describe
from wsproxy.errors import AuthorityError

DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.now(datetime.UTC)
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no permission bits")

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def key_pem(key: Key, passphrase: bytes = b"") -> bytes:
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def certificate_pem(
    key: Key,
    *,
    begin: datetime.datetime = NOW - DAY,
    end: datetime.datetime = NOW + DAY,
    ca: bool | None = True,
    may_sign: bool = True,
) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "somebody's own authority")])
    usage = dict.fromkeys(
        [
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ],
        False,
    )
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), begin, end
    ).add_extension(x509.KeyUsage(**usage, key_cert_sign=may_sign), critical=True)
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(Encoding.PEM)


def write(directory: Path, data: bytes) -> Path:
    directory.mkdir(exist_ok=True)
    (directory / "mitmproxy-ca.pem").write_bytes(data)
    return directory


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder of a user whom permission bits bind, and the tests as that user: root may do anything."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        directory = Path(folder)
        if sys.platform == "win32" or os.geteuid() != 0:
            yield directory
            directory.chmod(0o700)
            return
        os.chown(directory, 65534, 65534)
        os.seteuid(65534)
        try:
            yield directory
        finally:
            os.seteuid(0)


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


# What can be wrong


def test_a_missing_authority_is_not_loaded(tmp_path: Path) -> None:
    with pytest.raises(AuthorityError, match=r"there is no certificate authority in .*wsproxy ca show"):
        Authority.load(tmp_path)
    assert names(tmp_path) == set()


def defects() -> Iterator[tuple[str, bytes, str]]:
    key, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ed = ed25519.Ed25519PrivateKey.generate()
    secret = key_pem(key)
    yield "empty", b"", "is not a PEM file with a readable private key"
    yield "not PEM", b"\x30\x82\x01\x02", "is not a PEM file with a readable private key"
    yield "no key", certificate_pem(key), "is not a PEM file with a readable private key"
    yield "no certificate", secret, "holds no readable certificate"
    yield "half a certificate", secret + certificate_pem(key)[:200], "holds no readable certificate"
    yield "encrypted", key_pem(key, b"hush") + certificate_pem(key), "is encrypted. Remove its passphrase"
    yield "Ed25519", key_pem(ed) + certificate_pem(ed), "is neither RSA nor EC"
    yield "other key", secret + certificate_pem(other), "do not belong together"
    yield "a server", secret + certificate_pem(key, ca=False), "is not that of an authority"
    yield "unconstrained", secret + certificate_pem(key, ca=None), "is not that of an authority"
    yield "may not sign", secret + certificate_pem(key, may_sign=False), "is not that of an authority"
    past = certificate_pem(key, begin=NOW - 9 * DAY, end=NOW - DAY)
    yield "expired", secret + past, f"expired on {NOW - DAY:%Y-%m-%d}. `wsproxy ca renew`"
    future = certificate_pem(key, begin=NOW + DAY, end=NOW + 9 * DAY)
    yield "too early", secret + future, f"not valid before {NOW + DAY:%Y-%m-%d}. Check the clock"


@pytest.mark.parametrize(
    ("data", "message"), [pytest.param(data, message, id=name) for name, data, message in defects()]
)
def test_a_defect_is_named_and_the_file_left_alone(tmp_path: Path, data: bytes, message: str) -> None:
    write(tmp_path, data)

    for read in (Authority.load, Authority.ensure):
        with pytest.raises(AuthorityError) as caught:
            read(tmp_path)
        assert message in str(caught.value)
        assert str(tmp_path / "mitmproxy-ca.pem") in str(caught.value)
        assert caught.value.hint
    assert names(tmp_path) == {"mitmproxy-ca.pem"}
    assert (tmp_path / "mitmproxy-ca.pem").read_bytes() == data


def test_a_folder_in_place_of_the_key_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "mitmproxy-ca.pem").mkdir()

    with pytest.raises(AuthorityError, match="cannot read the certificate authority"):
        Authority.ensure(tmp_path)


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("")

    with pytest.raises(AuthorityError, match="certificate authority"):
        Authority.ensure(tmp_path / "ca")


@POSIX
def test_a_key_that_may_not_be_read_is_named(unprivileged: Path) -> None:
    authority = Authority.create(unprivileged)
    authority.key_path.chmod(0)

    with pytest.raises(AuthorityError, match=r"cannot read .*mitmproxy-ca\.pem: permission denied"):
        Authority.ensure(unprivileged)


@POSIX
def test_a_folder_that_may_not_be_entered_is_named(unprivileged: Path) -> None:
    (unprivileged / "ca").mkdir(mode=0)

    with pytest.raises(AuthorityError, match="permission denied"):
        Authority.ensure(unprivileged / "ca")


@POSIX
def test_a_folder_that_may_not_be_written_is_named(unprivileged: Path) -> None:
    unprivileged.chmod(0o500)

    with pytest.raises(AuthorityError, match=r"cannot write .*: permission denied.*WSPROXY_HOME"):
        Authority.ensure(unprivileged)


@POSIX
def test_a_read_only_folder_with_just_the_key_file_serves(unprivileged: Path) -> None:
    made = Authority.create(unprivileged)
    made.certificate_path.unlink()
    unprivileged.chmod(0o500)

    assert Authority.ensure(unprivileged).certificate == made.certificate

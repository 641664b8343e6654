"""`wsproxy ca`: the facts of the authority, and its certificate in every form but never its key."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from wsproxy.certs import Authority, describe
from wsproxy.cli.ca import ca
from wsproxy.errors import AuthorityError, UsageError, WsproxyError

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions and terminals")
COMMAND = [sys.executable, "-c", "from wsproxy.cli.ca import ca; ca()"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own place for everything, empty, and a home folder without browsers."""
    monkeypatch.setenv("WSPROXY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    return tmp_path / "home"


@pytest.fixture
def authority(home: Path) -> Authority:
    return Authority.create(home / "ca")


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(ca, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit | WsproxyError):
        raise result.exception
    return result


def test_show_makes_an_authority_and_says_so_beside_the_data(home: Path) -> None:
    result = run("show")

    assert result.exit_code == 0
    assert result.stderr == f"Made a new certificate authority in {home / 'ca'}.\n"
    assert describe(Authority.load(home / "ca").certificate).sha256 in result.stdout


def test_show_prints_what_people_compare(authority: Authority) -> None:
    result = run("show")

    info = describe(authority.certificate)
    assert result.stderr == ""
    for fact in (info.subject, info.sha256, info.spki_pin, "EC P-256"):
        assert fact in result.stdout
    assert f"{info.not_before:%Y-%m-%d} to {info.not_after:%Y-%m-%d} (UTC)" in result.stdout
    assert str(authority.certificate_path) in result.stdout


def test_show_as_json_is_one_object_on_one_line(authority: Authority) -> None:
    result = run("show", "--json")

    info = describe(authority.certificate)
    assert result.stdout.count("\n") == 1
    told = json.loads(result.stdout)
    assert all(
        set(store) == {"kind", "title", "place", "trusted", "by_wsproxy", "problem"}
        for store in told.pop("trust")
    )
    assert told == {
        "subject": info.subject,
        "sha256": info.sha256,
        "spki_pin": info.spki_pin,
        "key": "EC P-256",
        "not_before": f"{info.not_before:%Y-%m-%dT%H:%M:%SZ}",
        "not_after": f"{info.not_after:%Y-%m-%dT%H:%M:%SZ}",
        "expired": False,
        "limited_to": [],
        "certificate": str(authority.certificate_path),
        "private_key": str(authority.key_path),
    }


def test_another_folder_can_be_named(home: Path, tmp_path: Path) -> None:
    result = run("show", "--json", "--confdir", str(tmp_path / "other"))

    assert json.loads(result.stdout)["private_key"] == str(tmp_path / "other" / "mitmproxy-ca.pem")
    assert not home.exists()


@POSIX
def test_a_key_that_others_can_read_is_warned_about(authority: Authority) -> None:
    authority.key_path.chmod(0o644)

    assert f"chmod 600 {authority.key_path}" in run("show").stderr


def test_a_damaged_authority_is_an_error_of_the_environment(home: Path) -> None:
    (home / "ca").mkdir(parents=True)
    (home / "ca" / "mitmproxy-ca.pem").write_text("nonsense")

    result = run("show")

    assert isinstance(result.exception, AuthorityError)
    assert result.exception.exit_code == 3


def test_export_prints_the_certificate_as_pem(authority: Authority) -> None:
    result = run("export")

    assert x509.load_pem_x509_certificate(result.stdout_bytes) == authority.certificate


def test_export_as_der(authority: Authority) -> None:
    result = run("export", "--format", "der")

    assert x509.load_der_x509_certificate(result.stdout_bytes) == authority.certificate


def test_export_as_pkcs12_opens_without_a_password(authority: Authority) -> None:
    result = run("export", "--format", "p12")

    opened = pkcs12.load_pkcs12(result.stdout_bytes, None)
    assert opened.key is None
    assert [bag.certificate for bag in opened.additional_certs] == [authority.certificate]


@pytest.mark.parametrize("kind", ["pem", "der", "p12"])
def test_no_export_carries_the_key(authority: Authority, kind: str) -> None:
    result = run("export", "--format", kind)

    assert isinstance(authority._key, ec.EllipticCurvePrivateKey)
    assert authority._key.private_numbers().private_value.to_bytes(32) not in result.stdout_bytes
    assert b"PRIVATE" not in result.stdout_bytes


def test_export_makes_an_authority_if_there_is_none(home: Path) -> None:
    result = run("export")

    assert "Made a new certificate authority" in result.stderr
    assert x509.load_pem_x509_certificate(result.stdout_bytes) == Authority.load(home / "ca").certificate


@pytest.mark.parametrize("kind", ["pem", "der", "p12"])
def test_export_to_a_file_prints_nothing(authority: Authority, tmp_path: Path, kind: str) -> None:
    result = run("export", "--format", kind, "-o", str(tmp_path / "file"))

    assert (result.exit_code, result.output) == (0, "")
    assert (tmp_path / "file").read_bytes()


def test_a_dash_means_stdout(authority: Authority) -> None:
    assert run("export", "-o", "-").stdout_bytes == authority.certificate.public_bytes(Encoding.PEM)


def test_an_existing_file_is_kept(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")

    result = run("export", "-o", str(tmp_path / "file"))

    assert isinstance(result.exception, UsageError)
    assert "exists already" in str(result.exception)
    assert "--force" in result.exception.hint
    assert (tmp_path / "file").read_text() == "mine"


def test_an_existing_file_is_overwritten_by_force(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine" * 1000)

    assert run("export", "-o", str(tmp_path / "file"), "--force").exit_code == 0
    assert (tmp_path / "file").read_bytes() == authority.certificate.public_bytes(Encoding.PEM)


def test_no_force_overwrites_the_key(authority: Authority) -> None:
    name = "mitmproxy-ca.pem"
    before = (authority.directory / name).read_bytes()

    result = run("export", "-o", str(authority.directory / name), "--force")

    assert isinstance(result.exception, UsageError)
    assert (authority.directory / name).read_bytes() == before


def test_a_place_that_cannot_be_written_is_named(authority: Authority, tmp_path: Path) -> None:
    result = run("export", "-o", str(tmp_path / "not" / "there"))

    assert isinstance(result.exception, WsproxyError)
    assert str(tmp_path / "not" / "there") in str(result.exception)
    assert result.exception.exit_code == 3


def test_an_unknown_format_is_a_wrong_call(home: Path) -> None:
    result = run("export", "--format", "jks")

    assert result.exit_code == 2
    assert not home.exists()


@POSIX
@pytest.mark.parametrize("kind", ["der", "p12"])
def test_binary_forms_are_kept_from_a_terminal(home: Path, kind: str) -> None:
    import pty

    ours, theirs = pty.openpty()
    try:
        result = subprocess.run(
            [*COMMAND, "export", "--format", kind], stdout=theirs, stderr=subprocess.PIPE, check=False
        )
        os.set_blocking(ours, False)
        with pytest.raises(BlockingIOError):
            os.read(ours, 1)
    finally:
        os.close(ours)
        os.close(theirs)

    assert b"is binary and would garble the terminal. Name a file with -o" in result.stderr
    assert not home.exists()


def test_the_certificate_can_be_piped(authority: Authority) -> None:
    result = subprocess.run([*COMMAND, "export", "--format", "der"], capture_output=True, check=True)

    assert x509.load_der_x509_certificate(result.stdout) == authority.certificate
    assert result.stderr == b""


def test_the_help_needs_neither_mitmproxy_nor_cryptography() -> None:
    code = """
import sys
import wsproxy.cli.ca, wsproxy.cli.browser
print(*sorted({name.partition(".")[0] for name in sys.modules} & {"mitmproxy", "textual", "cryptography"}))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)

    assert result.stdout == "\n"

"""What a program trusts behind the proxy: all it trusted before, and ours."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
import trustme

from wsproxy.clients import trust
from wsproxy.errors import WsproxyError


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    path = tmp_path / "ours.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    return path


def of(path: Path) -> list[bytes]:
    return trust.certificates_in(path.read_text())


def test_the_systems_authorities_stay_trusted_beside_ours(tmp_path: Path, ours: Path) -> None:
    files = trust.write(tmp_path, ours, [], [])
    found = of(files.whole)
    assert set(trust.system_certificates()) < set(found)
    assert found[-1:] == of(ours)
    assert of(files.added) == of(ours)
    # And OpenSSL can read all of it.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(files.whole)
    assert len(context.get_ca_certs()) == len(found)


def test_what_the_users_own_variables_name_stays_trusted(tmp_path: Path, ours: Path) -> None:
    company, extra = tmp_path / "company.pem", tmp_path / "extra.pem"
    trustme.CA().cert_pem.write_to_path(str(company))
    trustme.CA().cert_pem.write_to_path(str(extra))
    files = trust.write(tmp_path, ours, [str(company), str(tmp_path / "missing")], [str(extra)])
    assert set(of(files.whole)) > {*of(company), *of(extra), *of(ours)}
    assert of(files.added) == [*of(ours), *of(extra)]


def test_a_certificate_that_is_in_several_files_is_written_once(tmp_path: Path, ours: Path) -> None:
    files = trust.write(tmp_path, ours, [str(ours), str(ours)], [str(ours)])
    assert of(files.whole).count(of(ours)[0]) == 1


def test_whatever_else_stands_in_a_file_of_certificates_is_passed_over() -> None:
    pem = trustme.CA().cert_pem.bytes().decode()
    text = f"# a comment\n{pem}-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n{pem}"
    assert trust.certificates_in(text) == [ssl.PEM_cert_to_DER_cert(pem)] * 2


def test_a_certificate_that_cannot_be_read_is_an_error_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(WsproxyError, match=r"cannot read the proxy's certificate .*none\.pem: no such file"):
        trust.write(tmp_path, tmp_path / "none.pem", [], [])


@pytest.mark.skipif(shutil.which("keytool") is None, reason="keytool is not installed")
def test_javas_own_tool_reads_every_certificate_of_the_store(tmp_path: Path, ours: Path) -> None:
    files = trust.write(tmp_path, ours, [], [])
    listed = subprocess.run(
        ["keytool", "-list", "-rfc", "-keystore", files.java, "-storepass", trust.STORE_PASSWORD],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert sorted(trust.certificates_in(listed)) == sorted(of(files.whole))
    assert listed.count("trustedCertEntry") == len(of(files.whole))

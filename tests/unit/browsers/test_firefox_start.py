"""Firefox: its preferences, and the authority in its profile."""

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509

from tests.support.stand_in import arguments_of, stand_in, telling
from tests.support.stores import needs_certutil
from wsproxy.browsers import firefox
from wsproxy.certs import Authority
from wsproxy.errors import WsproxyError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in browsers are POSIX programs")


def test_firefox_is_sent_through_the_proxy_loopback_included() -> None:
    lines = firefox.preferences("127.0.0.1", 8081).splitlines()

    for name, value in {
        "network.proxy.type": "1",
        "network.proxy.ssl": '"127.0.0.1"',
        "network.proxy.ssl_port": "8081",
        "network.proxy.http_port": "8081",
        "network.proxy.allow_hijacking_localhost": "true",
        "network.proxy.no_proxies_on": '""',
        "network.http.http3.enable": "false",
    }.items():
        assert f'user_pref("{name}", {value});' in lines


@needs_certutil
def test_firefox_trusts_us_in_its_own_profile_also_in_one_that_was_kept(
    tmp_path: Path, confdir: Path, scratch: Path, pipe: Path
) -> None:
    program = telling(tmp_path, pipe)
    others = Authority.create(tmp_path / "others")
    kept = tmp_path / "kept"

    for certificate in (others.certificate_path, Authority.load(confdir).certificate_path):
        proxy = ("127.0.0.1", 8081)
        with firefox.launch(program, proxy, certificate, "https://x.test/", True, profile=kept) as running:
            arguments = arguments_of(pipe)
            running.wait()
        listed = subprocess.run(
            ["certutil", "-L", "-n", "wsproxy", "-a", "-d", f"sql:{kept}"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        assert x509.load_pem_x509_certificates(listed.encode()) == x509.load_pem_x509_certificates(
            certificate.read_bytes()
        )

    assert arguments[-1] == "https://x.test/"
    assert arguments[arguments.index("--profile") + 1] == str(kept)
    assert "--headless" in arguments


def test_without_certutil_firefox_is_not_started_and_nothing_is_left(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = stand_in(tmp_path, "", "firefox")
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(WsproxyError, match=r"needs `certutil`.*libnss3-tools"):
        firefox.launch(program, ("127.0.0.1", 1), tmp_path / "ca.pem")
    assert list(scratch.iterdir()) == []


@needs_certutil
def test_what_certutil_cannot_do_is_said_and_nothing_is_left(tmp_path: Path, scratch: Path) -> None:
    with pytest.raises(WsproxyError, match="certutil could not prepare the profile: "):
        firefox.launch(stand_in(tmp_path, ""), ("127.0.0.1", 1), tmp_path / "none.pem")
    assert list(scratch.iterdir()) == []


@needs_certutil
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="these are the folders of Linux")
def test_folders_that_firefox_makes_in_passing_go_unless_something_is_in_them(
    tmp_path: Path, confdir: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "user"
    (home / ".cache").mkdir(parents=True)
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    reports = home / ".config/mozilla/firefox/Crash Reports"
    makes = "\n".join(
        [
            f"reports = pathlib.Path({str(reports)!r})",
            "reports.mkdir(parents=True)",
            "(reports / 'crash_helper_server.log').touch()",
            f"pathlib.Path({str(home / '.cache/mozilla/firefox')!r}).mkdir(parents=True)",
            f"pathlib.Path({str(home / 'Downloads')!r}).mkdir()",
            f"pathlib.Path({str(home / 'Downloads/mine.pdf')!r}).touch()",
        ]
    )
    certificate = Authority.load(confdir).certificate_path

    with firefox.launch(stand_in(tmp_path, makes, "firefox"), ("127.0.0.1", 1), certificate) as running:
        assert running.wait() == 0

    assert {str(path.relative_to(home)) for path in home.rglob("*")} == {
        ".cache",
        "Downloads",
        "Downloads/mine.pdf",
    }

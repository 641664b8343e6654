"""What each check says of what is right, and of what is wrong with what to do about it."""

import datetime
import json
import os
import socket
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tests.support.foreign_ca import DAY, NOW, certificate_pem, key_pem, write
from tests.support.ports import free_port
from wsproxy.certs import Authority
from wsproxy.doctor import authority, browser, clock, port, terminal, versions

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no permission bits")


# Versions


def test_versions_are_those_of_what_is_installed() -> None:
    found = versions.check()

    assert found.state == "ok"
    for name in ("mitmproxy", "cryptography", "websockets"):
        assert f"{name} {metadata.version(name)}" in found.found


def test_a_missing_engine_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    real = metadata.version

    def version(name: str) -> str:
        if name in ("mitmproxy", "uvloop"):
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "version", version)

    found = versions.check()

    assert found.state == "wrong"
    assert found.found.endswith("missing: mitmproxy")
    assert "pip install" in found.advice


# Clock


def test_a_clock_that_goes_is_right() -> None:
    assert clock.check(None).state == "ok"
    assert clock.check(NOW - 2 * DAY).state == "ok"


def test_a_clock_behind_the_installation_is_wrong() -> None:
    found = clock.check(None, datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC))

    assert found.state == "wrong"
    assert found.found.startswith("it says 2001-01-01 00:00 UTC, but wsproxy was installed on ")
    assert "Set the clock" in found.advice


def test_a_clock_behind_the_authority_is_wrong(tmp_path: Path) -> None:
    made = Authority.create(tmp_path).certificate.not_valid_before_utc
    later = datetime.timedelta(days=3 * 365)

    found = clock.check(made + later, NOW + DAY)

    assert found.state == "wrong"
    assert "but the certificate authority was made on" in found.found


# Terminal


class Screen:
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "encoding", "state", "says"),
    [
        ({"COLUMNS": "80", "LINES": "24"}, "utf-8", "ok", "80x24, utf-8, 256 colours"),
        ({"COLUMNS": "80", "LINES": "24", "COLORTERM": "truecolor"}, "utf-8", "ok", "16 million colours"),
        ({"COLUMNS": "80", "LINES": "24", "NO_COLOR": "1"}, "utf-8", "ok", "no colours (NO_COLOR)"),
        ({"COLUMNS": "60", "LINES": "24"}, "utf-8", "note", "Make it 80x24"),
        ({"COLUMNS": "80", "LINES": "24"}, "ascii", "note", "Choose a UTF-8 locale"),
        ({"COLUMNS": "80", "LINES": "24", "TERM": "dumb"}, "utf-8", "note", "Set TERM"),
    ],
)
def test_a_terminal_is_described(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], encoding: str, state: str, says: str
) -> None:
    for name in ("COLORTERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm-256color", **environment}.items():
        monkeypatch.setenv(name, value)
    screen = Screen()
    screen.encoding = encoding
    monkeypatch.setattr(sys, "stdout", screen)

    found = terminal.check()

    assert found.state == state
    assert says in f"{found.found} {found.advice}"


# Port


def test_a_free_port_is_free() -> None:
    number = free_port()
    assert port.check("127.0.0.1", number).found == f"127.0.0.1:{number} is free"


def test_a_port_of_another_program_is_wrong() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        number = held.getsockname()[1]
        found = port.check("127.0.0.1", number)

    assert (found.state, found.found) == ("wrong", f"127.0.0.1:{number} is taken by another program")
    assert "-p" in found.advice


def test_an_address_of_another_machine_is_wrong() -> None:
    found = port.check("192.0.2.1", 8080)

    assert found.state == "wrong"
    assert "nobody can listen on 192.0.2.1:8080" in found.found
    assert "--listen-host" in found.advice


def test_a_name_that_nobody_has_is_wrong() -> None:
    found = port.check("nobody.invalid", 8080)

    assert found.state == "wrong"
    assert found.advice


def test_a_proxy_of_ours_on_the_port_is_right(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from wsproxy.control import runfile

    monkeypatch.setenv("WSPROXY_HOME", str(tmp_path))
    file = runfile.write(runfile.RunFile(4711, "token", ("127.0.0.1:8091",), "x.wsp", 0))
    try:
        found = port.check("127.0.0.1", 8091)
    finally:
        runfile.remove(file)

    assert found.state == "ok"
    assert found.found == f"wsproxy listens on 127.0.0.1:8091 (process {os.getpid()})"


# Authority


def test_a_missing_authority_is_noted_and_not_made(tmp_path: Path) -> None:
    found, there = authority.check(tmp_path / "ca")

    assert (found.state, there) == ("note", None)
    assert "The proxy makes one at its first start" in found.advice
    assert not (tmp_path / "ca").exists()


def test_a_good_authority_is_right(tmp_path: Path) -> None:
    made = Authority.create(tmp_path)

    found, there = authority.check(tmp_path)

    assert found.state == "ok"
    assert there is not None
    assert there.certificate == made.certificate
    assert f"valid until {made.certificate.not_valid_after_utc:%Y-%m-%d}" in found.found


@pytest.mark.parametrize(
    ("days", "state", "advice"), [(-1, "wrong", "makes it valid again"), (10, "note", "valid for longer")]
)
def test_an_authority_that_expires_is_to_be_renewed(
    tmp_path: Path, days: int, state: str, advice: str
) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    certificate = certificate_pem(key, begin=NOW - 9 * DAY, end=NOW + days * DAY)
    (write(tmp_path, key_pem(key) + certificate) / "mitmproxy-ca.pem").chmod(0o600)
    tmp_path.chmod(0o700)

    found, _ = authority.check(tmp_path)

    assert found.state == state
    assert "`wsproxy ca renew`" in found.advice
    assert advice in found.advice


@POSIX
@pytest.mark.parametrize(("what", "mode"), [("key", 0o640), ("folder", 0o777)])
def test_an_exposed_key_is_wrong(tmp_path: Path, what: str, mode: int) -> None:
    made = Authority.create(tmp_path / "ca")
    path = made.key_path if what == "key" else made.directory
    path.chmod(mode)

    found, _ = authority.check(tmp_path / "ca")

    assert found.state == "wrong"
    assert "chmod" in found.advice
    assert str(path) in found.advice


@POSIX
def test_a_link_in_the_place_of_the_key_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "mitmproxy-ca.pem").symlink_to("/nowhere")

    found, _ = authority.check(tmp_path)

    assert found.state == "wrong"
    assert "is a symbolic link" in found.found


def test_trust_that_is_missing_is_a_note_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    found = authority.trust(Authority.create(tmp_path / "ca"))

    assert found
    for one in found:
        assert one.state == "note"
        assert "wsproxy ca trust --" in one.advice


# Browser


def test_without_a_browser_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    found = browser.check()

    assert found.state == "note"
    assert "Install" in found.advice


def test_a_check_is_plain_data() -> None:
    from dataclasses import asdict

    assert set(json.loads(json.dumps(asdict(versions.check())))) == {"check", "state", "found", "advice"}

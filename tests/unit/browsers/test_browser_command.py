"""`wsproxy browser`: what it says, what it starts, and how it ends."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.support.ports import free_port
from tests.support.stand_in import UNTIL_CLOSED, arguments_of, stand_in, switch, telling
from wsproxy.certs import Authority, spki_pin
from wsproxy.cli.browser import browser
from wsproxy.errors import AuthorityError, UsageError, WsproxyError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in browsers are POSIX programs")

COMMAND = [sys.executable, "-c", "from wsproxy.cli.browser import browser; browser()"]


@pytest.fixture
def port() -> Iterator[int]:
    """A port on which something listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_an_app_is_not_for_firefox_and_has_one_url(tmp_path: Path) -> None:
    program = stand_in(tmp_path, "", "firefox")
    for arguments, complaint in (
        (f"--browser {program} --app http://x.test/", "Firefox has no windows"),
        (f"--browser {program} --app http://x.test/ http://y.test/", "--app has a URL of its own"),
    ):
        result = CliRunner().invoke(browser, arguments)
        assert isinstance(result.exception, UsageError)
        assert complaint in result.exception.message


def test_without_a_proxy_the_command_says_what_to_start(tmp_path: Path, confdir: Path, scratch: Path) -> None:
    program, free = stand_in(tmp_path, ""), free_port()

    result = CliRunner().invoke(browser, ["-p", str(free), "--browser", str(program)])

    assert isinstance(result.exception, WsproxyError)
    assert result.exception.exit_code == 3
    assert f"no proxy listens on 127.0.0.1:{free}" in result.exception.message
    assert "wsproxy dump" in result.exception.hint
    assert list(scratch.iterdir()) == []


def test_without_an_authority_nothing_is_started(tmp_path: Path, port: int, scratch: Path) -> None:
    program = stand_in(tmp_path, "")

    result = CliRunner().invoke(
        browser, ["-p", str(port), "--browser", str(program), "--confdir", str(tmp_path / "none")]
    )

    assert isinstance(result.exception, AuthorityError)
    assert "--confdir" in result.exception.hint
    assert not (tmp_path / "none").exists()


def test_the_command_passes_on_proxy_pin_and_page(
    tmp_path: Path, confdir: Path, port: int, scratch: Path
) -> None:
    written = tmp_path / "arguments"
    program = telling(tmp_path, written)

    result = CliRunner().invoke(
        browser,
        f"-p {port} --listen-host 0.0.0.0 --headless --browser {program} --confdir {confdir} http://x.test/",
    )

    assert (result.exit_code, result.stdout) == (0, "")
    arguments = arguments_of(written)
    assert switch(arguments, "proxy-server") == f"http://127.0.0.1:{port}"
    pin = spki_pin(Authority.load(confdir).certificate)
    assert switch(arguments, "ignore-certificate-errors-spki-list") == pin
    assert "--headless=new" in arguments
    assert arguments[-1] == "http://x.test/"
    assert ("without its sandbox" in result.stderr) is ("--no-sandbox" in arguments)


def test_an_ipv6_proxy_stands_in_brackets(tmp_path: Path, confdir: Path, scratch: Path) -> None:
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    written = tmp_path / "arguments"
    program = telling(tmp_path, written)

    with server:
        number = server.getsockname()[1]
        result = CliRunner().invoke(
            browser, f"-p {number} --listen-host :: --browser {program} --confdir {confdir}"
        )

    assert result.exit_code == 0
    assert switch(arguments_of(written), "proxy-server") == f"http://[::1]:{number}"


def test_a_browser_that_fails_is_quoted_safely(
    tmp_path: Path, confdir: Path, port: int, scratch: Path
) -> None:
    words = "noise\n[1:2:ERROR:ui/env.cc:253] no \x1b[31mdisplay. \n[1:2:ERROR:dbus/bus.cc:405] no bus\n"
    program = stand_in(tmp_path, f"sys.stderr.write({words!r}); sys.exit(3)")

    result = CliRunner().invoke(browser, f"-p {port} --browser {program} --confdir {confdir}")

    assert isinstance(result.exception, WsproxyError)
    assert result.exception.message == "browser ended with exit code 3: no ?[31mdisplay"
    assert "noise" not in result.output
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_the_browser_and_leaves_nothing(
    tmp_path: Path, confdir: Path, port: int, scratch: Path, pipe: Path, name: str
) -> None:
    program = stand_in(
        tmp_path, f"pipe = open({str(pipe)!r}, 'w'); pipe.write('up'); pipe.flush()\n{UNTIL_CLOSED}"
    )
    command = [*COMMAND, "-p", str(port), "--browser", str(program), "--confdir", str(confdir)]

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        with pipe.open() as held:
            assert held.read(2) == "up"
            assert len(list(scratch.iterdir())) == 1
            child.send_signal(getattr(signal, name))
            assert held.read() == ""
        stdout, stderr = child.communicate()

    assert child.returncode == 0
    assert stdout == b""
    assert b"Traceback" not in stderr
    assert list(scratch.iterdir()) == []

"""
`wsproxy browser`: a browser that sees only our proxy, trusts only our key, and leaves nothing behind.

Small programs stand in for the browser where it must misbehave on command; a real Chromium behind
a real mitmdump proves that the switches mean what we think.
"""

import asyncio
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import WSMsgType, web
from click.testing import CliRunner
from cryptography import x509

from tests.support.ports import free_port
from wsproxy.browsers import chromium, firefox, installed, session
from wsproxy.browsers.session import Browser
from wsproxy.certs import Authority, spki_pin
from wsproxy.cli.browser import browser
from wsproxy.errors import AuthorityError, UsageError, WsproxyError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in browsers are POSIX programs")

COMMAND = [sys.executable, "-c", "from wsproxy.cli.browser import browser; browser()"]
UNTIL_CLOSED = "signal.pause()"


def stand_in(directory: Path, body: str, name: str = "browser") -> Path:
    """A program that does `body` (Python), with the switches it was given in `arguments`."""
    path = directory / name
    path.write_text(
        f"#!{sys.executable}\n"
        "import json, os, pathlib, signal, subprocess, sys\n"
        "arguments = sys.argv[1:]\n"
        f"{body}\n"
    )
    path.chmod(0o755)
    return path


def switch(arguments: list[str], name: str) -> str:
    """The value of the one switch with this name."""
    [value] = [a.removeprefix(f"--{name}=") for a in arguments if a.startswith(f"--{name}=")]
    return value


def arguments_of(pipe: Path) -> list[str]:
    """What a stand-in wrote into a named pipe; waits for it."""
    arguments: list[str] = json.loads(pipe.read_text())
    return arguments


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A named pipe: reading it waits for whoever writes, and for the last writer to be gone."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary folder of this process and its children, empty."""
    path = tmp_path / "scratch"
    path.mkdir()
    monkeypatch.setenv("TMPDIR", str(path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    # Nor are there others' proxies.
    monkeypatch.setenv("WSPROXY_HOME", str(tmp_path / "home"))
    return path


@pytest.fixture
def confdir(tmp_path: Path) -> Path:
    return Authority.create(tmp_path / "ca").directory


@pytest.fixture
def port() -> Iterator[int]:
    """A port on which something listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


# Switches


def test_everything_goes_through_the_proxy_loopback_included() -> None:
    arguments = chromium.switches(Path("/profile"), "127.0.0.1:8081", [], headless=False)

    assert switch(arguments, "proxy-server") == "http://127.0.0.1:8081"
    assert switch(arguments, "proxy-bypass-list") == "<-loopback>"
    assert "--disable-quic" in arguments


def test_only_the_pinned_keys_are_accepted_without_an_authority() -> None:
    none = chromium.switches(Path("/profile"), "127.0.0.1:8080", [], headless=False)
    two = chromium.switches(Path("/profile"), "127.0.0.1:8080", ["one=", "two="], headless=False)

    assert not [argument for argument in none if "ignore-certificate-errors" in argument]
    assert switch(two, "ignore-certificate-errors-spki-list") == "one=,two="
    assert "--ignore-certificate-errors" not in two
    assert switch(two, "user-data-dir") == "/profile"


def test_a_window_is_the_default() -> None:
    shown = chromium.switches(Path("/profile"), "127.0.0.1:8080", [], headless=False)
    hidden = chromium.switches(Path("/profile"), "127.0.0.1:8080", [], headless=True)

    assert set(hidden) - set(shown) == {"--headless=new"}


@pytest.mark.parametrize(("user", "unsandboxed"), [(0, True), (1000, False)])
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux refuses the sandbox to root")
def test_the_sandbox_is_given_up_for_root_alone(
    monkeypatch: pytest.MonkeyPatch, user: int, unsandboxed: bool
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)

    arguments = chromium.switches(Path("/profile"), "127.0.0.1:8080", [], headless=False)

    assert ("--no-sandbox" in arguments) is unsandboxed


# Finding


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS keeps programs in bundles")
def test_chromium_is_found_before_chrome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    chrome = stand_in(tmp_path, "", "google-chrome")
    assert chromium.find() == chrome

    wanted = stand_in(tmp_path, "", "chromium")
    assert chromium.find() == wanted


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS keeps programs in bundles")
def test_a_browser_is_found_by_the_name_of_its_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    programs = {
        "edge": stand_in(tmp_path, "", "microsoft-edge"),
        "brave": stand_in(tmp_path, "", "brave-browser"),
        "firefox": stand_in(tmp_path, "", "firefox-esr"),
    }
    for name, program in programs.items():
        family = installed.FIREFOX if name == "firefox" else installed.CHROMIUM
        assert installed.named(name) == installed.Installed(program, family)
        assert installed.named(str(program)) == installed.Installed(program, family)
    assert chromium.find() == programs["edge"]
    assert installed.find().program == programs["edge"]
    programs["edge"].unlink()
    programs["brave"].unlink()
    assert installed.find().program == programs["firefox"]
    with pytest.raises(
        WsproxyError, match=r"no Chrome was found on PATH \(google-chrome-stable, google-chrome\)"
    ):
        installed.named("chrome")


def test_what_is_no_browser_is_refused_with_those_that_are() -> None:
    with pytest.raises(UsageError, match="there is no browser 'netscape'") as caught:
        installed.named("netscape")
    assert "chromium, chrome, edge, brave, firefox" in caught.value.hint


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS keeps programs in bundles")
def test_what_was_looked_for_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    stand_in(tmp_path, "", "chromium").chmod(0o644)

    with pytest.raises(WsproxyError) as caught:
        chromium.find()

    for word in ("chromium", "google-chrome", "package `chromium`", "--browser"):
        assert word in str(caught.value)


# A session


def test_a_browser_gets_a_private_profile_that_ends_with_it(
    tmp_path: Path, scratch: Path, pipe: Path
) -> None:
    program = stand_in(
        tmp_path,
        "profile = pathlib.Path(next(a for a in arguments if 'user-data-dir' in a).partition('=')[2])\n"
        "(profile / 'Default').mkdir()\n"
        "(profile / 'Default' / 'Cookies').write_text('secret')\n"
        f"pathlib.Path({str(pipe)!r}).write_text(json.dumps(arguments))\n" + UNTIL_CLOSED,
    )

    with chromium.launch(program, url="https://example.com/") as running:
        arguments = arguments_of(pipe)
        assert running.profile.parent == scratch
        assert stat.S_IMODE(running.profile.stat().st_mode) == 0o700
        assert (running.profile / "Default" / "Cookies").exists()

    assert switch(arguments, "user-data-dir") == str(running.profile)
    assert arguments[-1] == "https://example.com/"
    assert list(scratch.iterdir()) == []


def test_the_first_page_is_empty_unless_one_is_named(tmp_path: Path, scratch: Path, pipe: Path) -> None:
    program = stand_in(tmp_path, f"pathlib.Path({str(pipe)!r}).write_text(json.dumps(arguments))")

    with chromium.launch(program, extra=["--lang=de"]) as running:
        assert arguments_of(pipe)[-2:] == ["--lang=de", "about:blank"]
        assert running.wait() == 0


def test_waiting_gives_the_exit_code(tmp_path: Path, scratch: Path) -> None:
    with chromium.launch(stand_in(tmp_path, "sys.exit(7)")) as running:
        assert running.wait(30) == 7
        assert running.wait() == 7


def test_waiting_can_be_limited(tmp_path: Path, scratch: Path) -> None:
    with (
        chromium.launch(stand_in(tmp_path, UNTIL_CLOSED)) as running,
        pytest.raises(TimeoutError, match="still runs"),
    ):
        running.wait(0.01)


def test_closing_twice_is_closing_once(tmp_path: Path, scratch: Path) -> None:
    running = chromium.launch(stand_in(tmp_path, UNTIL_CLOSED))

    running.close()
    running.close()

    assert list(scratch.iterdir()) == []


def test_processes_of_the_browser_end_with_it(tmp_path: Path, scratch: Path, pipe: Path) -> None:
    program = stand_in(
        tmp_path,
        f"pipe = open({str(pipe)!r}, 'w')\n"
        "subprocess.Popen(['sleep', '1000'], pass_fds=[pipe.fileno()])\n"
        "pipe.write('started')",
    )

    with chromium.launch(program) as running, pipe.open() as writers:
        assert running.wait() == 0
        # The end of the file: the last process that held the pipe is gone.
        assert writers.read() == "started"


def test_a_browser_that_does_not_listen_is_killed(
    tmp_path: Path, scratch: Path, pipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_GRACE", 0.2)
    program = stand_in(
        tmp_path,
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"pathlib.Path({str(pipe)!r}).write_text('[]')\n"
        f"while True: {UNTIL_CLOSED}",
    )

    running = chromium.launch(program)
    arguments_of(pipe)
    running.close()

    assert running.wait() == -signal.SIGKILL
    assert list(scratch.iterdir()) == []


def test_a_talkative_browser_is_neither_stopped_nor_remembered_whole(tmp_path: Path, scratch: Path) -> None:
    program = stand_in(tmp_path, "sys.stderr.write('noise\\n' * 1_000_000 + 'the end')")

    with chromium.launch(program) as running:
        assert running.wait() == 0

    assert running.last_words.endswith("noise\nthe end")
    assert len(running.last_words) <= 8192


def test_output_is_passed_on_when_asked(
    tmp_path: Path, scratch: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program = stand_in(tmp_path, "print('data'); print('talk', file=sys.stderr)")

    with chromium.launch(program, show_output=True) as running:
        running.wait()

    assert capfd.readouterr() == ("", "talk\n")


def test_several_browsers_have_a_profile_each(tmp_path: Path, scratch: Path) -> None:
    program = stand_in(tmp_path, UNTIL_CLOSED)

    with chromium.launch(program) as one, chromium.launch(program) as other:
        assert one.profile != other.profile
        assert {one.profile, other.profile} == set(scratch.iterdir())
        one.close()
        assert list(scratch.iterdir()) == [other.profile]


def test_a_profile_with_a_name_is_made_private_and_kept(tmp_path: Path, scratch: Path, pipe: Path) -> None:
    program = stand_in(tmp_path, f"pathlib.Path({str(pipe)!r}).write_text(json.dumps(arguments))")
    kept = tmp_path / "of" / "mine"

    for _ in range(2):
        with chromium.launch(program, profile=kept) as running:
            assert switch(arguments_of(pipe), "user-data-dir") == str(kept)
            running.wait()
        assert stat.S_IMODE(kept.stat().st_mode) == 0o700
        (kept / "Cookies").touch()

    assert (kept / "Cookies").exists()
    assert list(scratch.iterdir()) == []


def test_an_app_has_a_window_without_a_second_page(tmp_path: Path, scratch: Path, pipe: Path) -> None:
    program = stand_in(tmp_path, f"pathlib.Path({str(pipe)!r}).write_text(json.dumps(arguments))")

    with chromium.launch(program, url="https://x.test/chat", app=True):
        arguments = arguments_of(pipe)

    assert arguments[-1] == "--app=https://x.test/chat"
    assert "https://x.test/chat" not in arguments


def test_a_program_that_cannot_be_started_leaves_no_profile(tmp_path: Path, scratch: Path) -> None:
    program = stand_in(tmp_path, "")
    program.chmod(0o644)

    with pytest.raises(WsproxyError, match=r"cannot start .*browser: permission denied.*--browser"):
        chromium.launch(program)
    assert list(scratch.iterdir()) == []


def test_no_place_for_a_profile_is_an_error_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(WsproxyError, match="cannot make a profile"):
        Browser(lambda profile: ["true"], parent=tmp_path / "not there")


def test_a_url_is_not_taken_for_a_switch(tmp_path: Path, scratch: Path) -> None:
    with pytest.raises(UsageError, match="is not a URL"):
        chromium.launch(stand_in(tmp_path, ""), url="--disable-web-security")
    assert list(scratch.iterdir()) == []


# Firefox


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


needs_certutil = pytest.mark.skipif(shutil.which("certutil") is None, reason="certutil is not installed")


@needs_certutil
def test_firefox_trusts_us_in_its_own_profile_also_in_one_that_was_kept(
    tmp_path: Path, confdir: Path, scratch: Path, pipe: Path
) -> None:
    program = stand_in(tmp_path, f"pathlib.Path({str(pipe)!r}).write_text(json.dumps(arguments))")
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


# The command


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
    program = stand_in(tmp_path, "")

    result = CliRunner().invoke(browser, ["-p", str(free := free_port()), "--browser", str(program)])

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
    program = stand_in(tmp_path, f"pathlib.Path({str(written)!r}).write_text(json.dumps(arguments))")

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
    program = stand_in(tmp_path, f"pathlib.Path({str(written)!r}).write_text(json.dumps(arguments))")

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


# The real thing


@asynccontextmanager
async def mitmdump(confdir: Path) -> AsyncIterator[tuple[str, asyncio.StreamReader]]:
    """A real mitmdump with the authority in `confdir`: its address, and what it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-u", "-c", "from mitmproxy.tools.main import mitmdump; mitmdump()"),
        *("--listen-host", "127.0.0.1", "-p", "0", "--ssl-insecure", "--set", f"confdir={confdir}"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        line = await printed(process.stdout, "listening at ")
        yield line.partition("listening at ")[2].strip().removesuffix("."), process.stdout
    finally:
        process.terminate()
        await process.communicate()


async def printed(output: asyncio.StreamReader, wanted: str) -> str:
    """The first line with `wanted` in it."""
    seen = b""
    while line := await output.readline():
        seen += line
        if wanted in line.decode():
            return line.decode()
    raise AssertionError(f"no {wanted!r} in:\n{seen.decode()}")


PAGE = """<!doctype html><title>x</title><script>
const socket = new WebSocket(`wss://${location.host}/socket`);
socket.onopen = () => socket.send("hello");
socket.onmessage = ({data}) => fetch("/report?" + data);
</script>"""


@asynccontextmanager
async def origin(authority: Authority) -> AsyncIterator[tuple[str, "asyncio.Future[str]"]]:
    """A TLS site with a WebSocket: its URL, and what its page reports."""
    reported: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def page(request: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def echo(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await socket.send_str(message.data)
        return socket

    async def report(request: web.Request) -> web.Response:
        if not reported.done():
            reported.set_result(request.query_string)
        return web.Response()

    app = web.Application()
    app.add_routes([web.get("/", page), web.get("/socket", echo), web.get("/report", report)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        context = authority.issue("localhost").server_context()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        yield f"https://localhost:{runner.addresses[0][1]}/", reported
    finally:
        await runner.cleanup()


@pytest.fixture(params=["chromium", "firefox"])
def launch(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str, Authority, str], Browser]:
    """Starts a real browser, given the proxy, the authority to trust and the page."""
    kind = request.param
    try:
        program = installed.find(kind).program
    except WsproxyError as error:
        pytest.skip(str(error))

    def start(proxy: str, authority: Authority, url: str) -> Browser:
        if kind == "chromium":
            return chromium.launch(program, proxy, [spki_pin(authority.certificate)], url, headless=True)
        host, _, port = proxy.rpartition(":")
        return firefox.launch(program, (host, int(port)), authority.certificate_path, url, headless=True)

    return start


Launch = Callable[[str, Authority, str], Browser]


@pytest.mark.browser
async def test_a_real_browser_accepts_our_authority_through_a_real_mitmproxy(
    launch: Launch, tmp_path: Path, confdir: Path
) -> None:
    async with (
        origin(Authority.create(tmp_path / "site")) as (url, reported),
        mitmdump(confdir) as (proxy, out),
    ):
        running = await asyncio.to_thread(launch, proxy, Authority.load(confdir), url)
        try:
            # Over localhost, which browsers otherwise keep from proxies.
            await printed(out, "WebSocket text message")
            assert await reported == "hello"
        finally:
            await asyncio.to_thread(running.close)

    assert not running.profile.exists()


@pytest.mark.browser
async def test_a_real_browser_refuses_every_other_authority(
    launch: Launch, tmp_path: Path, confdir: Path
) -> None:
    other = Authority.create(tmp_path / "other")
    async with (
        origin(Authority.create(tmp_path / "site")) as (url, reported),
        mitmdump(confdir) as (proxy, out),
    ):
        running = await asyncio.to_thread(launch, proxy, other, url)
        try:
            await printed(out, "does not trust the proxy's certificate for localhost")
            assert not reported.done()
        finally:
            await asyncio.to_thread(running.close)

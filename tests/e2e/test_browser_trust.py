"""
Whom real browsers trust: what they are started with means what we think, behind a real mitmdump; and so does
`wsproxy ca trust --nss`.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import WSMsgType, web
from playwright.async_api import Error

from tests.support import tls
from tests.support.browser import missing, page_behind
from tests.support.exchange import account, text
from tests.support.proxy import Proxy, running
from tests.support.stores import needs_certutil
from tests.support.talking_page import site
from wsproxy.browsers import chromium, firefox, installed
from wsproxy.browsers.session import Browser
from wsproxy.certs import Authority, spki_pin
from wsproxy.errors import WsproxyError

pytestmark = pytest.mark.browser


@pytest.fixture
def confdir(tmp_path: Path) -> Path:
    """Of the authority that the proxy signs with."""
    return Authority.create(tmp_path / "ca").directory


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


@needs_certutil
@pytest.mark.skipif(missing() is not None, reason=str(missing()))
async def test_a_browser_trusts_by_its_database_and_not_any_more_when_that_is_undone(tmp_path: Path) -> None:
    user = tmp_path / "user"
    user.mkdir()
    trust = f"ssl_verify_upstream_trusted_ca={tls.ca_file(tmp_path)}"

    async def ca(proxy: Proxy, *words: str) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
        done = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "wsproxy", "ca", *words),
            env={**environment, "HOME": str(user), "WSPROXY_HOME": str(proxy.home)},
        )
        assert await done.wait() == 0

    async with site(True) as url, running(tmp_path, "--set", trust) as proxy:
        await ca(proxy, "trust", "--nss", "--yes")
        async with page_behind(proxy, tmp_path / "trusting", home=user) as page:
            await page.goto(f"{url}/")
            log = await page.evaluate(
                """async () => {
                    const talk = new Talk(here("/echo"));
                    await talk.converse([{text: "trusted"}]);
                    talk.socket.close(1000);
                    return await talk.end();
                }"""
            )
            assert log[1] == {"text": "detsurt"}
        found = await account(proxy)
        assert found.opened.url.startswith("wss://")
        assert found.client[0] == text("trusted")
        await ca(proxy, "untrust", "--yes")
        async with page_behind(proxy, tmp_path / "not trusting", home=user) as page:
            with pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
                await page.goto(f"{url}/")

"""
What the proxy shows at its own address and at http://wsproxy.local/, to devices that are to use it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import pkcs12
from playwright.async_api import Browser, async_playwright

from tests.support.browser import missing
from tests.support.proxy import Proxy, running
from wsproxy.browsers import chromium

SITE = "http://wsproxy.local"


async def got(url: str, proxy: Proxy | None = None, method: str = "GET") -> aiohttp.ClientResponse:
    async with aiohttp.ClientSession() as session:
        response = await session.request(method, url, proxy=proxy.url if proxy else None)
        await response.read()
        return response


async def test_who_uses_the_proxy_and_who_does_not_yet_see_the_page(tmp_path: Path) -> None:
    async with running(tmp_path) as proxy:
        through, direct = await got(f"{SITE}/", proxy), await got(f"{proxy.url}/")
        assert through.status == direct.status == 200
        assert through.content_type == "text/html"
        assert "this device uses it" in await through.text()
        assert "does not use it yet" in await direct.text()
        certificate = x509.load_pem_x509_certificate(proxy.ca.read_bytes())
        for page in (await through.text(), await direct.text()):
            assert certificate.fingerprint(SHA256()).hex(":").upper() in page
            assert f"http://127.0.0.1:{proxy.port}/proxy.pac" in page
            # On loopback there is nothing to show to a phone.
            assert "<svg" not in page
            assert "--listen-host 0.0.0.0" in page
        # By whatever name it is reached, and over the proxy to itself.
        assert (await got(f"http://localhost:{proxy.port}/")).status == 200
        assert (await got(f"{proxy.url}/", proxy)).status == 200
        assert await proxy.stop() == []


async def test_the_certificate_is_there_in_every_form_and_its_key_is_not(tmp_path: Path) -> None:
    async with running(tmp_path) as proxy:
        wanted = x509.load_pem_x509_certificate(proxy.ca.read_bytes())
        pem, crt, p12 = [await got(f"{SITE}/ca.{kind}", proxy) for kind in ("pem", "crt", "p12")]
        assert x509.load_pem_x509_certificate(await pem.read()) == wanted
        assert x509.load_der_x509_certificate(await crt.read()) == wanted
        stored = pkcs12.load_pkcs12(await p12.read(), None)
        assert stored.key is None
        assert [found.certificate for found in stored.additional_certs] or stored.cert is not None
        assert pem.content_type == crt.content_type == "application/x-x509-ca-cert"
        for path in ("/mitmproxy-ca.pem", "/ca/", "/ca.key", "/ca.pem/..%2fmitmproxy-ca.pem"):
            missing = await got(f"{SITE}{path}", proxy)
            assert missing.status == 404
            assert b"PRIVATE" not in await missing.read()


async def test_no_other_origin_gets_at_it(tmp_path: Path) -> None:
    async with running(tmp_path) as proxy:
        for path in ("/", "/proxy.pac", "/ca.pem", "/nothing"):
            headers = (await got(f"{proxy.url}{path}")).headers
            assert "Access-Control-Allow-Origin" not in headers
            assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
            assert headers["X-Frame-Options"] == "DENY"
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert "default-src 'none'" in headers["Content-Security-Policy"]
            assert headers["Cache-Control"] == "no-store"


async def test_it_is_for_reading_only(tmp_path: Path) -> None:
    async with running(tmp_path) as proxy:
        head = await got(f"{proxy.url}/", method="HEAD")
        assert (head.status, await head.read()) == (200, b"")
        assert int(head.headers["Content-Length"]) > 1000
        assert (await got(f"{proxy.url}/", method="OPTIONS")).status == 405
        # A body is not even taken.
        with pytest.raises(aiohttp.ClientError):
            async with aiohttp.ClientSession() as session:
                await session.post(f"{proxy.url}/", data=bytes(100))


async def test_only_the_proxy_is_taken_for_the_proxy(tmp_path: Path) -> None:
    async def says(name: str, port: int) -> bytes:
        """The answer to a request as to a server, in which a browser believes it talks to `name`."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        return answer

    async with running(tmp_path) as proxy:
        # DNS rebinding: a name of somebody's that leads to this machine.
        assert b"wsproxy ca show" not in await says(f"evil.invalid:{proxy.port}", proxy.port)
        assert b"wsproxy ca show" in await says(f"127.0.0.1:{proxy.port}", proxy.port)
        # Another port of this machine, and our port of another machine.
        async with site() as port, site("127.0.0.2", proxy.port):
            for url in (f"http://127.0.0.1:{port}/", f"http://127.0.0.2:{proxy.port}/"):
                assert await (await got(url, proxy)).text() == "around"


async def test_it_can_be_switched_off_and_renamed(tmp_path: Path) -> None:
    async with running(tmp_path, "--set", "onboarding=false") as proxy:
        assert (await got(f"{proxy.url}/")).status == 502
        assert (await got(f"{SITE}/", proxy)).status == 502
    (tmp_path / "capture.wsp").unlink()
    async with running(tmp_path, "--set", "onboarding_host=debug.test") as proxy:
        assert (await got("http://debug.test/", proxy)).status == 200


async def test_in_reverse_mode_every_page_is_the_servers(tmp_path: Path) -> None:
    async def hello(request: web.Request) -> web.Response:
        return web.Response(text="the server")

    app = web.Application()
    app.router.add_get("/{any:.*}", hello)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        async with running(tmp_path, "-m", f"reverse:http://127.0.0.1:{port}") as proxy:
            for path in ("/", "/proxy.pac", "/ca.pem"):
                assert await (await got(f"{proxy.url}{path}")).text() == "the server"
    finally:
        await runner.cleanup()


# A real engine for the PAC file.

needs_browser = pytest.mark.skipif(missing() is not None, reason=str(missing()))


@asynccontextmanager
async def configured(proxy: Proxy, port: int) -> AsyncIterator[Browser]:
    """A Chromium that knows the PAC file and nothing else; two names lead to a site on `port`."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium.find(),
            args=[
                "--no-sandbox",
                "--disable-quic",
                "--disable-background-networking",
                f"--proxy-pac-url={proxy.url}/proxy.pac",
                f"--host-resolver-rules=MAP *.test:80 127.0.0.1:{port}",
            ],
        )
        try:
            yield browser
        finally:
            await browser.close()


@pytest.mark.browser
@needs_browser
@pytest.mark.parametrize("only", [True, False], ids=["only", "everything"])
async def test_a_browser_follows_the_file(tmp_path: Path, only: bool) -> None:
    async with site() as port:
        script = tmp_path / "names.py"
        # What the proxy is asked for, it is to reach by its own means.
        script.write_text(
            "def server_connect(data):\n"
            "    if data.server.address[0].endswith('.test'):\n"
            f"        data.server.address = ('127.0.0.1', {port})\n"
            "def request(flow):\n"
            "    flow.request.headers['X-Through'] = 'yes'\n"
        )
        arguments = ["-s", str(script), *(["--only", r"^through\.test:80$"] if only else [])]
        async with running(tmp_path, *arguments) as proxy, configured(proxy, port) as browser:
            page = await browser.new_page()
            for name, through in (("through.test", True), ("around.test", not only)):
                await page.goto(f"http://{name}/")
                assert await page.text_content("body") == ("through" if through else "around"), name
            await page.goto(f"{SITE}/")
            assert "this device uses it" in (await page.text_content("body") or "")


@asynccontextmanager
async def site(host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[int]:
    """The port of a site that says by which way a request came."""

    async def which(request: web.Request) -> web.Response:
        return web.Response(text="through" if "X-Through" in request.headers else "around")

    app = web.Application()
    app.router.add_get("/", which)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()

"""A real Firefox, opened by `wsproxy browser`: `ws` and `wss`, and nothing is trusted anywhere."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.support import tls
from tests.support.proxy import Proxy, closures, connections, frames, running
from tests.support.stores import needs_certutil, needs_firefox
from wsproxy.demo.origin import Origin

pytestmark = [pytest.mark.browser, needs_certutil, needs_firefox]


async def opened(proxy: Proxy, user: Path, url: str, sockets: int) -> None:
    """A page in a Firefox of its own, until so many sockets have ended; then Ctrl-C."""
    browser = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wsproxy", "browser", "--browser", "firefox", "--headless"),
        *("-p", str(proxy.port), url),
        env={**os.environ, "HOME": str(user), "WSPROXY_HOME": str(proxy.home)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await proxy.wait_for_closures(sockets, timeout=90)
    finally:
        browser.send_signal(signal.SIGINT)
        await asyncio.wait_for(browser.wait(), 30)


async def test_firefox_speaks_through_the_proxy_over_both_schemes(tmp_path: Path) -> None:
    user = tmp_path / "user"
    user.mkdir()
    trust = f"ssl_verify_upstream_trusted_ca={tls.ca_file(tmp_path)}"
    async with Origin(tls=tls.server_context()) as origin, running(tmp_path, "--set", trust) as proxy:
        urls = [f"{origin.ws_url}/echo", f"{origin.wss_url}/echo"]
        for number, site in enumerate((origin.http_url, origin.https_url), start=1):
            await opened(proxy, user, f"{site}/echo.html?auto", number)
        events = await proxy.stop()
    assert [record.url for record in connections(events)] == urls
    assert [(end.by, end.code, end.clean) for end in closures(events)] == [("client", 1000, True)] * 2
    for connection in (1, 2):
        sent, received = (
            sum(
                e.frame.length
                for e in frames(events, connection)
                if e.frame.from_client is side and e.frame.opcode < 8
            )
            for side in (True, False)
        )
        assert sent == received > 140_000

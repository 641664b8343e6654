"""
A headless Chromium behind a proxy, driven by Playwright.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from cryptography import x509
from playwright.async_api import Page, async_playwright

from tests.support.proxy import Proxy
from wsproxy.browsers import chromium
from wsproxy.certs.inspect import spki_pin
from wsproxy.errors import WsproxyError

TIMEOUT = 20_000
"""Milliseconds for anything a page is asked for."""

SWITCHES = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Otherwise pages on loopback go around the proxy.
    "--proxy-bypass-list=<-loopback>",
]


def missing() -> str | None:
    """Why no browser can be driven here; None if one can."""
    try:
        chromium.find()
    except WsproxyError as error:
        return error.message
    return None


@asynccontextmanager
async def page_behind(proxy: Proxy, profile: Path, home: Path | None = None) -> AsyncIterator[Page]:
    """
    An empty page of a new browser whose traffic goes through `proxy`.

    Args:
        proxy: whose authority the browser accepts by its key, and others as it would anyway.
        profile: the folder of its profile.
        home: the user's home folder. If it is given, no key is accepted but what is trusted there.
    """
    accept = [] if home else [f"--ignore-certificate-errors-spki-list={_pin(proxy)}"]
    env = {**os.environ, "HOME": str(home)} if home else None
    if env:
        env.pop("XDG_DATA_HOME", None)
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            profile,
            executable_path=chromium.find(),
            headless=True,
            proxy={"server": proxy.url},
            args=[*SWITCHES, *accept],
            env=env,
        )
        try:
            context.set_default_timeout(TIMEOUT)
            yield context.pages[0]
        finally:
            await context.close()


def _pin(proxy: Proxy) -> str:
    return spki_pin(x509.load_pem_x509_certificate(proxy.ca.read_bytes()))

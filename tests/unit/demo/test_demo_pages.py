"""The pages: complete in themselves, and working in a real browser."""

import re
import urllib.error
import urllib.request
from asyncio import to_thread
from collections.abc import AsyncIterator
from email.message import Message
from importlib import resources

import pytest
from playwright.async_api import Browser, async_playwright

from tests.support.browser import SWITCHES, missing
from wsproxy.browsers import chromium
from wsproxy.demo.endpoints import ENDPOINTS
from wsproxy.demo.origin import Origin

PAGES = sorted({endpoint.page for endpoint in ENDPOINTS})


def _get(url: str) -> tuple[int, Message, str]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read().decode()


async def get(origin: Origin, path: str) -> tuple[int, Message, str]:
    return await to_thread(_get, origin.http_url + path)


async def test_the_index_lists_every_endpoint_with_what_to_expect(origin: Origin) -> None:
    status, headers, body = await get(origin, "/")
    assert status == 200
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    for endpoint in ENDPOINTS:
        assert f'<a href="{endpoint.page}">{endpoint.path}</a>' in body
        assert endpoint.summary in body


@pytest.mark.parametrize("path", ["/", "/index.html", *PAGES, "/demo.css", "/demo.js", "/socketio.js"])
async def test_a_page_loads_nothing_from_elsewhere(origin: Origin, path: str) -> None:
    status, headers, body = await get(origin, path)
    assert status == 200
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; ")
    links = re.findall(r"(?:https?:|wss?:)?//[\w.-]+", body)
    assert [link for link in links if "127.0.0.1" not in link] == []
    assert "{{" not in body


async def test_a_page_links_to_itself_over_the_other_scheme(origin: Origin) -> None:
    _, _, body = await get(origin, "/echo.html")
    assert f'<a href="{origin.https_url}/echo.html">open it over https</a>' in body


@pytest.mark.parametrize(
    "path", ["/base.html", "/nothing.html", "/origin.py", "/../origin.py", "/nothing", "/a/b"]
)
async def test_what_is_no_page_is_not_found(origin: Origin, path: str) -> None:
    status, _, _ = await get(origin, path)
    assert status == 404


def test_the_pages_are_data_of_the_package() -> None:
    names = {item.name for item in (resources.files("wsproxy.demo") / "pages").iterdir()}
    assert {page.lstrip("/") for page in PAGES} <= names
    assert {"index.html", "base.html", "demo.css", "demo.js", "socketio.js"} <= names


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    if reason := missing():
        pytest.skip(reason)
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=chromium.find(), args=SWITCHES)
        yield running
        await running.close()


async def outcomes(browser: Browser, *urls: str) -> dict[str, str]:
    """The titles of the pages when their checks are over; one after the other, in one tab."""
    page = await browser.new_page(ignore_https_errors=True)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    found = {}
    for url in urls:
        await page.goto(f"{url}?auto")
        await page.wait_for_function("() => /^(done$|failed: )/.test(document.title)")
        found[url] = await page.title()
    await page.close()
    assert errors == []
    return found


@pytest.mark.browser
async def test_every_page_passes_its_own_check_in_a_browser(origin: Origin, browser: Browser) -> None:
    urls = [f"{base}{page}" for base in (origin.http_url, origin.https_url) for page in PAGES]
    assert await outcomes(browser, *urls) == dict.fromkeys(urls, "done")


@pytest.mark.browser
async def test_the_index_runs_all_checks_in_a_browser(origin: Origin, browser: Browser) -> None:
    url = f"{origin.https_url}/"
    assert await outcomes(browser, url) == {url: "done"}


@pytest.mark.browser
async def test_a_page_says_in_its_title_why_its_check_failed(origin: Origin, browser: Browser) -> None:
    page = await browser.new_page()
    await page.goto(f"{origin.http_url}/echo.html")
    await page.evaluate("run(async () => must(false, 'because'))")
    assert await page.title() == "failed: because"
    await page.close()

"""
However a socket ends or fails to open: a page in a real browser sees it as without the proxy, and the capture
says why.
"""

from pathlib import Path

import pytest
from playwright.async_api import Page

from tests.support.browser import missing
from tests.support.exchange import account, close, ping, pong, text
from tests.support.ports import free_port
from tests.support.proxy import Proxy
from tests.support.talking_page import SECURE, browsing

pytestmark = [pytest.mark.browser, pytest.mark.skipif(missing() is not None, reason=str(missing()))]


@SECURE
async def test_a_page_sees_how_its_sockets_end_and_so_does_the_capture(tmp_path: Path, secure: bool) -> None:
    async with browsing(tmp_path, secure) as (proxy, page, _):
        # One browser for all: they take longer to start than all of this.
        await _closed_by_the_server_with_a_reason(proxy, page, 1)
        await _lost_as_the_server_vanishes(proxy, page, 2)
        await _pinged_by_the_server_and_closed_without_a_code(proxy, page, 3)
        await _refused_with_a_body_that_says_why(proxy, page, 4)
        if not secure:
            # From a page with TLS it would not be tried.
            port = free_port()
            log = await page.evaluate("url => new Talk(url).end()", f"ws://127.0.0.1:{port}/nobody")
            assert log[-1] == {"code": 1006, "reason": "", "wasClean": False}
            await proxy.stop()
            assert any(f"cannot reach 127.0.0.1:{port}" in line for line in proxy.said)


async def _closed_by_the_server_with_a_reason(proxy: Proxy, page: Page, number: int) -> None:
    log = await page.evaluate("new Talk(here('/closing')).end()")
    assert log[1:] == [
        {"text": "about to close"},
        {"code": 4000, "reason": "genug für heute", "wasClean": True},
    ]
    found = await account(proxy, number)
    assert found.server == [text("about to close"), close(4000, "genug für heute")]
    assert found.client == [close(4000, "genug für heute")]
    assert found.ended == ("server", 4000, "genug für heute", True)


async def _lost_as_the_server_vanishes(proxy: Proxy, page: Page, number: int) -> None:
    log = await page.evaluate(
        """async () => {
            const talk = new Talk(here("/cut"));
            await talk.until(1);
            talk.send({text: "drop dead"});
            return await talk.end();
        }"""
    )
    assert log[-1] == {"code": 1006, "reason": "", "wasClean": False}
    found = await account(proxy, number)
    assert (found.client, found.server) == ([text("drop dead")], [])
    assert found.ended == ("server", 1006, "", False)


async def _pinged_by_the_server_and_closed_without_a_code(proxy: Proxy, page: Page, number: int) -> None:
    log = await page.evaluate(
        """async () => {
            const talk = new Talk(here("/pinging"));
            await talk.until(2);
            talk.socket.close();
            return await talk.end();
        }"""
    )
    assert log[1] == {"text": "PONG: still there?"}
    assert log[-1]["wasClean"]
    found = await account(proxy, number)
    assert found.server[:2] == [ping(b"still there?"), text("PONG: still there?")]
    # `close()` without a code sends a Close frame without one.
    assert found.client == [pong(b"still there?"), ("close", b"")]
    assert found.ended == ("client", 1005, "", True)


async def _refused_with_a_body_that_says_why(proxy: Proxy, page: Page, number: int) -> None:
    async with page.expect_console_message() as said:
        log = await page.evaluate("new Talk(here('/refused')).end()")
    assert log == [{"error": True}, {"code": 1006, "reason": "", "wasClean": False}]
    assert "403" in (await said.value).text
    record = await proxy.connection(number)
    assert (record.status, record.body, record.body_length) == (403, b"members only\n", 13)
    assert b"\r\nX-Why: no badge\r\n" in record.response
    assert record.error is None

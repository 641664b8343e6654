"""
A real browser behind the proxy: what its page logs and what the capture holds are the same.
"""

import base64
import random
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from tests.support.browser import missing
from tests.support.exchange import Said, account, account_of, binary, close, text
from tests.support.proxy import Proxy, connections
from tests.support.talking_page import SECURE, browsing
from wsproxy.store.records import ExchangeRecord
from wsproxy.wire.frames import header_mask

pytestmark = [pytest.mark.browser, pytest.mark.skipif(missing() is not None, reason=str(missing()))]


def _as_said(event: dict[str, Any]) -> Said:
    return text(event["text"]) if "text" in event else binary(base64.b64decode(event["base64"]))


MESSAGES: list[dict[str, Any]] = [
    {"text": ""},
    {"text": "grüße 😀"},
    *({"text": "t" * size} for size in (125, 126, 65535, 65536)),
    {"base64": ""},
    {"base64": base64.b64encode(bytes(range(256))).decode()},
    {"base64": base64.b64encode(b"blob" * 500).decode(), "asBlob": True},
    {"base64": base64.b64encode(random.Random(4).randbytes(1 << 20)).decode()},
    *({"text": f'{{"type":"tick","number":{number},"of":"many"}}'} for number in range(40)),
]


@SECURE
async def test_the_page_and_the_capture_tell_the_same(tmp_path: Path, secure: bool) -> None:
    async with browsing(tmp_path, secure) as (proxy, page, url):
        # One browser for all: they take longer to start than all of this.
        await _the_rest_of_the_page_passes(page)
        await _tell_the_same(proxy, page, url, 1, deflate=False)
        await _tell_the_same(proxy, page, url, 2, deflate=True)
        await _leaving_the_page_is_going_away(proxy, page, 3, 4)
        events = await proxy.stop()
        # And of the rest nothing.
        assert [record.id for record in connections(events)] == [1, 2, 3, 4]
        assert not any(isinstance(event, ExchangeRecord) for event in events)


async def _tell_the_same(proxy: Proxy, page: Page, url: str, number: int, *, deflate: bool) -> None:
    log = await page.evaluate(
        """async ([path, messages]) => {
            const talk = new Talk(here(path), ["chat.v1"]);
            await talk.converse(messages);
            talk.socket.close(4000, "das wär's");
            return await talk.end();
        }""",
        ["/echo?deflate" if deflate else "/echo", MESSAGES],
    )
    opened, *answers, closed = log
    found = await account(proxy, number)
    # Page and capture, message by message.
    assert found.client == [*map(_as_said, MESSAGES), close(4000, "das wär's")]
    *said, (kind, payload) = found.server
    assert said == list(map(_as_said, answers))
    assert [content for _, content in said] == [
        content.decode()[::-1].encode() if kind == "text" else content[::-1]
        for kind, content in map(_as_said, MESSAGES)
    ]
    # The end: the page is told what the server's Close frame says, and the capture has that frame.
    assert kind == "close"
    assert closed == {
        "code": int.from_bytes(payload[:2], "big"),
        "reason": payload[2:].decode(),
        "wasClean": True,
    }
    assert found.ended == ("client", 4000, "das wär's", True)
    # The handshake.
    extensions = found.opened.extensions
    assert opened == {"open": True, "protocol": "chat.v1", "extensions": extensions}
    assert extensions.startswith("permessage-deflate") is deflate
    assert found.opened.subprotocol == "chat.v1"
    assert found.opened.url == f"{url.replace('http', 'ws', 1)}/echo{'?deflate' if deflate else ''}"
    assert f"\r\nOrigin: {url}\r\n".encode() in found.opened.request
    assert found.opened.findings == ()
    assert set(found.opened.tls) == ({"client", "server"} if url.startswith("https") else set())
    # The frames.
    assert set(found.compressed(True) + found.compressed(False)) == {deflate}
    masks = {header_mask(frame.header) for frame in found.frames if frame.from_client}
    assert len(masks) > 1
    assert b"" not in masks


async def _leaving_the_page_is_going_away(proxy: Proxy, page: Page, *numbers: int) -> None:
    await page.evaluate(
        """async () => {
            window.talks = [new Talk(here("/echo")), new Talk(here("/echo?deflate"))];
            for (const talk of talks) await talk.converse([{text: "hello"}]);
        }"""
    )
    await page.goto("about:blank")
    events = await proxy.wait_for_closures(max(numbers))
    for number in numbers:
        found = account_of(proxy, events, number)
        assert (found.client[0], found.server[0]) == (text("hello"), text("olleh"))
        assert found.client[1:] == [close(1001)]
        assert found.ended[:2] == ("client", 1001)


async def _the_rest_of_the_page_passes(page: Page) -> None:
    assert await page.title() == "A page that talks"
    assert await page.evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(1, 2, 3)"
    assert await page.evaluate("document.getElementById('picture').naturalWidth") == 40
    size = 300_000
    uploaded = await page.evaluate(
        """async size => {
            const answer = await fetch("/upload", {method: "POST", body: new Uint8Array(size)});
            return await answer.json();
        }""",
        size,
    )
    assert uploaded == {"received": size}
    # A stream that does not end arrives as far as it has come.
    event = await page.evaluate(
        """new Promise(resolve => {
            const stream = new EventSource("/events");
            stream.onmessage = event => { stream.close(); resolve(event.data); };
        })"""
    )
    assert event == "at once"

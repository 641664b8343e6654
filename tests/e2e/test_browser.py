"""
A real browser behind the proxy: what its page logs and what the capture holds are the same.
"""

import asyncio
import base64
import mimetypes
import os
import random
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest
from aiohttp import WSMsgType, web
from playwright.async_api import Error, Page

from tests.support import raw, tls
from tests.support.browser import missing, page_behind
from tests.support.exchange import Said, account, account_of, binary, close, ping, pong, text
from tests.support.ports import free_port
from tests.support.proxy import Proxy, connections, running
from tests.support.stores import needs_certutil
from wsproxy.wire.encode import encode_close, encode_frame
from wsproxy.wire.frames import header_mask

pytestmark = [pytest.mark.browser, pytest.mark.skipif(missing() is not None, reason=str(missing()))]

PAGES = Path(__file__).parent / "pages"
OVER = web.AppKey("over", asyncio.Event)
"""Ends the streams of the site."""
SECURE = pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])


async def _page(request: web.Request) -> web.FileResponse:
    return web.FileResponse(PAGES / (request.match_info["name"] or "index.html"))


async def _echo(request: web.Request) -> web.WebSocketResponse:
    """Answers with the same in reverse; the query tells whether it compresses."""
    socket = web.WebSocketResponse(
        compress="deflate" in request.query, max_msg_size=0, protocols=("chat.v2", "chat.v1")
    )
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(message.data[::-1])
        else:
            await socket.send_bytes(message.data[::-1])
    return socket


async def _closing(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.send_str("about to close")
    await socket.close(code=4000, message="genug für heute".encode())
    return socket


async def _cut(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.receive()
    assert request.transport is not None
    request.transport.abort()
    return socket


async def _pinging(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(autoping=False)
    await socket.prepare(request)
    await socket.ping(b"still there?")
    answer = await socket.receive()
    await socket.send_str(f"{answer.type.name}: {answer.data.decode()}")
    await socket.receive()
    return socket


async def _refused(request: web.Request) -> web.Response:
    return web.Response(status=403, text="members only\n", headers={"X-Why": "no badge"})


async def _upload(request: web.Request) -> web.Response:
    return web.json_response({"received": len(await request.read())})


async def _events(request: web.Request) -> web.StreamResponse:
    """An event stream that stays open behind its first event."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(b"data: at once\n\n")
    await request.app[OVER].wait()
    return response


@asynccontextmanager
async def site(secure: bool) -> AsyncIterator[str]:
    """The URL of a site with a page that talks, and endpoints for it to talk to."""
    app = web.Application()
    app[OVER] = asyncio.Event()
    app.router.add_get("/echo", _echo)
    app.router.add_get("/closing", _closing)
    app.router.add_get("/cut", _cut)
    app.router.add_get("/pinging", _pinging)
    app.router.add_get("/refused", _refused)
    app.router.add_get("/events", _events)
    app.router.add_post("/upload", _upload)
    app.router.add_get("/{name:[a-z.]*}", _page)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    try:
        listener = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls.server_context() if secure else None)
        await listener.start()
        yield f"{'https' if secure else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        app[OVER].set()
        await runner.cleanup()


@asynccontextmanager
async def browsing(tmp_path: Path, secure: bool) -> AsyncIterator[tuple[Proxy, Page, str]]:
    """A page of the site, in a browser behind a proxy."""
    trust = f"ssl_verify_upstream_trusted_ca={tls.ca_file(tmp_path)}"
    async with (
        site(secure) as url,
        running(tmp_path, "--set", trust) as proxy,
        page_behind(proxy, tmp_path / "profile") as page,
    ):
        await page.goto(f"{url}/")
        yield proxy, page, url


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
@pytest.mark.parametrize("deflate", [False, True], ids=["plain", "deflate"])
async def test_the_page_and_the_capture_tell_the_same(tmp_path: Path, secure: bool, deflate: bool) -> None:
    async with browsing(tmp_path, secure) as (proxy, page, url):
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
        found = await account(proxy)
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
        assert set(found.opened.tls) == ({"client", "server"} if secure else set())
        # The frames.
        assert set(found.compressed(True) + found.compressed(False)) == {deflate}
        masks = {header_mask(frame.header) for frame in found.frames if frame.from_client}
        assert len(masks) > 1
        assert b"" not in masks


@needs_certutil
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


@SECURE
async def test_a_page_sees_the_code_and_reason_the_server_closed_with(tmp_path: Path, secure: bool) -> None:
    async with browsing(tmp_path, secure) as (proxy, page, _):
        log = await page.evaluate("new Talk(here('/closing')).end()")
        assert log[1:] == [
            {"text": "about to close"},
            {"code": 4000, "reason": "genug für heute", "wasClean": True},
        ]
        found = await account(proxy)
        assert found.server == [text("about to close"), close(4000, "genug für heute")]
        assert found.client == [close(4000, "genug für heute")]
        assert found.ended == ("server", 4000, "genug für heute", True)


@SECURE
async def test_a_page_whose_server_vanishes_sees_1006(tmp_path: Path, secure: bool) -> None:
    async with browsing(tmp_path, secure) as (proxy, page, _):
        log = await page.evaluate(
            """async () => {
                const talk = new Talk(here("/cut"));
                await talk.until(1);
                talk.send({text: "drop dead"});
                return await talk.end();
            }"""
        )
        assert log[-1] == {"code": 1006, "reason": "", "wasClean": False}
        found = await account(proxy)
        assert (found.client, found.server) == ([text("drop dead")], [])
        assert found.ended == ("server", 1006, "", False)


@SECURE
async def test_a_ping_of_the_server_is_answered_by_the_browser(tmp_path: Path, secure: bool) -> None:
    async with browsing(tmp_path, secure) as (proxy, page, _):
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
        found = await account(proxy)
        assert found.server[:2] == [ping(b"still there?"), text("PONG: still there?")]
        # `close()` without a code sends a Close frame without one.
        assert found.client == [pong(b"still there?"), ("close", b"")]
        assert found.ended == ("client", 1005, "", True)


@SECURE
async def test_a_refused_upgrade_is_an_error_to_the_page_and_explained_in_the_capture(
    tmp_path: Path, secure: bool
) -> None:
    async with browsing(tmp_path, secure) as (proxy, page, _):
        async with page.expect_console_message() as said:
            log = await page.evaluate("new Talk(here('/refused')).end()")
        assert log == [{"error": True}, {"code": 1006, "reason": "", "wasClean": False}]
        assert "403" in (await said.value).text
        [record] = await proxy.wait_for(1)
        assert (record.status, record.body, record.body_length) == (403, b"members only\n", 13)
        assert b"\r\nX-Why: no badge\r\n" in record.response
        assert record.error is None


async def test_a_server_that_cannot_be_reached_is_an_error_to_the_page_and_named_by_the_proxy(
    tmp_path: Path,
) -> None:
    async with browsing(tmp_path, False) as (proxy, page, _):
        port = free_port()
        log = await page.evaluate("url => new Talk(url).end()", f"ws://127.0.0.1:{port}/nobody")
        assert log[-1] == {"code": 1006, "reason": "", "wasClean": False}
        await proxy.stop()
        assert any(f"cannot reach 127.0.0.1:{port}" in line for line in proxy.said)


async def test_fragments_of_the_server_reach_the_page_as_one_message(tmp_path: Path) -> None:
    fragments = [b"one, ", b"", b"two, ", b"3" * 70_000]
    sent = [
        encode_frame(1, fragments[0], fin=False),
        encode_frame(0, fragments[1], fin=False),
        encode_frame(9, b"between"),
        encode_frame(0, fragments[2], fin=False),
        encode_frame(0, fragments[3]),
        encode_close(1000, "told"),
    ]
    async with browsing(tmp_path, False) as (proxy, page, _), raw.origin(first=b"".join(sent)) as origin:
        talk = asyncio.ensure_future(
            page.evaluate("url => new Talk(url).end()", f"ws://127.0.0.1:{origin.port}/")
        )
        server = await origin.peer()
        # The browser's pong and Close, masked; it waits for the server to end TCP.
        await server.receive(6 + 7 + 6 + 6)
        server.end()
        log = await talk
        assert log[1:] == [
            {"text": b"".join(fragments).decode()},
            {"code": 1000, "reason": "told", "wasClean": True},
        ]
        await server.close()
        found = await account(proxy)
        assert found.server == [
            ping(b"between"),
            text(b"".join(fragments).decode()),
            close(1000, "told"),
        ]
        assert found.lengths(False, 0, 1) == [len(fragment) for fragment in fragments]
        assert found.client == [pong(b"between"), close(1000, "told")]


async def _serve_http2(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The files of the page, over HTTP/2."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    connection.initiate_connection()
    writer.write(connection.data_to_send())
    while received := await reader.read(65536):
        for event in connection.receive_data(received):
            if isinstance(event, h2.events.RequestReceived):
                path = dict(event.headers)[b":path"].decode().strip("/") or "index.html"
                kind = mimetypes.guess_type(path)[0] or "text/plain"
                connection.send_headers(event.stream_id, [(":status", "200"), ("content-type", kind)])
                connection.send_data(event.stream_id, (PAGES / path).read_bytes(), end_stream=True)
        writer.write(connection.data_to_send())
    writer.close()


async def test_a_page_over_http2_talks_on_a_websocket_beside_it(tmp_path: Path) -> None:
    sockets = raw.Origin(first=encode_frame(1, b"welcome") + encode_close(1000, "that was all"))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ssl_object = writer.get_extra_info("ssl_object")
        is_http2 = ssl_object.selected_alpn_protocol() == "h2"
        await (_serve_http2 if is_http2 else sockets._serve)(reader, writer)

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.test_ca().issue_cert("127.0.0.1").configure_cert(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    trust = f"ssl_verify_upstream_trusted_ca={tls.ca_file(tmp_path)}"
    async with (
        server,
        running(tmp_path, "--set", trust) as proxy,
        page_behind(proxy, tmp_path / "profile") as page,
    ):
        await page.goto(f"https://127.0.0.1:{port}/")
        used = await page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol")
        assert used == "h2"
        talk = asyncio.ensure_future(page.evaluate("new Talk(here('/')).end()"))
        peer = await sockets.peer()
        await peer.receive(6 + 2 + len("that was all"))
        await peer.close()
        assert (await talk)[1:] == [
            {"text": "welcome"},
            {"code": 1000, "reason": "that was all", "wasClean": True},
        ]
        found = await account(proxy)
        assert found.server == [text("welcome"), close(1000, "that was all")]
        assert found.client == [close(1000, "that was all")]
        assert found.opened.http_version == "HTTP/1.1"
        assert found.opened.url == f"wss://127.0.0.1:{port}/"
        assert {side["alpn"] for side in found.opened.tls.values()} == {"http/1.1"}


async def test_leaving_the_page_is_recorded_as_going_away(tmp_path: Path) -> None:
    async with browsing(tmp_path, True) as (proxy, page, _):
        await page.evaluate(
            """async () => {
                window.talks = [new Talk(here("/echo")), new Talk(here("/echo?deflate"))];
                for (const talk of talks) await talk.converse([{text: "hello"}]);
            }"""
        )
        await page.goto("about:blank")
        events = await proxy.wait_for_closures(2)
        for record in connections(events):
            found = account_of(proxy, events, record.id)
            assert (found.client[0], found.server[0]) == (text("hello"), text("olleh"))
            assert found.client[1:] == [close(1001)]
            assert found.ended[:2] == ("client", 1001)


@SECURE
async def test_the_rest_of_the_page_passes_and_is_not_recorded(tmp_path: Path, secure: bool) -> None:
    async with browsing(tmp_path, secure) as (proxy, page, _):
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
        assert await proxy.stop() == []

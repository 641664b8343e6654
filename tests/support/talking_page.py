"""A site whose page talks on WebSockets (`tests/e2e/pages`), and that page in a browser behind a proxy."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import WSMsgType, web
from playwright.async_api import Page

from tests.support import tls
from tests.support.browser import page_behind
from tests.support.proxy import Proxy, running

PAGES = Path(__file__).parents[1] / "e2e" / "pages"
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

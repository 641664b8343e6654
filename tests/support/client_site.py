"""A server for clients that are set up by `wsproxy exec` or `env`, and a proxy for them to go through."""

import asyncio
import os
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import socketio
from aiohttp import WSMsgType, web

from tests.support import tls
from tests.support.proxy import Proxy, connections, running
from wsproxy.clients.variables import variables

TIMEOUT = 60
"""Seconds for one program: a proxy, a Java compiler, on a machine with other things to do."""

ELSEWHERE = "site.test"
"""A name of the site that only the proxy can make something of (`NAMES`): who gets there went through it."""

NAMES = f"""
def server_connect(data):
    if data.server.address[0] == {ELSEWHERE!r}:
        data.server.address = ("127.0.0.1", data.server.address[1])
"""


@dataclass
class Site:
    """A server on loopback, without TLS and with it."""

    plain: int
    secure: int

    def url(self, scheme: str, path: str = "/echo", host: str = "localhost") -> str:
        return f"{scheme}://{host}:{self.secure if scheme in ('https', 'wss') else self.plain}{path}"


async def _echo(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(protocols=("chat",))
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(f"you said {message.data}")
    return socket


async def _page(request: web.Request) -> web.Response:
    return web.Response(text="a page")


@asynccontextmanager
async def site() -> AsyncIterator[Site]:
    app = web.Application()
    app.add_routes([web.get("/echo", _echo), web.get("/", _page)])
    talk = socketio.AsyncServer(async_mode="aiohttp", monitor_clients=False)
    talk.attach(app)

    async def say(sid: str, words: str) -> str:
        return f"you said {words}"

    talk.on("say", say)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.test_ca().issue_cert("localhost", ELSEWHERE).configure_cert(context)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        plain, secure = (address[1] for address in runner.addresses)
        yield Site(plain, secure)
    finally:
        await talk.shutdown()
        await runner.cleanup()


@asynccontextmanager
async def going_through(tmp_path: Path) -> AsyncIterator[tuple[Proxy, dict[str, str]]]:
    """A proxy that knows the site, and the environment `wsproxy exec` gives to programs."""
    names = tmp_path / "names.py"
    names.write_text(NAMES)
    trust = f"ssl_verify_upstream_trusted_ca={tls.ca_file(tmp_path)}"
    folder = tmp_path / "files"
    folder.mkdir()
    async with running(tmp_path, "--set", trust, "-s", str(names)) as proxy:
        found = variables("127.0.0.1", proxy.port, proxy.ca, folder, before=os.environ)
        yield proxy, {**os.environ, **found}


async def outcome(environment: dict[str, str], *command: str) -> str:
    """What a program printed, or why it failed."""
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), TIMEOUT)
    return out.decode().strip() if process.returncode == 0 else err.decode()


def opened(proxy: Proxy) -> list[str]:
    """The URLs in the capture, sorted."""
    return sorted(connection.url for connection in connections(proxy.events()))


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


PYTHON_CLIENT = """
import sys
from websockets.sync.client import connect
for url in sys.argv[1:]:
    with connect(url) as socket:
        socket.send("hello from here")
        print(socket.recv())
"""
"""Says one thing to each URL in its arguments, and prints what is said in return."""

"""The UI in a web page: for whoever has the token, and nobody else."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.support.captures import chat

pytestmark = pytest.mark.usefixtures("home")


@asynccontextmanager
async def served(path) -> AsyncIterator[str]:
    """The address that `wsproxy view --web` prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wsproxy", "view", str(path), "--web", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        yield line.decode().strip()
    finally:
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 30) == 0
        process._transport.close()


async def test_only_who_has_the_token_sees_the_capture(tmp_path):
    async with served(chat(tmp_path / "a.wsp")) as address, aiohttp.ClientSession() as stranger:
        place = urlsplit(address)
        assert place.hostname == "127.0.0.1"
        root = f"http://{place.netloc}"
        for path in ("/", "/?token=wrong", "/static/js/textual.js", "/ws"):
            async with stranger.get(root + path) as answer:
                assert answer.status == 403, path
        # Of the wrong name or from another site, not even the token helps.
        for headers in ({"Host": "evil.test"}, {"Origin": "http://evil.test"}):
            async with stranger.get(address, headers=headers) as answer:
                assert answer.status == 403

        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar) as session:
            async with session.get(address, allow_redirects=False) as answer:
                assert answer.status == 302
                assert answer.headers["Location"] == "/"
                assert "HttpOnly" in answer.headers["Set-Cookie"]
                assert "SameSite=Strict" in answer.headers["Set-Cookie"]
            async with session.get(root) as answer:
                assert answer.status == 200
                assert "a.wsp" in await answer.text()
            async with session.ws_connect(f"{root}/ws?width=100&height=30", origin=root) as socket:
                shown = b""
                async with asyncio.timeout(60):
                    while "grüß dich".encode() not in shown:
                        message = await socket.receive()
                        assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT)
                        if message.type is aiohttp.WSMsgType.BINARY:
                            shown += message.data

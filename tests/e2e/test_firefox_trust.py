"""A real Firefox and `wsproxy ca trust --firefox`: refused, accepted, and refused again."""

import asyncio
import contextlib
import os
import signal
import ssl
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.stores import FIREFOX, needs_certutil, needs_firefox
from wsproxy.certs import Authority

pytestmark = [pytest.mark.browser, needs_certutil, needs_firefox]

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"


class Site:
    """A server whose certificate the authority signed; it notes how clients take it."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self.taken: asyncio.Queue[bool] = asyncio.Queue()
        """Whether a client accepted the certificate."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            try:
                await writer.start_tls(self._context)
                head = await reader.readline()
            except ssl.SSLError as error:
                # The alert of a client that knows no such authority (RFC 8446 section 6.2).
                if "UNKNOWN_CA" in str(error).upper():
                    self.taken.put_nowait(False)
                return
            if head.startswith(b"GET /page"):
                self.taken.put_nowait(True)
                writer.write(ANSWER)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def firefox(
    environment: Mapping[str, str], *arguments: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A headless Firefox for the time of the block."""
    assert FIREFOX
    process = await asyncio.create_subprocess_exec(
        *(FIREFOX, "--headless", *arguments),
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def test_firefox_accepts_the_authority_while_its_profile_trusts_it(tmp_path: Path) -> None:
    user = tmp_path / "user"
    user.mkdir()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    environment = {**clean, "HOME": str(user), "WSPROXY_HOME": str(tmp_path / "home")}
    authority = Authority.create(tmp_path / "home" / "ca")
    site = Site(authority.issue("localhost").server_context())

    async def ca(*words: str) -> None:
        done = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "wsproxy", "ca", *words, "--firefox", "--yes"), env=environment
        )
        assert await done.wait() == 0

    async with firefox(environment, "--createprofile", "default") as making:
        await asyncio.wait_for(making.wait(), 60)
    async with await asyncio.start_server(site.serve, "127.0.0.1", 0) as server:
        url = f"https://localhost:{server.sockets[0].getsockname()[1]}/page"

        async def accepts() -> bool:
            while not site.taken.empty():
                site.taken.get_nowait()
            async with firefox(environment, "-P", "default", "--screenshot", str(tmp_path / "x.png"), url):
                return await asyncio.wait_for(site.taken.get(), 90)

        assert not await accepts()
        await ca("trust")
        assert await accepts()
        await ca("untrust")
        assert not await accepts()

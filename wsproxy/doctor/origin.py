"""A server to talk to and a proxy to talk through, both in this process and for a moment only."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from wsproxy import throwaway
from wsproxy.certs import Authority
from wsproxy.demo.origin import Origin
from wsproxy.engine.master import Engine, EngineOptions


@dataclass(frozen=True, slots=True)
class Server:
    """The server."""

    ws_url: str
    wss_url: str
    authority: Authority
    """Which vouches for it, and for nobody else."""
    folder: Path
    """For whatever is needed for the moment."""


@asynccontextmanager
async def server() -> AsyncIterator[Server]:
    """The demo's server, on free ports of loopback."""
    with throwaway.folder("wsproxy-doctor-") as folder:
        authority = Authority.create(folder / "server")
        tls = authority.issue("localhost", "127.0.0.1").server_context()
        async with Origin(tls=tls) as origin:
            assert origin.wss_url is not None
            yield Server(origin.ws_url, origin.wss_url, authority, folder)


@asynccontextmanager
async def own_proxy(there: Server, confdir: Path) -> AsyncIterator[str]:
    """
    A proxy on a free port that trusts the server.

    Args:
        there: the server.
        confdir: the folder of the authority it signs with; one is made if there is none.

    Returns:
        Its URL.

    Raises:
        WsproxyError: it cannot start.
    """
    trust = f"ssl_verify_upstream_trusted_ca={there.authority.certificate_path}"
    options = EngineOptions(
        capture=there.folder / "doctor.wsp",
        listen_port=0,
        confdir=confdir,
        settings=("control=false", trust),
    )
    engine = Engine(options, lambda message: None)
    ready = asyncio.Event()
    running = asyncio.ensure_future(engine.run(ready.set))
    waiting = asyncio.ensure_future(ready.wait())
    try:
        await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        host, port = engine.addresses[0]
        yield f"http://{host}:{port}"
    finally:
        waiting.cancel()
        engine.stop()
        with contextlib.suppress(Exception):
            await running

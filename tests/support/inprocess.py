"""
The engine inside the test's own process and event loop, where a test must reach into it.
"""

import asyncio
import os
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

with warnings.catch_warnings():
    # What mitmproxy imports uses names that others have deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from mitmproxy.proxy import server as mitmproxy_server

    from wsproxy.engine.master import Engine, EngineOptions


@dataclass
class Running:
    """A running engine."""

    engine: Engine
    port: int
    said: list[str]


@asynccontextmanager
async def engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tcp_timeout: int | None = None, **options: Any
) -> AsyncIterator[Running]:
    """
    An engine for the time of the block.

    Args:
        tcp_timeout: mitmproxy's inactivity timeout in seconds.
        options: of `EngineOptions`.
    """
    if tcp_timeout is not None:
        if hasattr(mitmproxy_server, "TCP_TIMEOUT"):  # mitmproxy 11
            monkeypatch.setattr(mitmproxy_server, "TCP_TIMEOUT", tcp_timeout)
        else:
            options["settings"] = (*options.get("settings", ()), f"tcp_timeout={tcp_timeout}")
    if os.environ.get("WSPROXY_TEST_FAST_PATH") == "false":
        options["settings"] = ("fast_path=false", *options.get("settings", ()))
    if "WSPROXY_HOME" not in os.environ:
        monkeypatch.setenv("WSPROXY_HOME", str(tmp_path / "home"))
    said: list[str] = []
    wanted = EngineOptions(
        capture=tmp_path / "capture.wsp", confdir=tmp_path / "ca", listen_port=0, **options
    )
    running = Engine(wanted, said.append)
    ready = asyncio.Event()
    task = asyncio.ensure_future(running.run(ready.set))
    waiting = asyncio.ensure_future(ready.wait())
    await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        waiting.cancel()
        await task
    try:
        yield Running(running, running.addresses[0][1], said)
    finally:
        running.stop()
        await task

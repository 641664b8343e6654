"""
Scripts of `tests/e2e/node` as subprocesses that talk in lines of JSON.
"""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.support import tls

FOLDER = Path(__file__).parents[1] / "e2e" / "node"
TIMEOUT = 20
"""Seconds for one line."""
LONGEST = 64 * 1024 * 1024
"""Bytes of one line."""


def missing() -> str | None:
    """Why scripts cannot be run here; None if they can."""
    if shutil.which("node") is None:
        return "there is no node on PATH"
    if not (FOLDER / "node_modules" / "ws").is_dir():
        return "the packages of tests/e2e/node are not installed: run `make node`"
    return None


class Script:
    """One running script."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self._name = name
        self._process = process

    def say(self, **value: Any) -> None:
        """Give it a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(value).encode() + b"\n")

    async def line(self, *wanted: str) -> dict[str, Any]:
        """Its next line, which must have the keys `wanted`."""
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), TIMEOUT)
        assert line, f"{self._name} ended with {await self._process.wait()}: {await self._complaint()}"
        value: dict[str, Any] = json.loads(line)
        assert set(wanted) <= set(value), f"{self._name} said {str(value)[:300]}, not {wanted}"
        return value

    async def end(self) -> None:
        """Wait for it to end of its own accord, once it has nothing more to hear."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        status = await asyncio.wait_for(self._process.wait(), TIMEOUT)
        assert status == 0, f"{self._name} ended with {status}: {await self._complaint()}"

    async def _complaint(self) -> str:
        assert self._process.stderr is not None
        return (await self._process.stderr.read()).decode()


@asynccontextmanager
async def script(name: str, *, trust: Path | None = None, **options: Any) -> AsyncIterator[Script]:
    """
    A script for the time of the block.

    Args:
        name: of its file.
        trust: an authority's certificate to trust besides the usual ones.
        options: its argument, as JSON.
    """
    node = shutil.which("node")
    assert node is not None
    process = await asyncio.create_subprocess_exec(
        node, str(FOLDER / name), json.dumps(options),
        env={**os.environ, **({"NODE_EXTRA_CA_CERTS": str(trust)} if trust else {})},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=LONGEST,
    )  # fmt: skip
    running = Script(name, process)
    try:
        yield running
        if process.returncode is None:
            await running.end()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        # Without this the pipes' transports are closed by the collector, which pytest reports.
        process._transport.close()  # type: ignore[attr-defined]


def certificate(folder: Path) -> dict[str, str]:
    """The option `tls` of a server script: its certificate and key, in files."""
    issued = tls.test_ca().issue_cert("127.0.0.1", "localhost")
    cert, key = folder / "server.pem", folder / "server.key"
    key.touch(mode=0o600)
    cert.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    return {"cert": str(cert), "key": str(key)}

"""`wsproxy ctl` against a running proxy, and the bare HTTP below it."""

import asyncio
import http.client
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as websocket
from websockets.asyncio.server import ServerConnection, serve

from tests.support.proxy import Proxy, running
from wsproxy.cli.main import main
from wsproxy.control.client import Client
from wsproxy.control.runfile import RunFile


@dataclass
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        """What it printed, as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


async def ctl(home: Path, *words: object, stdin: bytes | None = None) -> Said:
    """Run `wsproxy ctl WORDS`, not on a terminal."""

    def run() -> Said:
        env = {"WSPROXY_HOME": str(home), "COLUMNS": None}
        done = CliRunner().invoke(main, ["ctl", *map(str, words)], input=stdin, env=env)
        return Said(done.exit_code, done.stdout, done.stderr)

    return await asyncio.to_thread(run)


def run_file(home: Path) -> RunFile:
    """What the only proxy of that home says of itself."""
    [path] = (home / "run").glob("*.json")
    values = json.loads(path.read_bytes())
    return RunFile(**{**values, "listen": tuple(values["listen"])})


def ask(
    run: RunFile, method: str, path: str, body: bytes | None = None, **headers: str | None
) -> tuple[int, dict[str, str], bytes]:
    """
    One bare request; blocks.

    Args:
        headers: in place of the right ones, with `_` for `-`; None for none.
    """
    given = {"Authorization": f"Bearer {run.token}", "Host": f"127.0.0.1:{run.port}"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}  # type: ignore[misc]
    connection = http.client.HTTPConnection("127.0.0.1", run.port, timeout=10)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in given.items():
            if value is not None:
                connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()


@dataclass
class Talk:
    """A client and a server, and a running `wsproxy dump` between them."""

    proxy: Proxy
    client: ClientConnection
    server: ServerConnection

    async def ctl(self, *words: object, stdin: bytes | None = None) -> Said:
        """`wsproxy ctl WORDS`."""
        return await ctl(self.proxy.home, *words, stdin=stdin)

    async def json(self, *words: object) -> list[dict[str, Any]]:
        """The objects of `wsproxy ctl WORDS --json`, which must go well."""
        said = await self.ctl(*words, "--json")
        assert said.code == 0, said.err
        return said.objects

    async def held(self, count: int = 1) -> list[dict[str, Any]]:
        """As soon as so many messages are held."""
        async with asyncio.timeout(10):
            while len(found := await self.json("held")) != count:
                await asyncio.sleep(0.02)
        return found

    @property
    def run(self) -> RunFile:
        """Of the proxy."""
        return run_file(self.proxy.home)

    @property
    def api(self) -> Client:
        """The client; blocks."""
        return Client(self.run)


@asynccontextmanager
async def talk(tmp_path: Path, *arguments: str, compression: str | None = "deflate") -> AsyncIterator[Talk]:
    """A conversation through a proxy of its own, for the time of the block."""
    arrived: asyncio.Queue[ServerConnection] = asyncio.Queue()

    async def handler(connection: ServerConnection) -> None:
        await arrived.put(connection)
        await connection.wait_closed()

    async with (
        running(tmp_path, *arguments) as proxy,
        serve(handler, "127.0.0.1", 0, compression=compression, ping_interval=None) as server,
        websocket(
            f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/room",
            proxy=proxy.url,
            compression=compression,
            ping_interval=None,
            # A Close frame waits for what is held.
            close_timeout=60,
        ) as client,
    ):
        server_side = await arrived.get()
        try:
            yield Talk(proxy, client, server_side)
        finally:
            # Neither waits for the other's Close frame, which may be held.
            client.transport.abort()
            server_side.transport.abort()


def environment(home: Path) -> dict[str, str]:
    """For a subprocess."""
    inherited = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    return {**inherited, "WSPROXY_HOME": str(home), "NO_COLOR": "1"}

"""A captured connection opened anew through the proxy: in every mode by which one can."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from tests.support import tls
from tests.support.control import run_file
from tests.support.proxy import Proxy, running
from wsproxy.control.client import Client
from wsproxy.errors import ControlError, UsageError
from wsproxy.replay.reopen import reopen
from wsproxy.store.records import ConnectionRecord


@asynccontextmanager
async def origin(secure: bool) -> AsyncIterator[str]:
    """The URL of a server that echoes."""

    async def echo(socket: ServerConnection) -> None:
        async for message in socket:
            await socket.send(message)

    context = tls.server_context() if secure else None
    async with serve(echo, "127.0.0.1", 0, ssl=context) as server:
        yield f"{'wss' if secure else 'ws'}://127.0.0.1:{server.sockets[0].getsockname()[1]}/tea"


def first(proxy: Proxy) -> ConnectionRecord:
    with proxy.reader() as reader:
        record = reader.connection(1)
    assert record is not None
    return record


@pytest.mark.parametrize(
    ("mode", "secure"),
    [("regular", True), ("socks5", True), ("reverse", False)],
    ids=lambda value: str(value),
)
async def test_it_is_opened_and_recorded_as_any_other(tmp_path: Path, mode: str, secure: bool) -> None:
    async with origin(secure) as url:
        trust = f"ssl_verify_upstream_trusted_ca={tls.ca_file(tmp_path)}"
        given = f"reverse:{url.replace('ws', 'http', 1).removesuffix('/tea')}" if mode == "reverse" else mode
        async with running(tmp_path, "-m", given, "--set", trust) as proxy:
            trusted = tls.trusting(proxy.ca) if secure else None
            place = f"127.0.0.1:{proxy.port}"
            through = {"regular": f"http://{place}", "socks5": f"socks5://{place}", "reverse": None}[mode]
            asked = f"ws://{place}/tea" if mode == "reverse" else url
            async with connect(asked, proxy=through, ssl=trusted) as client:
                await client.send("recorded")
                await client.recv()
            await proxy.wait_for_closures(1)

            api = Client(run_file(proxy.home))
            over = asyncio.Event()
            opened = await reopen(api, first(proxy), lambda link: over.set())
            assert opened.number == 2
            [info] = await asyncio.to_thread(lambda: list(api.connections()))
            assert (info["id"], info["mode"]) == (2, mode)
            assert await asyncio.to_thread(api.send, 2, "server", "text", b"again")
            opened.link.close(b"\x03\xe8")
            await asyncio.wait_for(over.wait(), 20)
            await proxy.wait_for_closures(2)
            with proxy.reader() as reader:
                record = reader.connection(2)
            assert record is not None
            assert record.url == first(proxy).url


async def test_a_server_that_the_proxy_leaves_alone_is_not_recorded_which_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsproxy.replay.reopen._SEEN", 0.3)
    async with origin(False) as url, running(tmp_path) as proxy:
        async with connect(url, proxy=proxy.url):
            await proxy.wait_for(1)
        api = Client(run_file(proxy.home))
        record = first(proxy)
        port = record.url.rpartition(":")[2].partition("/")[0]
        await asyncio.to_thread(api.set_option, "ignore_hosts", [rf"127\.0\.0\.1:{port}"])
        with pytest.raises(ControlError, match="does not record"):
            await reopen(api, record)


async def test_in_a_mode_without_a_way_in_that_is_said(tmp_path: Path) -> None:
    class Transparent:
        """One cannot be had without rights over the network."""

        def status(self) -> dict[str, Any]:
            return {"modes": ["transparent"], "listen": ["127.0.0.1:8080"]}

        def options(self) -> list[dict[str, Any]]:
            return []

    record = ConnectionRecord(
        1, 0, "ws://example.test/", "", "", "transparent", "HTTP/1.1",
        b"GET / HTTP/1.1\r\nHost: example.test\r\n\r\n", b"", 101, b"", 0, None, "", (), None, {},
    )  # fmt: skip
    with pytest.raises(UsageError, match="in the mode transparent"):
        await reopen(cast(Client, Transparent()), record)

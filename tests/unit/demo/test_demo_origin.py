"""Starting, stopping, and who may connect."""

import asyncio
import gc
import logging
import socket
import ssl

import pytest
from demo_raw import open_raw
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin as Page

from wsproxy.demo.origin import Origin
from wsproxy.errors import UsageError, WsproxyError
from wsproxy.wire.frames import Opcode


async def test_free_ports_are_found_for_both_schemes(origin: Origin) -> None:
    assert origin.http_url.startswith("http://127.0.0.1:")
    assert origin.https_url is not None
    assert origin.https_url.startswith("https://127.0.0.1:")
    assert origin.wss_url == "wss" + origin.https_url.removeprefix("https")
    assert not origin.http_url.endswith(":0")
    assert origin.http_url.rpartition(":")[2] != origin.https_url.rpartition(":")[2]


async def test_without_a_certificate_there_is_no_https() -> None:
    async with Origin() as origin:
        assert origin.https_url is None
        assert origin.wss_url is None


async def test_listening_everywhere_gives_a_url_that_can_be_opened() -> None:
    async with Origin(host="0.0.0.0") as origin:
        assert origin.http_url.startswith("http://127.0.0.1:")


def test_before_the_start_there_is_no_url() -> None:
    with pytest.raises(RuntimeError, match="not running"):
        _ = Origin().http_url


async def test_it_cannot_be_started_twice(origin: Origin) -> None:
    with pytest.raises(RuntimeError, match="running"):
        await origin.start()


async def test_it_can_be_stopped_twice_and_started_again() -> None:
    origin = Origin()
    await origin.start()
    await origin.stop()
    await origin.stop()
    await origin.start()
    async with connect(f"{origin.ws_url}/echo", proxy=None) as client:
        await client.send("again")
        assert await client.recv() == "again"
    await origin.stop()


async def test_a_taken_port_is_an_error_that_names_it_and_leaves_nothing_open(
    server_tls: ssl.SSLContext,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        origin = Origin(https_port=port, tls=server_tls)
        with pytest.raises(WsproxyError, match=f"port {port}") as refused:
            await origin.start()
    assert "https_port" in refused.value.hint
    await origin.start()
    await origin.stop()


async def test_an_address_of_nobody_here_is_an_error_that_names_it() -> None:
    with pytest.raises(WsproxyError, match=r"192\.0\.2\.1"):
        await Origin(host="192.0.2.1").start()


async def test_a_port_that_is_none_is_an_error_that_names_it() -> None:
    with pytest.raises(UsageError, match="http_port is 65536"):
        await Origin(http_port=65536).start()


async def test_stopping_closes_websockets_with_1001(origin: Origin) -> None:
    async with connect(f"{origin.ws_url}/echo", proxy=None) as client:
        await origin.stop()
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001


async def test_stopping_leaves_no_task_behind_whatever_is_open(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    before = asyncio.all_tasks()
    origin = Origin(tls=server_tls)
    await origin.start()
    assert origin.https_url is not None
    paths = ["/ticker", "/ping", "/chat", "/chat", "/close/1000", "/socket.io/?EIO=4&transport=websocket"]
    # None of these clients answers the Close frame.
    connections = [open_raw(origin.https_url, path, client_tls) for path in paths]
    connections.append(open_raw(origin.http_url, "/ticker"))
    raws = [await connection.__aenter__() for connection in connections]

    host, _, port = origin.http_url.partition("://")[2].rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    ask = f"GET /socket.io/?EIO=4&transport=polling{{}} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n"
    writer.write(ask.format("").encode())
    body = await asyncio.wait_for(reader.readuntil(b"}"), 5)
    sid = body.partition(b'"sid":"')[2].partition(b'"')[0].decode()
    writer.write(ask.format(f"&sid={sid}").encode())  # waits for something to happen
    idle_reader, idle_writer = await asyncio.open_connection(host, int(port))
    await raws[0].frames(2)

    await asyncio.wait_for(origin.stop(), 5)

    assert asyncio.all_tasks() == before
    assert (await raws[0].frames(3))[-1].opcode in (Opcode.TEXT, Opcode.CLOSE)
    assert (await reader.read()).endswith(b"1"), "the waiting poll was told"
    assert await idle_reader.read() == b""
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await asyncio.open_connection(host, int(port))
    for connection in connections:
        await connection.__aexit__(None, None, None)
    for one in (writer, idle_writer):
        one.close()
        await one.wait_closed()
    gc.collect()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_own_pages_may_connect(origin: Origin, client_tls: ssl.SSLContext) -> None:
    port = origin.http_url.rpartition(":")[2]
    async with connect(f"{origin.ws_url}/echo", proxy=None, origin=Page(origin.http_url)):
        pass
    async with connect(
        f"{origin.wss_url}/echo", proxy=None, origin=Page(origin.https_url or ""), ssl=client_tls
    ):
        pass
    async with connect(f"ws://localhost:{port}/echo", proxy=None, origin=Page(f"http://localhost:{port}")):
        pass


@pytest.mark.parametrize("path", ["/echo", "/chat", "/socket.io/?EIO=4&transport=websocket"])
async def test_pages_of_others_may_not(origin: Origin, path: str) -> None:
    port = origin.http_url.rpartition(":")[2]
    foreign = [
        "http://elsewhere.example",
        f"http://elsewhere.example:{port}",
        f"https://127.0.0.1:{port}",
        "http://127.0.0.1",
        "null",
        "",
    ]
    for page in foreign:
        with pytest.raises(InvalidStatus) as refused:
            async with connect(f"{origin.ws_url}{path}", proxy=None, additional_headers={"Origin": page}):
                pass
        assert refused.value.response.status_code == 403


async def test_a_foreign_name_that_points_here_may_not_connect_either(origin: Origin) -> None:
    port = origin.http_url.rpartition(":")[2]
    rebound = Page(f"http://rebound.example:{port}")
    with pytest.raises(InvalidStatus) as refused:
        async with connect(
            f"ws://rebound.example:{port}/echo",
            host="127.0.0.1",
            proxy=None,
            origin=rebound,
        ):
            pass
    assert refused.value.response.status_code == 403

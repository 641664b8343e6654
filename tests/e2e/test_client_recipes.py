"""
What `wsproxy help clients` tells to type works: clients that know no proxy, or only SOCKS.
"""

import ssl
from pathlib import Path

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from tests.support import tls
from tests.support.proxy import connections, running

PAGE = (Path(__file__).parents[2] / "wsproxy" / "docs" / "clients.md").read_text(encoding="utf-8")


async def _answer(client: ServerConnection) -> None:
    assert client.request
    await client.send(client.request.headers["Host"])
    async for message in client:
        await client.send(message)


async def test_in_reverse_mode_a_client_that_knows_nothing_reaches_a_server_with_tls(tmp_path: Path) -> None:
    assert "wsproxy dump -m reverse:https://example.com" in PAGE
    trust = f"ssl_verify_upstream_trusted_ca={tls.ca_file(tmp_path)}"
    async with serve(_answer, "127.0.0.1", 0, ssl=tls.server_context()) as server:
        name = f"localhost:{server.sockets[0].getsockname()[1]}"
        async with running(tmp_path, "-m", f"reverse:https://{name}", "--set", trust) as proxy:
            own: dict[str, ssl.SSLContext | None] = {"ws": None, "wss": tls.trusting(proxy.ca)}
            for scheme, context in own.items():
                url = f"{scheme}://127.0.0.1:{proxy.port}/path"
                async with connect(url, proxy=None, ssl=context) as client:
                    # The server is called by its own name.
                    assert await client.recv() == name
                    await client.send("hello")
                    assert await client.recv() == "hello"
            events = await proxy.wait_for_closures(2)
            assert [event.url for event in connections(events)] == [f"wss://{name}/path"] * 2


async def test_socks_clients_go_through(tmp_path: Path) -> None:
    assert "wsproxy dump -m socks5" in PAGE
    async with serve(_answer, "127.0.0.1", 0) as server, running(tmp_path, "-m", "socks5") as proxy:
        url = f"ws://localhost:{server.sockets[0].getsockname()[1]}/"
        async with connect(url, proxy=f"socks5h://127.0.0.1:{proxy.port}") as client:
            assert await client.recv() == url[5:-1]
        events = await proxy.wait_for_closures(1)
        assert [event.url for event in connections(events)] == [url]

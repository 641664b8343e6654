"""
What pages do not choose, behind a real browser: fragments that the server sends, HTTP/2 around a WebSocket.
"""

import asyncio
import mimetypes
import ssl
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import pytest

from tests.support import raw, tls
from tests.support.browser import missing, page_behind
from tests.support.exchange import account, close, ping, pong, text
from tests.support.proxy import running
from tests.support.talking_page import PAGES, browsing
from wsproxy.wire.encode import encode_close, encode_frame

pytestmark = [pytest.mark.browser, pytest.mark.skipif(missing() is not None, reason=str(missing()))]


async def test_fragments_of_the_server_reach_the_page_as_one_message(tmp_path: Path) -> None:
    fragments = [b"one, ", b"", b"two, ", b"3" * 70_000]
    sent = [
        encode_frame(1, fragments[0], fin=False),
        encode_frame(0, fragments[1], fin=False),
        encode_frame(9, b"between"),
        encode_frame(0, fragments[2], fin=False),
        encode_frame(0, fragments[3]),
        encode_close(1000, "told"),
    ]
    async with browsing(tmp_path, False) as (proxy, page, _), raw.origin(first=b"".join(sent)) as origin:
        talk = asyncio.ensure_future(
            page.evaluate("url => new Talk(url).end()", f"ws://127.0.0.1:{origin.port}/")
        )
        server = await origin.peer()
        # The browser's pong and Close, masked; it waits for the server to end TCP.
        await server.receive(6 + 7 + 6 + 6)
        server.end()
        log = await talk
        assert log[1:] == [
            {"text": b"".join(fragments).decode()},
            {"code": 1000, "reason": "told", "wasClean": True},
        ]
        await server.close()
        found = await account(proxy)
        assert found.server == [
            ping(b"between"),
            text(b"".join(fragments).decode()),
            close(1000, "told"),
        ]
        assert found.lengths(False, 0, 1) == [len(fragment) for fragment in fragments]
        assert found.client == [pong(b"between"), close(1000, "told")]


async def _serve_http2(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The files of the page, over HTTP/2."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    connection.initiate_connection()
    writer.write(connection.data_to_send())
    while received := await reader.read(65536):
        for event in connection.receive_data(received):
            if isinstance(event, h2.events.RequestReceived):
                path = dict(event.headers)[b":path"].decode().strip("/") or "index.html"
                kind = mimetypes.guess_type(path)[0] or "text/plain"
                connection.send_headers(event.stream_id, [(":status", "200"), ("content-type", kind)])
                connection.send_data(event.stream_id, (PAGES / path).read_bytes(), end_stream=True)
        writer.write(connection.data_to_send())
    writer.close()


async def test_a_page_over_http2_talks_on_a_websocket_beside_it(tmp_path: Path) -> None:
    sockets = raw.Origin(first=encode_frame(1, b"welcome") + encode_close(1000, "that was all"))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ssl_object = writer.get_extra_info("ssl_object")
        is_http2 = ssl_object.selected_alpn_protocol() == "h2"
        await (_serve_http2 if is_http2 else sockets._serve)(reader, writer)

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.test_ca().issue_cert("127.0.0.1").configure_cert(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    trust = f"ssl_verify_upstream_trusted_ca={tls.ca_file(tmp_path)}"
    async with (
        server,
        running(tmp_path, "--set", trust) as proxy,
        page_behind(proxy, tmp_path / "profile") as page,
    ):
        await page.goto(f"https://127.0.0.1:{port}/")
        used = await page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol")
        assert used == "h2"
        talk = asyncio.ensure_future(page.evaluate("new Talk(here('/')).end()"))
        peer = await sockets.peer()
        await peer.receive(6 + 2 + len("that was all"))
        await peer.close()
        assert (await talk)[1:] == [
            {"text": "welcome"},
            {"code": 1000, "reason": "that was all", "wasClean": True},
        ]
        found = await account(proxy)
        assert found.server == [text("welcome"), close(1000, "that was all")]
        assert found.client == [close(1000, "that was all")]
        assert found.opened.http_version == "HTTP/1.1"
        assert found.opened.url == f"wss://127.0.0.1:{port}/"
        assert {side["alpn"] for side in found.opened.tls.values()} == {"http/1.1"}

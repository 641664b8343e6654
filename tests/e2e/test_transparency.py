"""
What comes in goes out, as it came and when it came, and the capture has all of it.
"""

import asyncio
import random
import ssl
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import raw, tls
from tests.support.proxy import Proxy, closures, frames, running, stream
from tests.support.strategies import few
from wsproxy.wire.encode import encode_close, encode_frame

WAYS = ["connect", "absolute", "connect-tls", "reverse", "reverse-tls", "socks5", "upstream"]


def _arguments(way: str, port: int, folder: Path) -> list[str]:
    trust = ["--set", f"ssl_verify_upstream_trusted_ca={tls.ca_file(folder)}"]
    if way.startswith("reverse"):
        return ["-m", f"reverse:{'https' if way.endswith('tls') else 'http'}://127.0.0.1:{port}", *trust]
    if way == "socks5":
        return ["-m", "socks5", *trust]
    return trust


class Route:
    """A way through a running proxy to an origin."""

    def __init__(self, proxy: Proxy, origin: raw.Origin, way: str) -> None:
        self.proxy, self.origin, self.way = proxy, origin, way

    async def connect(self, **options: bytes) -> tuple[raw.Peer, raw.Peer]:
        """`(client, server)` of a new WebSocket."""
        how = self.way.partition("-")[0]
        context = tls.trusting(self.proxy.ca) if self.way.endswith("tls") else None
        client = await raw.connect(
            self.proxy.port,
            "127.0.0.1",
            self.origin.port,
            how="connect" if how == "upstream" else how,
            tls=context,
            **options,
        )
        return client, await self.origin.peer()


def _chunked(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(edges) if b > a]


async def _send_in_chunks(peer: raw.Peer, chunks: list[bytes]) -> None:
    for chunk in chunks:
        await peer.send(chunk)
        await asyncio.sleep(0)


# Around the last form of the header. Drawn as a seed: byte by byte it hardly ever comes about.
long = st.builds(
    lambda size, seed: random.Random(seed).randbytes(size),
    st.integers(65_530, 65_536),
    st.integers(0, 1 << 32),
)
frame = st.builds(
    lambda opcode, payload, fin, rsv, mask: encode_frame(opcode, payload, fin=fin, rsv=rsv, mask=mask),
    st.integers(0, 15),
    st.binary(max_size=300) | long,
    st.booleans(),
    st.integers(0, 7),
    st.sampled_from([b"", b"\x01\x02\x03\x04"]),
)
traffic = st.binary(max_size=2000) | st.lists(frame, max_size=8).map(b"".join)


@pytest.mark.parametrize("way", WAYS)
async def test_arbitrary_bytes_in_arbitrary_chunks_arrive_as_they_were_sent(tmp_path: Path, way: str) -> None:
    secure = way.endswith("tls")
    context = tls.server_context() if secure else None
    async with raw.origin(tls=context) as origin:
        if way == "upstream":
            (tmp_path / "far").mkdir()
            async with (
                running(tmp_path / "far") as far,
                running(tmp_path, "-m", f"upstream:{far.url}") as near,
            ):
                await _compare_streams(Route(near, origin, way))
        else:
            async with running(tmp_path, *_arguments(way, origin.port, tmp_path)) as proxy:
                await _compare_streams(Route(proxy, origin, way))


async def _compare_streams(route: Route) -> None:
    sent: list[tuple[bytes, bytes]] = []
    loop = asyncio.get_running_loop()

    async def one(up: bytes, down: bytes, cuts: list[int]) -> None:
        client, server = await route.connect()
        sent.append((up, down))
        received = asyncio.gather(server.receive(len(up)), client.receive(len(down)))
        await asyncio.gather(
            _send_in_chunks(client, _chunked(up, cuts)), _send_in_chunks(server, _chunked(down, cuts[::-1]))
        )
        assert await received == [up, down]
        client.writer.close()
        assert await server.rest() == b""
        await asyncio.gather(client.close(), server.close())

    @settings(max_examples=few(20), deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(up=traffic, down=traffic, cuts=st.lists(st.integers(0, 70000), max_size=6))
    def examples(up: bytes, down: bytes, cuts: list[int]) -> None:
        asyncio.run_coroutine_threadsafe(one(up, down, cuts), loop).result(60)

    await asyncio.to_thread(examples)

    # And the capture can rebuild every byte of them.
    events = await route.proxy.wait_for_closures(len(sent))
    for number, (up, down) in enumerate(sent, 1):
        assert stream(events, number, True) == up
        assert stream(events, number, False) == down


@pytest.fixture
async def route(tmp_path: Path):
    async with (
        raw.origin() as origin,
        running(tmp_path) as proxy,
    ):
        yield Route(proxy, origin, "connect")


async def test_half_a_frame_arrives_before_its_other_half_is_sent(route: Route) -> None:
    client, server = await route.connect()
    whole = encode_frame(1, b"first half, second half", mask=b"mask")
    await client.send(whole[:3])
    assert await server.receive(3) == whole[:3]
    await client.send(whole[3:15])
    assert await server.receive(12) == whole[3:15]
    await client.send(whole[15:])
    assert await server.receive(len(whole) - 15) == whole[15:]
    await asyncio.gather(client.close(), server.close())


@pytest.mark.parametrize("first", [b"\x81\x05hello", b"\r\n\x0a\x0d\x81\x00", b"\n" * 40])
async def test_frames_in_one_packet_with_the_handshake_arrive_as_they_are(
    tmp_path: Path, first: bytes
) -> None:
    async with raw.origin(first=first) as origin, running(tmp_path) as proxy:
        for how in ("connect", "absolute"):
            client, server = await Route(proxy, origin, how).connect(first=first)
            assert await client.receive(len(first)) == first
            assert await server.receive(len(first)) == first
            await client.close()
            await server.close()
        events = await proxy.wait_for_closures(2)
        for number in (1, 2):
            assert stream(events, number, True) == stream(events, number, False) == first


@pytest.mark.parametrize("way", ["connect", "connect-tls"])
@pytest.mark.parametrize("from_client", [True, False])
async def test_a_cut_connection_reaches_the_other_side_as_a_cut(
    tmp_path: Path, way: str, from_client: bool
) -> None:
    context = tls.server_context() if way.endswith("tls") else None
    async with (
        raw.origin(tls=context) as origin,
        running(tmp_path, *_arguments(way, origin.port, tmp_path)) as proxy,
    ):
        client, server = await Route(proxy, origin, way).connect()
        here, there = (client, server) if from_client else (server, client)
        await here.send(b"\x81\x02hi")
        assert await there.receive(4) == b"\x81\x02hi"
        here.reset()
        with pytest.raises(ConnectionResetError):
            await there.receive(1)
        events = await proxy.wait_for_closures(1)
        [closure] = closures(events)
        assert (closure.by, closure.code, closure.clean, closure.how) == (
            "client" if from_client else "server",
            1006,
            False,
            "reset",
        )
        await asyncio.gather(client.close(), server.close())


@pytest.mark.parametrize("from_client", [True, False])
async def test_the_end_of_one_direction_does_not_end_the_other(route: Route, from_client: bool) -> None:
    client, server = await route.connect()
    here, there = (client, server) if from_client else (server, client)
    await here.send(b"\x81\x03bye")
    here.end()
    assert await there.rest() == b"\x81\x03bye"
    await there.send(b"\x81\x05still")
    assert await here.receive(7) == b"\x81\x05still"
    there.end()
    assert await here.rest() == b""
    [closure] = closures(await route.proxy.wait_for_closures(1))
    assert (closure.by, closure.code, closure.how) == ("client" if from_client else "server", 1006, "eof")
    await asyncio.gather(client.close(), server.close())


async def test_tls_ends_with_a_closing_alert_only_where_the_peer_sent_one(tmp_path: Path) -> None:
    # A client that does not hide a missing alert shows whether one came.
    async with (
        raw.origin(tls=tls.server_context()) as origin,
        running(tmp_path, *_arguments("connect-tls", origin.port, tmp_path)) as proxy,
    ):
        route = Route(proxy, origin, "connect-tls")
        client, server = await route.connect()
        server.writer.close()  # sends close_notify
        assert await client.rest() == b""
        await asyncio.gather(client.close(), server.close())

        client, server = await route.connect()
        raw_socket = server.writer.get_extra_info("socket")
        raw_socket.shutdown(1)  # a FIN behind TLS's back
        with pytest.raises(ssl.SSLError):
            await _strict_read(client)
        server.reset()
        client.reset()


async def _strict_read(peer: raw.Peer) -> None:
    # asyncio reports a missing alert as a plain end of file, after having logged it in `exception`.
    ssl_object = peer.writer.get_extra_info("ssl_object")
    await peer.rest()
    ssl_object.read(1)


async def test_a_close_frame_of_both_sides_is_a_clean_end(route: Route) -> None:
    client, server = await route.connect()
    await client.send(encode_close(4001, "done", mask=b"abcd"))
    await server.receive(len(encode_close(4001, "done", mask=b"abcd")))
    await server.send(encode_close(4001, "done"))
    server.end()
    await client.rest()
    client.end()
    [closure] = closures(await route.proxy.wait_for_closures(1))
    assert (closure.by, closure.code, closure.reason, closure.clean) == ("client", 4001, "done", True)
    await asyncio.gather(client.close(), server.close())


async def test_a_peer_that_does_not_read_does_not_stop_the_other_direction(route: Route) -> None:
    client, server = await route.connect()
    flood = encode_frame(2, b"x" * 60_000)
    stuffed = asyncio.ensure_future(_flood(server, flood))
    await asyncio.sleep(0.5)
    assert not stuffed.done()
    # The client reads nothing, and is heard all the same.
    for _ in range(20):
        await client.send(encode_frame(1, b"I am here", mask=b"1234"))
        assert len(await server.receive(15)) == 15
    stuffed.cancel()
    client.reset()
    server.reset()


async def _flood(peer: raw.Peer, data: bytes) -> None:
    for _ in range(2000):
        await peer.send(data)


async def test_ordinary_requests_before_the_upgrade_on_the_same_connection_work(route: Route) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", route.proxy.port)
    authority = f"127.0.0.1:{route.origin.port}"
    writer.write(f"GET http://{authority}/page HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
    answer = await reader.readuntil(b"plain")
    assert answer.startswith(b"HTTP/1.1 200")
    writer.write(
        f"GET http://{authority}/ws HTTP/1.1\r\nHost: {authority}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {raw.KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    server = await route.origin.peer()
    writer.write(b"\x81\x80abcd")
    assert await server.receive(6) == b"\x81\x80abcd"
    writer.close()
    await writer.wait_closed()
    await server.close()


async def test_the_handshake_reaches_the_server_as_the_client_wrote_it(route: Route) -> None:
    odd = b"X-Odd:   spaced  \r\nx-ODD: twice\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"
    client, server = await route.connect(extra=odd)
    assert b"x-ODD: twice\r\n" in server.head
    assert b"Sec-WebSocket-Extensions: permessage-deflate\r\n" in server.head
    [opened] = [e for e in await route.proxy.wait_for(1) if hasattr(e, "url")]
    assert odd in opened.request
    assert opened.response == client.head
    await asyncio.gather(client.close(), server.close())


async def test_reserved_opcodes_and_bits_are_relayed_and_annotated(route: Route) -> None:
    client, server = await route.connect()
    odd = encode_frame(3, b"?", rsv=5) + encode_frame(0xB, b"!", fin=False, mask=b"abcd")
    await client.send(odd)
    assert await server.receive(len(odd)) == odd
    await asyncio.gather(client.close(), server.close())
    found = frames(await route.proxy.wait_for_closures(1))
    assert found[0].frame.anomalies.names == ["unknown_opcode", "rsv_without_extension", "unmasked_by_client"]
    assert found[1].frame.anomalies.names == ["unknown_opcode", "fragmented_control"]

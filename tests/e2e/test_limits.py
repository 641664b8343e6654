"""
What the proxy does not do: grow, time out, keep what it need not keep.
"""

import asyncio
from pathlib import Path

import psutil
import pytest

from tests.support import raw
from tests.support.proxy import Proxy, closures, connections, frames, running
from wsproxy.store.records import FrameFlag
from wsproxy.wire.encode import encode_frame, encode_header

MIB = 1024 * 1024


def _memory(proxy: Proxy) -> int:
    return psutil.Process(proxy.pid).memory_info().rss


class _Peak:
    """The largest memory of the proxy during the block, above what it was before."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy

    async def __aenter__(self) -> "_Peak":
        self._start = self._highest = _memory(self._proxy)
        self._task = asyncio.ensure_future(self._watch())
        return self

    async def _watch(self) -> None:
        while True:
            self._highest = max(self._highest, _memory(self._proxy))
            await asyncio.sleep(0.02)

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()

    @property
    def growth(self) -> int:
        return self._highest - self._start


GIB = 1024 * MIB


LONG = [pytest.mark.long, pytest.mark.timeout(600)]


@pytest.mark.parametrize("size", [192 * MIB, pytest.param(GIB, marks=LONG)])
async def test_a_message_of_any_length_passes_in_bounded_memory(tmp_path: Path, size: int) -> None:
    block = b"0123456789abcdef" * (MIB // 16)
    async with raw.origin() as origin, running(tmp_path) as proxy:
        client = await raw.connect(proxy.port, "127.0.0.1", origin.port)
        server = await origin.peer()
        header = encode_header(2, size, mask=b"\0\0\0\0")

        async def send() -> None:
            await client.send(header)
            for _ in range(size // MIB):
                await client.send(block)

        async def receive() -> int:
            assert await server.receive(len(header)) == header
            left = size
            while left:
                data = await server.reader.read(MIB)
                assert data
                # Compared where it is cheap: every read against the place it belongs to.
                offset = (size - left) % 16
                assert data[:64] == (block[:96])[offset : offset + min(64, len(data))]
                left -= len(data)
            return left

        async with _Peak(proxy) as peak:
            _, left = await asyncio.gather(send(), receive())
        assert left == 0
        assert peak.growth < 64 * MIB
        await asyncio.gather(client.close(), server.close())
        event = frames(await proxy.wait_for_closures(1))[-1]
        assert event.frame.length == size
        assert event.frame.stored == 64 * MIB
        assert FrameFlag.TRUNCATED in event.frame.flags


@pytest.mark.parametrize("count", [100_000, pytest.param(1_000_000, marks=LONG)])
async def test_small_frames_pass_in_bounded_memory_however_many(tmp_path: Path, count: int) -> None:
    block = encode_frame(1, b"x" * 64, mask=b"abcd") * 1000
    warm = 50_000
    async with raw.origin() as origin, running(tmp_path) as proxy:
        client = await raw.connect(proxy.port, "127.0.0.1", origin.port)
        server = await origin.peer()

        async def pass_on(count: int) -> None:
            async def send() -> None:
                for _ in range(count // 1000):
                    await client.send(block)

            await asyncio.gather(send(), server.receive_all(len(block) * count // 1000))

        await pass_on(warm)
        before = _memory(proxy)
        async with _Peak(proxy) as peak:
            await pass_on(count)
        assert peak.growth < 64 * MIB
        assert _memory(proxy) - before < 10 * MIB
        await asyncio.gather(client.close(), server.close())
        await proxy.wait_for_closures(1, timeout=120)
        await proxy.stop()
        with proxy.reader() as reader:
            assert reader.counts() == (1, warm + count)


async def test_ordinary_http_passes_in_a_stream_and_is_not_kept(tmp_path: Path) -> None:
    size = 256 * MIB
    block = b"x" * MIB
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        for _ in range(size // MIB):
            writer.write(block)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, running(tmp_path) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(f"GET http://127.0.0.1:{port}/big HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        async with _Peak(proxy) as peak:
            await reader.readuntil(b"\r\n\r\n")
            left = size
            while left:
                left -= len(await reader.read(MIB))
        assert peak.growth < 32 * MIB
        writer.close()
        await writer.wait_closed()
        assert await proxy.stop() == []


async def test_a_tunnel_that_is_no_websocket_is_not_kept(tmp_path: Path) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(MIB):
            writer.write(data)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, running(tmp_path) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        block = b"\0\x01\x02\x03" * (MIB // 4)
        async with _Peak(proxy) as peak:
            for _ in range(100):
                writer.write(block)
                await writer.drain()
                assert await reader.readexactly(MIB) == block
        assert peak.growth < 32 * MIB
        writer.close()
        await writer.wait_closed()


async def test_a_full_queue_slows_the_sender_down_and_loses_nothing(tmp_path: Path) -> None:
    import sqlite3

    block = encode_frame(2, b"y" * 60_000)
    async with raw.origin() as origin, running(tmp_path) as proxy:
        client = await raw.connect(proxy.port, "127.0.0.1", origin.port)
        server = await origin.peer()
        await server.send(block)
        await client.receive(len(block))
        await proxy.wait_for(2)
        # A lock held by another program is a disk that does not answer.
        other = sqlite3.connect(proxy.capture, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            count = 2000
            sending = asyncio.ensure_future(_repeat(server, block, count))
            receiving = asyncio.ensure_future(client.receive_all(len(block) * count))
            async with _Peak(proxy) as peak:
                await asyncio.sleep(2)
            assert not sending.done()
            assert peak.growth < 64 * MIB
        finally:
            other.execute("ROLLBACK")
            other.close()
        await asyncio.gather(sending, receiving)
        await asyncio.gather(client.close(), server.close())
        events = await proxy.wait_for_closures(1, timeout=60)
        assert len(frames(events)) == count + 1
        assert not [event for event in events if type(event).__name__ == "GapRecord"]


async def _repeat(peer: raw.Peer, data: bytes, count: int) -> None:
    for _ in range(count):
        await peer.send(data)


async def test_five_hundred_sockets_leave_nothing_behind(tmp_path: Path) -> None:
    async with raw.origin() as origin, running(tmp_path) as proxy:
        process = psutil.Process(proxy.pid)

        async def one() -> None:
            client = await raw.connect(proxy.port, "127.0.0.1", origin.port)
            server = await origin.peer()
            await client.send(b"\x81\x82abcd..")
            await server.receive(8)
            await client.close()
            await server.rest()
            await server.close()

        await one()
        await proxy.wait_for_closures(1)
        before = process.num_fds()
        for _ in range(10):
            await asyncio.gather(*(one() for _ in range(50)))
        events = await proxy.wait_for_closures(501, timeout=30)
        assert len(connections(events)) == len(closures(events)) == 501
        async with asyncio.timeout(10):
            while process.num_fds() > before:
                await asyncio.sleep(0.05)

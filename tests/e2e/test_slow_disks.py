"""
Whoever is slow slows his own sender down: nothing is lost, nothing grows, nobody else waits.

A receiver that stops one direction, and what the fast path does about it, is in `test_fastpath`; a disk
that fails is in `test_store_recorder`.
"""

import asyncio
import hashlib
import random
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support import raw
from tests.support.inprocess import engine
from tests.support.proxy import running
from wsproxy.store.limits import KIB, MIB
from wsproxy.store.reader import Reader
from wsproxy.store.recorder import Recorder
from wsproxy.wire.encode import encode_frame

HELLO = encode_frame(1, b"hello")
shell = pytest.mark.parametrize("fast", [True, False], ids=["fast", "layer"])

# mitmproxy 11 with a newer pyOpenSSL.
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")


def _shell(fast: bool) -> str:
    return f"fast_path={str(fast).lower()}"


class SlowDisk:
    """The recorder's database, whose transactions take their time and sometimes very long."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._random = random.Random(1)
        self.commits = 0

    def execute(self, sql: str, *values: Any) -> Any:
        if sql == "COMMIT":
            self.commits += 1
            time.sleep(self._random.choice([0.01, 0.01, 0.02, 0.1]))
        return self._db.execute(sql, *values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)


async def _watch(recorder: Recorder) -> int:
    """The most that was ever waiting to be written, in bytes; until it is cancelled."""
    most = 0
    try:
        while True:
            most = max(most, recorder.queued)
            await asyncio.sleep(0)
    except asyncio.CancelledError:
        return most


def _digest(payloads: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for payload in payloads:
        digest.update(payload)
    return digest.hexdigest()


@shell
async def test_a_slow_disk_loses_nothing_of_many_sockets_and_bounds_what_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fast: bool
) -> None:
    sockets, limit = 6, MIB
    settings = (_shell(fast), "queue_limit=1m")
    async with raw.origin() as origin, engine(tmp_path, monkeypatch, settings=settings) as proxy:
        recorder = proxy.engine.sockets.recorder
        disk = SlowDisk(recorder._db)
        recorder._db = disk  # type: ignore[assignment]
        watching = asyncio.ensure_future(_watch(recorder))
        sent: dict[tuple[int, bool], str] = {}

        async def one_way(here: raw.Peer, there: raw.Peer, number: int, from_client: bool) -> None:
            rng = random.Random(2 * number + from_client)
            mask = b"\0\0\0\0" if from_client else b""
            payloads = [rng.randbytes(rng.choice([10, 200, 5_000, 50_000])) for _ in range(80)]
            stream = b"".join(encode_frame(2, payload, mask=mask) for payload in payloads)
            sent[number, from_client] = _digest(payloads)
            _, received = await asyncio.gather(here.send(stream), there.receive(len(stream)))
            assert received == stream

        pairs = []
        for number in range(1, sockets + 1):
            client = await raw.connect(proxy.port, "127.0.0.1", origin.port)
            pairs.append((number, client, await origin.peer()))
        await asyncio.gather(
            *(one_way(client, server, number, True) for number, client, server in pairs),
            *(one_way(server, client, number, False) for number, client, server in pairs),
        )
        await asyncio.gather(*(peer.close() for _, *peers in pairs for peer in peers))
        watching.cancel()
        most = await watching
    assert disk.commits > 5
    # It was full; and what came above are the reads that were under way, one of each side.
    assert limit <= most < limit + sockets * 2 * 300 * KIB
    with Reader(tmp_path / "capture.wsp") as reader:
        assert reader.gaps() == []
        assert reader.counts() == (sockets, sockets * 2 * 80)
        for number, from_client in sent:
            payloads = (
                b"".join(reader.payload(frame.id))
                for frame in reader.frames(limit=10_000, connection=number)
                if frame.from_client is from_client
            )
            assert _digest(payloads) == sent[number, from_client]


@shell
async def test_while_the_disk_does_not_answer_ordinary_requests_do_and_sockets_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fast: bool
) -> None:
    block = encode_frame(2, bytes(30_000))
    settings = (_shell(fast), "queue_limit=1m")
    async with raw.origin() as origin, engine(tmp_path, monkeypatch, settings=settings) as proxy:
        recorder = proxy.engine.sockets.recorder
        client = await raw.connect(proxy.port, "127.0.0.1", origin.port)
        server = await origin.peer()
        await server.send(HELLO)
        assert await client.receive(len(HELLO)) == HELLO
        other = sqlite3.connect(tmp_path / "capture.wsp", isolation_level=None, timeout=30)
        other.execute("BEGIN IMMEDIATE")
        try:
            flood = asyncio.ensure_future(server.send(block * 400))
            taking = asyncio.ensure_future(client.receive(len(block) * 400))
            async with asyncio.timeout(20):
                while not recorder.full:
                    await asyncio.sleep(0.01)
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            host = f"127.0.0.1:{origin.port}"
            writer.write(f"GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            answer = await asyncio.wait_for(reader.readuntil(b"plain"), 20)
            assert answer.startswith(b"HTTP/1.1 200 OK")
            writer.close()
            late = await raw.connect(proxy.port, "127.0.0.1", origin.port)
            late_server = await origin.peer()
            assert recorder.full
            assert not taking.done()
        finally:
            other.execute("ROLLBACK")
            other.close()
        await flood
        assert await taking == block * 400
        await late_server.send(HELLO)
        assert await late.receive(len(HELLO)) == HELLO
        await asyncio.gather(*(peer.close() for peer in (client, server, late, late_server)))
    with Reader(tmp_path / "capture.wsp") as capture:
        assert capture.gaps() == []
        assert capture.counts() == (2, 402)


@shell
async def test_slow_receivers_do_not_fill_the_proxys_memory_nor_stop_anybody_else(
    tmp_path: Path, fast: bool
) -> None:
    block = encode_frame(2, random.Random(3).randbytes(60_000))
    count = 400
    async with raw.origin() as origin, running(tmp_path, "--set", _shell(fast)) as proxy:
        process = psutil.Process(proxy.pid)
        pairs = []
        for _ in range(4):
            client = await raw.connect(proxy.port, "127.0.0.1", origin.port)
            pairs.append((client, await origin.peer()))
        before = process.memory_info().rss
        *slow, (quick_client, quick_server) = pairs
        sending = [asyncio.ensure_future(server.send(block * count)) for _, server in slow]
        # The receivers' own buffers in this process must not take it all.
        for client, _ in slow:
            client.reader._transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(50):
            await quick_server.send(HELLO)
            assert await quick_client.receive(len(HELLO)) == HELLO
            await asyncio.sleep(0.01)
        assert not any(task.done() for task in sending)
        assert process.memory_info().rss - before < 48 * MIB
        for client, _ in slow:
            client.reader._transport.resume_reading()  # type: ignore[attr-defined]
        for client, _ in slow:
            assert await client.receive(len(block) * count) == block * count
        await asyncio.gather(*sending)
        await asyncio.gather(*(peer.close() for pair in pairs for peer in pair))
        await proxy.wait_for_closures(4, timeout=30)
        await proxy.stop()
        with proxy.reader() as reader:
            assert reader.gaps() == []
            assert reader.counts() == (4, 3 * count + 50)

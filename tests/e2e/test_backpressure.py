"""
A slow receiver and a slow disk slow senders down; nothing is lost and nobody else is hurt.
"""

import asyncio
import hashlib
import random
import sqlite3

from tests.support.bare import Bare
from tests.support.lab import (
    HELLO,
    MIB,
    TIMEOUT,
    MakeLab,
    flood,
    from_client,
    on_both_loops,
    pyopenssl_warns,
    secure,
    shell,
    shell_setting,
    sides,
    until,
)
from tests.support.proxy import frames
from wsproxy.wire.encode import encode_frame

pytestmark = pyopenssl_warns


async def _stalled(task: "asyncio.Task[None]", peer: Bare) -> None:
    """
    Return when a sender has not got rid of anything in a hundred turns of the loop.

    Of the loop, which carries the proxy as well, and not in a time: on a busy machine nobody gets
    rid of anything for quite a while.
    """
    before, turns = -1, 0
    async with asyncio.timeout(TIMEOUT):
        while turns < 100:
            await asyncio.sleep(0.001)
            assert not task.done()
            now = peer.writer.transport.get_write_buffer_size()
            turns = turns + 1 if now and now == before else 0
            before = now


@on_both_loops
@secure
@from_client
async def test_a_slow_receiver_stops_its_sender_and_nobody_else_and_loses_nothing(
    lab: MakeLab, secure: bool, from_client: bool
) -> None:
    async with lab(secure) as proxy:
        here, there = sides(await proxy.connect_fast(), from_client)
        digest, total = hashlib.sha256(), 0
        stop = asyncio.Event()

        async def send() -> None:
            nonlocal total
            rng = random.Random(1)
            while not stop.is_set():
                block = rng.randbytes(50_000)
                digest.update(block)
                total += len(block)
                await here.send(block)
            here.end()

        sending = asyncio.ensure_future(send())
        await _stalled(sending, here)
        # What is under way is in the kernel's buffers, four of them, and not in the proxy.
        assert total < 40 * MIB
        held = total
        for _ in range(10):
            await there.send(HELLO)
            assert await here.receive(len(HELLO)) == HELLO
        other_client, other_server = await proxy.connect()
        await other_client.send(HELLO)
        assert await other_server.receive(len(HELLO)) == HELLO
        assert total == held
        stop.set()
        received = await there.rest()
        await sending
        assert len(received) == total
        assert hashlib.sha256(received).digest() == digest.digest()


@on_both_loops
@secure
async def test_a_receiver_that_is_slow_from_the_start_does_not_fill_the_proxys_memory(
    lab: MakeLab, secure: bool
) -> None:
    first = encode_frame(2, bytes(30_000)) * 1000
    async with lab(secure, first=first) as proxy:
        client, _ = await proxy.connect()
        [handler] = proxy.handlers()
        # As a rule the takeover is tried, given up and tried again: too much is under way.
        for _ in range(20):
            await asyncio.sleep(0.05)
            for io in handler.transports.values():
                assert len(io.reader._buffer) < MIB
                assert io.writer.transport.get_write_buffer_size() < MIB
        assert await client.receive(len(first)) == first
        await proxy.taken_over()


@on_both_loops
@secure
@shell
async def test_a_full_recorder_stops_both_directions_until_it_has_room(
    lab: MakeLab, secure: bool, fast: bool
) -> None:
    block = encode_frame(2, bytes(30_000))
    async with lab(secure, "queue_limit=1m", shell_setting(fast)) as proxy:
        client, server = await proxy.connect_on(fast)
        await until(lambda: frames(proxy.events()), 0.01)
        # A lock held by another program is a disk that does not answer.
        other = sqlite3.connect(proxy.proxy.engine.options.capture, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        count = 1000
        try:
            sending = asyncio.ensure_future(flood(server, block, count))
            receiving = asyncio.ensure_future(client.receive(len(block) * count))
            await _stalled(sending, server)
            assert not receiving.done()
            assert proxy.proxy.engine.sockets.recorder.queued < 3 * MIB
            # The layer stops a direction after what it reads next.
            unheard = asyncio.ensure_future(server.receive(2 * len(HELLO)))
            for _ in range(2):
                await client.send(HELLO)
                await asyncio.sleep(0.05)
            assert not unheard.done()
        finally:
            other.execute("ROLLBACK")
            other.close()
        await sending
        assert await receiving == block * count
        assert await unheard == HELLO * 2
        client.end()
        server.end()
        await proxy.closures()
        assert len(frames(proxy.events())) == count + 3

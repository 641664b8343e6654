"""
What is left of sockets that are gone: nothing.
"""

import asyncio
import gc
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support import bare, tls
from tests.support.bare import bare_connect, bare_origin
from tests.support.lab import (
    HELLO,
    Lab,
    MakeLab,
    every_way,
    on_both_loops,
    pyopenssl_warns,
    secure,
    shell,
    shell_setting,
    until,
)
from tests.support.proxy import running
from wsproxy.engine import fastpath, layer, remains, sides
from wsproxy.store.limits import KIB

pytestmark = pyopenssl_warns


@on_both_loops
@every_way
@secure
@shell
async def test_sockets_leave_no_task_no_file_and_no_object_behind(
    lab: MakeLab, fast: bool, secure: bool, way: str
) -> None:
    kinds = (fastpath.FastPath, fastpath._Plain, layer.RelayLayer, remains._Reset, sides.Side)

    async def one(proxy: Lab, number: int) -> None:
        client, server = await proxy.connect()
        if fast:
            await proxy.taken_over(number)
        await client.send(HELLO)
        await server.receive(len(HELLO))
        if number % 3 == 0:
            client.end()
            server.end()
            await asyncio.gather(client.rest(), server.rest())
        elif number % 3 == 1:
            client.reset()
        else:
            server.fatal_alert() if secure else server.reset()
        await asyncio.gather(client.close(), server.close())

    async with lab(secure, shell_setting(fast), way=way) as proxy:
        process = psutil.Process()
        await one(proxy, 1)
        await proxy.all_over()
        await until(lambda: not proxy.handlers() and not remains._waiting)
        tasks, files = len(asyncio.all_tasks()), process.num_fds()
        for number in range(2, 26):
            await one(proxy, number)
        await proxy.all_over()
        await until(lambda: not proxy.handlers() and not remains._waiting)
        await until(lambda: len(asyncio.all_tasks()) <= tasks)
        bare._open.clear()
        await until(lambda: process.num_fds() <= files)
        left = _left(kinds)
        # Python 3.11 with uvloop may still refer to the last of them; all others are gone.
        kept = 1 if sys.version_info < (3, 12) else 0
        assert sum(isinstance(thing, layer.RelayLayer) for thing in left) <= kept, left
        assert len(left) <= 5 * kept, left
        assert not proxy.proxy.engine.sockets._waiting
        assert not fastpath._tasks
        assert not layer._tasks


def _left(kinds: tuple[type, ...]) -> list[Any]:
    gc.collect()
    return [thing for thing in gc.get_objects() if isinstance(thing, kinds)]


@secure
@pytest.mark.parametrize(
    ("warm", "count", "bytes_each"),
    [
        pytest.param(100, 300, 64 * KIB, id="300"),
        pytest.param(2000, 5000, 3 * KIB, id="5000", marks=[pytest.mark.long, pytest.mark.timeout(600)]),
    ],
)
async def test_many_sockets_leave_no_file_open_and_no_memory_taken(
    tmp_path: Path, secure: bool, warm: int, count: int, bytes_each: int
) -> None:
    trust = ("--set", f"ssl_verify_upstream_trusted_ca={tls.ca_file(tmp_path)}")
    async with (
        bare_origin(tls.server_context() if secure else None) as origin,
        running(tmp_path, "--set", "fast_path=true", *trust) as proxy,
    ):
        process = psutil.Process(proxy.pid)
        client_tls = tls.trusting(proxy.ca) if secure else None

        async def one() -> None:
            client = await bare_connect(proxy.port, origin.port, client_tls)
            server = await origin.peer()
            for _ in range(5):
                await client.send(HELLO)
                await server.receive(len(HELLO))
            client.end()
            await server.rest()
            server.end()
            await client.rest()
            await asyncio.gather(client.close(), server.close())
            bare._open.clear()

        async def many(total: int) -> None:
            gate = asyncio.Semaphore(20)

            async def next_one() -> None:
                async with gate:
                    await one()

            await asyncio.gather(*(next_one() for _ in range(total)))

        async def settled(total: int) -> tuple[int, int]:
            """Files and memory, when the proxy has seen the end of all."""
            await proxy.wait_for_closures(total, timeout=120)
            async with asyncio.timeout(60):
                while any(c.status != psutil.CONN_LISTEN for c in process.net_connections("tcp")):
                    await asyncio.sleep(0.05)
            return process.num_fds(), process.memory_info().rss

        # What Python, OpenSSL and SQLite keep for later is there after those.
        await many(warm)
        files, memory = await settled(warm)
        await many(count)
        files_after, memory_after = await settled(warm + count)
        assert files_after <= files
        assert memory_after - memory < count * bytes_each

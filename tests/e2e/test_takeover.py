"""
The moment a socket changes from mitmproxy's layers to the fast path, and where it cannot.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import bare, tls
from tests.support.bare import Bare
from tests.support.lab import (
    HELLO,
    MakeLab,
    every_way,
    from_client,
    on_both_loops,
    pyopenssl_warns,
    secure,
    sides,
    until,
)
from tests.support.proxy import stream
from tests.support.strategies import few
from wsproxy.engine import fastpath
from wsproxy.wire.encode import encode_frame

pytestmark = pyopenssl_warns


@on_both_loops
@every_way
@secure
async def test_a_quiet_socket_is_taken_over_at_once(lab: MakeLab, secure: bool, way: str) -> None:
    async with lab(secure, way=way) as proxy:
        client, server = await proxy.connect_fast()
        for here, there in ((client, server), (server, client)):
            await here.send(HELLO)
            assert await there.receive(len(HELLO)) == HELLO


@on_both_loops
async def test_with_fast_path_off_no_socket_is_taken_over(lab: MakeLab) -> None:
    async with lab(False, "fast_path=false") as proxy:
        client, server = await proxy.connect()
        for _ in range(20):
            await client.send(HELLO)
            assert await server.receive(len(HELLO)) == HELLO
            await asyncio.sleep(0.005)
        assert not proxy.proxy.engine.sockets.fast


steps = st.lists(
    st.tuples(st.sampled_from([1, 10, 1000, 20_000]), st.sampled_from([0, 0, 0.0005, 0.002, 0.01])),
    max_size=12,
)


def _frames(rng: random.Random, size: int) -> bytes:
    found = b""
    while len(found) < size:
        found += encode_frame(2, rng.randbytes(rng.choice([0, 5, 200, 3000])))
    return found


@on_both_loops
@every_way
@secure
async def test_what_is_in_flight_while_a_socket_is_taken_over_arrives_whole_and_in_order(
    lab: MakeLab, secure: bool, way: str
) -> None:
    async with lab(secure, way=way) as proxy:
        loop = asyncio.get_running_loop()
        said: list[tuple[bytes, bytes]] = []

        async def say(peer: Bare, data: bytes, plan: list[tuple[int, float]]) -> None:
            for size, pause in plan:
                await peer.send(data[:size])
                data = data[size:]
                await asyncio.sleep(pause)
            await peer.send(data)

        async def one(up: list[tuple[int, float]], down: list[tuple[int, float]], seed: int) -> None:
            rng = random.Random(seed)
            sent = [_frames(rng, sum(size for size, _ in plan) + 500) for plan in (up, down)]
            client, server = await proxy.connect()
            said.append((sent[0] + HELLO, sent[1] + HELLO))
            received = asyncio.gather(server.receive(len(sent[0])), client.receive(len(sent[1])))
            await asyncio.gather(say(client, sent[0], up), say(server, sent[1], down))
            assert await received == sent
            await proxy.taken_over(len(said))
            for here, there in ((client, server), (server, client)):
                await here.send(HELLO)
                assert await there.receive(len(HELLO)) == HELLO
            client.end()
            server.end()
            assert [await client.rest(), await server.rest()] == [b"", b""]

        @settings(max_examples=few(12), deadline=None, suppress_health_check=list(HealthCheck))
        @given(up=steps, down=steps, seed=st.integers(0, 1 << 32))
        def examples(up: list[tuple[int, float]], down: list[tuple[int, float]], seed: int) -> None:
            asyncio.run_coroutine_threadsafe(one(up, down, seed), loop).result(60)

        await asyncio.to_thread(examples)
        await proxy.closures(len(said))
        events = proxy.events()
        for number, (up, down) in enumerate(said, 1):
            assert stream(events, number, True) == up
            assert stream(events, number, False) == down


@on_both_loops
@every_way
@secure
@pytest.mark.parametrize("size", [7, 300_000])
async def test_what_comes_in_one_piece_with_the_handshake_is_carried_before_all_else(
    lab: MakeLab, secure: bool, size: int, way: str
) -> None:
    first = b"\r\n" + random.Random(size).randbytes(size)
    async with lab(secure, first=first, way=way) as proxy:
        client, server = await proxy.connect(first=first)
        await client.send(HELLO)
        await server.send(HELLO)
        assert await client.receive(len(first) + 7) == first + HELLO
        assert await server.receive(len(first) + 7) == first + HELLO
        await proxy.taken_over()
        await client.send(HELLO)
        assert await server.receive(7) == HELLO


@on_both_loops
@from_client
async def test_a_tls_record_may_be_cut_by_the_takeover(lab: MakeLab, from_client: bool) -> None:
    async with lab(True) as proxy:
        pair = await proxy.connect()
        here, there = sides(pair, from_client)
        record = here.sealed(HELLO)
        await here.send_raw(record[:9])
        await proxy.taken_over()
        await here.send_raw(record[9:])
        assert await there.receive(len(HELLO)) == HELLO


@on_both_loops
@from_client
@every_way
@pytest.mark.parametrize(
    ("secure", "how"),
    [
        (False, "fin"),
        (False, "reset"),
        (True, "end"),
        (True, "fin"),
        (True, "alert"),
        (True, "reset"),
    ],
)
async def test_an_end_around_the_takeover_reaches_the_other_side_in_kind(
    lab: MakeLab, secure: bool, from_client: bool, way: str, how: str
) -> None:
    rng = random.Random(how + way)
    async with lab(secure, way=way) as proxy:
        for number in range(1, 6):
            pair = await proxy.connect()
            here, there = sides(pair, from_client)
            await asyncio.sleep(rng.choice([0, 0, 0.0005, 0.001, 0.003, 0.02]))
            await here.send(HELLO)
            if how == "reset":
                assert await there.receive(len(HELLO)) == HELLO
            await asyncio.sleep(rng.choice([0, 0, 0, 0.0005, 0.001]))
            getattr(here, how)()
            if how == "reset":
                with pytest.raises(ConnectionResetError):
                    await there.rest()
            else:
                assert await there.rest() == HELLO
                assert there.ended == ("alert" if secure and how != "fin" else "fin")
                if secure and how == "fin":
                    # Python's TLS sends nothing more after such an end.
                    there.fin()
                    assert await here.rest() == b""
                else:
                    await there.send(HELLO)
                    there.end()
                    assert await here.rest() == HELLO
            await proxy.all_over()
            ends = await proxy.closures(number)
            assert (ends[-1].by, ends[-1].how) == (
                "client" if from_client else "server",
                "reset" if how == "reset" else "eof",
            )
            await asyncio.gather(here.close(), there.close())


# Where it cannot be done


@on_both_loops
@secure
@pytest.mark.parametrize("late", [False, True])
async def test_a_socket_whose_takeover_fails_goes_on_on_the_layer(
    lab: MakeLab, secure: bool, late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(set[int]):
        def add(self, number: int) -> None:
            raise MemoryError("there is no room")

    def cannot_connect(*_: Any) -> None:
        raise MemoryError("there is no room")

    async with lab(secure, says="there is no room") as proxy:
        if late:
            # Both sides have been taken over by then.
            proxy.proxy.engine.sockets.fast = Full()
        else:
            monkeypatch.setattr(fastpath._Plain, "connect", cannot_connect)
        client, server = await proxy.connect()
        await until(lambda: proxy.proxy.said)
        for _ in range(3):
            for here, there in ((client, server), (server, client)):
                await here.send(HELLO * 1000)
                assert await there.receive(len(HELLO) * 1000) == HELLO * 1000
        client.end()
        assert await server.rest() == b""
        server.end()
        assert await client.rest() == b""
        await proxy.closures()
        assert stream(proxy.events(), 1, True) == stream(proxy.events(), 1, False) == HELLO * 3000


@on_both_loops
@secure
async def test_a_socket_that_is_never_quiet_stays_on_the_layer(
    lab: MakeLab, secure: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fastpath, "_LATER", (0.001, 0.001))
    looks = 0

    def is_quiet(_: Any) -> bool:
        nonlocal looks
        looks += 1
        return False

    monkeypatch.setattr(fastpath.FastPath, "_is_quiet", is_quiet)
    async with lab(secure) as proxy:
        pair = await proxy.connect()
        while looks < 3 * (fastpath._TRIES + 1):
            for here, there in (pair, pair[::-1]):
                await here.send(HELLO)
                assert await there.receive(len(HELLO)) == HELLO
        # It is given up: nobody stops the reading any more.
        assert all(proxy.transport(of_client).is_reading() for of_client in (True, False))
        assert not proxy.proxy.engine.sockets.fast


@on_both_loops
@pytest.mark.parametrize("inner", [False, True], ids=["ws", "wss"])
async def test_tls_inside_tls_stays_on_the_layer_and_works_the_same(lab: MakeLab, inner: bool) -> None:
    async with _tls_proxy() as far, lab(inner, modes=(f"upstream:https://127.0.0.1:{far}",)) as proxy:
        client, server = await proxy.connect()
        for here, there in ((client, server), (server, client)):
            await here.send(HELLO * 1000)
            assert await there.receive(len(HELLO) * 1000) == HELLO * 1000
        if inner:
            await asyncio.sleep(0.05)
            assert not proxy.proxy.engine.sockets.fast
        else:
            await proxy.taken_over()
        client.end()
        assert await server.rest() == b""
        assert server.ended == ("alert" if inner else "fin")
        server.end()
        assert await client.rest() == b""
        await proxy.all_over()


@asynccontextmanager
async def _tls_proxy() -> AsyncIterator[int]:
    """A proxy that is spoken to in TLS and opens tunnels; its port."""
    pumps: set[asyncio.Task[None]] = set()

    async def pump(here: Bare, there: Bare) -> None:
        while await here._more():
            await there.send(here._take(len(here._got)))
        there.end()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        near = Bare(reader, writer)
        await near.start_tls(tls.server_context())
        target = (await near.receive_until(b"\r\n\r\n")).split()[1].decode()
        host, _, port = target.rpartition(":")
        far = Bare(*await asyncio.open_connection(host, int(port)))
        await near.send(b"HTTP/1.1 200 OK\r\n\r\n")
        pumps.update({asyncio.ensure_future(pump(near, far)), asyncio.ensure_future(pump(far, near))})

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in pumps:
            task.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


@on_both_loops
async def test_a_client_that_speaks_tls_with_the_proxy_itself_is_taken_over(
    lab: MakeLab, authority: Path
) -> None:
    async with lab() as proxy:
        client = Bare(*await asyncio.open_connection("127.0.0.1", proxy.proxy.port))
        await client.start_tls(tls.trusting(authority / "mitmproxy-ca-cert.pem"), "127.0.0.1")
        authority_form = f"127.0.0.1:{proxy.origin.port}"
        await client.send(bare.upgrade_request(authority_form, f"http://{authority_form}/"))
        assert b" 101 " in await client.receive_until(b"\r\n\r\n")
        server = await proxy.origin.peer()
        await proxy.taken_over()
        await client.send(HELLO)
        assert await server.receive(len(HELLO)) == HELLO
        client.end()
        assert await server.rest() == b""
        await server.send(HELLO)
        assert await client.receive(len(HELLO)) == HELLO

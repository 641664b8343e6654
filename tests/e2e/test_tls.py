"""
What TLS does besides carrying data: new keys, tickets and renegotiation, at any time.
"""

import asyncio
import random
import re
import ssl
from pathlib import Path

import pytest

from tests.support import bare, raw, tls
from tests.support.bare import Bare, bare_connect
from tests.support.lab import (
    HELLO,
    MakeLab,
    every_way,
    from_client,
    on_both_loops,
    pyopenssl_warns,
    shell,
    shell_setting,
    sides,
)
from tests.support.openssl import (
    KEY_UPDATE_NOT_REQUESTED,
    KEY_UPDATE_REQUESTED,
    accepting,
    add_ticket,
    change_keys,
    enter,
    openssl,
    printed,
)
from wsproxy.wire.encode import encode_frame
from wsproxy.wire.handshake import accept_for

pytestmark = pyopenssl_warns


_ACCEPT = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: " + accept_for(raw.KEY).encode() + b"\r\n\r\n"
)


@on_both_loops
@pytest.mark.parametrize(
    ("fast", "version", "command"),
    [
        (True, "-tls1_3", b"K"),
        (True, "-tls1_3", b"k"),
        (False, "-tls1_3", b"K"),
        (False, "-tls1_3", b"k"),
        # Not on the layer: some versions of mitmproxy do not answer it.
        (True, "-tls1_2", b"r"),
    ],
)
async def test_a_server_may_change_keys_or_renegotiate_at_any_time(
    lab: MakeLab, fast: bool, version: str, command: bytes, tmp_path: Path
) -> None:
    certificate = tmp_path / "server.pem"
    tls.test_ca().issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    async with (
        openssl("s_server", "-accept", "127.0.0.1:0", "-cert", str(certificate), version, "-msg") as server,
        lab(True, shell_setting(fast)) as proxy,
    ):
        port = await accepting(server)
        connecting = asyncio.ensure_future(bare_connect(proxy.proxy.port, port, proxy.client_tls))
        await printed(server, b"Sec-WebSocket-Key")
        await enter(server, _ACCEPT)
        client = await connecting
        if fast:
            await proxy.taken_over()
        for number in range(3):
            await enter(server, command + b"\n")
            await printed(server, b"HelloRequest" if command == b"r" else b"KeyUpdate")
            await client.send(encode_frame(1, b"to the server %d" % number))
            await printed(server, b"to the server %d" % number)
            frame = encode_frame(1, b"to the client %d" % number)
            await enter(server, frame)
            assert await client.receive(len(frame)) == frame


@on_both_loops
async def test_what_is_sent_during_a_renegotiation_waits_for_its_end(lab: MakeLab, tmp_path: Path) -> None:
    certificate = tmp_path / "server.pem"
    tls.test_ca().issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    async with (
        openssl("s_server", "-accept", "127.0.0.1:0", "-cert", str(certificate), "-tls1_2") as server,
        lab(True) as proxy,
    ):
        port = await accepting(server)
        connecting = asyncio.ensure_future(bare_connect(proxy.proxy.port, port, proxy.client_tls))
        await printed(server, b"Sec-WebSocket-Key")
        await enter(server, _ACCEPT)
        client = await connecting
        await proxy.taken_over()
        sending = asyncio.ensure_future(_number(client))
        await enter(server, b"r\n")
        await sending
        heard = await printed(server, b"this is 999;")
        assert b"SSL_do_handshake" in heard
        found = [int(number) for number in re.findall(rb"this is (\d+);", heard)]
        assert found == list(range(1000))


async def _number(peer: Bare) -> None:
    for number in range(1000):
        await peer.send(encode_frame(1, b"this is %d;" % number))
        await asyncio.sleep(0)


@on_both_loops
@shell
@pytest.mark.parametrize("command", [b"K", b"k"])
async def test_a_client_may_change_keys_at_any_time(
    lab: MakeLab, fast: bool, command: bytes, authority: Path
) -> None:
    async with lab(True, shell_setting(fast)) as proxy:
        target = f"127.0.0.1:{proxy.origin.port}"
        arguments = ["-proxy", f"127.0.0.1:{proxy.proxy.port}", "-connect", target, "-tls1_3"]
        trust = ["-CAfile", str(authority / "mitmproxy-ca-cert.pem"), "-verify_return_error"]
        async with openssl("s_client", *arguments, *trust) as client:
            await printed(client, b"---\n")
            await enter(client, bare.upgrade_request(target))
            await printed(client, b"101 Switching")
            server = await proxy.origin.peer()
            if fast:
                await proxy.taken_over()
            for number in range(3):
                await enter(client, command + b"\n")
                await printed(client, b"KEYUPDATE")
                frame = encode_frame(1, b"to the server %d" % number)
                await enter(client, frame)
                assert await server.receive(len(frame)) == frame
                await server.send(encode_frame(1, b"to the client %d" % number))
                await printed(client, b"to the client %d" % number)


@on_both_loops
@shell
@every_way
async def test_session_tickets_may_come_at_any_time(lab: MakeLab, fast: bool, way: str) -> None:
    async with lab(True, shell_setting(fast), way=way) as proxy:
        client, server = await proxy.connect_on(fast)
        assert server.tls is not None
        assert server.tls.version() == "TLSv1.3"
        for number in range(3):
            add_ticket(server.tls)
            # A read of its own, which holds nothing for the client.
            await server.send_raw(server.said_by_tls())
            await client.send(HELLO)
            assert await server.receive(len(HELLO)) == HELLO
            add_ticket(server.tls)
            # And one read with data behind it.
            frame = encode_frame(1, b"behind ticket %d" % number)
            await server.send(frame)
            assert await client.receive(len(frame)) == frame
        server.end()
        assert await client.rest() == b""
        assert client.ended == "alert"


@on_both_loops
@every_way
async def test_tickets_and_new_keys_around_the_takeover_do_no_harm(lab: MakeLab, way: str) -> None:
    rng = random.Random(way)
    async with lab(True, way=way) as proxy:
        for number in range(1, 11):
            client, server = await proxy.connect()
            assert client.tls is not None
            assert server.tls is not None
            expected = {client: b"", server: b""}
            for step in range(12):
                here, there = (client, server) if rng.random() < 0.5 else (server, client)
                assert here.tls is not None
                if here is server and rng.random() < 0.5:
                    add_ticket(here.tls)
                else:
                    change_keys(here.tls, rng.choice([KEY_UPDATE_REQUESTED, KEY_UPDATE_NOT_REQUESTED]))
                frame = encode_frame(1, b"%d" % step)
                record = here.sealed(frame)
                cut = rng.randrange(len(record))
                await here.send_raw(record[:cut])
                await asyncio.sleep(rng.choice([0, 0.0005, 0.002]))
                await here.send_raw(record[cut:])
                expected[there] += frame
            for peer, frames in expected.items():
                assert await peer.receive(len(frames)) == frames
            await proxy.taken_over(number)
            client.end()
            server.end()
            assert [await client.rest(), await server.rest()] == [b"", b""]


@on_both_loops
@shell
@from_client
@pytest.mark.parametrize("how", [KEY_UPDATE_REQUESTED, KEY_UPDATE_NOT_REQUESTED])
async def test_new_keys_after_the_other_side_has_ended_are_taken(
    lab: MakeLab, fast: bool, from_client: bool, how: int
) -> None:
    async with lab(True, shell_setting(fast)) as proxy:
        here, there = sides(await proxy.connect_on(fast), from_client)
        there.end()
        assert await here.rest() == b""
        assert here.tls is not None
        for _ in range(3):
            change_keys(here.tls, how)
            # It can no longer be answered.
            await here.send(HELLO)
            assert await there.receive(len(HELLO)) == HELLO
        here.end()
        assert await there.rest() == b""
        assert there.ended == "alert"


@on_both_loops
@shell
@from_client
async def test_tls_1_2_is_relayed_and_ended_alike(lab: MakeLab, fast: bool, from_client: bool) -> None:
    context = bare.server_context(maximum=ssl.TLSVersion.TLSv1_2)
    async with lab(True, shell_setting(fast), origin_tls=context) as proxy:
        assert proxy.client_tls is not None
        proxy.client_tls.maximum_version = ssl.TLSVersion.TLSv1_2
        here, there = sides(await proxy.connect_on(fast), from_client)
        assert here.tls is not None
        assert here.tls.version() == "TLSv1.2"
        await here.send(HELLO * 20_000)
        assert await there.receive(len(HELLO) * 20_000) == HELLO * 20_000
        here.end()
        assert await there.rest() == b""
        assert there.ended == "alert"

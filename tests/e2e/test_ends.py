"""
An end is handed on in kind, whatever it is and whichever shell carries the bytes.
"""

import asyncio
import random

import pytest

from tests.support import bare
from tests.support.bare import Bare
from tests.support.lab import (
    HELLO,
    Lab,
    MakeLab,
    every_way,
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
from tests.support.proxy import stream
from wsproxy.engine import remains
from wsproxy.wire.encode import encode_close, encode_frame

pytestmark = pyopenssl_warns


@on_both_loops
@every_way
@shell
@secure
@from_client
async def test_one_direction_may_end_while_the_other_goes_on(
    lab: MakeLab, fast: bool, secure: bool, from_client: bool, way: str
) -> None:
    async with lab(secure, shell_setting(fast), way=way) as proxy:
        here, there = sides(await proxy.connect_on(fast), from_client)
        await here.send(HELLO)
        here.end()
        assert await there.rest() == HELLO
        assert there.ended == ("alert" if secure else "fin")
        for _ in range(3):
            await there.send(HELLO)
            assert await here.receive(len(HELLO)) == HELLO
        large = encode_frame(2, bytes(350_000))
        await there.send(large)
        there.end()
        assert await here.rest() == large
        assert here.ended == ("alert" if secure else "fin")
        [closure] = await proxy.closures()
        assert (closure.by, closure.how) == ("client" if from_client else "server", "eof")


@on_both_loops
@shell
@from_client
async def test_tls_that_ends_without_a_closing_alert_does_so_on_the_other_side(
    lab: MakeLab, fast: bool, from_client: bool
) -> None:
    async with lab(True, shell_setting(fast)) as proxy:
        here, there = sides(await proxy.connect_on(fast), from_client)
        here.fin()
        assert await there.rest() == b""
        assert there.ended == "fin"


@on_both_loops
@every_way
@shell
@secure
@from_client
async def test_a_reset_is_handed_on_while_the_other_side_sends(
    lab: MakeLab, fast: bool, secure: bool, from_client: bool, way: str
) -> None:
    async with lab(secure, shell_setting(fast), way=way) as proxy:
        for number in range(1, 6):
            pair = await proxy.connect()
            if fast:
                await proxy.taken_over(number)
            here, there = sides(pair, from_client)
            flooding = asyncio.ensure_future(flood(there))
            await here.receive(100_000)
            here.reset()
            with pytest.raises(ConnectionError):
                await flooding
            await proxy.all_over()
            assert (await proxy.closures(number))[-1].how == "reset"
            await there.close()


@on_both_loops
@shell
@secure
@from_client
async def test_a_side_that_breaks_after_its_end_breaks_the_other_one_which_is_still_sending(
    lab: MakeLab, fast: bool, secure: bool, from_client: bool
) -> None:
    async with lab(secure, shell_setting(fast)) as proxy:
        here, there = sides(await proxy.connect_on(fast), from_client)
        here.end()
        assert await there.rest() == b""
        here.reset()
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(10):
                await flood(there, HELLO)
        await proxy.all_over()
        [closure] = await proxy.closures()
        assert closure.by == ("client" if from_client else "server")


@on_both_loops
@shell
@from_client
async def test_a_fatal_tls_alert_breaks_the_other_side(lab: MakeLab, fast: bool, from_client: bool) -> None:
    async with lab(True, shell_setting(fast)) as proxy:
        here, there = sides(await proxy.connect_on(fast), from_client)
        here.fatal_alert()
        with pytest.raises(ConnectionResetError):
            await there.rest()
        await proxy.all_over()
        [closure] = await proxy.closures()
        assert (closure.by, closure.how) == ("client" if from_client else "server", "error")


@on_both_loops
@from_client
@pytest.mark.parametrize(
    ("fast", "how"), [(True, "alert"), (True, "nonsense"), (False, "alert"), (False, "nonsense")]
)
async def test_tls_that_fails_after_the_other_side_has_ended_ends_the_socket(
    lab: MakeLab, fast: bool, from_client: bool, how: str
) -> None:
    async with lab(True, shell_setting(fast)) as proxy:
        here, there = sides(await proxy.connect_on(fast), from_client)
        # Without an alert: OpenSSL that has sent one says nothing more, not even of an error.
        there.fin()
        [handler] = proxy.handlers()
        conns = list(handler.transports)
        assert conns[0] is handler.client
        async with asyncio.timeout(30):
            while conns[0 if from_client else 1].state.name != "CAN_READ":
                await asyncio.sleep(0.001)
        if how == "alert":
            here.fatal_alert()
        else:
            await here.send_raw(b"this is no TLS record, and never was one")
        if not fast:
            # mitmproxy goes on until the connection ends.
            here.fin()
        await proxy.all_over()
        [closure] = await proxy.closures()
        assert (closure.by, closure.how) == ("server" if from_client else "client", "eof")
        await asyncio.gather(here.close(), there.close())
        async with asyncio.timeout(30):
            while proxy.handlers():
                await asyncio.sleep(0.001)


@on_both_loops
async def test_one_broken_tls_connection_does_not_hurt_another(lab: MakeLab) -> None:
    async with lab(True) as proxy:
        pairs = [await proxy.connect() for _ in range(3)]
        for number in (1, 2, 3):
            await proxy.taken_over(number)
        (broken, _), (client, server), (other, _) = pairs
        # All in one go: the proxy finds them readable in the same moment.
        for peer in (broken, other):
            peer.writer.write(b"this is no TLS record, and never was one")
        client.writer.write(client.sealed(HELLO))
        assert await server.receive(len(HELLO)) == HELLO
        await client.send(HELLO)
        assert await server.receive(len(HELLO)) == HELLO
        client.end()
        assert await server.rest() == b""
        assert server.ended == "alert"
        found = await proxy.closures(2)
        assert [closure.how for closure in found[:2]] == ["error", "error"]


@on_both_loops
@shell
async def test_when_mitmproxy_gives_a_connection_up_both_sides_are_closed_and_the_end_recorded(
    lab: MakeLab, fast: bool
) -> None:
    async with lab(False, shell_setting(fast)) as proxy:
        client, server = await proxy.connect_on(fast)
        [handler] = proxy.handlers()
        handler.transports[handler.client].handler.cancel("as a timeout does")
        assert await client.rest() == b""
        assert await server.rest() == b""
        await proxy.all_over()
        assert len(await proxy.closures()) == 1


# What was sent before


@on_both_loops
@shell
@secure
@from_client
async def test_what_was_sent_before_a_reset_arrives_before_it(
    lab: MakeLab, fast: bool, secure: bool, from_client: bool
) -> None:
    async with lab(secure, shell_setting(fast)) as proxy:
        here, there = sides(await proxy.connect_on(fast, narrow=True), from_client)
        block = await _leave_in_the_proxy(proxy, here, there, from_client)
        here.reset()
        await proxy.all_over()
        assert not there.is_broken
        there.writer.transport.resume_reading()
        assert await there.receive(len(block)) == block
        with pytest.raises(ConnectionResetError):
            await there.rest()


@on_both_loops
@shell
@from_client
async def test_a_peer_that_does_not_read_does_not_hold_a_reset_up_for_ever(
    lab: MakeLab, fast: bool, from_client: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remains, "FLUSH_TIMEOUT", 0.1)
    async with lab(False, shell_setting(fast)) as proxy:
        here, there = sides(await proxy.connect_on(fast, narrow=True), from_client)
        await _leave_in_the_proxy(proxy, here, there, from_client)
        here.reset()
        await until(lambda: there.is_broken)
        await until(lambda: not proxy.handlers())
        there.writer.transport.resume_reading()
        with pytest.raises(ConnectionResetError):
            await there.rest()


async def _leave_in_the_proxy(proxy: Lab, here: Bare, there: Bare, from_client: bool) -> bytes:
    """Send what the other side does not read: not so much that the proxy stops reading."""
    there.writer.transport.pause_reading()
    block = encode_frame(2, random.Random(1).randbytes(60_000))
    await here.send(block)
    towards = proxy.transport(of_client=not from_client)
    recorder = proxy.proxy.engine.sockets.recorder
    await until(lambda: towards.get_write_buffer_size() and not recorder.queued)
    await until(lambda: stream(proxy.events(), 1, from_client).endswith(block))
    assert proxy.transport(of_client=from_client).is_reading()
    return block


@on_both_loops
@shell
@secure
@from_client
@pytest.mark.parametrize("how", ["reset", "end"])
async def test_what_was_sent_before_arrives_even_if_writing_to_its_sender_fails_first(
    lab: MakeLab, fast: bool, secure: bool, from_client: bool, how: str
) -> None:
    async with lab(secure, shell_setting(fast)) as proxy:
        here, there = sides(await proxy.connect_on(fast, narrow=True), from_client)
        there.writer.transport.pause_reading()
        near = proxy.transport(of_client=from_client)
        sent = b""
        while near.is_reading():
            block = encode_frame(2, random.Random(len(sent)).randbytes(60_000))
            sent += block
            await here.send(block)
            await until(lambda: here.has_arrived)
        # The proxy does not see these: it does not read for the time being.
        last = encode_close(4001, "that was all")
        await here.send(last)
        if how == "end":
            here.end()
        await until(lambda: here.has_arrived)
        here.reset()
        await until(lambda: bare.is_broken(near))
        await there.send(HELLO)
        await until(near.is_closing)
        there.writer.transport.resume_reading()
        assert await there.receive(len(sent + last)) == sent + last
        if how == "end":
            assert await there.rest() == b""
        else:
            with pytest.raises(ConnectionResetError):
                await there.rest()
        await proxy.all_over()
        [closure] = await proxy.closures()
        assert (closure.code, closure.reason) == (4001, "that was all")
        assert closure.how == ("eof" if how == "end" else "reset")
        assert stream(proxy.events(), 1, from_client).endswith(sent + last)

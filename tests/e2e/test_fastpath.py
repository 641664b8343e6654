"""
The engine's two ways to carry bytes, and the moment it changes from one to the other.

The engine runs in the test's own loop, once on asyncio's and once on uvloop: the test can see which
sockets are on the fast path, and what is left when they are gone. `tests.support.bare` gives peers
that send every record, alert, FIN and reset by itself.
"""

import asyncio
import gc
import hashlib
import inspect
import random
import re
import shutil
import sqlite3
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import bare, raw, tls
from tests.support.bare import Bare, BareOrigin, bare_connect, bare_origin
from tests.support.inprocess import Running, engine
from tests.support.proxy import closures, frames, running, stream
from wsproxy.store.reader import Reader
from wsproxy.store.records import ClosureRecord
from wsproxy.store.tail import Event, Tail
from wsproxy.wire.encode import encode_frame
from wsproxy.wire.handshake import accept_for

MIB = 1024 * 1024
HELLO = b"\x81\x05hello"

# mitmproxy 11 with a newer pyOpenSSL.
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")


def _loops() -> Iterator[Any]:
    yield pytest.param(asyncio.SelectorEventLoop, id="asyncio")
    try:
        import uvloop
    except ImportError:  # Windows
        return
    yield pytest.param(uvloop.new_event_loop, id="uvloop")


def on_both_loops(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an async test in a loop of asyncio's, and in one of uvloop's."""

    async def whole(**given: Any) -> None:
        try:
            await test(**given)
        finally:
            await bare.close_all()

    def run(new_loop: Callable[[], asyncio.AbstractEventLoop], **given: Any) -> None:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(whole(**given))

    parameters = inspect.signature(test).parameters.values()
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter("new_loop", kind), *parameters]
    )
    run.__name__, run.__doc__ = test.__name__, test.__doc__
    run.pytestmark = getattr(test, "pytestmark", [])  # type: ignore[attr-defined]
    return pytest.mark.parametrize("new_loop", list(_loops()))(run)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the proxy's CA is made, once for all tests."""
    return tmp_path_factory.mktemp("authority")


@dataclass
class Lab:
    """A running engine and an origin behind it, both with TLS or both without."""

    proxy: Running
    origin: BareOrigin
    client_tls: ssl.SSLContext | None

    async def connect(self, first: bytes = b"") -> tuple[Bare, Bare]:
        """`(client, server)` of a new WebSocket."""
        client = await bare_connect(self.proxy.port, self.origin.port, self.client_tls, first)
        return client, await self.origin.peer()

    async def taken_over(self, connection: int = 1) -> None:
        """Return when a socket is on the fast path."""
        async with asyncio.timeout(15):
            while connection not in self.proxy.engine.sockets.fast:
                await asyncio.sleep(0.001)

    async def connect_fast(self) -> tuple[Bare, Bare]:
        """As `connect`, on the fast path."""
        pair = await self.connect()
        await self.taken_over()
        return pair

    async def all_over(self) -> None:
        """Return when the engine has no open WebSocket."""
        async with asyncio.timeout(15):
            while len(self.proxy.engine.sockets):
                await asyncio.sleep(0.001)
        assert not self.proxy.engine.sockets.fast

    def handlers(self) -> list[Any]:
        """mitmproxy's, one for each connection of a client."""
        from mitmproxy import ctx

        return list(ctx.master.addons.get("proxyserver").connections.values())

    async def closures(self, count: int = 1) -> list[ClosureRecord]:
        """How connections ended, as soon as `count` of them have."""
        async with asyncio.timeout(15):
            while len(found := closures(self.events())) < count:
                await asyncio.sleep(0.01)
        return found

    def events(self) -> list[Event]:
        with Reader(self.proxy.engine.options.capture) as reader:
            tail = Tail(reader)
            found: list[Event] = []
            while page := tail.read():
                found += page
            return found


MakeLab = Callable[..., Any]


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, authority: Path) -> MakeLab:
    """Makes a `Lab`, for an `async with`; what the engine says must not be that it crashed."""

    @asynccontextmanager
    async def make(
        secure: bool = False,
        *set_: str,
        first: bytes = b"",
        origin_tls: ssl.SSLContext | None = None,
        **options: Any,
    ) -> AsyncIterator[Lab]:
        trust = f"ssl_verify_upstream_trusted_ca={tls.ca_file(tmp_path)}"
        given = (f"confdir={authority}", trust, "fast_path=true", *set_)
        context = (origin_tls or tls.server_context()) if secure else None
        async with (
            bare_origin(context, first) as origin,
            engine(tmp_path, monkeypatch, settings=given, **options) as proxy,
        ):
            client_tls = tls.trusting(authority / "mitmproxy-ca-cert.pem") if secure else None
            yield Lab(proxy, origin, client_tls)
            assert not proxy.said, proxy.said

    return make


secure = pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
shell = pytest.mark.parametrize("fast", [True, False], ids=["fast", "layer"])
from_client = pytest.mark.parametrize("from_client", [True, False], ids=["client", "server"])


def _shell(fast: bool) -> str:
    return f"fast_path={str(fast).lower()}"


async def _connect(lab: Lab, fast: bool) -> tuple[Bare, Bare]:
    client, server = await (lab.connect_fast() if fast else lab.connect())
    # On the layer: what is sent from here on comes after its start.
    await server.send(HELLO)
    assert await client.receive(len(HELLO)) == HELLO
    return client, server


def _sides(pair: tuple[Bare, Bare], from_client: bool) -> tuple[Bare, Bare]:
    return pair if from_client else (pair[1], pair[0])


# Taking over


@on_both_loops
@secure
async def test_a_quiet_socket_is_taken_over_at_once(lab: MakeLab, secure: bool) -> None:
    async with lab(secure) as proxy:
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
@secure
async def test_what_is_in_flight_while_a_socket_is_taken_over_arrives_whole_and_in_order(
    lab: MakeLab, secure: bool
) -> None:
    async with lab(secure) as proxy:
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

        @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
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
@secure
@pytest.mark.parametrize("size", [7, 300_000])
async def test_what_comes_in_one_piece_with_the_handshake_is_carried_before_all_else(
    lab: MakeLab, secure: bool, size: int
) -> None:
    first = b"\r\n" + random.Random(size).randbytes(size)
    async with lab(secure, first=first) as proxy:
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
        here, there = _sides(pair, from_client)
        record = here.sealed(HELLO)
        await here.send_raw(record[:9])
        await proxy.taken_over()
        await here.send_raw(record[9:])
        assert await there.receive(len(HELLO)) == HELLO


@on_both_loops
@from_client
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
    lab: MakeLab, secure: bool, from_client: bool, how: str
) -> None:
    rng = random.Random(how)
    async with lab(secure) as proxy:
        for number in range(1, 9):
            pair = await proxy.connect()
            here, there = _sides(pair, from_client)
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


# Ends


@on_both_loops
@shell
@secure
@from_client
async def test_one_direction_may_end_while_the_other_goes_on(
    lab: MakeLab, fast: bool, secure: bool, from_client: bool
) -> None:
    async with lab(secure, _shell(fast)) as proxy:
        here, there = _sides(await _connect(proxy, fast), from_client)
        await here.send(HELLO)
        here.end()
        assert await there.rest() == HELLO
        assert there.ended == ("alert" if secure else "fin")
        for _ in range(3):
            await there.send(HELLO)
            assert await here.receive(len(HELLO)) == HELLO
        await there.send(HELLO * 50_000)
        there.end()
        assert await here.rest() == HELLO * 50_000
        assert here.ended == ("alert" if secure else "fin")
        [closure] = await proxy.closures()
        assert (closure.by, closure.how) == ("client" if from_client else "server", "eof")


@on_both_loops
@shell
@from_client
async def test_tls_that_ends_without_a_closing_alert_does_so_on_the_other_side(
    lab: MakeLab, fast: bool, from_client: bool
) -> None:
    async with lab(True, _shell(fast)) as proxy:
        here, there = _sides(await _connect(proxy, fast), from_client)
        here.fin()
        assert await there.rest() == b""
        assert there.ended == "fin"


@on_both_loops
@shell
@secure
@from_client
async def test_a_reset_is_handed_on_while_the_other_side_sends(
    lab: MakeLab, fast: bool, secure: bool, from_client: bool
) -> None:
    async with lab(secure, _shell(fast)) as proxy:
        for number in range(1, 6):
            pair = await proxy.connect()
            if fast:
                await proxy.taken_over(number)
            here, there = _sides(pair, from_client)
            flood = asyncio.ensure_future(_flood(there))
            await here.receive(100_000)
            here.reset()
            with pytest.raises(ConnectionError):
                await flood
            await proxy.all_over()
            assert (await proxy.closures(number))[-1].how == "reset"
            await there.close()


async def _flood(peer: Bare, block: bytes = encode_frame(2, bytes(30_000)), count: int = 100_000) -> None:
    for _ in range(count):
        await peer.send(block)
        # The other side's reset is not heard of as long as everything is taken at once.
        await asyncio.sleep(0)


@on_both_loops
@shell
@secure
@from_client
async def test_a_side_that_breaks_after_its_end_breaks_the_other_one_which_is_still_sending(
    lab: MakeLab, fast: bool, secure: bool, from_client: bool
) -> None:
    async with lab(secure, _shell(fast)) as proxy:
        here, there = _sides(await _connect(proxy, fast), from_client)
        here.end()
        assert await there.rest() == b""
        here.reset()
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(10):
                await _flood(there, HELLO)
        await proxy.all_over()
        [closure] = await proxy.closures()
        assert closure.by == ("client" if from_client else "server")


@on_both_loops
@shell
@from_client
async def test_a_fatal_tls_alert_breaks_the_other_side(lab: MakeLab, fast: bool, from_client: bool) -> None:
    async with lab(True, _shell(fast)) as proxy:
        here, there = _sides(await _connect(proxy, fast), from_client)
        here.fatal_alert()
        with pytest.raises(ConnectionResetError):
            await there.rest()
        await proxy.all_over()
        [closure] = await proxy.closures()
        assert (closure.by, closure.how) == ("client" if from_client else "server", "error")


@on_both_loops
@from_client
@pytest.mark.parametrize(("fast", "how"), [(True, "alert"), (True, "nonsense"), (False, "alert")])
async def test_tls_that_fails_after_the_other_side_has_ended_ends_the_socket(
    lab: MakeLab, fast: bool, from_client: bool, how: str
) -> None:
    async with lab(True, _shell(fast)) as proxy:
        here, there = _sides(await _connect(proxy, fast), from_client)
        # Without an alert: OpenSSL that has sent one says nothing more, not even of an error.
        there.fin()
        [handler] = proxy.handlers()
        conns = list(handler.transports)
        assert conns[0] is handler.client
        async with asyncio.timeout(5):
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
        async with asyncio.timeout(5):
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
    async with lab(False, _shell(fast)) as proxy:
        client, server = await _connect(proxy, fast)
        [handler] = proxy.handlers()
        handler.transports[handler.client].handler.cancel("as a timeout does")
        assert await client.rest() == b""
        assert await server.rest() == b""
        await proxy.all_over()
        assert len(await proxy.closures()) == 1


# What else TLS does while it is used


@asynccontextmanager
async def _openssl(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """OpenSSL's own tools, which change keys and renegotiate on command."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("needs the openssl program")
    process = await asyncio.create_subprocess_exec(
        program, *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined]


async def _printed(process: asyncio.subprocess.Process, text: bytes) -> bytes:
    assert process.stdout is not None
    found = b""
    async with asyncio.timeout(15):
        while text not in found:
            data = await process.stdout.read(1 << 16)
            assert data, found
            found += data
    return found


async def _accepting(process: asyncio.subprocess.Process) -> int:
    """The port `s_server` listens on."""
    assert process.stdout is not None
    while not (found := re.match(rb"ACCEPT .*:(\d+)", await process.stdout.readline())):
        pass
    return int(found[1])


async def _type(process: asyncio.subprocess.Process, data: bytes) -> None:
    """One read of the tool's: a command is a command only at the beginning of one."""
    assert process.stdin is not None
    process.stdin.write(data)
    await process.stdin.drain()
    await asyncio.sleep(0.1)


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
        _openssl("s_server", "-accept", "127.0.0.1:0", "-cert", str(certificate), version, "-msg") as server,
        lab(True, _shell(fast)) as proxy,
    ):
        port = await _accepting(server)
        connecting = asyncio.ensure_future(bare_connect(proxy.proxy.port, port, proxy.client_tls))
        await _printed(server, b"Sec-WebSocket-Key")
        await _type(server, _ACCEPT)
        client = await connecting
        if fast:
            await proxy.taken_over()
        for number in range(3):
            await _type(server, command + b"\n")
            await _printed(server, b"HelloRequest" if command == b"r" else b"KeyUpdate")
            await client.send(encode_frame(1, b"to the server %d" % number))
            await _printed(server, b"to the server %d" % number)
            frame = encode_frame(1, b"to the client %d" % number)
            await _type(server, frame)
            assert await client.receive(len(frame)) == frame


@on_both_loops
async def test_what_is_sent_during_a_renegotiation_waits_for_its_end(lab: MakeLab, tmp_path: Path) -> None:
    certificate = tmp_path / "server.pem"
    tls.test_ca().issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    async with (
        _openssl("s_server", "-accept", "127.0.0.1:0", "-cert", str(certificate), "-tls1_2") as server,
        lab(True) as proxy,
    ):
        port = await _accepting(server)
        connecting = asyncio.ensure_future(bare_connect(proxy.proxy.port, port, proxy.client_tls))
        await _printed(server, b"Sec-WebSocket-Key")
        await _type(server, _ACCEPT)
        client = await connecting
        await proxy.taken_over()
        sending = asyncio.ensure_future(_number(client))
        assert server.stdin is not None
        server.stdin.write(b"r\n")
        await sending
        printed = await _printed(server, b"this is 999;")
        assert b"SSL_do_handshake" in printed
        found = [int(number) for number in re.findall(rb"this is (\d+);", printed)]
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
    async with lab(True, _shell(fast)) as proxy:
        target = f"127.0.0.1:{proxy.origin.port}"
        arguments = ["-proxy", f"127.0.0.1:{proxy.proxy.port}", "-connect", target, "-tls1_3"]
        trust = ["-CAfile", str(authority / "mitmproxy-ca-cert.pem"), "-verify_return_error"]
        async with _openssl("s_client", *arguments, *trust) as client:
            await _printed(client, b"---\n")
            await _type(client, bare.upgrade_request(target))
            await _printed(client, b"101 Switching")
            server = await proxy.origin.peer()
            if fast:
                await proxy.taken_over()
            for number in range(3):
                await _type(client, command + b"\n")
                await _printed(client, b"KEYUPDATE")
                frame = encode_frame(1, b"to the server %d" % number)
                await _type(client, frame)
                assert await server.receive(len(frame)) == frame
                await server.send(encode_frame(1, b"to the client %d" % number))
                await _printed(client, b"to the client %d" % number)


@on_both_loops
@shell
@from_client
async def test_tls_1_2_is_relayed_and_ended_alike(lab: MakeLab, fast: bool, from_client: bool) -> None:
    context = bare.server_context(maximum=ssl.TLSVersion.TLSv1_2)
    async with lab(True, _shell(fast), origin_tls=context) as proxy:
        assert proxy.client_tls is not None
        proxy.client_tls.maximum_version = ssl.TLSVersion.TLSv1_2
        here, there = _sides(await _connect(proxy, fast), from_client)
        assert here.tls is not None
        assert here.tls.version() == "TLSv1.2"
        await here.send(HELLO * 20_000)
        assert await there.receive(len(HELLO) * 20_000) == HELLO * 20_000
        here.end()
        assert await there.rest() == b""
        assert there.ended == "alert"


# Back-pressure


async def _stalled(task: "asyncio.Task[None]", peer: Bare) -> None:
    """Return when a sender has not got rid of anything for a while."""
    before = -1
    async with asyncio.timeout(30):
        while True:
            await asyncio.sleep(0.15)
            assert not task.done()
            now = peer.writer.transport.get_write_buffer_size()
            if now and now == before:
                return
            before = now


@on_both_loops
@secure
@from_client
async def test_a_slow_receiver_stops_its_sender_and_nobody_else_and_loses_nothing(
    lab: MakeLab, secure: bool, from_client: bool
) -> None:
    async with lab(secure) as proxy:
        here, there = _sides(await proxy.connect_fast(), from_client)
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
    async with lab(secure, "queue_limit=1m", _shell(fast)) as proxy:
        client, server = await _connect(proxy, fast)
        async with asyncio.timeout(10):
            while not frames(proxy.events()):
                await asyncio.sleep(0.01)
        # A lock held by another program is a disk that does not answer.
        other = sqlite3.connect(proxy.proxy.engine.options.capture, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        count = 1000
        try:
            sending = asyncio.ensure_future(_flood(server, block, count))
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


# Where it cannot be done


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


# What is left


@on_both_loops
@secure
async def test_sockets_leave_no_task_and_no_object_behind(lab: MakeLab, secure: bool) -> None:
    from wsproxy.engine import fastpath, layer, sides

    kinds = (fastpath.FastPath, fastpath._Plain, layer.RelayLayer, sides.Side)

    async def one(proxy: Lab, number: int) -> None:
        client, server = await proxy.connect()
        await proxy.taken_over(number)
        await client.send(HELLO)
        await server.receive(len(HELLO))
        if number % 3:
            client.end()
            server.end()
            await asyncio.gather(client.rest(), server.rest())
        else:
            client.reset()
        await asyncio.gather(client.close(), server.close())

    async with lab(secure) as proxy:
        await one(proxy, 1)
        await proxy.all_over()
        before = len(asyncio.all_tasks())
        for number in range(2, 40):
            await one(proxy, number)
        await proxy.all_over()
        async with asyncio.timeout(10):
            while len(asyncio.all_tasks()) > before:
                await asyncio.sleep(0.01)
        bare._open.clear()
        gc.collect()
        left = [thing for thing in gc.get_objects() if isinstance(thing, kinds)]
        assert not left
        assert not proxy.proxy.engine.sockets._waiting
        assert not fastpath._tasks
        assert not layer._tasks


@pytest.mark.parametrize(
    ("count", "growth"), [(1000, 12 * MIB), pytest.param(5000, 16 * MIB, marks=pytest.mark.slow)]
)
async def test_thousands_of_sockets_leave_no_file_open_and_no_memory_taken(
    tmp_path: Path, count: int, growth: int
) -> None:
    async with bare_origin() as origin, running(tmp_path, "--set", "fast_path=true") as proxy:
        process = psutil.Process(proxy.pid)

        async def one() -> None:
            client = await bare_connect(proxy.port, origin.port)
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

        # What Python and SQLite keep for later is there after the first few hundred.
        await many(500)
        await proxy.wait_for_closures(500, timeout=30)
        files, memory = process.num_fds(), process.memory_info().rss
        await many(count)
        async with asyncio.timeout(60):
            while len(closures(proxy.events())) < 500 + count:
                await asyncio.sleep(0.2)
        assert process.num_fds() <= files
        assert process.memory_info().rss - memory < growth

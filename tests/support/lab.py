"""
The engine between two bare peers, in the test's own loop, once on asyncio's and once on uvloop's.

A test can see which sockets are on the fast path, reach what is below it, and see what is left when
they are gone. `tests.support.bare` gives peers that send every record, alert, FIN and reset by itself.
"""

import asyncio
import inspect
import os
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import bare, tls
from tests.support.bare import Bare, BareOrigin, bare_connect, bare_origin
from tests.support.inprocess import Running, engine
from tests.support.proxy import closures
from wsproxy.store.reader import Reader
from wsproxy.store.records import ClosureRecord
from wsproxy.store.tail import Event, Tail
from wsproxy.wire.encode import encode_frame

MIB = 1024 * 1024
HELLO = b"\x81\x05hello"
TIMEOUT = 30
"""Seconds after which what a test waits for is taken for something that will not come."""

WAYS = tuple(os.environ.get("WSPROXY_TEST_WAYS", "regular,reverse,socks5,upstream").split(","))
"""Modes of the proxy; in all but `reverse` the client asks for a tunnel."""

secure = pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
shell = pytest.mark.parametrize("fast", [True, False], ids=["fast", "layer"])
from_client = pytest.mark.parametrize("from_client", [True, False], ids=["client", "server"])
every_way = pytest.mark.parametrize("way", WAYS)

# mitmproxy 11 with a newer pyOpenSSL.
pyopenssl_warns = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")


def shell_setting(fast: bool) -> str:
    """For `--set`."""
    return f"fast_path={str(fast).lower()}"


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


async def until(is_so: Callable[[], Any], pause: float = 0.001) -> None:
    """Return when `is_so()`."""
    async with asyncio.timeout(TIMEOUT):
        while not is_so():
            await asyncio.sleep(pause)


@dataclass
class Lab:
    """A running engine and an origin behind it, both with TLS or both without."""

    proxy: Running
    origin: BareOrigin
    client_tls: ssl.SSLContext | None
    way: str

    async def connect(self, first: bytes = b"", narrow: bool = False) -> tuple[Bare, Bare]:
        """
        `(client, server)` of a new WebSocket.

        Args:
            first: sent in one piece with the request.
            narrow: let the system hold little of what is on the way from the proxy to either.
        """
        if narrow:
            self.origin.narrow()
        ports = self.proxy.port, self.origin.port
        client = await bare_connect(*ports, self.client_tls, first, self.way, narrow)
        server = await self.origin.peer()
        if narrow:
            for of_client in (True, False):
                bare.narrow(self.transport(of_client))
        return client, server

    async def taken_over(self, connection: int = 1) -> None:
        """Return when a socket is on the fast path."""
        await until(lambda: connection in self.proxy.engine.sockets.fast)

    async def connect_fast(self, narrow: bool = False) -> tuple[Bare, Bare]:
        """As `connect`, on the fast path."""
        pair = await self.connect(narrow=narrow)
        await self.taken_over()
        return pair

    async def connect_on(self, fast: bool, narrow: bool = False) -> tuple[Bare, Bare]:
        """As `connect`, on the fast path or on a layer that has started."""
        client, server = await (self.connect_fast(narrow) if fast else self.connect(narrow=narrow))
        await server.send(HELLO)
        assert await client.receive(len(HELLO)) == HELLO
        return client, server

    async def all_over(self) -> None:
        """Return when the engine has no open WebSocket."""
        await until(lambda: not len(self.proxy.engine.sockets))
        assert not self.proxy.engine.sockets.fast

    def handlers(self) -> list[Any]:
        """mitmproxy's, one for each connection of a client."""
        from mitmproxy import ctx

        return list(ctx.master.addons.get("proxyserver").connections.values())

    def transport(self, of_client: bool) -> Any:
        """The proxy's own end of its connection with the only client, or with its server."""
        [handler] = self.handlers()
        [found] = [
            io.writer.transport
            for conn, io in handler.transports.items()
            if (conn is handler.client) is of_client
        ]
        return found

    async def closures(self, count: int = 1) -> list[ClosureRecord]:
        """How connections ended, as soon as `count` of them have."""
        await until(lambda: len(closures(self.events())) >= count, 0.01)
        return closures(self.events())

    def events(self) -> list[Event]:
        """What the capture holds now."""
        with Reader(self.proxy.engine.options.capture) as reader:
            tail = Tail(reader)
            found: list[Event] = []
            while page := tail.read():
                found += page
            return found


MakeLab = Callable[..., Any]


def lab_maker(folder: Path, monkeypatch: pytest.MonkeyPatch, authority: Path) -> MakeLab:
    """
    What makes a `Lab`, for an `async with`; what the engine says must not be that it crashed.

    Args:
        folder: for its files.
        authority: where its CA is.
    """

    @asynccontextmanager
    async def make(
        secure: bool = False,
        *set_: str,
        first: bytes = b"",
        origin_tls: ssl.SSLContext | None = None,
        way: str = "regular",
        says: str = "",
        **options: Any,
    ) -> AsyncIterator[Lab]:
        trust = f"ssl_verify_upstream_trusted_ca={tls.ca_file(folder)}"
        given = (f"confdir={authority}", trust, "fast_path=true", *set_)
        context = (origin_tls or tls.server_context()) if secure else None
        async with bare_origin(context, first, proxied=way == "upstream") as origin:
            options.setdefault("modes", (_mode(way, secure, origin.port),))
            async with engine(folder, monkeypatch, settings=given, **options) as proxy:
                client_tls = tls.trusting(authority / "mitmproxy-ca-cert.pem") if secure else None
                try:
                    yield Lab(proxy, origin, client_tls, way)
                except BaseException as error:
                    error.add_note(f"the proxy said: {proxy.said}")
                    raise
                unexpected = [line for line in proxy.said if not says or says not in line]
                assert not unexpected, unexpected
                assert not says or proxy.said, f"nothing was said of {says!r}"

    return make


def _mode(way: str, secure: bool, port: int) -> str:
    if way == "reverse":
        return f"reverse:{'https' if secure else 'http'}://127.0.0.1:{port}"
    if way == "upstream":
        return f"upstream:http://127.0.0.1:{port}"
    return way


def sides(pair: tuple[Bare, Bare], from_client: bool) -> tuple[Bare, Bare]:
    """`(here, there)`: who does something, and who is to notice."""
    return pair if from_client else (pair[1], pair[0])


async def flood(peer: Bare, block: bytes = encode_frame(2, bytes(30_000)), count: int = 100_000) -> None:
    """Send `block` again and again."""
    for _ in range(count):
        await peer.send(block)
        # The other side's reset is not heard of as long as everything is taken at once.
        await asyncio.sleep(0)

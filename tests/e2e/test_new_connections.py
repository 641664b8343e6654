"""
New connections do not hold up those that are open: names are looked up and certificates made beside.

Nothing here looks at a clock: an open socket must get its echoes while a name has no answer yet, or
between one new connection and the next.
"""

import asyncio
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from mitmproxy import certs, ctx

from tests.support import inprocess, raw, tls
from tests.support.proxy import running
from wsproxy.wire.encode import encode_frame

_QUESTION = encode_frame(1, b"still there?", mask=b"abcd")
_ANSWER = encode_frame(1, b"yes")


async def _echoes(client: raw.Peer, server: raw.Peer, count: int) -> None:
    for _ in range(count):
        await client.send(_QUESTION)
        assert await server.receive(len(_QUESTION)) == _QUESTION
        await server.send(_ANSWER)
        assert await client.receive(len(_ANSWER)) == _ANSWER


class _SlowNames:
    """A resolver that does not know some names until it is told to."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.asked = 0
        self.answer = threading.Event()

    def __call__(self, host: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(host, str) and host.endswith(".slow.test"):
            self.asked += 1
            self.answer.wait(60)
            host = "127.0.0.1"
        return self._real(host, *args, **kwargs)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[_SlowNames]:
    slow = _SlowNames(socket.getaddrinfo)
    monkeypatch.setattr(socket, "getaddrinfo", slow)
    yield slow
    slow.answer.set()


async def test_frames_flow_while_the_resolver_has_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: _SlowNames
) -> None:
    async with raw.origin() as origin, inprocess.engine(tmp_path, monkeypatch) as engine:
        client = await raw.connect(engine.port, "127.0.0.1", origin.port)
        server = await origin.peer()
        new = [
            asyncio.ensure_future(raw.connect(engine.port, f"host{number}.slow.test", origin.port))
            for number in range(3)
        ]
        async with asyncio.timeout(20):
            while names.asked < len(new):
                await asyncio.sleep(0.01)
        await _echoes(client, server, 100)
        # Nobody has got on in the meantime, so those were no echoes from before or after.
        assert not names.answer.is_set()
        assert not any(connection.done() for connection in new)
        names.answer.set()
        for connection in await asyncio.gather(*new):
            await connection.close()
        await client.close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only one address of 127.0.0.0/8 is there")
async def test_frames_flow_between_new_hosts_over_tls(tmp_path: Path) -> None:
    hosts = 30
    async with (
        raw.origin(tls=tls.server_context(), host="0.0.0.0") as secure,
        raw.origin() as origin,
        running(tmp_path, "-k") as proxy,
    ):
        client = await raw.connect(proxy.port, "127.0.0.1", origin.port)
        server = await origin.peer()
        opened: list[int] = []
        done_at: list[int] = []
        seen: set[bytes] = set()

        async def open_one(number: int) -> None:
            # As many hosts as are wanted, each with a certificate to make.
            trusting = tls.trusting(proxy.ca)
            peer = await raw.connect(proxy.port, f"127.0.0.{number}", secure.port, tls=trusting)
            seen.add(peer.writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
            opened.append(number)
            await peer.close()

        async def open_all() -> None:
            for first in range(1, hosts + 1, 5):
                await asyncio.gather(*(open_one(number) for number in range(first, first + 5)))

        opening = asyncio.ensure_future(open_all())
        while not opening.done():
            await _echoes(client, server, 1)
            done_at.append(len(opened))
        await opening
        await client.close()
    # Every new host was met with a certificate of its own, and echoes came all along, not in one
    # go at the beginning and the end.
    assert len(seen) == hosts
    assert len({count for count in done_at if 0 < count < hosts}) >= 5


async def test_a_client_sees_an_elliptic_key_that_an_rsa_authority_has_signed_for(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    certs.CertStore.create_store(folder, "mitmproxy", 2048)
    async with (
        raw.origin(tls=tls.server_context()) as origin,
        running(
            tmp_path, "--set", f"confdir={folder}",
            "--set", f"ssl_verify_upstream_trusted_ca={tls.ca_file(tmp_path)}",
        ) as proxy,
    ):  # fmt: skip
        trusting = tls.trusting(folder / "mitmproxy-ca-cert.pem")
        trusting.minimum_version = ssl.TLSVersion.TLSv1_2
        shown = []
        for _ in range(2):
            client = await raw.connect(proxy.port, "127.0.0.1", origin.port, tls=trusting)
            shown.append(client.writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
            await _echoes(client, await origin.peer(), 1)
            await client.close()
    assert shown[0] == shown[1]
    certificate = x509.load_der_x509_certificate(shown[0])
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    authority = x509.load_pem_x509_certificate((folder / "mitmproxy-ca-cert.pem").read_bytes())
    assert isinstance(authority.public_key(), rsa.RSAPublicKey)
    certificate.verify_directly_issued_by(authority)


async def test_an_addon_that_waits_holds_its_own_connection_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = asyncio.Event()
    held = asyncio.Event()

    class Waiting:
        async def requestheaders(self, flow: Any) -> None:
            if flow.request.path == "/held":
                held.set()
                await release.wait()

    async with raw.origin() as origin, inprocess.engine(tmp_path, monkeypatch) as engine:
        ctx.master.addons.add(Waiting())
        waiting = asyncio.ensure_future(raw.connect(engine.port, "127.0.0.1", origin.port, path="/held"))
        await asyncio.wait_for(held.wait(), 10)
        client = await raw.connect(engine.port, "127.0.0.1", origin.port)
        await _echoes(client, await origin.peer(), 20)
        assert not waiting.done()
        release.set()
        other = await waiting
        await _echoes(other, await origin.peer(), 1)
        await other.close()
        await client.close()

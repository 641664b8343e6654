"""
The certificates that clients of a running proxy see, judged by OpenSSL and by Python's `ssl`; certificates
that servers want to see; and who may read what the proxy writes.
"""

import asyncio
import contextlib
import datetime
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import InvalidStatus, WebSocketException

from tests.support import tls
from tests.support.proxy import running
from wsproxy.certs import Authority, limits

LONG_NAME = ".".join(["a" * 40] * 3)
MANY = [f"host-{number}.{LONG_NAME}" for number in range(200)]

CASES = [
    # names of the server's own certificate, the name the client asks for
    (["localhost"], "localhost"),
    (["127.0.0.1"], "127.0.0.1"),
    (["*.example.com"], "chat.example.com"),
    (["bücher.example"], "bücher.example"),
    (["*.bücher.example"], "www.bücher.example"),
    ([LONG_NAME], LONG_NAME),
    (MANY, MANY[-1]),
]


@asynccontextmanager
async def tls_server(*names: str) -> AsyncIterator[int]:
    """The port of a server that shows a certificate for these names, and says nothing."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.test_ca().issue_cert(*names).configure_cert(context)

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


def shown_to(proxy_port: int, port: int, name: str, trust: Path) -> x509.Certificate:
    """The certificate that a strict client of Python's `ssl` accepts through the proxy."""
    context = ssl.create_default_context(cafile=trust)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    with socket.create_connection(("127.0.0.1", proxy_port), 20) as raw:
        raw.sendall(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += raw.recv(1024)
        assert b" 200 " in answer, answer
        with context.wrap_socket(raw, server_hostname=name) as client:
            der = client.getpeercert(binary_form=True)
    assert der
    return x509.load_der_x509_certificate(der)


def openssl_accepts(certificate: x509.Certificate, name: str, trust: Path, folder: Path) -> bool:
    """Whether OpenSSL's own program does, as strictly as it can."""
    file = folder / "shown.pem"
    file.write_bytes(certificate.public_bytes(Encoding.PEM))
    asked = ["-verify_ip", name] if name[0].isdigit() else ["-verify_hostname", name.encode("idna").decode()]
    options = ["-x509_strict", "-purpose", "sslserver", "-no-CApath", "-no-CAstore", "-CAfile", str(trust)]
    return (
        subprocess.run(
            ["openssl", "verify", *options, *asked, str(file)], capture_output=True, check=False
        ).returncode
        == 0
    )


async def test_strict_clients_accept_what_the_proxy_shows_for_every_kind_of_name(tmp_path: Path) -> None:
    trust = f"ssl_verify_upstream_trusted_ca={tls.ca_file(tmp_path)}"
    async with running(tmp_path, "--set", trust) as proxy:
        for names, asked in CASES:
            async with tls_server(*names) as port:
                shown = await asyncio.to_thread(shown_to, proxy.port, port, asked, proxy.ca)
            assert openssl_accepts(shown, asked, proxy.ca, tmp_path), asked
            assert not openssl_accepts(shown, "other.example.org", proxy.ca, tmp_path), asked
            period = shown.not_valid_after_utc - shown.not_valid_before_utc
            assert period <= datetime.timedelta(days=397), asked
            usage = shown.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
            assert list(usage) == [x509.ExtendedKeyUsageOID.SERVER_AUTH]


async def test_a_limited_authority_vouches_for_the_names_within_its_limits(tmp_path: Path) -> None:
    Authority.create(tmp_path / "home" / "ca", [limits.parse("example.com")])
    trust = f"ssl_verify_upstream_trusted_ca={tls.ca_file(tmp_path)}"
    async with (
        running(tmp_path, "--set", trust) as proxy,
        tls_server("cdn.example.net", "chat.example.com", "192.0.2.1") as port,
    ):
        shown = await asyncio.to_thread(shown_to, proxy.port, port, "chat.example.com", proxy.ca)
        assert openssl_accepts(shown, "chat.example.com", proxy.ca, tmp_path)
        names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert list(names) == [x509.DNSName("chat.example.com")]
        async with tls_server("cdn.example.net") as other:
            with pytest.raises(ssl.SSLCertVerificationError, match="subtree violation"):
                await asyncio.to_thread(shown_to, proxy.port, other, "cdn.example.net", proxy.ca)


# Servers, and whom the proxy believes about them


async def test_a_server_that_the_system_vouches_for_is_believed_unless_told_otherwise(tmp_path: Path) -> None:
    system = {"SSL_CERT_FILE": str(tls.ca_file(tmp_path))}
    others = Authority.create(tmp_path / "others").certificate_path
    async with serve(
        lambda socket: socket.send("welcome"), "127.0.0.1", 0, ssl=tls.server_context()
    ) as server:
        url = f"wss://127.0.0.1:{server.sockets[0].getsockname()[1]}/"

        async def answer(name: str, *arguments: str, env: dict[str, str]) -> str:
            place = tmp_path / name
            place.mkdir()
            async with running(place, *arguments, env=env) as proxy:
                try:
                    async with connect(url, proxy=proxy.url, ssl=tls.trusting(proxy.ca)) as socket:
                        return str(await socket.recv())
                except InvalidStatus as error:
                    assert any("start with -k" in line for line in proxy.said)
                    return str(error.response.status_code)

        assert await answer("believed", env=system) == "welcome"
        only = f"ssl_verify_upstream_trusted_ca={others}"
        assert await answer("told otherwise", "--set", only, env=system) == "502"


# Client certificates


@asynccontextmanager
async def members_only(clients: trustme.CA) -> AsyncIterator[str]:
    """A WebSocket server that tells clients the name in their certificate, and lets in none without one."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.test_ca().issue_cert("127.0.0.1").configure_cert(context)
    clients.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED

    async def greet(socket: ServerConnection) -> None:
        certificate = socket.transport.get_extra_info("peercert")
        await socket.send(str(certificate["subjectAltName"][0][1]))

    async with serve(greet, "127.0.0.1", 0, ssl=context) as server:
        yield f"wss://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/"


async def greeting(tmp_path: Path, clients: trustme.CA, arguments: Sequence[str]) -> str:
    trust = f"ssl_verify_upstream_trusted_ca={tls.ca_file(tmp_path)}"
    async with (
        members_only(clients) as url,
        running(tmp_path, "--set", trust, *arguments) as proxy,
        connect(url, proxy=proxy.url, ssl=tls.trusting(proxy.ca), open_timeout=20) as socket,
    ):
        return str(await socket.recv())


@pytest.mark.parametrize("place", ["me.pem", "127.0.0.1.pem"], ids=["a file", "a folder"])
async def test_servers_that_ask_for_a_client_certificate_get_it(tmp_path: Path, place: str) -> None:
    clients = trustme.CA()
    folder = tmp_path / "clients"
    folder.mkdir()
    file = folder / place
    clients.issue_cert("ada@example.com").private_key_and_cert_chain_pem.write_to_path(str(file))
    given = file if place == "me.pem" else folder

    assert await greeting(tmp_path, clients, ["--client-cert", str(given)]) == "ada@example.com"


async def test_without_one_such_servers_stay_closed(tmp_path: Path) -> None:
    with pytest.raises((WebSocketException, OSError)):
        await greeting(tmp_path, trustme.CA(), [])


async def test_a_client_certificate_that_cannot_be_used_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "me.pem").write_text("not a certificate")

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wsproxy", "dump", "-p", "0", "-w", str(tmp_path / "x.wsp")),
        *("--client-cert", str(tmp_path / "me.pem")),
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(process.communicate(), 60)

    assert process.returncode == 2
    assert b"me.pem is not a client certificate with its private key" in said
    assert not (tmp_path / "x.wsp").exists()


# Who may read it


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no permission bits")
@pytest.mark.parametrize("umask", [0o000, 0o077])
async def test_a_hostile_umask_opens_and_closes_nothing(tmp_path: Path, umask: int) -> None:
    place = tmp_path / "place"
    place.mkdir()
    async with running(place, umask=umask):
        modes = {
            path.relative_to(place).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in place.rglob("*")
        }
    [run] = [name for name in modes if name.startswith("home/run/")]
    assert modes[run] == 0o600
    for secret in ("home/ca/mitmproxy-ca.pem", "capture.wsp", "capture.wsp-wal", "capture.wsp-shm"):
        assert modes[secret] == 0o600, secret
    for folder in ("home", "home/ca", "home/run"):
        assert modes[folder] == 0o700, folder

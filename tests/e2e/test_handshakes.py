"""
Upgrades that are refused, fail or are none of our business; and starts that cannot succeed.
"""

import asyncio
import os
import socket
import sys
from pathlib import Path

import pytest

from tests.support import raw, tls
from tests.support.ports import free_port
from tests.support.proxy import closures, connections, frames, running
from wsproxy.store import files, schema


async def test_a_refused_upgrade_is_recorded_with_status_headers_and_body(tmp_path: Path) -> None:
    body = b'{"error": "no such room"}'
    response = (
        b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nX-Why: because\r\n"
        b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
    )
    async with raw.origin(response=response) as origin, running(tmp_path) as proxy:
        client = await raw.connect(proxy.port, "127.0.0.1", origin.port, path="/room?x=1", expect=403)
        assert await client.receive(len(body)) == body
        await client.close()
        [refused] = connections(await proxy.wait_for(1))
    assert refused.status == 403
    assert refused.url == f"ws://127.0.0.1:{origin.port}/room?x=1"
    assert refused.body == body
    assert refused.body_length == len(body)
    assert b"X-Why: because\r\n" in refused.response
    assert refused.error is None


async def test_a_long_refusal_is_kept_up_to_a_limit_and_relayed_whole(tmp_path: Path) -> None:
    size = 3 * 1024 * 1024
    response = b"HTTP/1.1 500 Oops\r\nContent-Length: %d\r\n\r\n" % size + b"e" * size
    async with raw.origin(response=response) as origin, running(tmp_path) as proxy:
        client = await raw.connect(proxy.port, "127.0.0.1", origin.port, expect=500)
        await client.receive_all(size)
        await client.close()
        [refused] = connections(await proxy.wait_for(1))
    assert (len(refused.body), refused.body_length) == (1024 * 1024, size)


async def test_an_unreachable_origin_is_named_and_recorded_as_failed(tmp_path: Path) -> None:
    port = free_port()
    async with running(tmp_path) as proxy:
        client = await raw.connect(proxy.port, "127.0.0.1", port, how="absolute", expect=502)
        await client.close()
        [failed] = connections(await proxy.wait_for(1))
        assert failed.status is None
        assert failed.error
        await proxy.wait_until_said(f"cannot reach 127.0.0.1:{port}: connection refused")


async def test_a_tunnel_to_an_unreachable_origin_is_named(tmp_path: Path) -> None:
    port = free_port()
    async with running(tmp_path) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n".encode())
        assert b" 502 " in await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        await proxy.wait_until_said(f"cannot reach 127.0.0.1:{port}: connection refused")


async def test_an_origin_with_a_bad_certificate_is_refused_with_the_reason_and_the_option(
    tmp_path: Path,
) -> None:
    async with raw.origin(tls=tls.server_context()) as origin, running(tmp_path) as proxy:
        client = await raw.connect(
            proxy.port, "127.0.0.1", origin.port, tls=tls.trusting(proxy.ca), expect=502
        )
        await client.close()
        line = await proxy.wait_until_said("is not valid")
        assert f"127.0.0.1:{origin.port}" in line
        assert "unable to get local issuer certificate" in line
        assert "-k" in line
        [failed] = connections(await proxy.wait_for(1))
        assert failed.error is not None
        assert "unable to get local issuer certificate" in failed.error


async def test_with_ssl_insecure_any_certificate_will_do(tmp_path: Path) -> None:
    async with raw.origin(tls=tls.server_context()) as origin, running(tmp_path, "-k") as proxy:
        client = await raw.connect(proxy.port, "127.0.0.1", origin.port, tls=tls.trusting(proxy.ca))
        server = await origin.peer()
        await server.send(b"\x81\x02ok")
        assert await client.receive(4) == b"\x81\x02ok"
        await asyncio.gather(client.close(), server.close())
        [opened] = connections(await proxy.wait_for_closures(1))
    assert opened.url == f"wss://127.0.0.1:{origin.port}/"
    assert opened.tls["server"]["version"] == "TLSv1.3"
    assert opened.tls["server"]["certificate"]["sha256"]
    assert opened.tls["client"]["cipher"]


async def test_a_client_that_does_not_trust_the_ca_is_told_how(tmp_path: Path) -> None:
    import ssl

    async with raw.origin(tls=tls.server_context()) as origin, running(tmp_path, "-k") as proxy:
        with pytest.raises(ssl.SSLError):
            await raw.connect(proxy.port, "127.0.0.1", origin.port, tls=ssl.create_default_context())
        assert "wsproxy ca export" in await proxy.wait_until_said("a client ended the TLS handshake")


async def test_a_websocket_over_ipv6_is_relayed(tmp_path: Path) -> None:
    async with raw.origin(host="::1") as origin, running(tmp_path) as proxy:
        for how in ("connect", "absolute"):
            client = await raw.connect(proxy.port, "::1", origin.port, how=how)
            server = await origin.peer()
            await client.send(b"\x81\x82abcd..")
            assert await server.receive(8) == b"\x81\x82abcd.."
            await asyncio.gather(client.close(), server.close())
        events = await proxy.wait_for_closures(2)
    assert [c.url for c in connections(events)] == [f"ws://[::1]:{origin.port}/"] * 2
    assert connections(events)[0].server == f"[::1]:{origin.port}"


async def test_it_listens_on_ipv6(tmp_path: Path) -> None:
    async with raw.origin() as origin, running(tmp_path, "--listen-host", "::1") as proxy:
        reader, writer = await asyncio.open_connection("::1", proxy.port)
        writer.write(f"CONNECT 127.0.0.1:{origin.port} HTTP/1.1\r\n\r\n".encode())
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("option", ["--ignore", "--only"])
async def test_hosts_left_out_are_tunnelled_untouched(tmp_path: Path, option: str) -> None:
    async with raw.origin(tls=tls.server_context()) as origin:
        pattern = f"127.0.0.1:{origin.port}$" if option == "--ignore" else "example.com:443"
        async with running(tmp_path, option, pattern) as proxy:
            # The client sees the origin's own certificate.
            trusting = tls.trusting(tls.ca_file(tmp_path))
            client = await raw.connect(proxy.port, "127.0.0.1", origin.port, tls=trusting)
            server = await origin.peer()
            await server.send(b"\x81\x02ok")
            assert await client.receive(4) == b"\x81\x02ok"
            await asyncio.gather(client.close(), server.close())
            assert await proxy.stop() == []


async def test_a_socket_of_a_host_left_out_is_not_recorded_even_where_it_cannot_be_tunnelled(
    tmp_path: Path,
) -> None:
    async with raw.origin() as origin, running(tmp_path, "--only", "example.com:443") as proxy:
        client = await raw.connect(proxy.port, "127.0.0.1", origin.port, how="absolute")
        server = await origin.peer()
        await server.send(b"\x81\x02ok")
        assert await client.receive(4) == b"\x81\x02ok"
        await asyncio.gather(client.close(), server.close())
        assert await proxy.stop() == []


async def test_an_upgrade_with_another_version_is_relayed_and_annotated(tmp_path: Path) -> None:
    async with raw.origin() as origin, running(tmp_path) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        authority = f"127.0.0.1:{origin.port}"
        writer.write(
            f"GET ws://{authority}/ HTTP/1.1\r\nHost: {authority}\r\nUpgrade: WebSocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {raw.KEY}\r\n"
            "Sec-WebSocket-Version: 8\r\n\r\n".encode()
        )
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        server = await origin.peer()
        writer.write(b"\x81\x80abcd")
        assert await server.receive(6) == b"\x81\x80abcd"
        writer.close()
        await writer.wait_closed()
        await server.close()
        events = await proxy.wait_for_closures(1)
    [opened] = connections(events)
    assert any("Sec-WebSocket-Version is '8'" in finding for finding in opened.findings)
    assert len(frames(events)) == 1


async def test_what_is_open_when_the_proxy_stops_is_recorded_as_stopped(tmp_path: Path) -> None:
    async with raw.origin() as origin, running(tmp_path) as proxy:
        client = await raw.connect(proxy.port, "127.0.0.1", origin.port)
        server = await origin.peer()
        await client.send(b"\x81\x82abcd..")
        await server.receive(8)
        events = await proxy.stop()
        [closure] = closures(events)
        assert (closure.by, closure.code, closure.how) == ("proxy", 1006, "stopped")
        assert len(frames(events)) == 1
        await asyncio.gather(client.close(), server.close())


async def test_a_killed_proxy_leaves_a_capture_that_opens_without_repair(tmp_path: Path) -> None:
    async with raw.origin() as origin, running(tmp_path) as proxy:
        client = await raw.connect(proxy.port, "127.0.0.1", origin.port)
        server = await origin.peer()
        for _ in range(50):
            await client.send(b"\x81\x82abcd..")
            await server.receive(8)
        await proxy.wait_for(51)
        proxy.process.kill()
        await proxy.process.wait()
        with proxy.reader() as reader:
            assert reader.counts() == (1, 50)
            assert not reader.is_live()
        await asyncio.gather(client.close(), server.close())


async def _fails(folder: Path, *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wsproxy", "dump", "-q", *arguments,
        env={**os.environ, "WSPROXY_HOME": str(folder / "home"), "NO_COLOR": "1"},
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, said = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode is not None
    return process.returncode, said.decode()


async def test_a_taken_port_is_said_in_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        port = sock.getsockname()[1]
        status, said = await _fails(tmp_path, "-p", str(port))
    assert status == 3
    assert f"cannot listen on 127.0.0.1:{port}: another program does" in said
    assert "-p" in said
    assert "Traceback" not in said
    # Nothing is left where the capture would have been.
    assert list((tmp_path / "home").glob("captures/*")) == []


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (["--set", "ssl_insecurr=true"], 2, "Did you mean 'ssl_insecure'?"),
        (["-m", "revers:http://x"], 2, "revers"),
        (["--only", "("], 2, "("),
        (["-p", "0", "-w", "/nonexistent/x.wsp"], 3, "cannot write /nonexistent/x.wsp"),
        (["--listen-host", "203.0.113.7", "-p", "0"], 3, "203.0.113.7"),
    ],
)
async def test_a_wrong_start_ends_with_one_sentence_and_its_exit_code(
    tmp_path: Path, arguments: list[str], status: int, text: str
) -> None:
    found, said = await _fails(tmp_path, *arguments)
    assert text in said
    assert found == status
    assert "Traceback" not in said


async def test_an_existing_file_is_not_overwritten_but_can_be_appended_to(tmp_path: Path) -> None:
    async with raw.origin() as origin:
        for expected in (1, 2):
            target = "" if expected == 1 else "+"
            async with running(tmp_path, "-w", f"{target}{tmp_path}/capture.wsp") as proxy:
                client = await raw.connect(proxy.port, "127.0.0.1", origin.port)
                server = await origin.peer()
                await asyncio.gather(client.close(), server.close())
                await proxy.wait_for_closures(expected)
    status, said = await _fails(tmp_path, "-p", "0", "-w", f"{tmp_path}/capture.wsp")
    assert status == 3
    assert "exists already" in said
    assert "-w +" in said
    assert files.check(tmp_path / "capture.wsp") == schema.VERSION


async def test_an_idle_socket_outlives_the_engines_timeout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.support.inprocess import engine

    async with raw.origin() as origin, engine(tmp_path, monkeypatch, tcp_timeout=1) as proxy:
        client = await raw.connect(proxy.port, "127.0.0.1", origin.port)
        server = await origin.peer()
        # A tunnel with nothing in it is closed by the same timeout.
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        assert await asyncio.wait_for(reader.read(1), 10) == b""
        await asyncio.sleep(1.5)
        await client.send(b"\x81\x80abcd")
        assert await server.receive(6) == b"\x81\x80abcd"
        writer.close()
        await asyncio.gather(client.close(), server.close())


async def test_the_authority_of_an_existing_mitmproxy_is_used(tmp_path: Path) -> None:
    from mitmproxy.certs import CertStore

    from tests.support import inprocess  # noqa: F401 - imports mitmproxy without its warnings

    theirs = tmp_path / "mitmproxy"
    CertStore.create_store(theirs, "mitmproxy", 2048)
    async with (
        raw.origin(tls=tls.server_context()) as origin,
        running(tmp_path, "-k", "--set", f"confdir={theirs}") as proxy,
    ):
        trusting = tls.trusting(theirs / "mitmproxy-ca-cert.pem")
        client = await raw.connect(proxy.port, "127.0.0.1", origin.port, tls=trusting)
        server = await origin.peer()
        await server.send(b"\x81\x02ok")
        assert await client.receive(4) == b"\x81\x02ok"
        await asyncio.gather(client.close(), server.close())
    assert not (tmp_path / "home" / "ca").exists()


async def test_a_broken_authority_ends_the_start_with_what_to_do(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "ca"
    folder.mkdir(parents=True)
    (folder / "mitmproxy-ca.pem").write_text("no key, no certificate\n")
    status, said = await _fails(tmp_path, "-p", "0")
    assert status == 3
    assert "mitmproxy-ca.pem" in said
    assert "Traceback" not in said
    assert (folder / "mitmproxy-ca.pem").read_text() == "no key, no certificate\n"

"""
`wsproxy doctor`, beside proxies that run and beside none.
"""

import asyncio
import json
import os
import socket
import sys
from pathlib import Path

from tests.support.ports import free_port
from tests.support.proxy import Proxy, connections, running
from wsproxy.certs import Authority

Found = dict[str, dict[str, str]]


async def doctor(home: Path, port: int, *arguments: str) -> tuple[int, Found]:
    """Its exit code, and what it found by check; of several of a name the last."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wsproxy", "doctor", "--json", "-p", str(port), *arguments),
        env={**os.environ, "WSPROXY_HOME": str(home), "HOME": str(home.parent / "user")},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, said = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    assert b"Traceback" not in said, said.decode()
    return process.returncode, {one["check"]: one for one in map(json.loads, out.splitlines())}


async def through(proxy: Proxy) -> tuple[int, Found]:
    return await doctor(proxy.home, proxy.port)


async def test_without_a_proxy_one_is_started_and_nothing_is_left(tmp_path: Path) -> None:
    code, found = await doctor(tmp_path / "home", free_port())

    assert code == 0, found
    assert not (tmp_path / "home").exists()
    assert list(found) == ["versions", "terminal", "clock", "authority", "browser", "port", "ws", "wss"]
    for check in ("ws", "wss"):
        assert found[check]["state"] == "ok"
        assert "there and back in" in found[check]["found"]
        assert "a proxy started for it" in found[check]["found"]
    assert "TLSv1.3" in found["wss"]["found"]
    assert found["authority"]["state"] == "note"


async def test_a_running_proxy_is_talked_through_and_a_lost_key_found_out(tmp_path: Path) -> None:
    async with running(tmp_path) as proxy:
        code, found = await through(proxy)
        assert code == 0, found
        assert found["port"]["found"].startswith(f"wsproxy listens on 127.0.0.1:{proxy.port}")
        assert f"through 127.0.0.1:{proxy.port}" in found["ws"]["found"]
        assert "it refuses the server of this check" in found["wss"]["found"]

        # A proxy that signs with a key that is lost.
        Authority.load(proxy.home / "ca").renew(new_key=True)
        code, found = await through(proxy)
        assert code == 1
        assert found["wss"]["state"] == "wrong"
        assert "the certificate that the proxy shows is refused" in found["wss"]["found"]
        recorded = connections(await proxy.stop())
        assert recorded[0].url.endswith("/echo")
        assert recorded[0].status == 101


async def test_one_that_accepts_any_server_is_talked_through_over_both(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, "-k") as proxy:
        code, found = await through(proxy)
        assert code == 0, found
        assert f"through 127.0.0.1:{proxy.port}, TLSv1.3" in found["wss"]["found"]

        # A renewal with the same key: the proxy goes on.
        Authority.load(proxy.home / "ca").renew()
        code, found = await through(proxy)
        assert code == 0, found
        assert f"through 127.0.0.1:{proxy.port}, TLSv1.3" in found["wss"]["found"]


async def test_one_that_does_not_decrypt_is_told_of(tmp_path: Path) -> None:
    async with running(tmp_path, "--ignore", "127.0.0.1") as proxy:
        code, found = await through(proxy)
        assert code == 0, found
        assert "the proxy does not decrypt this host (--only, --ignore)" in found["wss"]["found"]


async def test_one_of_another_mode_is_left_alone(tmp_path: Path) -> None:
    async with running(tmp_path, "-m", "socks5") as proxy:
        code, found = await through(proxy)
        assert code == 0, found
        assert "a proxy started for it, as the running one is socks5" in found["ws"]["found"]
        assert connections(await proxy.stop()) == []


async def test_what_is_wrong_is_said_left_alone_and_does_not_keep_the_rest_from_being_checked(
    tmp_path: Path,
) -> None:
    (tmp_path / "home" / "ca").mkdir(parents=True)
    (tmp_path / "home" / "ca" / "mitmproxy-ca.pem").write_text("nonsense")
    with socket.create_server(("127.0.0.1", 0)) as held:
        code, found = await doctor(tmp_path / "home", held.getsockname()[1])

    assert code == 1
    assert found["authority"]["state"] == found["port"]["state"] == "wrong"
    assert found["ws"]["state"] == found["wss"]["state"] == "ok"
    assert (tmp_path / "home" / "ca" / "mitmproxy-ca.pem").read_text() == "nonsense"

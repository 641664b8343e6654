"""
Transparent mode as `wsproxy help clients` tells to set it up: one machine routes the traffic of another.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import tls
from tests.support.machine import Machine, machine, needs_machine
from wsproxy.store.reader import Reader

PAGE = (Path(__file__).parents[2] / "wsproxy" / "docs" / "clients.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("\n## Transparent mode\n")[2]

SITE = "198.51.100.10"
"""The address of the server: nothing is routed there but by the router (RFC 5737)."""

ORIGIN = f"""
import asyncio, ssl, sys
from websockets.asyncio.server import serve

async def answer(socket):
    async for message in socket:
        await socket.send(f"{{socket.request.headers['Host']}} heard {{message}}")

async def main():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(sys.argv[1])
    async with serve(answer, {SITE!r}, 80), serve(answer, {SITE!r}, 443, ssl=context):
        print("serving", flush=True)
        await asyncio.get_running_loop().create_future()

asyncio.run(main())
"""

CLIENT = f"""
import asyncio, ssl, sys
from websockets.asyncio.client import connect

async def main():
    secure = ssl.create_default_context(cafile=sys.argv[1])
    for scheme, port, context in (("ws", 80, None), ("wss", 443, secure)):
        url = f"{{scheme}}://site.test/path"
        async with connect(url, host={SITE!r}, port=port, ssl=context, proxy=None) as socket:
            await socket.send(f"hello over {{scheme}}")
            print(await socket.recv())

asyncio.run(main())
"""


def wire(router: Machine, client: Machine) -> None:
    """A cable between the two, and a route for the client."""
    ends = ("netns", str(router.pid), "type", "veth", "peer", "name", "eth0", "netns", str(client.pid))
    subprocess.run(["ip", "link", "add", "eth0", *ends], check=True)
    for one, address in ((router, "192.0.2.1/24"), (client, "192.0.2.2/24")):
        one.run("ip", "address", "add", address, "dev", "eth0")
        one.run("ip", "link", "set", "eth0", "up")
    client.run("ip", "route", "add", "default", "via", "192.0.2.1")
    router.run("ip", "address", "add", f"{SITE}/32", "dev", "lo")


@needs_machine
@pytest.mark.skipif(shutil.which("iptables") is None, reason="iptables is not installed")
def test_another_machines_traffic_goes_through_without_its_knowing(tmp_path: Path) -> None:
    rules = re.findall(r"^    (sysctl .*|iptables .*)$", SECTION, re.MULTILINE)
    [start] = re.findall(r"^    wsproxy (dump .*)$", SECTION, re.MULTILINE)
    assert len(rules) == 3
    assert "with `-D` in place of\n`-A`" in SECTION
    certificate, capture = tmp_path / "site.pem", tmp_path / "capture.wsp"
    tls.test_ca().issue_cert("site.test").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    own = ["--set", f"ssl_verify_upstream_trusted_ca={tls.ca_file(tmp_path)}", "-w", str(capture)]
    with machine() as router, machine() as client:
        wire(router, client)
        router.start(sys.executable, "-c", ORIGIN, str(certificate)).until("serving")
        before = router.run("iptables", "-t", "nat", "-S")
        for rule in rules:
            router.run(*rule.split())
        home = ("env", f"WSPROXY_HOME={tmp_path / 'home'}", "NO_COLOR=1")
        proxy = router.start(*home, sys.executable, "-m", "wsproxy", *start.split(), "-q", *own)
        proxy.until("listening on")

        trust = str(tmp_path / "home" / "ca" / "mitmproxy-ca-cert.pem")
        said = client.run(sys.executable, "-c", CLIENT, trust)

        assert said.splitlines() == [
            "site.test heard hello over ws",
            "site.test heard hello over wss",
        ]
        assert proxy.end() == 0, proxy.said
        for rule in rules:
            if " -A " in rule:
                router.run(*rule.replace(" -A ", " -D ").split())
        assert router.run("iptables", "-t", "nat", "-S") == before
    with Reader(capture) as reader:
        seen = [(found.url, found.client.partition(":")[0]) for found in reader.connections()]
    assert seen == [("ws://site.test/path", "192.0.2.2"), ("wss://site.test/path", "192.0.2.2")]

"""
A session of the demo is recorded through the proxy and replayed against the demo: everything is as before.
"""

import json
import re
import zlib
from pathlib import Path
from typing import Any

import pytest

from tests.support import node, tls
from tests.support.captures import MASK
from tests.support.captures import capture as capture_of
from tests.support.commands import wsproxy
from tests.support.ports import free_port
from tests.support.proxy import connections, running
from tests.support.python_peers import websockets_server
from wsproxy.demo.origin import Origin
from wsproxy.demo.script import drive
from wsproxy.wire.encode import encode_close, encode_frame


async def recorded(folder: Path, origin: Origin, *arguments: str) -> Path:
    """What the demo's script says to the demo, over `ws` and `wss`."""
    trust = ("--set", f"ssl_verify_upstream_trusted_ca={tls.ca_file(folder)}")
    async with running(folder, *trust, *arguments) as proxy:
        wrong: list[str] = []

        def report(name: str, right: bool, detail: str) -> None:
            if not right:
                wrong.append(f"{name}: {detail}")

        await drive(origin.ws_url, origin.wss_url, proxy.url, proxy.ca, report)
        assert not wrong
    return proxy.capture


async def replayed(folder: Path, capture: Path, name: str) -> tuple[int, dict[str, Any], str]:
    """Replay it and compare; gives the exit code, the outcome, and what differs with stderr."""
    trust = ("--ca", tls.ca_file(folder), "-w", folder / name)
    code, out, err = await wsproxy("replay", capture, "--json", "--diff", *trust, home=folder / "home")
    outcome, _, report = out.partition("\n")
    return code, json.loads(outcome), "\n".join([*re.findall(r'.*"changes".*', report), err])


def wrong(outcome: dict[str, Any]) -> list[str]:
    return [one["url"] for one in outcome["connections"] if one["differences"] or one["problem"]]


async def test_the_demo_says_the_same_again_and_what_it_says_otherwise_is_noticed(tmp_path: Path) -> None:
    ports = {"http_port": free_port(), "https_port": free_port()}
    async with Origin(**ports, tls=tls.server_context()) as origin:
        capture = await recorded(tmp_path, origin)
        # It has counted its guests: those of Socket.IO get other names now.
        code, outcome, err = await replayed(tmp_path, capture, "again.wsp")
        assert code == 1, err
        assert "guest-5" in err
        # Two of them are told over HTTP.
        assert outcome["differences"] == 10
        assert all("/socket.io/" in url for url in wrong(outcome))
    async with Origin(**ports, tls=tls.server_context()):
        code, outcome, err = await replayed(tmp_path, capture, "anew.wsp")
    assert (code, wrong(outcome), outcome["problem"]) == (0, [], None), err
    assert (len(outcome["connections"]), outcome["received"]) == (37, outcome["expected"])


@pytest.mark.parametrize(("scheme", "mode"), [("http", "regular"), ("socks5", "socks5")])
async def test_through_the_proxy_itself(tmp_path: Path, scheme: str, mode: str) -> None:
    """And so the proxy records what the replay records."""
    session = tmp_path / "session.wsp"
    async with websockets_server(tls.server_context()) as served:
        url = f"wss://127.0.0.1:{served.port}/"
        with capture_of(session) as c:
            number = c.open(url)
            c.send(number, encode_frame(1, b"hello", mask=MASK))
            c.receive(number, encode_frame(1, b"olleh"))
            c.send(number, encode_close(1000, mask=MASK))
            c.receive(number, encode_close(1000))
            c.close(number)
        trust = ("--set", f"ssl_verify_upstream_trusted_ca={tls.ca_file(tmp_path)}")
        async with running(tmp_path, *trust, "-m", mode) as proxy:
            code, out, err = await wsproxy(
                "replay", session, "--proxy", f"{scheme}://127.0.0.1:{proxy.port}", "--ca", proxy.ca,
                "-w", tmp_path / "again.wsp", home=tmp_path / "home",
            )  # fmt: skip
            assert code == 0, err + out
            assert "2 messages sent on 1 connection, 1 of 1 heard, 0 differences" in out
            events = await proxy.wait_for_closures(1)
        assert served.received == [["hello"]]
        assert [one.mode for one in connections(events)] == [mode]


@pytest.mark.node
@pytest.mark.skipif(node.missing() is not None, reason=str(node.missing()))
async def test_against_a_server_on_node(tmp_path: Path) -> None:
    """`ws`, compressed with context takeover: a long session refers to what was said before, all along."""
    session = tmp_path / "session.wsp"
    words = [f'{{"op":"say","number":{number},"words":"once upon a time {number}"}}' for number in range(50)]
    squeeze = zlib.compressobj(wbits=-15)
    async with node.script("ws_server.mjs", deflate=True) as server:
        port = (await server.line("port"))["port"]
        with capture_of(session) as c:
            number = c.open(f"ws://127.0.0.1:{port}/", extensions="permessage-deflate")
            for word in [*words, "in pieces"]:
                data = squeeze.compress(word.encode()) + squeeze.flush(zlib.Z_SYNC_FLUSH)
                c.send(number, encode_frame(1, data[:-4], rsv=4, mask=MASK))
                if word != "in pieces":
                    c.receive(number, encode_frame(1, word[::-1].encode()))
            c.receive(number, encode_frame(1, ("first " + "second " * 3000 + "last").encode()))
            c.send(number, encode_close(4000, "done", mask=MASK))
            c.receive(number, encode_close(4000, "done"))
            c.close(number)
        for exactly in ((), ("--exact",)):
            code, out, err = await wsproxy(
                "replay", session, *exactly, "-w", tmp_path / f"{len(exactly)}.wsp", home=tmp_path / "home"
            )
            assert code == 0, err + out
            assert "51 of 51 heard, 0 differences" in out
            for word in [*words, "in pieces"]:
                assert await server.line() == {"text": word}
            assert await server.line() == {"pong": "between"}
            assert await server.line() == {"closed": [4000, "done"]}

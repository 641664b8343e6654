"""
Relaying without recording: what goes through, what the capture still has, and what everybody is told.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import raw, tls
from tests.support.inprocess import engine
from tests.support.proxy import closures, connections, frames, running
from wsproxy.store.reader import Reader
from wsproxy.store.records import GapRecord
from wsproxy.store.tail import Event, Tail
from wsproxy.wire.encode import encode_close, encode_frame

MASK = b"k3y!"
shell = pytest.mark.parametrize("fast", [True, False], ids=["fast", "layer"])

# mitmproxy 11 with a newer pyOpenSSL.
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")


async def _said(home: Path, *arguments: object) -> str:
    """What a command prints, on both channels."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wsproxy", *map(str, arguments),
        env={**os.environ, "WSPROXY_HOME": str(home), "NO_COLOR": "1", "COLUMNS": "200"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, output
    return output.decode()


@shell
@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
async def test_without_recording_everything_passes_and_the_capture_tells_how_much_and_how_it_ended(
    tmp_path: Path, fast: bool, secure: bool
) -> None:
    trust = f"ssl_verify_upstream_trusted_ca={tls.ca_file(tmp_path)}"
    options = ("--set", "record=false", "--set", f"fast_path={str(fast).lower()}", "--set", trust)
    sent = b"".join(encode_frame(1, b"x" * n, mask=MASK) for n in range(300))
    received = encode_frame(2, os.urandom(300_000)) + encode_frame(1, b"a", fin=False) + encode_frame(0, b"b")
    goodbye, answer = encode_close(4001, "so long", mask=MASK), encode_close(4001)
    async with (
        raw.origin(tls=tls.server_context() if secure else None) as origin,
        running(tmp_path, *options) as proxy,
    ):
        context = tls.trusting(proxy.ca) if secure else None
        client = await raw.connect(proxy.port, "127.0.0.1", origin.port, tls=context)
        server = await origin.peer()
        await client.send(sent)
        assert await server.receive(len(sent)) == sent
        await server.send(received)
        assert await client.receive(len(received)) == received
        await client.send(goodbye)
        assert await server.receive(len(goodbye)) == goodbye
        await server.send(answer)
        assert await client.receive(len(answer)) == answer
        assert "NOT RECORDED since" in await _said(proxy.home, "info", proxy.capture)
        assert "NOT RECORDED since" in await _said(proxy.home, "log", proxy.capture)
        await asyncio.gather(client.close(), server.close())
        await proxy.wait_for_closures(1)
        found = await proxy.stop()
        assert any("not recorded (record=false)" in line for line in proxy.said)
    assert len(connections(found)) == 1
    assert frames(found) == []
    [closure] = closures(found)
    assert (closure.by, closure.code, closure.reason, closure.clean) == ("client", 4001, "so long", True)
    [gap] = [event for event in found if isinstance(event, GapRecord)]
    assert gap.frames == 300 + 3 + 2
    assert gap.bytes == len(sent + received + goodbye + answer)
    assert "305 frames" in await _said(proxy.home, "log", proxy.capture)
    assert "NOT RECORDED" in await _said(proxy.home, "info", proxy.capture)


@shell
async def test_recording_is_switched_off_and_on_while_a_socket_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fast: bool
) -> None:
    from mitmproxy import ctx

    def switch(on: bool) -> None:
        ctx.options.update(record=on)

    def message(text: str) -> bytes:
        return encode_frame(1, text.encode())

    async with (
        raw.origin() as origin,
        engine(tmp_path, monkeypatch, settings=(f"fast_path={str(fast).lower()}",)) as proxy,
    ):
        client = await raw.connect(proxy.port, "127.0.0.1", origin.port)
        server = await origin.peer()

        async def pass_on(data: bytes) -> None:
            await server.send(data)
            assert await client.receive(len(data)) == data

        await pass_on(message("recorded"))
        if fast:
            async with asyncio.timeout(10):
                while not proxy.engine.sockets.fast:
                    await asyncio.sleep(0.001)
        switch(False)
        await pass_on(message("not recorded") * 2 + message("half of it")[:5])
        switch(True)
        await pass_on(message("half of it")[5:] + message("recorded again"))
        switch(False)
        switch(True)
        await pass_on(message("and on"))
        await asyncio.gather(client.close(), server.close())
        async with asyncio.timeout(10):
            while len(proxy.engine.sockets):
                await asyncio.sleep(0.001)
    found = _events(tmp_path / "capture.wsp")
    assert [event.frame.payload for event in frames(found)] == [b"recorded", b"recorded again", b"and on"]
    gaps = [event for event in found if isinstance(event, GapRecord)]
    left_out = message("not recorded") * 2 + message("half of it")
    assert (sum(gap.frames for gap in gaps), sum(gap.bytes for gap in gaps)) == (3, len(left_out))
    assert len(proxy.said) == 4
    assert proxy.said[0].startswith("frames are relayed and not recorded")
    assert proxy.said[1] == "frames are recorded again"


def _events(path: Path) -> list[Event]:
    with Reader(path) as reader:
        tail = Tail(reader)
        found: list[Any] = []
        while page := tail.read():
            found += page
        return found

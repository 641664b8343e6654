"""
The commands as people use them: in a terminal, in a pipe, on a disk that fills up.
"""

import asyncio
import contextlib
import json
import os
import re
import resource
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from tests.support import raw
from tests.support.proxy import connections, frames, running
from wsproxy.store.reader import Reader
from wsproxy.store.records import GapRecord
from wsproxy.wire.encode import encode_close, encode_frame

started_anew = pytest.mark.usefixtures("started_anew")

PLAIN = {"NO_COLOR": "1", "TZ": "UTC", "COLUMNS": "200"}


@asynccontextmanager
async def wsproxy(folder: Path, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A `wsproxy` command with pipes for what it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wsproxy", *arguments,
        env={**os.environ, "WSPROXY_HOME": str(folder / "home"), **PLAIN},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=1 << 22,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        process._transport.close()  # type: ignore[attr-defined]


async def _port(process: asyncio.subprocess.Process) -> int:
    assert process.stderr is not None
    line = (await asyncio.wait_for(process.stderr.readline(), 30)).decode()
    found = re.search(r"listening on \S+:(\d+);", line)
    assert found, line
    return int(found[1])


async def _lines(process: asyncio.subprocess.Process, count: int) -> list[str]:
    assert process.stdout is not None
    return [
        (await asyncio.wait_for(process.stdout.readline(), 20)).decode().rstrip("\n") for _ in range(count)
    ]


@started_anew
async def test_the_demos_script_sees_every_endpoint_through_the_proxy(tmp_path: Path) -> None:
    async with wsproxy(tmp_path, "demo", "--script", "--json", "-w", f"{tmp_path}/demo.wsp") as process:
        out, said = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode == 0, said.decode()
    assert "29 of 29 steps went as they should" in said.decode()
    events = [json.loads(line) for line in out.splitlines()]
    opened = [event for event in events if event["event"] == "open"]
    for path in ("/echo", "/chat", "/socket.io/", "/fragments", "/ping", "/subprotocol", "/ticker", "/image"):
        for scheme in ("ws", "wss"):
            assert any(e["url"].startswith(f"{scheme}://") and path in e["url"] for e in opened), (
                scheme,
                path,
            )
    assert {event["status"] for event in opened} == {101, 403}
    codes = {event["code"] for event in events if event["event"] == "close"}
    assert {1000, 4000, 1006} <= codes
    texts = [event.get("text") for event in events if event["event"] == "frame"]
    assert texts.count("and a") == texts.count("happy new") == texts.count("year!") == 2


@started_anew
async def test_dump_prints_frames_as_they_happen_and_all_of_them_at_the_end(tmp_path: Path) -> None:
    async with raw.origin() as origin, wsproxy(tmp_path, "dump", "-p", "0") as process:
        client = await raw.connect(await _port(process), "127.0.0.1", origin.port)
        server = await origin.peer()
        await client.send(encode_frame(1, "héllo \x1b[31m".encode(), mask=b"abcd"))
        first = await _lines(process, 2)
        assert "open" in first[0]
        assert "→ text" in first[1]
        assert "héllo \\x1b[31m" in first[1]
        for number in range(500):
            await server.send(encode_frame(1, b"%d" % number))
        await server.send(encode_close(4001, "done"))
        await client.receive_all(10 * 3 + 90 * 4 + 400 * 5 + 8)
        process.send_signal(signal.SIGINT)
        out, said = await asyncio.wait_for(process.communicate(), 20)
        assert process.returncode == 0
        lines = out.decode().splitlines()
        assert len(lines) == 502
        assert '4001 (application) "done"' in lines[500]
        assert "closed by server" in lines[501]
        assert "captured in" in said.decode()
        await asyncio.gather(client.close(), server.close())


@pytest.mark.parametrize("raw_option", [[], ["--raw"]])
async def test_dump_says_what_messages_mean_unless_it_is_told_not_to(
    tmp_path: Path, raw_option: list[str]
) -> None:
    till = Path(__file__).parents[2] / "addons" / "custom_decoder.py"
    arguments = ["dump", "-p", "0", "--decoder-file", str(till), "--decoder", "till", *raw_option]
    async with raw.origin() as origin, wsproxy(tmp_path, *arguments) as process:
        client = await raw.connect(await _port(process), "127.0.0.1", origin.port)
        server = await origin.peer()
        await client.send(encode_frame(1, b"SELL 7 tea", mask=b"abcd"))
        await client.send(encode_frame(1, b".", mask=b"abcd"))
        lines = await _lines(process, 3)
        meanings = ["SELL 7 tea", "."] if raw_option else ["sell tea", "still here"]
        assert [line.partition(" B ")[2] for line in lines[1:]] == meanings
        await asyncio.gather(client.close(), server.close())


@started_anew
async def test_a_terminals_interrupt_reaches_proxy_and_viewer_and_nothing_is_lost(tmp_path: Path) -> None:
    async with raw.origin() as origin, wsproxy(tmp_path, "dump", "-p", "0", "--json") as process:
        client = await raw.connect(await _port(process), "127.0.0.1", origin.port)
        server = await origin.peer()
        start = json.loads((await _lines(process, 1))[0])
        assert start["event"] == "start"
        assert start["capture"].startswith(str(tmp_path))
        await client.send(b"\x81\x80abcd" * 300)
        await server.receive_all(1800)
        # As the terminal does it: to everyone in the foreground.
        for child in psutil.Process(process.pid).children():
            child.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        out, _ = await asyncio.wait_for(process.communicate(), 20)
        assert process.returncode == 0
        kinds = [json.loads(line)["event"] for line in out.splitlines()]
        assert kinds == ["open", *["frame"] * 300, "close"]
        await asyncio.gather(client.close(), server.close())


async def test_dump_prints_what_a_filter_wants_and_keeps_everything(tmp_path: Path) -> None:
    target = tmp_path / "all.wsp"
    arguments = ("dump", "-p", "0", "-w", str(target), "-f", "~up & (two | ~close)")
    async with raw.origin() as origin, wsproxy(tmp_path, *arguments) as process:
        client = await raw.connect(await _port(process), "127.0.0.1", origin.port)
        server = await origin.peer()
        for word in (b"one", b"two"):
            await client.send(encode_frame(1, word, mask=b"abcd"))
            await server.send(encode_frame(1, word))
        opened, found = await _lines(process, 2)
        assert "open" in opened
        assert "→ text" in found
        assert found.endswith("two")
        await client.send(encode_close(1000, mask=b"abcd"))
        [closing] = await _lines(process, 1)
        assert "→ close" in closing
        await client.receive_all(10)
        await asyncio.gather(client.close(), server.close())
        process.send_signal(signal.SIGINT)
        out, _ = await asyncio.wait_for(process.communicate(), 20)
        assert process.returncode == 0
        assert [line.split()[2] for line in out.decode().splitlines()] == ["closed"]
    with Reader(target) as reader:
        assert len(reader.frames()) == 5


@started_anew
async def test_when_the_reader_of_a_pipe_goes_away_the_proxy_ends(tmp_path: Path) -> None:
    async with raw.origin() as origin, wsproxy(tmp_path, "dump", "-p", "0") as process:
        client = await raw.connect(await _port(process), "127.0.0.1", origin.port)
        server = await origin.peer()
        await _lines(process, 1)
        process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]
        for _ in range(100):
            if process.returncode is not None:
                break
            with contextlib.suppress(ConnectionError):
                await client.send(b"\x81\x80abcd")
            await asyncio.sleep(0.05)
        assert await asyncio.wait_for(process.wait(), 20) == 0
        await asyncio.gather(client.close(), server.close())


async def test_appending_prints_only_what_is_new(tmp_path: Path) -> None:
    async with raw.origin() as origin:
        for text in (b"first", b"again"):
            target = f"+{tmp_path}/one.wsp"
            async with wsproxy(tmp_path, "dump", "-p", "0", "-w", target) as process:
                client = await raw.connect(await _port(process), "127.0.0.1", origin.port)
                server = await origin.peer()
                await client.send(encode_frame(1, text, mask=b"abcd"))
                await server.receive(11)
                lines = await _lines(process, 2)
                assert text.decode() in lines[1]
                assert "open" in lines[0]
                process.send_signal(signal.SIGINT)
                await asyncio.wait_for(process.communicate(), 20)
                await asyncio.gather(client.close(), server.close())


@pytest.mark.skipif(
    not hasattr(resource, "prlimit"), reason="the limit of a running process is a Linux thing"
)
async def test_on_a_full_disk_traffic_goes_on_and_the_capture_says_what_is_missing(tmp_path: Path) -> None:
    async with raw.origin() as origin, running(tmp_path) as proxy:
        client = await raw.connect(proxy.port, "127.0.0.1", origin.port)
        server = await origin.peer()
        await client.send(encode_frame(1, b"before", mask=b"abcd"))
        await server.receive(12)
        await proxy.wait_for(2)
        # No file may grow any more: what a full disk does to a program.
        _, hard = resource.prlimit(proxy.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(proxy.pid, resource.RLIMIT_FSIZE, (0, hard))
        lost = encode_frame(2, b"x" * 1000, mask=b"abcd")
        for _ in range(20):
            await client.send(lost)
            await server.receive_all(len(lost))
            await asyncio.sleep(0.02)
        await proxy.wait_until_said("RECORDING STOPPED")
        # Room again.
        resource.prlimit(proxy.pid, resource.RLIMIT_FSIZE, (hard, hard))
        await proxy.wait_until_said("recording goes on")
        await client.send(encode_frame(1, b"after", mask=b"abcd"))
        await server.receive(11)
        await client.close()
        await server.close()
        events = await proxy.wait_for_closures(1)
        assert len(connections(events)) == 1
        kept = [event.frame.payload for event in frames(events)]
        assert kept[0] == b"before"
        assert kept[-1] == b"after"
        gaps = [event for event in events if isinstance(event, GapRecord)]
        assert sum(gap.frames for gap in gaps) + len(kept) == 22
        assert all(gap.started < gap.ended for gap in gaps)

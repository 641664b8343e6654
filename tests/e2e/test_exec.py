"""
`wsproxy exec`: a program goes through the proxy, and is otherwise as without: output, exit code, signals.
"""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support import tls
from tests.support.client_site import ELSEWHERE, NAMES, PYTHON_CLIENT, TIMEOUT, needs, site
from tests.support.proxy import running
from wsproxy.store.reader import Reader


@dataclass
class Ended:
    code: int
    out: str
    err: str


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    own = {"WSPROXY_HOME": str(tmp_path / "home"), "TMPDIR": str(scratch), "NO_COLOR": "1"}
    return {**os.environ, **own, **more}


@asynccontextmanager
async def started(tmp_path: Path, *arguments: str, **more: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`wsproxy exec` with `arguments`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wsproxy", "exec", *arguments,
        env=environment(tmp_path, **more),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        # Kills it, too, if it runs. Before it is waited for: asyncio waits for the end of the pipes with it,
        # and the program, which has them as well, for the end of its input.
        process._transport.close()  # type: ignore[attr-defined]
        await process.wait()


async def run(tmp_path: Path, *arguments: str, **more: str) -> Ended:
    """`wsproxy exec` to its end; nothing must be left in the folder for temporary files."""
    async with started(tmp_path, *arguments, **more) as process:
        out, err = await asyncio.wait_for(process.communicate(), TIMEOUT)
    assert process.returncode is not None
    assert list((tmp_path / "scratch").iterdir()) == []
    return Ended(process.returncode, out.decode(), err.decode())


@needs("curl")
async def test_a_proxy_of_its_own_lasts_as_long_as_the_program(tmp_path: Path) -> None:
    capture, names = tmp_path / "capture.wsp", tmp_path / "names.py"
    names.write_text(NAMES)
    own = (
        "-w",
        str(capture),
        "--set",
        f"ssl_verify_upstream_trusted_ca={tls.ca_file(tmp_path)}",
        "-s",
        str(names),
    )
    script = (
        'curl -sS "$1" && curl -sS "$2" && "$3" -c "$4" "$5" && read line && echo "$line" && '
        "echo said >&2; exit 7"
    )
    async with site() as there:
        pages = [there.url(scheme, "/", ELSEWHERE) for scheme in ("http", "https")]
        words = [*pages, sys.executable, PYTHON_CLIENT, there.url("wss")]
        async with started(tmp_path, *own, "--", "sh", "-c", script, "sh", *words) as process:
            out, err = await asyncio.wait_for(process.communicate(b"through\n"), TIMEOUT)
        assert process.returncode == 7, err.decode()
        assert out.decode() == "a pagea pageyou said hello from here\nthrough\n"
        first, said, last = err.decode().splitlines()
        assert said == "said"
        assert re.search(
            rf"of its own on (127\.0\.0\.1:\d+), which records to {re.escape(str(capture))}$", first
        )
        assert last == f"wsproxy: 1 WebSocket came through the proxy; `wsproxy log {capture}` shows it"
        assert list((tmp_path / "scratch").iterdir()) == []
        with Reader(capture) as reader:
            assert [connection.url for connection in reader.connections()] == [there.url("wss")]


async def test_a_running_proxy_is_used_and_says_where_it_records(tmp_path: Path) -> None:
    async with site() as there, running(tmp_path) as proxy:
        ended = await run(tmp_path, sys.executable, "-c", PYTHON_CLIENT, there.url("ws"))
        assert (ended.code, ended.out) == (0, "you said hello from here\n")
        assert f"through 127.0.0.1:{proxy.port}, which records to {proxy.capture}" in ended.err
        assert "1 WebSocket came through" in ended.err
        named = await run(tmp_path, "-q", "-p", str(proxy.port), "true")
        assert (named.code, named.err) == (0, "")
        other = await run(tmp_path, "-p", "1", "true")
        assert other.code == 3
        assert "no proxy is running on port 1" in other.err


async def test_a_proxy_in_reverse_mode_is_none_to_go_through(tmp_path: Path) -> None:
    async with running(tmp_path, "-m", "reverse:http://127.0.0.1:1") as proxy:
        ended = await run(tmp_path, "true")
        assert ended.code == 0
        assert "takes no clients by HTTP" in ended.err
        assert "through a proxy of its own" in ended.err
        # And nobody is left wondering why nothing came.
        assert "no WebSocket came through the proxy" in ended.err
        assert "-m reverse:" in ended.err
        assert list((tmp_path / "home" / "captures").glob("*")) == []
        named = await run(tmp_path, "-p", str(proxy.port), "true")
        assert named.code == 3


async def test_a_signal_to_us_is_one_to_the_program_and_nothing_is_left(tmp_path: Path) -> None:
    script = "import signal; print('ready', flush=True); signal.pause()"
    async with started(tmp_path, "--discard", "-q", sys.executable, "-c", script) as process:
        assert process.stdout
        assert await asyncio.wait_for(process.stdout.readline(), TIMEOUT) == b"ready\n"
        assert len(list((tmp_path / "scratch").iterdir())) == 2
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), TIMEOUT) == -signal.SIGTERM
    assert list((tmp_path / "scratch").iterdir()) == []


async def test_its_own_proxy_does_not_outlive_us(tmp_path: Path) -> None:
    script = "import os, sys; print(os.environ['http_proxy'], flush=True); sys.stdin.read()"
    async with started(tmp_path, "--discard", "-q", sys.executable, "-c", script) as process:
        assert process.stdout
        url = (await asyncio.wait_for(process.stdout.readline(), TIMEOUT)).decode()
        port = int(url.rpartition(":")[2])
        assert await _listens(port)
        process.kill()
        async with asyncio.timeout(TIMEOUT):
            while await _listens(port):
                await asyncio.sleep(0.05)


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def test_a_proxy_that_cannot_start_is_said_with_its_reason(tmp_path: Path) -> None:
    ended = await run(tmp_path, "--set", "nonsense=1", "true")
    assert ended.code == 2
    assert "there is no option 'nonsense'" in ended.err

"""
`wsproxy browser` and `wsproxy exec` are killed, and have no chance to clear up: nothing of theirs stays.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.support.browser import missing
from tests.support.stores import needs_certutil, needs_firefox
from wsproxy.certs import Authority
from wsproxy.throwaway import abandoned

PATIENCE = 60.0


async def until(come: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not come():
            await asyncio.sleep(0.05)


def processes_of(folder: Path) -> list[list[str]]:
    """Command lines of processes that were given something below `folder`."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words: list[str] = process.info["cmdline"] or []
        if any(str(folder) in word for word in words):
            found.append(words)
    return found


@pytest.mark.browser
@pytest.mark.parametrize(
    ("name", "lock"),
    [
        pytest.param(
            "chromium",
            "SingletonLock",
            marks=pytest.mark.skipif(missing() is not None, reason=str(missing())),
        ),
        pytest.param("firefox", "lock", marks=[needs_certutil, needs_firefox]),
    ],
)
async def test_a_browser_ends_when_its_command_is_killed(tmp_path: Path, name: str, lock: str) -> None:
    scratch, user = tmp_path / "scratch", tmp_path / "user"
    scratch.mkdir()
    user.mkdir()
    confdir = Authority.create(tmp_path / "ca").directory
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        port = proxy.getsockname()[1]
        words = ["browser", "--browser", name, "--headless", "-p", str(port), "--confdir", str(confdir)]
        with subprocess.Popen(
            [sys.executable, "-m", "wsproxy", *words],
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("XDG_")},
                "HOME": str(user),
                "TMPDIR": str(scratch),
                "WSPROXY_HOME": str(tmp_path / "home"),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                # It has its profile in hand, and processes of its own.
                await until(
                    lambda: any(os.path.lexists(made / lock) for made in scratch.glob("wsproxy-browser-*"))
                )
                assert processes_of(scratch)
            finally:
                process.kill()
        await until(lambda: not any(scratch.iterdir()))
        await until(lambda: not processes_of(scratch))
    # The settings of the desktop are read by way of a cache, which is nobody's own.
    assert {path.name for path in user.iterdir()} <= {".cache"}
    assert {path.name for path in user.glob(".cache/*")} <= {"dconf"}


async def test_what_a_killed_exec_leaves_the_next_removes_once_its_program_has_ended(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    environment = {**os.environ, "TMPDIR": str(scratch), "WSPROXY_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-m", "wsproxy", "exec", "--discard", "-q", "--"]
    script = "import os; print(os.getpid(), os.environ['SSL_CERT_FILE'], flush=True); input()"
    with subprocess.Popen(
        [*command, sys.executable, "-c", script],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        pid, bundle = process.stdout.readline().split()
        assert len(list(scratch.iterdir())) == 2
        process.kill()
        process.wait()
        try:
            # The program goes on, and may read that file yet.
            in_use = Path(bundle).parent
            assert set(abandoned("wsproxy-exec-", scratch)) == {*scratch.iterdir()} - {in_use}
        finally:
            os.kill(int(pid), signal.SIGKILL)
        await until(lambda: not psutil.pid_exists(int(pid)))
        assert in_use in abandoned("wsproxy-exec-", scratch)
        subprocess.run([*command, "true"], env=environment, check=True)
        assert list(scratch.iterdir()) == []

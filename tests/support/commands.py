"""Programs, run to their end: ours in this process, others as they are."""

import asyncio
import os
import sys
from pathlib import Path

from click.testing import CliRunner

from wsproxy.cli.main import main


def run(*words: object) -> tuple[int, str]:
    """A command, and what it printed."""
    done = CliRunner().invoke(main, [str(word) for word in words])
    return done.exit_code, done.stdout


async def script(*words: object, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Run a program to its end."""
    process = await asyncio.create_subprocess_exec(
        *map(str, words),
        env={**os.environ, **(env or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode is not None
    return process.returncode, said.decode()


async def wsproxy(*words: object, home: Path, timeout: float = 90) -> tuple[int, str, str]:
    """Run the command; gives its exit code, stdout and stderr."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "wsproxy",
        *map(str, words),
        env={"WSPROXY_HOME": str(home), "PATH": "/usr/bin:/bin", "NO_COLOR": "1"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), timeout)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, out.decode(), err.decode()

"""
The installed `wsproxy` as a subprocess, on a free port, with a home and a capture of its own.
"""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from wsproxy.store.reader import Reader
from wsproxy.store.records import ClosureRecord, ConnectionRecord
from wsproxy.store.tail import Event, FrameEvent, Tail

START_TIMEOUT = 30


class Proxy:
    """One running `wsproxy dump -q`."""

    def __init__(self, process: asyncio.subprocess.Process, home: Path, capture: Path) -> None:
        self.process = process
        self.home = home
        self.capture = capture
        self.port = 0
        self.said: list[str] = []
        """Lines on stderr."""
        self._reading: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ca(self) -> Path:
        """The certificate to trust."""
        return self.home / "ca" / "mitmproxy-ca-cert.pem"

    @property
    def pid(self) -> int:
        return self.process.pid

    async def started(self) -> None:
        assert self.process.stderr is not None
        while self.port == 0:
            line = (await asyncio.wait_for(self.process.stderr.readline(), START_TIMEOUT)).decode()
            assert line, f"wsproxy ended with {await self.process.wait()}:\n" + "\n".join(self.said)
            self.said.append(line.rstrip())
            if found := re.search(r"listening on \S+:(\d+);", line):
                self.port = int(found[1])
        self._reading = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.said.append(line.decode(errors="replace").rstrip())

    async def stop(self) -> list[Event]:
        """End it in order; returns everything it captured."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGINT)
        status = await asyncio.wait_for(self.process.wait(), 20)
        if self._reading:
            await self._reading
        assert status == 0, "\n".join(self.said)
        return self.events()

    def reader(self) -> Reader:
        """The capture."""
        return Reader(self.capture)

    def events(self) -> list[Event]:
        """What the capture holds now."""
        with self.reader() as reader:
            tail = Tail(reader)
            found: list[Event] = []
            while page := tail.read():
                found += page
            return found

    async def wait_until(self, are_enough: Callable[[list[Event]], Any], timeout: float = 30) -> list[Event]:
        """The events, as soon as they are enough."""
        found: list[Event] = []
        async with asyncio.timeout(timeout):
            with self.reader() as reader:
                tail = Tail(reader)
                while True:
                    while page := tail.read():
                        # A frame that was arriving comes twice; to who comes later, once.
                        found += [event for event in page if not getattr(event, "again", False)]
                    if are_enough(found):
                        return self.events()
                    await asyncio.sleep(0.02)

    async def wait_for(self, count: int, timeout: float = 30) -> list[Event]:
        """The events, as soon as there are at least `count` of them."""
        return await self.wait_until(lambda found: len(found) >= count, timeout)

    async def wait_until_said(self, text: str, timeout: float = 20) -> str:
        """The line of stderr that has `text` in it, as soon as there is one."""
        async with asyncio.timeout(timeout):
            while not (found := [line for line in self.said if text in line]):
                await asyncio.sleep(0.02)
        return found[0]

    async def connection(self, number: int, timeout: float = 30) -> ConnectionRecord:
        """A connection, as soon as it is recorded."""
        found = await self.wait_until(lambda found: any(c.id == number for c in connections(found)), timeout)
        return next(c for c in connections(found) if c.id == number)

    async def wait_for_closures(self, count: int, timeout: float = 30) -> list[Event]:
        """The events, as soon as `count` connections have ended."""
        return await self.wait_until(lambda found: len(closures(found)) >= count, timeout)


def connections(events: list[Event]) -> list[ConnectionRecord]:
    return [event for event in events if isinstance(event, ConnectionRecord)]


def frames(events: list[Event], connection: int | None = None) -> list[FrameEvent]:
    return [
        event
        for event in events
        if isinstance(event, FrameEvent) and connection in (None, event.frame.connection)
    ]


def closures(events: list[Event]) -> list[ClosureRecord]:
    return [event for event in events if isinstance(event, ClosureRecord)]


def stream(events: list[Event], connection: int, from_client: bool) -> bytes:
    """The wire bytes of one direction, rebuilt from the capture."""
    from wsproxy.wire.frames import header_mask
    from wsproxy.wire.mask import apply_mask

    found = b""
    for event in frames(events, connection):
        frame = event.frame
        if frame.from_client is from_client:
            mask = header_mask(frame.header) if len(frame.header) > 1 and frame.payload else b""
            found += frame.header + (apply_mask(frame.payload, mask) if mask else frame.payload)
    return found


@asynccontextmanager
async def running(
    tmp_path: Path, *arguments: str, env: dict[str, str] | None = None, umask: int = -1
) -> AsyncIterator[Proxy]:
    """
    A proxy for the time of the block. It must not have crashed by its end.

    Args:
        tmp_path: where its home and capture go.
        arguments: of `wsproxy dump`, besides `-q -p 0 -w`.
        env: added to the environment.
        umask: of the process; ours if -1.
    """
    home, capture = tmp_path / "home", tmp_path / "capture.wsp"
    if os.environ.get("WSPROXY_TEST_FAST_PATH") == "false":
        arguments = ("--set", "fast_path=false", *arguments)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wsproxy", "dump", "-q", "-p", "0", "-w", str(capture), *arguments,
        env={**os.environ, "WSPROXY_HOME": str(home), "NO_COLOR": "1", **(env or {})},
        stderr=asyncio.subprocess.PIPE,
        stdin=asyncio.subprocess.DEVNULL,
        umask=umask,
    )  # fmt: skip
    proxy = Proxy(process, home, capture)
    try:
        await proxy.started()
        yield proxy
        if process.returncode is None:
            await proxy.stop()
        assert not any("crashed" in line or "Traceback" in line for line in proxy.said), "\n".join(proxy.said)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        if proxy._reading:
            proxy._reading.cancel()
            await asyncio.gather(proxy._reading, return_exceptions=True)
        # Without this the pipe's transport is closed by the collector, which pytest reports.
        process._transport.close()  # type: ignore[attr-defined]

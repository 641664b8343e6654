"""
Measure the terminal UI over a capture of one million frames.

    python tests/bench/tui.py                      make a capture, measure all of it
    python tests/bench/tui.py --keep million.wsp   keep the capture, or take one kept before
    python tests/bench/tui.py --frames 100000 --seconds 5

What a person waits for is measured inside the app, from the key to the rows on the screen, in CPU time of
the whole process, all of its threads: on a machine with nothing else to do a person waits no longer.
Following is measured from outside: `wsproxy view` in a pseudo-terminal whose output is read and thrown
away, over a capture to which another process adds 20,000 frames a second.
Exit status: 0 measured, 1 with --strict if a target is not met.
"""

import argparse
import asyncio
import contextlib
import fcntl
import json
import os
import pty
import random
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.filters import MILLION, make
from tests.support.captures import MASK, capture
from wsproxy.wire.encode import encode_frame

WIDTH, HEIGHT = 160, 45
JUMPS = 30
RATE = 20_000
PATIENCE = 60
"""Seconds after which what is waited for will not come."""
TARGETS = {
    "open and show the end, s": 1.0,
    "a jump, ms, median": 50.0,
    "first rows of ~text & ~up, s": 0.5,
    "first rows of ~b ada7, s": None,
    "memory after all that, MiB": 150.0,
    "following 20,000 frames/s, % of a core": 30.0,
    "memory while following, MiB": 150.0,
}


def inside(path: Path) -> dict[str, float]:
    """What the app takes; runs in a process of its own."""
    from wsproxy.tui.app import WsproxyApp
    from wsproxy.tui.screens.browse import BrowseScreen

    found: dict[str, float] = {}

    async def until(is_so: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not is_so():
                await asyncio.sleep(0)

    async def took(what: Callable[[], object], is_so: Callable[[], object]) -> float:
        began = time.process_time()
        what()
        await until(is_so)
        return time.process_time() - began

    async def settled(is_so: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not is_so():
                await asyncio.sleep(0.02)

    async def measure() -> None:
        began = time.process_time()
        app = WsproxyApp(path)
        async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
            await until(lambda: isinstance(app.screen, BrowseScreen))
            assert isinstance(app.screen, BrowseScreen)
            frames = app.screen.frames
            await until(lambda: app.capture.now.last_frame and frames.row(app.capture.now.last_frame))
            found["open and show the end, s"] = time.process_time() - began
            await settled(lambda: app.capture.traffic.counted == app.capture.now.last_frame)

            choice = random.Random(1)
            times = []
            for _ in range(JUMPS):
                number = choice.randrange(1, app.capture.now.last_frame + 1)

                def jump(number: int = number) -> None:
                    frames.select(number, center=True)

                def is_there(number: int = number) -> bool:
                    return frames.row(number) is not None

                times.append(await took(jump, is_there) * 1000)
                await pilot.pause()
            found["a jump, ms, median"] = sorted(times)[JUMPS // 2]

            bar = app.screen.bar
            for text in ("~text & ~up", "~b ada7"):
                frames.following = True
                view = frames.view
                found[f"first rows of {text}, s"] = await took(
                    lambda text=text: bar.use(text),  # type: ignore[misc]
                    lambda view=view: frames.view is not view and frames.count,  # type: ignore[misc]
                )
                await settled(lambda: frames.view.searched)
            found["memory after all that, MiB"] = psutil.Process().memory_info().rss / 2**20

    work: Awaitable[None] = measure()
    asyncio.run(work)  # type: ignore[arg-type]
    return found


def write(path: Path, seconds: float) -> None:
    """Add `RATE` frames a second to a capture; runs in a process of its own."""
    with capture(path) as c:
        chat = c.open("wss://example.test/chat")
        number = 0
        began = time.monotonic()
        while (now := time.monotonic() - began) < seconds:
            due = int(now * RATE)
            for start in range(number, due, 100):
                body = b"".join(
                    encode_frame(1, b'{"n": %d, "event": "price", "tea": %d}' % (n, n % 13), mask=MASK)
                    for n in range(start, min(start + 100, due))
                )
                c.send(chat, body)
            number = max(number, due)
            time.sleep(0.01)


def following(path: Path, seconds: float) -> dict[str, float]:
    """CPU and memory of `wsproxy view` while frames come."""
    writer = subprocess.Popen(
        [sys.executable, __file__, "--write", str(path), "--seconds", str(seconds + 15)]
    )
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
    try:
        while not path.exists() or path.stat().st_size < 16384:
            time.sleep(0.05)
        viewer = psutil.Popen(
            [sys.executable, "-m", "wsproxy", "view", str(path)],
            stdin=follower,
            stdout=follower,
            stderr=follower,
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
            start_new_session=True,
        )
        shown = bytearray()

        def drain() -> None:
            # Once nobody has the other end, reading it fails.
            with contextlib.suppress(OSError):
                while data := os.read(leader, 1 << 16):
                    shown.extend(data)

        threading.Thread(target=drain, daemon=True).start()
        try:
            while b"following" not in shown:
                time.sleep(0.05)
            time.sleep(3)
            shown.clear()
            before, began = viewer.cpu_times(), time.monotonic()
            time.sleep(seconds)
            after, took = viewer.cpu_times(), time.monotonic() - began
            memory = viewer.memory_info().rss / 2**20
            assert len(shown) > 1000, "nothing was drawn"
        finally:
            viewer.kill()
            viewer.wait()
    finally:
        writer.terminate()
        writer.wait()
        os.close(follower)
    cpu = after.user + after.system - before.user - before.system
    return {
        "following 20,000 frames/s, % of a core": 100 * cpu / took,
        "memory while following, MiB": memory,
    }


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keep", type=Path, help="a capture to use again, or to make")
    parser.add_argument("--frames", type=int, default=MILLION)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        print(json.dumps(inside(given.inside)))
        return 0
    if given.write:
        write(given.write, given.seconds)
        return 0
    with tempfile.TemporaryDirectory(prefix="wsproxy-bench-") as folder:
        os.environ["WSPROXY_HOME"] = str(Path(folder, "home"))
        path = given.keep or Path(folder, "million.wsp")
        if not path.exists():
            make(path, given.frames)
        done = subprocess.run(
            [sys.executable, __file__, "--inside", str(path)], capture_output=True, text=True, check=True
        )
        found = {**json.loads(done.stdout), **following(Path(folder, "live.wsp"), given.seconds)}
    missed = 0
    for name, target in TARGETS.items():
        over = target is not None and found[name] > target
        missed += over
        wanted = f"at most {target:g}" if target is not None else ""
        print(f"{name:<42} {found[name]:>8.3g}  {wanted}{'  MISSED' if over else ''}")
    return 1 if missed and given.strict else 0


if __name__ == "__main__":
    sys.exit(main())

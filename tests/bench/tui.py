"""
Measure the terminal UI over a capture of one million frames.

    python tests/bench/tui.py                      make a capture, measure all of it
    python tests/bench/tui.py --keep million.wsp   keep the capture, or take one kept before
    python tests/bench/tui.py --frames 100000 --seconds 5

What a person waits for is measured inside the app, from the key to the rows on the screen, in CPU time of
the whole process, all of its threads: on a machine with nothing else to do a person waits no longer.
Following is measured from outside: `wsproxy view` in a pseudo-terminal whose output is read and thrown
away, over a capture to which another process adds 20,000 frames a second; a key is timed by the clock.
What it costs the proxy to be watched is measured by ping-pong of some 20,000 messages a second, in turns
with and without a terminal UI attached: best of the repeats, as in tests/bench/run.py. All four of proxy,
client, server and UI share the machine's cores; with fewer than four the p99 has a part of that.
Exit status: 0 measured, 1 with --strict if a target is not met.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.filters import MILLION, make
from tests.bench.loads.all import LOADS
from tests.bench.loads.base import Settings
from tests.bench.programs import Program
from tests.bench.proxies.python import Wsproxy
from tests.bench.results import Results
from tests.bench.session import Session
from tests.bench.terminal import HEIGHT, PATIENCE, WIDTH, Terminal
from tests.support.captures import MASK, capture, chat
from wsproxy.wire.encode import encode_frame

JUMPS = 30
KEYS = 15
RATE = 20_000
TARGETS = {
    "first paint after imports, s": 1.0,
    "open and show the end, s": 1.0,
    "a jump, ms, median": 50.0,
    "first rows of ~text & ~up, s": 0.5,
    "first rows of ~b ada7, s": None,
    "memory after all that, MiB": 150.0,
    "following 20,000 frames/s, % of a core": 30.0,
    "memory while following, MiB": 150.0,
    "a key while following, ms, median": 100.0,
    "the proxy alone, CPU per message, us": None,
    "CPU per message, watched / alone": 1.1,
    "the proxy alone, p99 round trip, us": None,
    "p99 round trip, watched / alone": 1.25,
    "wsproxy --help, s": 0.3,
}


def inside(path: Path) -> dict[str, float]:
    """What the app takes; runs in a process of its own."""
    from tests.support.screen import text_of
    from wsproxy.tui.app import WsproxyApp
    from wsproxy.tui.screens.browse import BrowseScreen

    found: dict[str, float] = {}

    async def until(is_so: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not is_so():
                # Not at once again: who asks without a pause keeps the reading thread from reading.
                await asyncio.sleep(0.001)

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
        with tempfile.TemporaryDirectory() as folder:
            small = chat(Path(folder, "chat.wsp"))
            began = time.process_time()
            app = WsproxyApp(small)
            async with app.run_test(size=(WIDTH, HEIGHT)):
                await until(lambda: isinstance(app.screen, BrowseScreen) and app.screen.is_mounted)
                await until(lambda: "frames" in text_of(app))
                found["first paint after imports, s"] = time.process_time() - began
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
    """CPU and memory of `wsproxy view` while frames come, and how long a key takes meanwhile."""
    writer = subprocess.Popen(
        [sys.executable, __file__, "--write", str(path), "--seconds", str(seconds + PATIENCE)]
    )
    try:
        while not path.exists() or path.stat().st_size < 16384:
            time.sleep(0.05)
        with Terminal("view", str(path)) as viewer:
            viewer.until(lambda: b"following" in viewer.written)
            time.sleep(3)
            viewer.written.clear()
            before, began = viewer.cpu, time.monotonic()
            time.sleep(seconds)
            cpu, took = viewer.cpu - before, time.monotonic() - began
            memory = viewer.process.memory_info().rss / 2**20
            assert len(viewer.written) > 1000, "nothing was drawn"
            times = []
            for _ in range(KEYS):
                # Times since the row before, and back to times of day.
                times.append(viewer.reaction("d", "Δ") * 1000)
                viewer.press("d")
                time.sleep(0.3)
    finally:
        writer.terminate()
        writer.wait()
    return {
        "following 20,000 frames/s, % of a core": 100 * cpu / took,
        "memory while following, MiB": memory,
        "a key while following, ms, median": sorted(times)[KEYS // 2],
    }


class Watched(Wsproxy):
    """The proxy, with a terminal UI attached to it."""

    name = "wsproxy-watched"

    def launch(self) -> tuple[Program, dict[str, int]]:
        program, ports = super().launch()
        self.viewer = Terminal("attach", str(ports["ws"]), env={"WSPROXY_HOME": str(self.folder / "home")})
        self.viewer.until(lambda: b"following" in self.viewer.written)
        return program, ports

    def stop(self) -> None:
        with contextlib.suppress(AttributeError):
            self.viewer.__exit__()
            del self.viewer
        super().stop()


def watched(seconds: float, repeats: int) -> dict[str, float]:
    """What somebody who watches costs the proxy: a message of ping-pong with and without, in turns."""
    with Session([Wsproxy, Watched], Settings(seconds), lambda line: None) as session:
        session.run(LOADS["pingpong-1"], ["ws"], repeats)
        found = Results(session.samples)
    numbers: dict[str, float] = {}
    for metric, words in (("cpu_us_per_message", "CPU per message"), ("rtt_p99_us", "p99 round trip")):
        alone, seen = (found.get("pingpong-1", "ws", proxy.name, metric) for proxy in (Wsproxy, Watched))
        assert alone
        assert seen
        numbers[f"the proxy alone, {words}, us"] = alone
        numbers[f"{words}, watched / alone"] = seen / alone
    return numbers


def help_() -> float:
    """Seconds of CPU of `wsproxy --help`, the best of five."""
    times = []
    for _ in range(5):
        before = os.times()
        subprocess.run([sys.executable, "-m", "wsproxy", "--help"], capture_output=True, check=True)
        after = os.times()
        times.append(
            after.children_user + after.children_system - before.children_user - before.children_system
        )
    return min(times)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keep", type=Path, help="a capture to use again, or to make")
    parser.add_argument("--frames", type=int, default=MILLION)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--repeats", type=int, default=5, help="of what is measured with and without it")
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
        found = {
            **json.loads(done.stdout),
            **following(Path(folder, "live.wsp"), given.seconds),
            **watched(given.seconds / 5, given.repeats),
            "wsproxy --help, s": help_(),
        }
    missed = 0
    for name, target in TARGETS.items():
        over = target is not None and found[name] > target
        missed += over
        wanted = f"at most {target:g}" if target is not None else ""
        print(f"{name:<42} {found[name]:>8.3g}  {wanted}{'  MISSED' if over else ''}")
    return 1 if missed and given.strict else 0


if __name__ == "__main__":
    sys.exit(main())

"""
Measure `wsproxy replay`: how well it keeps time, how fast it goes, what memory it takes, when it begins; and
`wsproxy diff` of two such sessions.

    python tests/bench/replay.py                  a million messages
    python tests/bench/replay.py --messages 200000 --seconds 3
    python tests/bench/replay.py --keep million.wsp

The command itself is run, recording and all, against a server in a process of its own that reads and throws
away. Rates are of wall time and of CPU time: on a machine with something else to do, only the latter says
anything. Exit status: 0 measured, 1 with --strict if a target is not met.
"""

import argparse
import asyncio
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench import machine
from tests.support.captures import MASK, START, capture
from wsproxy.store.reader import Reader
from wsproxy.wire.encode import encode_frame
from wsproxy.wire.handshake import Head, accept_for

MESSAGE = b'{"op":"tick","value":%07d,"filler":"0123456789012345678901234"}'
"""64 bytes."""
BLOCK = 1000
RATE = 1000
"""Messages a second at the recorded pace."""

PACE_P99 = 0.005
FAST = 50_000
BEGIN = 1.0
GROWTH = 1.3
DIFF = 50_000
"""
Targets: seconds late, messages a second, seconds to the first message, memory of ten times as many; messages
of either side that are compared in a second.
"""
ODD = 10_000
"""Of so many messages one is another in the second session."""


async def _sink() -> None:
    """Accept WebSockets; say when the first byte behind the handshake came, and how many in all."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = Head.parse(await reader.readuntil(b"\r\n\r\n"))
        accept = accept_for(head.get("Sec-WebSocket-Key"))
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept.encode() + b"\r\n\r\n"
        )
        first = 0.0
        total = 0
        while data := await reader.read(1 << 18):
            first = first or time.time()
            total += len(data)
        print(f"{first} {total}", flush=True)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@dataclass(frozen=True)
class Ran:
    """One run of the command; seconds and bytes."""

    wall: float
    cpu: float
    memory: int
    first: float
    """From its start until its first message came."""


class Bench:
    """The server, and a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        command = [sys.executable, __file__, "--sink"]
        self._sink = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._sink.stdout is not None
        self._lines = self._sink.stdout
        self.port = int(self._lines.readline())

    def run(self, session: Path, *words: str) -> tuple[Ran, Path]:
        """Replay a session. Gives what it took, and its capture."""
        target = self.folder / "replay.wsp"
        target.unlink(missing_ok=True)
        began = time.time()
        ran = self.ran(
            0, "replay", session, "-w", target, "--to", f"ws://127.0.0.1:{self.port}/", "--timeout", 1, *words
        )
        first, _ = self._lines.readline().split()
        return replace(ran, first=float(first) - began), target

    def ran(self, status: int, *words: object) -> Ran:
        """Run a command, which must end with this exit status."""
        command = [sys.executable, "-m", "wsproxy", *map(str, words)]
        environment = {**os.environ, "WSPROXY_HOME": str(self.folder / "home")}
        began = time.time()
        process = psutil.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
        memory, cpu = 0, 0.0
        while process.poll() is None:
            try:
                memory = max(memory, process.memory_info().rss)
                times = process.cpu_times()
                cpu = times.user + times.system
            except psutil.Error:
                break
            time.sleep(0.02)
        said = process.stdout.read().decode()
        assert process.wait() == status, said
        return Ran(time.time() - began, cpu, memory, 0.0)

    def close(self) -> None:
        """End the server."""
        self._sink.kill()
        self._sink.wait()
        self._lines.close()


def session(path: Path, messages: int, every: int = 1_000_000, odd: bool = False) -> Path:
    """So many messages of one client, one every so many ns; `odd`, if now and then one is another."""
    with capture(path) as c:
        number = c.open("ws://127.0.0.1:1/")
        for start in range(0, messages, BLOCK):
            block = b"".join(
                encode_frame(1, MESSAGE % (-at if odd and at and at % ODD == 0 else at), mask=MASK)
                for at in range(start, start + BLOCK)
            )
            c.send(number, block)
            while c.recorder.full:
                time.sleep(0.01)
        c.close(number)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE frame SET time = ? + id * ?", (START, every))
        db.execute("UPDATE connection SET opened = ?", (START,))
    db.close()
    return path


def lateness(original: Path, replay: Path) -> list[float]:
    """Seconds that each message went out later than the most punctual one."""
    with Reader(original) as reader:
        then = dict(reader.db.execute("SELECT id, time FROM frame WHERE from_client").fetchall())
    with Reader(replay) as reader:
        rows = reader.db.execute(
            "SELECT replay.original, frame.time FROM replay JOIN frame ON frame.id = replay.frame ORDER BY 1"
        ).fetchall()
    offsets = sorted(now - then[number] for number, now in rows)
    return [(offset - offsets[0]) / 1e9 for offset in offsets]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=10, help="of the recorded pace")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="the long session: made there, or taken from there")
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("--sink", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.sink:
        asyncio.run(_sink())
        return
    print(", ".join(f"{name} {value}" for name, value in machine.machine().items()))
    missed: list[str] = []

    def row(what: str, value: str, target: str, met: bool) -> None:
        print(f"{what:<44} {value:>22}   target {target:<14} {'' if met else 'MISSED'}")
        if not met:
            missed.append(what)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench = Bench(folder)
        try:
            timed = session(folder / "timed.wsp", RATE * given.seconds)
            late = []
            for _ in range(given.repeat):
                _, replay = bench.run(timed, "--pace", "recorded")
                found = lateness(timed, replay)
                late.append((found[len(found) * 99 // 100], found[len(found) // 2], found[-1]))
            p99, p50, most = min(late)
            row(f"recorded pace, {RATE:,}/s, p99 late", f"{p99 * 1e3:.2f} ms", "5 ms", p99 <= PACE_P99)
            print(f"{'':<44} {f'p50 {p50 * 1e3:.2f} ms, most {most * 1e3:.1f} ms':>22}")
            small = session(folder / "small.wsp", given.messages // 10)
            large = given.keep or folder / "large.wsp"
            if not large.exists():
                session(large, given.messages)
            less = min(
                (bench.run(small, "--pace", "fast")[0] for _ in range(given.repeat)), key=lambda r: r.cpu
            )
            more = min(
                (bench.run(large, "--pace", "fast")[0] for _ in range(given.repeat)), key=lambda r: r.cpu
            )
            started = given.messages // 10 * 9
            by_cpu = started / (more.cpu - less.cpu)
            by_wall = given.messages / more.wall
            row("fast pace, messages a second of CPU", f"{by_cpu:,.0f}", f"{FAST:,}", by_cpu >= FAST)
            print(f"{'fast pace, messages a second':<44} {by_wall:>22,.0f}")
            row(
                f"first of {given.messages:,} messages after",
                f"{more.first:.2f} s",
                f"{BEGIN} s",
                more.first <= BEGIN,
            )
            grown = more.memory / less.memory
            row(
                "memory, and of a tenth of the messages",
                f"{more.memory >> 20} MiB, {less.memory >> 20} MiB",
                f"x {GROWTH}",
                grown <= GROWTH,
            )
            others = [session(folder / f"{each.stem}-odd.wsp", count, odd=True) for each, count in (
                (small, given.messages // 10), (large, given.messages))]  # fmt: skip
            less, more = (
                min((bench.ran(1, "diff", a, b) for _ in range(given.repeat)), key=lambda r: r.cpu)
                for a, b in zip((small, large), others, strict=True)
            )
            by_cpu = started / (more.cpu - less.cpu)
            row("diff, messages of either a second of CPU", f"{by_cpu:,.0f}", f"{DIFF:,}", by_cpu >= DIFF)
            grown = more.memory / less.memory
            row(
                "its memory, and of a tenth of the messages",
                f"{more.memory >> 20} MiB, {less.memory >> 20} MiB",
                f"x {GROWTH}",
                grown <= GROWTH,
            )
        finally:
            bench.close()
    sys.exit(1 if missed and given.strict else 0)


if __name__ == "__main__":
    main()

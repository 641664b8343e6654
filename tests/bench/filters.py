"""
Measure `wsproxy log FILE -f FILTER` over one million frames of 256 bytes.

    python tests/bench/filters.py                      make a capture, search it with every filter
    python tests/bench/filters.py --keep million.wsp   keep the capture, or take one kept before
    python tests/bench/filters.py --frames 100000 --repeat 1

The time is that of the whole command, from its start to its end or to its first line. Targets are for
a machine with nothing else to do, so they are judged by CPU time; of the repeats the least counts.
Exit status: 0 measured, 1 with --strict if a target is not met.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench import machine
from tests.support.captures import MASK, capture
from wsproxy.store.reader import Reader
from wsproxy.wire.encode import encode_frame

MILLION = 1_000_000
SIZE = 256
BLOCK = 250
"""Frames in one read."""

FILTERS = {
    "~ping": 1.0,
    "~text & ~size >1k": 1.0,
    "~up & ~op 0x3 | ~anomaly": 1.0,
    "~d '^b\\.' & ~binary": 1.0,
    "~edited | ~held": 1.0,
    "~t ..-60m": 1.0,
    "'\"n\": 5000[0-9]{2},'": 5.0,
    "needle": 5.0,
    "needle|haystack": 5.0,
    "example\\.com.*needle": 5.0,
    "'n[e]+dle'": 5.0,
    "'(needle|haystack)s?'": 5.0,
    "~json missing = 1": 5.0,
    "~json n = 500000": None,
}
"""What is searched for, and in how many seconds it should be over with a million frames."""
FIRST = ("~text & ~up", "ada1[0-9]")
"""Filters with a hit early on: when does it show?"""
FIRST_WITHIN = 0.5


@dataclass(frozen=True)
class Took:
    """One run of the command, in seconds."""

    cpu: float
    wall: float
    first: float | None
    """Until its first line; None without one."""
    lines: int


def make(path: Path, frames: int) -> None:
    """A capture of JSON texts, all 256 bytes, on four connections in both directions."""
    number = 0
    with capture(path) as c:
        opened = [c.open(f"wss://{host}.example.test/chat") for host in "abcd"]
        while number < frames:
            for place, connection in enumerate(opened):
                from_client = place % 2 == 0
                block = []
                for _ in range(min(BLOCK, frames - number)):
                    text = f'{{"n": {number}, "event": "message", "who": "ada{number % BLOCK}", "pad": "'
                    body = f'{text}{"x" * (SIZE - len(text) - 2)}"}}'.encode()
                    block.append(encode_frame(1, body, mask=MASK if from_client else b""))
                    number += 1
                (c.send if from_client else c.receive)(connection, b"".join(block))
        for connection in opened:
            c.close(connection)


def run(path: Path, text: str, first_only: bool = False) -> Took:
    """Search once; with `first_only` end it when its first line has come."""
    begun = time.perf_counter()
    process = psutil.Popen(
        [sys.executable, "-m", "wsproxy", "log", str(path), "-f", text],
        stdout=subprocess.PIPE,
        bufsize=0,
    )
    line = process.stdout.readline()
    first = time.perf_counter() - begun if line else None
    lines = 1 if line else 0
    if first_only:
        process.kill()
    while chunk := process.stdout.read(1 << 16):
        lines += chunk.count(b"\n")
    process.stdout.close()
    # The children of this process, of which there is one at a time, are counted when they are waited for.
    before = psutil.Process().cpu_times()
    process.wait()
    after = psutil.Process().cpu_times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Took(cpu, time.perf_counter() - begun, first, lines)


def main() -> int:
    """The command; returns its exit status."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        path = options.keep or Path(folder, "million.wsp")
        if not path.exists():
            print(f"making {path} ...", file=sys.stderr, flush=True)
            make(path, options.frames)
        with Reader(path) as reader:
            frames = reader.last_frame()
        here = machine.machine()
        print(f"{here['processor']}, {here['cores']} cores, Python {sys.version.split()[0]}; ", end="")
        size = path.stat().st_size / 2**20
        print(f"{frames:,} frames, {size:,.0f} MiB; seconds, the least of {options.repeat}")
        print(f"\n{'filter':<28} {'CPU':>6} {'wall':>6} {'lines':>6}  target")
        missed, results = 0, []
        for text, target in FILTERS.items():
            took = min((run(path, text) for _ in range(options.repeat)), key=lambda took: took.cpu)
            met = target is None or took.cpu <= target
            missed += not met
            said = "" if target is None else f"{target:.1f} {'met' if met else 'MISSED'}"
            print(f"{text:<28} {took.cpu:6.2f} {took.wall:6.2f} {took.lines:6}  {said}", flush=True)
            results.append({"filter": text, "cpu": took.cpu, "wall": took.wall, "target": target})
        print(f"\n{'first line of':<28} {'CPU':>6} {'wall':>6}")
        for text in FIRST:
            took = min((run(path, text, True) for _ in range(options.repeat)), key=lambda took: took.cpu)
            met = took.first is not None and took.cpu <= FIRST_WITHIN
            missed += not met
            said = f"{FIRST_WITHIN} {'met' if met else 'MISSED'}"
            print(f"{text:<28} {took.cpu:6.2f} {took.first or 0:6.2f}         {said}", flush=True)
            results.append({"first": text, "cpu": took.cpu, "wall": took.first, "target": FIRST_WITHIN})
        if options.json:
            document = {"machine": here, "frames": frames, "results": results}
            options.json.write_text(json.dumps(document, indent=1) + "\n")
    return 1 if options.strict and missed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure searching a capture of a million frames.")
    parser.add_argument("--frames", type=int, default=MILLION)
    parser.add_argument("--repeat", type=int, default=3, help="how often each is measured")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="make the capture there, or take that one")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers to FILE")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a target is not met")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

"""
The client before the proxies: runs one load, and stops where the harness wants to look.

A process of its own, `python -m tests.bench.peers.client`, that talks in lines of JSON. It reads
the job (`load`, `door`, `settings`); prints `{"mark": "ready"}` when connected and warmed up, and
more marks where the load has them; waits for a line after each; prints `{"done": {...}}` with what
it has measured, and keeps its connections until its stdin ends.
"""

import asyncio
import gc
import json
import sys

import uvloop

from tests.bench.loads.all import LOADS
from tests.bench.loads.base import Settings
from tests.bench.peers.links import Door


def _say(**value: object) -> None:
    print(json.dumps(value), flush=True)


async def _mark(name: str) -> None:
    _say(mark=name)
    line = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    if not line:
        sys.exit(1)


async def _run() -> None:
    job = json.loads(sys.stdin.readline())
    load = LOADS[job["load"]]
    work = load.work(Door(**job["door"]), Settings(**job["settings"]), _mark)
    await work.prepare()
    # A collection in the middle of a round trip would be measured as the proxy's.
    gc.freeze()
    gc.disable()
    await _mark("ready")
    _say(done=await work.run())
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run())

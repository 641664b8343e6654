"""
One run: the origin, the proxies, the client, and the order in which they meet.
"""

import contextlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from tests.bench import measure
from tests.bench.loads.base import Load, Reading, Settings
from tests.bench.peers import certificate
from tests.bench.programs import Program, ProgramFailed
from tests.bench.proxies.base import Proxy, Unavailable
from tests.bench.proxies.python import WsproxyWithoutPayload, WsproxyWithoutRecording
from tests.bench.results import Sample

Say = Callable[[str], None]

_LINE_TIMEOUT = 600.0
"""Seconds for a client to get on; the slowest proxies take a minute for thousands of handshakes."""


class Session:
    """
    Runs loads through proxies. A context manager: the origin and all files live as long.

    Args:
        proxies: the classes.
        settings: how much.
        say: takes a line about the progress.

    Attributes:
        samples: what was measured so far.
        versions: of the proxies that can be run, by name.
        absent: why others cannot, by name.
    """

    def __init__(self, proxies: Sequence[type[Proxy]], settings: Settings, say: Say) -> None:
        self._classes = proxies
        self._settings = settings
        self._say = say
        self._exits = contextlib.ExitStack()
        self.proxies: list[Proxy] = []
        self.samples: list[Sample] = []
        self.versions: dict[str, str] = {}
        self.absent: dict[str, str] = {}

    def __enter__(self) -> "Session":
        with self._exits:
            folder = Path(self._exits.enter_context(tempfile.TemporaryDirectory(prefix="wsproxy-bench-")))
            pem = folder / "origin.pem"
            certificate.write(pem)
            command = [sys.executable, "-m", "tests.bench.peers.origin", str(pem)]
            origin = self._exits.enter_context(Program(command))
            ports: dict[str, int] = origin.line(_json, 30)
            for made in self._classes:
                proxy = made(folder / made.name, ports, pem)
                try:
                    self.versions[proxy.name] = proxy.version()
                    self.proxies.append(proxy)
                except Unavailable as reason:
                    self.absent[proxy.name] = str(reason)
                    self._say(f"without {proxy.name}: {reason}")
            self._exits = self._exits.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()

    def run(self, load: Load, schemes: Sequence[str], repeats: int) -> None:
        """Measure one load: every proxy in turn, and that again for each repeat."""
        proxies = [proxy for proxy in self.proxies if _suits(proxy, load)]
        repeats = 1 if load.once else repeats
        if load.fresh:
            for scheme in schemes:
                for repeat in range(repeats):
                    for proxy in proxies:
                        with self._running([proxy]) as running:
                            self._round(load, scheme, repeat, running)
            return
        with self._running(proxies) as running:
            for scheme in schemes:
                for repeat in range(repeats):
                    # Not always the same one first: whatever disturbs comes to all alike.
                    turn = repeat % max(1, len(running))
                    self._round(load, scheme, repeat, running[turn:] + running[:turn])

    @contextmanager
    def _running(self, proxies: Sequence[Proxy]) -> Iterator[list[Proxy]]:
        running: list[Proxy] = []
        try:
            for proxy in proxies:
                try:
                    running.append(proxy)
                    proxy.start()
                except ProgramFailed as error:
                    running.remove(proxy)
                    proxy.stop()
                    self._say(str(error))
            yield list(running)
        finally:
            for proxy in running:
                proxy.stop()

    def _round(self, load: Load, scheme: str, repeat: int, proxies: Sequence[Proxy]) -> None:
        for proxy in proxies:
            try:
                if _has_gone(proxy):
                    proxy.stop()
                    proxy.start()
                metrics = self._measure(load, scheme, proxy)
            except (ProgramFailed, psutil.Error) as error:
                # The client's complaint says little if it is the proxy that has gone.
                reason = proxy.program.failed("went away") if proxy.program and _has_gone(proxy) else error
                self._say(f"{load.name} {scheme} {proxy.name}: {reason}")
                continue
            self.samples.append(Sample(load.name, scheme, proxy.name, repeat, metrics))
            metric = load.main if load.main in metrics else next(iter(metrics))
            self._say(f"{load.name} {scheme} {proxy.name}: {metric} {metrics[metric]:.2f}")

    def _measure(self, load: Load, scheme: str, proxy: Proxy) -> dict[str, float]:
        command = [sys.executable, "-m", "tests.bench.peers.client"]
        readings: dict[str, Reading] = {}
        with Program(command) as client, contextlib.ExitStack() as watching:
            job = {"load": load.name, "door": proxy.door(scheme), "settings": asdict(self._settings)}
            client.say(json.dumps(job))
            peak: measure.Peak | None = None
            while True:
                said = client.line(_json, _LINE_TIMEOUT)
                if "done" in said:
                    break
                if proxy.pid is not None:
                    readings[said["mark"]] = measure.read(proxy.pid)
                    if load.fresh and peak is None:
                        peak = watching.enter_context(measure.Peak(proxy.pid))
                client.say("go on")
            if proxy.pid is not None:
                readings["done"] = measure.read(proxy.pid)
            if peak is not None:
                ready = readings["ready"]
                readings["peak"] = Reading(ready.cpu, ready.memory + peak.growth)
            return load.metrics(readings, said["done"])


def _suits(proxy: Proxy, load: Load) -> bool:
    if load.only:
        return proxy.name in load.only
    if proxy.special:
        return False
    if proxy.name == "direct":
        return load.direct
    if isinstance(proxy, WsproxyWithoutRecording):
        return load.recording_matters
    return load.payload_matters or not isinstance(proxy, WsproxyWithoutPayload)


def _has_gone(proxy: Proxy) -> bool:
    return proxy.program is not None and proxy.program.process.poll() is not None


def _json(line: str) -> Any:
    return json.loads(line) if line.startswith("{") else None

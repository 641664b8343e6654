"""
One run of the suite: a fuzzer, an echo peer, and between them nothing or the proxy.
"""

import contextlib
import json
import queue
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.autobahn import cases as case_sets
from tests.e2e.autobahn import programs
from tests.e2e.autobahn.equipment import Equipment
from tests.e2e.autobahn.programs import Lines, Proxy, RunFailed

GRACE = 10
"""Seconds in which the last connections may end after the client has finished."""

View = dict[str, Any]
"""What one end saw of a case, as `suite.py` reports it."""


@dataclass(frozen=True)
class Way:
    """How the client reaches the server."""

    via: str
    """`direct`, `connect` or `reverse`."""
    scheme: str
    """`ws` or `wss`."""

    def __str__(self) -> str:
        return f"{self.via}-{self.scheme}"


WAYS = {str(way): way for way in [Way(via, s) for via in ("connect", "reverse") for s in ("ws", "wss")]}
DIRECTIONS = {
    "client": ("fuzzing-client", "echo-server"),
    "server": ("echo-client", "fuzzing-server"),
}
"""What the fuzzer is, and who then is client and server."""


@dataclass
class Run:
    """What came of it."""

    direction: str
    way: Way
    order: list[str]
    """The ids of the cases, as they were run."""
    fuzzer: dict[str, View] = field(default_factory=dict)
    echo: dict[str, View] = field(default_factory=dict)
    seconds: float = 0
    capture: Path | None = None
    proxy_said: list[str] = field(default_factory=list)


Progress = Callable[[Run], None]


def run(
    direction: str,
    way: Way,
    patterns: list[str],
    equipment: Equipment,
    folder: Path,
    progress: Progress = lambda _: None,
) -> Run:
    """
    Run cases one way.

    Args:
        direction: `client` or `server`, what the fuzzer is.
        way: how the client reaches the server.
        patterns: case ids, or the beginning of one and a star.
        equipment: what runs share.
        folder: where logs, the suite's reports and the capture go.
        progress: called after each case.

    Raises:
        RunFailed: the outcome says nothing about the proxy.
    """
    folder.mkdir(parents=True, exist_ok=True)
    client_role, server_role = DIRECTIONS[direction]
    fuzz = {"cases": patterns, "out": str(folder)}
    lines: Lines = queue.Queue()
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(
            programs.suite(
                server_role, equipment.python, lines, folder,
                url=f"{way.scheme}://{programs.HOST}",
                tls=str(equipment.tls) if way.scheme == "wss" else None,
                **fuzz,
            )
        )  # fmt: skip
        port, order = programs.port_of(server, lines)
        proxy = None if way.via == "direct" else stack.enter_context(_proxy(way, port, equipment, folder))
        port_to_use = proxy.port if proxy and way.via == "reverse" else port
        client = stack.enter_context(
            programs.suite(
                client_role, equipment.python, lines, folder,
                url=f"{way.scheme}://{programs.HOST}:{port_to_use}",
                proxy=f"{programs.HOST}:{proxy.port}" if proxy and way.via == "connect" else None,
                **fuzz,
            )
        )  # fmt: skip
        outcome = Run(direction, way, order)
        started = time.monotonic()

        def after_case(run: Run) -> None:
            run.seconds = time.monotonic() - started
            progress(run)

        _collect(outcome, lines, client, after_case)
        if proxy:
            outcome.capture = proxy.capture
            died = not proxy.is_running
            status = proxy.stop()
            outcome.proxy_said = proxy.said
            if died or status:
                raise proxy.program.failed(f"ended with status {status}")
        return outcome


@contextlib.contextmanager
def _proxy(way: Way, port: int, equipment: Equipment, folder: Path) -> Iterator[Proxy]:
    # The suite's certificate is nobody's.
    arguments = ["-k"]
    if way.via == "reverse":
        scheme = {"ws": "http", "wss": "https"}[way.scheme]
        arguments += ["-m", f"reverse:{scheme}://{programs.HOST}:{port}"]
    proxy = Proxy(folder, equipment.home, *arguments)
    try:
        yield proxy
    finally:
        proxy.stop()


def _collect(outcome: Run, lines: Lines, client: programs.Program, progress: Progress) -> None:
    """
    Take what both ends report, until they have said everything or the client has ended and a moment
    has passed.
    """
    client_ended = False
    echoes: dict[int, View] = {}
    while True:
        complete = outcome.order and len(outcome.fuzzer) == len(echoes) == len(outcome.order)
        if complete and client_ended:
            break
        patience = GRACE if client_ended else case_sets.patience(outcome.order)
        try:
            speaker, line = lines.get(timeout=patience)
        except queue.Empty:
            if client_ended:
                break
            raise client.failed(f"heard of no case for {patience} s") from None
        if line is None:
            if speaker is not client:
                raise speaker.failed(f"ended with status {speaker.process.wait()}")
            client_ended = True
            if client.process.wait():
                raise client.failed(f"ended with status {client.process.wait()}")
            continue
        event = json.loads(line)
        kind = event.pop("event")
        if kind == "cases":
            outcome.order = event["cases"]
        elif kind == "case":
            outcome.fuzzer[event.pop("id")] = event
            progress(outcome)
        elif kind == "echo":
            echoes[event.pop("number")] = event
    outcome.echo = {outcome.order[number - 1]: view for number, view in echoes.items()}
    if outcome.way.via == "direct" and not complete:
        missing = [case for case in outcome.order if not (case in outcome.fuzzer and case in outcome.echo)]
        raise RunFailed(f"without the proxy, there is no result for {', '.join(missing) or 'any case'}")

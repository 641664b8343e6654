"""What `wsproxy replay` says: how far it is, what it asks, and what came of it."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import click

from wsproxy.cli import output
from wsproxy.decoders.registry import Factory
from wsproxy.decoders.text import printable
from wsproxy.errors import UsageError
from wsproxy.replay.changes import Changes
from wsproxy.replay.dial import Way, checked_proxy
from wsproxy.replay.outcome import Outcome, Summary, brief
from wsproxy.replay.pace_step import Answer
from wsproxy.replay.player import Player
from wsproxy.replay.recorded import Recorded
from wsproxy.replay.recorded_message import RecordedMessage
from wsproxy.replay.settings import Settings
from wsproxy.replay.stayed import StayedOutcome
from wsproxy.replay.target import Opening, Target
from wsproxy.store.reader import Reader
from wsproxy.words import count, duration

_EVERY = 0.1
_AFTER = 0.5
"""Seconds."""


def settings_of(how: dict[str, Any], *, exact: bool, timeout: float, skip_truncated: bool) -> Settings:
    """
    From the options of the command line.

    Raises:
        UsageError: one of them is nothing of the kind.
    """
    url = how["url"]
    if url is not None and url.isdigit():
        raise UsageError(f"--to {url} is no URL", f"The last frame to replay is --until {url}")
    given = how["subprotocols"]
    opening = Opening(
        to=Target.parse(url) if url else None,
        headers=[_pair(text, ":", "--header", "Name: value") for text in how["headers"]],
        without=how["without"],
        cookies=[_pair(text, "=", "--cookie", "name=value") for text in how["cookies"]],
        subprotocols=[name for name in given if name] if given else None,
        send_secrets=how["send_secrets"],
        exact=exact,
    )
    proxy = checked_proxy(how["proxy"]) if how["proxy"] else None
    way = Way(proxy, how["insecure"], how["ca"], timeout)
    return Settings(opening, way, timeout, skip_truncated, exact)


def changes_of(
    exact: bool,
    maps: tuple[str, ...],
    given: tuple[str, ...],
    scripts: tuple[Path, ...],
    no_carry: bool,
    factory: Factory | None,
    tell: Callable[[str], None],
) -> Changes | None:
    """
    What is made of messages; None: nothing.

    Raises:
        UsageError: one of the options is nothing of the kind, or a script cannot be loaded.
    """
    from wsproxy.decoders.registry import DECODERS
    from wsproxy.replay.hook import Hook, load
    from wsproxy.replay.session import Session
    from wsproxy.replay.variables import Map, Variables

    if exact:
        if maps or given or scripts:
            raise UsageError("--exact changes nothing", "Leave out --map, --var and --script, or --exact")
        return None
    variables = Variables(
        tuple(Map.parse(text) for text in maps),
        dict(_pair(text, "=", "--var", "name=value") for text in given),
    )
    hook = Hook([load(path, tell) for path in scripts], variables.values) if scripts else None
    return Session(variables, hook, not no_carry, factory or DECODERS.session)


def _pair(text: str, mark: str, option: str, example: str) -> tuple[str, str]:
    name, found, value = text.partition(mark)
    if not found or not name.strip() or any(c in text for c in "\r\n\0"):
        raise UsageError(f"{option} {text!r} is not understood", f"It looks like '{example}'")
    return name.strip(), value.strip()


class Bar:
    """
    How far a replay is: on stderr, if that is a terminal, after half a second.

    Args:
        recorded: what is replayed.
    """

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded
        self._shows = output.is_terminal(sys.stderr)
        self._task: asyncio.Task[None] | None = None
        self._visible = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task:
            self._task.cancel()
        if self._visible:
            output.talk("\r\x1b[K", True, end="")

    def start(self, player: Player) -> None:
        """Show this one."""
        if self._shows:
            self._task = asyncio.get_running_loop().create_task(self._run(player))

    def _count(self) -> tuple[int, int]:
        with Reader(self._recorded.reader.path) as reader:
            return self._recorded.count(reader)

    async def _run(self, player: Player) -> None:
        began = time.monotonic()
        await asyncio.sleep(_AFTER)
        # Counting goes over all frames, and the clock must not wait for it.
        whole, _ = await asyncio.to_thread(self._count)
        while True:
            self._visible = True
            output.talk(
                "\r\x1b[K" + bar(player.said, whole, player.differences, time.monotonic() - began),
                True,
                end="",
            )
            await asyncio.sleep(_EVERY)


def bar(done: int, whole: int, differences: int, seconds: float) -> str:
    """One line: messages done, rate, differences so far, time left."""
    rate = done / seconds if seconds else 0
    left = (whole - done) / rate if rate and whole > done else 0
    percent = min(done * 100 // whole, 100) if whole else 100
    more = f", {duration(int(left * 1e9))} left" if left else ""
    wrong = count(differences, "difference")
    return f"replaying {percent} %: {done:,} of {whole:,} sent, {rate:,.0f}/s, {wrong}{more}"


def ask(reader: Reader) -> Callable[[RecordedMessage], Awaitable[Answer]]:
    """What shows the next message and asks a person about it."""
    one_at_a_time = asyncio.Lock()

    async def about(message: RecordedMessage) -> Answer:
        where = f"connection {message.connection}" if message.connection else "over long-polling"
        line = f"{where}: {brief(message)}: send? [Y/skip/rest/quit] "
        async with one_at_a_time:
            while True:
                output.talk(line, end="")
                said = await asyncio.to_thread(sys.stdin.readline)
                if not said:
                    return Answer.QUIT
                word = said.strip().lower()
                if word in ("", "y", "yes", "send"):
                    return Answer.SEND
                found = [answer for answer in Answer if word and answer.value.startswith(word)]
                if len(found) == 1:
                    return found[0]

    return about


def outcome_lines(summary: Summary, color: bool, compare: bool = False) -> str:
    """
    For people: what went wrong, connection by connection, and the whole in one line.

    Args:
        summary: of the replay.
        color: use colours.
        compare: show what was said otherwise over long-polling, too.
    """
    lines = [printable(note) for note in summary.notes]
    if summary.withheld:
        names = " and ".join(sorted(summary.withheld))
        lines.append(
            printable(f"{names} left out: this is not the recorded server (--send-secrets sends them)")
        )
    for outcome in summary.outcomes:
        if outcome.problem:
            lines.append(_style(printable(f"connection {outcome.original}: {outcome.problem}"), "red", color))
    for session in summary.sessions:
        for then, now in session.changed if compare else ():
            lines.append(
                printable(f"session {session.session} over long-polling: {then} was said, now {now}")
            )
        if session.problem:
            line = f"session {session.session} over long-polling: {session.problem}"
            lines.append(_style(printable(line), "red", color))
    where = [count(summary.connections, "connection")] if summary.connections or not summary.polled else []
    if summary.polled:
        where.append(f"{count(summary.polled, 'session')} over long-polling")
    parts = [
        f"{count(summary.said, 'message')} sent on {' and '.join(where)}",
        f"{summary.heard:,} of {summary.expected:,} heard",
    ]
    if summary.skipped:
        parts.append(f"{summary.skipped:,} skipped")
    if summary.left:
        parts.append(f"{summary.left:,} not sent")
    parts.append(count(summary.differences, "difference"))
    if summary.stopped:
        parts.append("stopped by hand")
    style = "green" if summary.went_well and not summary.differences else "yellow"
    return "\n".join([*lines, _style(", ".join(parts), style, color)]) + "\n"


def outcome_json(summary: Summary, path: Path, target: Path) -> dict[str, Any]:
    """As `wsproxy/docs/json.md` has it."""
    return {
        "event": "replay",
        "capture": str(path.absolute()),
        "replay": str(target.absolute()),
        "sent": summary.said,
        "received": summary.heard,
        "expected": summary.expected,
        "skipped": summary.skipped,
        "left": summary.left,
        "differences": summary.differences,
        "problem": summary.problem or None,
        "stopped": summary.stopped,
        "withheld": sorted(summary.withheld),
        "notes": summary.notes,
        "connections": [_outcome_json(outcome) for outcome in summary.outcomes],
        "polling": [_session_json(outcome) for outcome in summary.sessions],
    }


def _counts(outcome: Outcome | StayedOutcome) -> dict[str, int]:
    return {
        "sent": outcome.said,
        "received": outcome.heard,
        "expected": outcome.expected,
        "skipped": outcome.skipped,
        "left": outcome.left,
        "differences": outcome.differences,
    }


def _outcome_json(outcome: Outcome) -> dict[str, Any]:
    closure = outcome.closure
    return {
        "connection": outcome.number or None,
        "original": outcome.original,
        "url": outcome.url,
        **_counts(outcome),
        "problem": outcome.problem or None,
        "closed": asdict(closure) if closure else None,
    }


def _session_json(outcome: StayedOutcome) -> dict[str, Any]:
    return {
        "session": outcome.now or None,
        "original": outcome.session,
        "url": outcome.url,
        **_counts(outcome),
        "changed": [{"then": then, "now": now} for then, now in outcome.changed],
        "problem": outcome.problem or None,
    }


def _style(text: str, color: str, wanted: bool) -> str:
    return click.style(text, fg=color) if wanted else text

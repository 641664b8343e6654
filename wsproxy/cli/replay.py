"""`wsproxy replay`: act as the recorded client against a real server."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wsproxy.cli.decoding import Decoding, decoder_options
from wsproxy.cli.diffing import Comparing, diff_options
from wsproxy.cli.filtering import filter_option
from wsproxy.cli.library import CaptureFile
from wsproxy.cli.output import color_option, json_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsproxy.filters.nodes import Filter
    from wsproxy.replay.changes import Changes
    from wsproxy.replay.load import Plan
    from wsproxy.replay.outcome import Summary
    from wsproxy.replay.pace import Pace
    from wsproxy.replay.recorded import Recorded
    from wsproxy.replay.settings import Settings
    from wsproxy.store.reader import Reader


@click.command()
@click.argument("path", metavar="FILE", type=CaptureFile())
@click.option(
    "--connection",
    "connections",
    type=click.IntRange(1),
    multiple=True,
    metavar="N",
    help="Only connection N; may be given several times. [default: all]",
)
@click.option("--from", "first", type=click.IntRange(1), default=1, metavar="ID", help="Begin with frame ID.")
@click.option("--until", "last", type=click.IntRange(1), metavar="ID", help="End with frame ID.")
@filter_option("Only messages that match are sent, and waited for.")
@click.option("--to", "url", metavar="URL", help="Another server; without a path, the recorded one.")
@click.option("--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="Set a header.")
@click.option("--without-header", "without", multiple=True, metavar="NAME", help="Leave a header out.")
@click.option("--cookie", "cookies", multiple=True, metavar="NAME=VALUE", help="Set a cookie.")
@click.option(
    "--subprotocol",
    "subprotocols",
    multiple=True,
    metavar="NAME",
    help="Offer this in place of the recorded ones; '' offers none.",
)
@click.option(
    "--send-secrets",
    is_flag=True,
    help="Send recorded Authorization and Cookie headers to another server than the recorded one, too.",
)
@click.option("--proxy", metavar="URL", help="Go through a proxy: http://, socks5:// or socks4://.")
@click.option("-k", "--ssl-insecure", "insecure", is_flag=True, help="Accept any certificate.")
@click.option(
    "--ca",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Trust these certificates, too.",
)
@click.option(
    "--pace",
    "pace",
    type=click.Choice(["lockstep", "recorded", "fast", "step"]),
    default="lockstep",
    show_default=True,
    help="Send when the server has said as much as before; at the recorded times; at once; when you say so.",
)
@click.option(
    "--speed",
    type=click.FloatRange(0, min_open=True),
    metavar="X",
    help="With --pace recorded: X times as fast.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a server may owe something.",
)
@click.option("--exact", is_flag=True, help="Send the recorded frames byte for byte.")
@click.option("--skip-truncated", is_flag=True, help="Leave out messages of which the capture has not all.")
@click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="'PATH=>NAME'",
    help="Take {{NAME}} from this place of the server's JSON messages.",
)
@click.option(
    "--var",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="What {{NAME}} in messages and headers stands for.",
)
@click.option(
    "-s",
    "--script",
    "scripts",
    multiple=True,
    metavar="PATH",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Ask replay_message(session, message) of a script about every message.",
)
@click.option("--no-carry", is_flag=True, help="Send recorded ids and tokens as they are.")
@click.option("--repeat", type=click.IntRange(1), metavar="N", help="Load: replay it N times in all.")
@click.option("--concurrency", type=click.IntRange(1), metavar="N", help="Load: N replays at a time.")
@click.option(
    "--ramp", type=click.FloatRange(0), default=0.0, metavar="SECONDS", help="Load: so long until N go on."
)
@click.option(
    "--diff",
    "compare",
    is_flag=True,
    help="Then show what the servers said otherwise, as `wsproxy diff` does, with its options.",
)
@diff_options
@click.option("-w", "--write", metavar="FILE", help="Record to FILE. [default: a new file in your captures]")
@decoder_options
@json_option("Print the outcome as one JSON object.")
@color_option
def replay(
    path: Path,
    connections: tuple[int, ...],
    first: int,
    last: int | None,
    wanted: "Filter | None",
    write: str | None,
    pace: str,
    speed: float | None,
    timeout: float,
    exact: bool,
    skip_truncated: bool,
    maps: tuple[str, ...],
    given: tuple[str, ...],
    scripts: tuple[Path, ...],
    no_carry: bool,
    repeat: int | None,
    concurrency: int | None,
    ramp: float,
    compare: bool,
    comparing: Comparing,
    decoding: Decoding,
    as_json: bool,
    color: str,
    **how: Any,
) -> None:
    """
    Say again what the client said in a capture, to the same server or another.

    FILE is a path, the name of a capture as `wsproxy captures` lists it, or the word last for the newest
    one. Every connection is opened with the recorded handshake, in the recorded order; its messages go out
    as they did, fragments, pings and closing included. The server's pings are answered. The replay is
    recorded, too: `wsproxy log last` shows it.

    Ids and tokens that the server made up are said as they are now: texts in text messages, and the ids of
    calls that the client answers. In binary messages it is only the latter, of SignalR and MQTT.

    Exit codes: 0 all was said and the server did not break off, 1 it did, fell behind or refused,
    2 wrong usage, 3 no server. What the server said otherwise than in the original is counted; with --diff
    it is shown, and the exit code is 1 if there is any.

    \b
    Examples:
      wsproxy replay session.wsp
      wsproxy replay last --connection 3 --to ws://localhost:8000
      wsproxy replay session.wsp --pace recorded --speed 10
      wsproxy replay session.wsp --repeat 1000 --concurrency 50 --ramp 10
      wsproxy replay session.wsp --header 'X-Try: 2' --proxy http://localhost:8080
      wsproxy replay session.wsp --diff --ignore ..time
    """  # fmt: skip
    from wsproxy.cli import output, viewer
    from wsproxy.cli.replay_talk import Bar, ask, changes_of, outcome_json, outcome_lines, settings_of
    from wsproxy.cli.running import capture_target, in_foreground, settle
    from wsproxy.decoders.registry import DECODERS
    from wsproxy.errors import UsageError
    from wsproxy.replay.load import Plan
    from wsproxy.replay.recorded import Recorded
    from wsproxy.replay.run import replay as run
    from wsproxy.replay.session import Session
    from wsproxy.store.jsontext import dumps

    same = True
    if speed is not None and pace != "recorded":
        raise UsageError("--speed goes with --pace recorded")
    settings = settings_of(how, exact=exact, timeout=timeout, skip_truncated=skip_truncated)
    target, _ = capture_target(write)
    if write is not None and (write.startswith("+") or target.exists()):
        why = "" if write.startswith("+") else f"{target} exists already, and "
        raise UsageError(f"{why}a replay is a capture of its own", "Choose a new file with -w FILE")
    plan = None
    if repeat or concurrency:
        if pace == "step" or exact:
            raise UsageError(f"a load test does not go with {'--exact' if exact else '--pace step'}")
        plan = Plan(repeat or concurrency or 1, concurrency or 1, ramp)
        if compare:
            raise UsageError("--diff compares one replay", "Leave out --repeat and --concurrency")
    elif ramp:
        raise UsageError("--ramp goes with --concurrency")

    def changes() -> "Changes | None":
        factory = decoding.factory() if decoding.words() else None
        return changes_of(exact, maps, given, scripts, no_carry, factory, output.say)

    changes()
    with viewer.opened(path) as reader:
        recorded = Recorded(
            reader,
            connections=connections,
            first=first,
            last=last,
            wanted=wanted,
            decode=decoding.decode(reader) if wanted else None,
        )
        _check(recorded, reader, path, connections, first, last)
        if reader.is_live():
            output.say(
                f"{path} is being written: what is in it now is replayed, up to frame {recorded.last:,}"
            )

        # Before the first connection is opened: from then on nothing may come late.
        DECODERS.names()
        settle()
        if plan is not None:
            _load(
                recorded,
                settings,
                path,
                target,
                plan,
                changes,
                lambda: _clock(pace, speed or 1.0, timeout, None),
                as_json,
            )
            return

        mine = changes()
        if compare and isinstance(mine, Session):
            mine.rules = comparing.rules

        async def main() -> "Summary":
            clock = _clock(pace, speed or 1.0, timeout, ask(reader))
            with Bar(recorded) as bar:
                return await run(recorded, settings, target, clock, changes=mine, on_start=bar.start)

        try:
            summary = in_foreground(main())
        finally:
            if target.exists():
                output.say(f"recorded in {target}")
        if as_json:
            output.emit(dumps(outcome_json(summary, path, target)) + "\n")
        else:
            coloured = output.use_color(color)
            output.emit(outcome_lines(summary, coloured, compare), coloured)
        if compare:
            # The report is of connections: what was said over long-polling, the outcome has.
            same = not any(session.differences for session in summary.sessions)
            same &= _compare(reader, target, comparing, mine, decoding, as_json, output.use_color(color))
    if not (summary.went_well and same):
        raise click.exceptions.Exit(1)


def _compare(
    original: "Reader",
    target: Path,
    comparing: Comparing,
    changes: "Changes | None",
    decoding: Decoding,
    as_json: bool,
    color: bool,
) -> bool:
    from wsproxy.cli import viewer
    from wsproxy.cli.diffing import report
    from wsproxy.cli.progress import Progress
    from wsproxy.replay.session import Session

    if isinstance(changes, Session):
        comparing.rules = changes.without_ids(comparing.rules)
    if comparing.only is None:
        # What the client said is what was to be said.
        comparing.only = False
    factory = decoding.factory()
    progress = Progress("comparing")
    with viewer.opened(target) as replayed:
        numbers = [connection.id for connection in replayed.connections()]
        found = [(replayed.replay_of(number), number) for number in numbers]
        pairs = [(of.original, number) for of, number in found if of]
        return report(
            comparing.diff(original, replayed, (factory, factory), progress, pairs),
            comparing,
            (str(original.path), str(target)),
            as_json=as_json,
            color=color and not as_json,
            before=progress.clear,
        )


def _check(
    recorded: "Recorded",
    reader: "Reader",
    path: Path,
    connections: tuple[int, ...],
    first: int,
    last: int | None,
) -> None:
    from wsproxy.errors import UsageError
    from wsproxy.replay.stayed import stayed
    from wsproxy.store.records import ConnectionRecord

    for number in connections:
        if reader.connection(number) is None:
            count, _ = reader.counts()
            raise UsageError(
                f"there is no connection {number} in {path}",
                f"It has {count}; `wsproxy info {path}` lists them" if count else "It has none at all",
            )
    if last is not None and last < first:
        raise UsageError(f"--until {last} is before --from {first}")
    opened = next((step for step in recorded.messages() if isinstance(step, ConnectionRecord)), None)
    if opened is None and not (recorded.is_whole and stayed(recorded)):
        raise UsageError(
            f"there is nothing to send in {path}"
            + (", as far as it was chosen" if recorded.is_partial else ""),
            f"`wsproxy log {path}` shows what is in it",
        )


def _load(
    recorded: "Recorded",
    settings: "Settings",
    path: Path,
    target: Path,
    plan: "Plan",
    changes: "Callable[[], Changes | None]",
    pace: "Callable[[], Pace]",
    as_json: bool,
) -> None:
    from wsproxy.cli import output
    from wsproxy.cli.replay_load import second_json, second_line, whole_json, whole_lines
    from wsproxy.cli.running import in_foreground
    from wsproxy.replay.load import load
    from wsproxy.replay.session import Session
    from wsproxy.replay.statistics import Second
    from wsproxy.store.jsontext import dumps

    def session() -> Session:
        made = changes()
        assert isinstance(made, Session)
        return made

    def told(second: Second) -> None:
        if as_json:
            output.emit(dumps(second_json(second)) + "\n")
        else:
            output.say(second_line(second))

    try:
        found = in_foreground(
            load(recorded, settings, target, plan, pace=pace, session=session, on_second=told)
        )
    finally:
        if target.exists():
            output.say(f"recorded in {target}")
    output.emit(dumps(whole_json(found, path, target)) + "\n" if as_json else whole_lines(found))
    if found.errors:
        raise click.exceptions.Exit(1)


def _clock(pace: str, speed: float, timeout: float, ask: Any) -> "Pace":
    from wsproxy.replay.pace_fast import FastPace
    from wsproxy.replay.pace_lockstep import LockstepPace
    from wsproxy.replay.pace_recorded import RecordedPace
    from wsproxy.replay.pace_step import StepPace

    if pace == "recorded":
        return RecordedPace(speed)
    if pace == "fast":
        return FastPace(timeout)
    return StepPace(ask) if pace == "step" else LockstepPace(timeout)

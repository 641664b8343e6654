"""
Measure wsproxy beside other proxies, on this machine and in one run.

    python tests/bench/run.py                    everything; about 25 minutes on two cores
    python tests/bench/run.py --quick            less of it; about three minutes
    python tests/bench/run.py --loads pingpong-1,stream --scheme wss --json results.json

Exit status: 0 measured, 1 with --strict if a target is not met, 2 wrong usage, 3 nothing measured.
See README.md beside this file.
"""

import argparse
import contextlib
import json
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench import machine, report, results, targets
from tests.bench.loads.all import LOADS
from tests.bench.loads.base import Settings
from tests.bench.programs import ProgramFailed
from tests.bench.proxies.all import PROXIES
from tests.bench.session import Session

FILES = 20_000
"""Open files wanted: 5,000 sockets take twice as many in a proxy."""

QUICK = tuple(name for name in LOADS if name not in ("million", "idle", "binary-deflate"))


def main() -> int:
    """The command; returns its exit status."""
    options = _options()
    # So that the programs it has started are ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
    _allow_files()
    settings = Settings(seconds=0.3 if options.quick else 1.5, quick=options.quick)
    begun = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - begun:6.0f} s  {text}", file=sys.stderr, flush=True)

    status = 0
    with Session([PROXIES[name] for name in options.proxies], settings, say) as session:
        try:
            for name in options.loads:
                session.run(LOADS[name], options.scheme, options.repeat)
        except KeyboardInterrupt:
            say("stopped; what was measured so far:")
        found = results.Results(session.samples, session.absent)
        if not session.samples:
            say("nothing was measured")
            return 3
        verdicts = targets.judge(found)
        _print(found, verdicts, session, options)
        if options.json:
            _write(options.json, found, verdicts, session, options)
        if options.strict and any(v.met is False and not v.stretch for v in verdicts):
            status = 1
    return status


def _print(
    found: results.Results,
    verdicts: Sequence[targets.Verdict],
    session: Session,
    options: argparse.Namespace,
) -> None:
    here = machine.machine()
    print(f"{here['processor']}, {here['cores']} cores, {here['system']}, Python {sys.version.split()[0]}")
    print("; ".join(dict.fromkeys(session.versions.values())))
    for name, reason in session.absent.items():
        print(f"not measured: {name}: {reason}")
    print(f"Numbers are {results.HOW}. Repeats: {options.repeat}.")
    for name, scheme in found.loads():
        print(f"\n{report.load_table(found, name, scheme)}")
    if verdicts:
        print(f"\nTargets\n{report.targets_table(verdicts)}\n{report.summary(verdicts)}")


def _write(
    path: Path,
    found: results.Results,
    verdicts: Sequence[targets.Verdict],
    session: Session,
    options: argparse.Namespace,
) -> None:
    document = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.machine(),
        "runtime": machine.runtime(),
        "proxies": session.versions,
        "absent": session.absent,
        "quick": options.quick,
        "repeats": options.repeat,
        "aggregate": results.HOW,
        "results": found.as_json(),
        "targets": [
            {
                "load": v.load,
                "scheme": v.scheme,
                "target": v.text,
                "value": v.value,
                "limit": v.limit,
                "stretch": v.stretch,
                "met": v.met,
            }
            for v in verdicts
        ],
        "samples": [
            {"load": s.load, "scheme": s.scheme, "proxy": s.proxy, "repeat": s.repeat, **s.metrics}
            for s in session.samples
        ],
    }
    path.write_text(json.dumps(document, indent=1) + "\n")


def _allow_files() -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft < wanted:
        # Inherited by all that is started.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _listed(known: Mapping[str, object]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = text.split(",")
        if unknown := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
        return [name for name in known if name in names]

    return parse


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure wsproxy beside other proxies, on this machine.")
    parser.add_argument("--loads", type=_listed(LOADS), help=f"some of {', '.join(LOADS)}")
    parser.add_argument("--proxies", type=_listed(PROXIES), help=f"some of {', '.join(PROXIES)}")
    parser.add_argument("--scheme", type=_listed({"ws": 0, "wss": 0}), default=["ws", "wss"])
    parser.add_argument("--quick", action="store_true", help="fewer loads, shorter, one repeat")
    parser.add_argument("--repeat", type=int, help="how often each is measured (default: 3, quick: 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers to FILE")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a target is not met")
    options = parser.parse_args()
    options.loads = options.loads or list(QUICK if options.quick else LOADS)
    options.proxies = options.proxies or list(PROXIES)
    options.repeat = options.repeat or (1 if options.quick else 3)
    return options


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ProgramFailed as failure:
        print(failure, file=sys.stderr)
        sys.exit(3)

"""
Run the Autobahn WebSocket test suite without the proxy and through it, and compare.

    python tests/e2e/autobahn/run.py --cases core --paths connect-ws,reverse-wss

Exit status: 0 no difference, 1 differences, 2 wrong usage, 3 nothing to compare (it says why).
See README.md beside this file.
"""

import argparse
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tests.e2e.autobahn import capture, cases, runs
from tests.e2e.autobahn.compare import Difference, differences, summary
from tests.e2e.autobahn.equipment import Equipment, equip
from tests.e2e.autobahn.programs import RunFailed
from tests.e2e.autobahn.runs import Run, Way
from tests.e2e.autobahn.tools import BuildFailed, PythonMissing

OUT = Path(__file__).parent / "out"

BEHAVIORS = ("OK", "NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED", "FAILED")


@dataclass
class Result:
    """All portions of one way through, and what is wrong with them compared to the direct way."""

    direction: str
    way: Way
    runs: list[Run] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return sum(run.seconds for run in self.runs)


def main() -> int:
    """The command; returns its exit status."""
    options = _options()
    # So that the programs it has started are ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
    results: list[Result] = []
    failure = ""
    try:
        with tempfile.TemporaryDirectory() as private:
            _say("getting the suite ready")
            equipment = equip(Path(private))
            for direction in options.directions:
                for scheme in ("ws", "wss"):
                    ways = [way for way in options.paths if way.scheme == scheme]
                    if ways:
                        _compare(direction, scheme, ways, equipment, options, results)
    except (PythonMissing, BuildFailed, RunFailed) as error:
        failure = str(error)
    _print_table(results)
    for result in results:
        for line in [*summary(result.differences), *result.faults]:
            print(f"{result.direction} {result.way}: {line}")
    if failure:
        _say(failure)
        return 3
    return 1 if any(result.differences or result.faults for result in results) else 0


def _compare(
    direction: str,
    scheme: str,
    ways: list[Way],
    equipment: Equipment,
    options: argparse.Namespace,
    results: list[Result],
) -> None:
    """Go directly and then each of the ways, and compare; the results are added to `results`."""
    direct = Result(direction, Way("direct", scheme))
    results.append(direct)
    _go(direct, equipment, options)
    for way in ways:
        result = Result(direction, way)
        results.append(result)
        _go(result, equipment, options, direct)


def _go(
    result: Result, equipment: Equipment, options: argparse.Namespace, direct: Result | None = None
) -> None:
    """Run all portions one way, and compare each with how it went directly."""
    folder: Path = options.out / f"{result.direction}-{result.way}"
    shutil.rmtree(folder, ignore_errors=True)
    with _progress(result) as progress:
        for number, (name, patterns) in enumerate(cases.portions(options.cases).items()):
            run = runs.run(result.direction, result.way, patterns, equipment, folder / name, progress)
            result.runs.append(run)
            if direct is None:
                continue
            found = differences(direct.runs[number], run)
            faults = capture.faults(run)
            result.differences += found
            result.faults += faults
            if found:
                (folder / name / "differences.txt").write_text("".join(f"{line}\n" for line in found))
            if not (found or faults or options.keep):
                _remove(run.capture)


def _remove(path: Path | None) -> None:
    assert path is not None, "a run through the proxy has a capture"
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


@contextmanager
def _progress(result: Result) -> Iterator[runs.Progress]:
    """A line on stderr that counts, where somebody may be watching; one line in the end everywhere."""
    live = sys.stderr.isatty()
    text = ""

    def show(run: Run) -> None:
        nonlocal text
        done = sum(len(r.fuzzer) for r in [*result.runs, run])
        text = f"{result.direction} {result.way}: {done} cases, {result.seconds + run.seconds:.0f} s"
        if live:
            print(f"\r{text}\x1b[K", end="", file=sys.stderr, flush=True)

    yield show
    _say(("\r" if live else "") + text)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _print_table(results: list[Result]) -> None:
    heads = ("fuzzer is", "path", "cases", *(b.lower() for b in BEHAVIORS), "differ", "capture", "seconds")
    rows = [heads]
    for result in results:
        behaviors = Counter(view["behavior"] for run in result.runs for view in run.fuzzer.values())
        cases_run = behaviors.total()
        # FAILED BY CLIENT and the like are failures too.
        counts = [behaviors.pop(b, 0) for b in BEHAVIORS[:-1]] + [behaviors.total()]
        direct = result.way.via == "direct"
        rows.append(
            (
                result.direction,
                str(result.way),
                str(cases_run),
                *map(str, counts),
                "-" if direct else str(len({d.case for d in result.differences})),
                "-" if direct else "faulty" if result.faults else "complete",
                f"{result.seconds:.0f}",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows if len(rows) > 1 else []:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _options() -> argparse.Namespace:
    def listed(known: Mapping[str, object]) -> Callable[[str], list[object]]:
        def parse(text: str) -> list[object]:
            names = text.split(",")
            if unknown := [name for name in names if name not in known]:
                raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
            return [known[name] for name in names]

        return parse

    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0] if __doc__ else None,
        epilog="Exit status: 0 no difference, 1 differences, 2 wrong usage, 3 nothing to compare.",
    )
    parser.add_argument(
        "--cases",
        type=cases.patterns,
        default="quick",
        metavar="SET",
        help=f"{', '.join(cases.SETS)}, or case ids and patterns as in '1.* 9.1.2' (default: %(default)s)",
    )
    parser.add_argument(
        "--paths",
        type=listed(runs.WAYS),
        default=list(runs.WAYS.values()),
        metavar="LIST",
        help=f"how to go through the proxy: {', '.join(runs.WAYS)} (default: all)",
    )
    parser.add_argument(
        "--directions",
        type=listed({d: d for d in runs.DIRECTIONS}),
        default=list(runs.DIRECTIONS),
        metavar="LIST",
        help="what the fuzzer is: client, server (default: both)",
    )
    parser.add_argument("--out", type=Path, default=OUT, metavar="FOLDER", help="where reports and logs go")
    parser.add_argument("--keep", action="store_true", help="keep captures without differences too")
    return parser.parse_args()  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())

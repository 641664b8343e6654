"""
Run the Autobahn WebSocket test suite without the proxy and through it, and compare.

    python tests/e2e/autobahn/run.py --cases core --paths connect-ws,reverse-wss

Exit status: 0 no difference, 1 differences, 2 wrong usage, 3 the comparison could not be made.
See README.md beside this file.
"""

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tests.e2e.autobahn import capture, cases, certificate, runs, tools  # noqa: E402
from tests.e2e.autobahn.compare import Difference, differences  # noqa: E402
from tests.e2e.autobahn.programs import RunFailed  # noqa: E402
from tests.e2e.autobahn.runs import Run, Way  # noqa: E402

OUT = Path(__file__).parent / "out"


@dataclass(frozen=True)
class Result:
    """A run, and how it compares to the direct one (which compares to itself)."""

    run: Run
    differences: list[Difference]
    faults: list[str]


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    options = _options(arguments)
    try:
        python = tools.ensure()
    except (tools.PythonMissing, tools.BuildFailed) as error:
        print(error, file=sys.stderr)
        return 3
    results: list[Result] = []
    status = 0
    try:
        with tempfile.TemporaryDirectory() as private:
            tls = certificate.write(Path(private))
            for direction in options.directions:
                for scheme in ("ws", "wss"):
                    ways = [way for way in options.paths if way.scheme == scheme]
                    if ways:
                        compared(direction, ways, options.cases, python, tls, options, results)
    except RunFailed as error:
        print(f"the run failed: {error}", file=sys.stderr)
        status = 3
    ...
    return status

"""
What differs between a run without the proxy and one through it.
"""

import itertools
import re
import textwrap
from dataclasses import dataclass
from typing import Any

from tests.e2e.autobahn.runs import Run, View

MISSING = "is missing"

RACING = frozenset({"3.4", "4.1.5", "4.2.5", "5.11", "5.14"})
"""
Cases that send a frame the peer must refuse, one byte at a time. The peer refuses it at its first
byte, while the rest is still being sent. Whether it then still reads the fuzzer's answering Close,
or is gone before, is decided anew in every run, also without a proxy.
"""

RACED_FOR = frozenset({"tcp", "wasClean", "wasNotCleanReason", "droppedByMe"})
"""What depends on that at both ends."""

RACED_FOR_BY_ECHO = frozenset({"remoteCloseCode", "remoteCloseReason"})
"""What depends on it at the echo peer alone: the fuzzer gets its Close in any case."""


@dataclass(frozen=True)
class Difference:
    """One thing one end saw otherwise."""

    case: str
    end: str
    """`fuzzer` or `echo`."""
    what: str
    direct: Any
    proxied: Any

    def __str__(self) -> str:
        return f"{self.case} {self.end} {self.what}: direct {self.direct!r}, proxied {self.proxied!r}"


def differences(direct: Run, proxied: Run) -> list[Difference]:
    """
    Case by case, everything both ends saw.

    Left out is what nobody's proxy can repeat: ports, the handshake's random key and its answer,
    times, how TCP cut the stream up, and in a few cases the outcome of a race (`RACING`).
    """
    found: list[Difference] = []
    for case in direct.order:
        for end in ("fuzzer", "echo"):
            before, after = _view(direct, end, case), _view(proxied, end, case)
            if after is None:
                found.append(Difference(case, end, MISSING, False, True))
                continue
            assert before is not None, "a direct run is complete"
            found += [
                Difference(case, end, what, before[what], after[what])
                for what in before
                if not _is_raced_for(case, end, what)
                and _normal(what, before[what]) != _normal(what, after[what])
            ]
    return found


def summary(found: list[Difference]) -> list[str]:
    """One line for each case that differs: what says most in full, the rest by name."""
    lines = []
    for _, group in itertools.groupby(found, lambda difference: difference.case):
        first, *others = sorted(group, key=_weight)
        line = textwrap.shorten(str(first), 200)
        lines.append(line + (f"; also {', '.join(f'{d.end} {d.what}' for d in others)}" if others else ""))
    return lines


def _weight(difference: Difference) -> int:
    telling = (MISSING, "behavior", "behaviorClose", "remoteCloseCode", "localCloseCode")
    return telling.index(difference.what) if difference.what in telling else len(telling)


def _view(run: Run, end: str, case: str) -> View | None:
    return (run.fuzzer if end == "fuzzer" else run.echo).get(case)


def _is_raced_for(case: str, end: str, what: str) -> bool:
    return case in RACING and (what in RACED_FOR or (end == "echo" and what in RACED_FOR_BY_ECHO))


def _normal(what: str, value: Any) -> Any:
    if what in ("request", "response") and value:
        value = re.sub(r"(?im)^sec-websocket-(key|accept):.*\r\n", "", value)
        return re.sub(r"(?im)^(host: [^:\r\n]*):\d+", r"\1", value)
    return value

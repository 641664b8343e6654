"""
Which cases there are sets of, and in what portions they are run.
"""

import re
from argparse import ArgumentTypeError

CORE = "1.* 2.* 3.* 4.* 5.* 6.* 7.* 10.*"
BRIEF = "1.* 2.* 3.* 4.* 5.1 5.2 5.3 5.15 5.19 6.1.* 6.3.* 7.*"
"""Some of all sections of the core."""
LIMITS = "9.*"
DEFLATE = "12.1.* 12.2.* 12.3.* 12.4.* 12.5.* 13.1.* 13.2.* 13.3.* 13.4.* 13.5.* 13.6.* 13.7.*"

QUICK_DEFLATE = (
    "12.1.1 12.1.3 12.1.6 12.1.11 12.1.17 12.2.3 12.2.8 12.3.5 12.4.7 12.5.8 12.5.12 "
    "13.1.5 13.2.5 13.3.5 13.4.5 13.5.5 13.6.5 13.7.5"
)
"""Every sort of content, whole and in fragments, and every combination of windows and context takeover."""

SETS = {
    "brief": BRIEF,
    "core": CORE,
    "limits": LIMITS,
    "deflate": DEFLATE,
    "quick": f"{CORE} {LIMITS} {QUICK_DEFLATE}",
    "all": f"{CORE} {LIMITS} {DEFLATE}",
}


def patterns(text: str) -> list[str]:
    """
    Patterns as the suite takes them.

    Args:
        text: the name of a set, or patterns such as `1.* 9.1.2`.

    Raises:
        argparse.ArgumentTypeError: it is neither.
    """
    found = SETS.get(text, text).split()
    if not found or not all(re.fullmatch(r"\d+(\.\d+)*(\.\*)?", pattern) for pattern in found):
        raise ArgumentTypeError(f"{text!r} is neither one of {', '.join(SETS)} nor a list as in '1.* 9.1.2'")
    return found


def portions(wanted: list[str]) -> dict[str, list[str]]:
    """
    Patterns in portions, by a name for each, to be run one after the other.

    A section on compression sends so much that its capture has some gigabytes; one of all sections
    together would have dozens.
    """
    found: dict[str, list[str]] = {}
    for pattern in wanted:
        found.setdefault(pattern.removesuffix(".*") if pattern in DEFLATE.split() else "", []).append(pattern)
    return found


def patience(cases: list[str]) -> int:
    """Seconds without the end of a case after which a run counts as hung."""
    # The suite itself gives up on a case of compression after 480 seconds.
    return 600 if any(case.split(".")[0] in ("12", "13") for case in cases) else 90

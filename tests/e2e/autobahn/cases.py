"""
Which cases there are sets of.
"""

CORE = "1.* 2.* 3.* 4.* 5.* 6.* 7.* 10.*"
LIMITS = "9.*"
SETS = {
    "core": CORE,
    "limits": LIMITS,
    "deflate": "12.* 13.*",
    # Of each kind of compression one or a few: every way of splitting, the largest messages, and
    # every combination of window sizes and context takeover.
    "quick": f"{CORE} {LIMITS} 12.1.1 12.1.3 12.1.6 12.1.11 12.1.17 12.2.3 12.2.8 12.3.5 12.4.7 12.5.8 12.5.12 "
    "13.1.5 13.2.5 13.3.5 13.4.5 13.5.5 13.6.5 13.7.5",
    "all": "*",
}


def patterns(text: str) -> list[str]:
    """
    Patterns as the suite takes them.

    Args:
        text: the name of a set, or patterns such as `1.* 9.1.2`.

    Raises:
        ValueError: it is neither.
    """
    found = SETS.get(text, text).split()
    if not found or not all(pattern.replace(".", "").rstrip("*").isdigit() or pattern == "*" for pattern in found):
        raise ValueError(f"{text!r} is no set of cases ({', '.join(SETS)}) and no list of them (as '1.* 9.1.2')")
    return found


def patience(cases: list[str]) -> int:
    """Seconds without the end of a case after which a run counts as hung."""
    # The suite itself gives up on a case of compression after 480 seconds.
    return 600 if any(case.split(".")[0] in ("12", "13") for case in cases) else 90

"""
Fewer of the tests that are one test under many circumstances.

A test that is run on two loops, in four modes, with and without TLS and so on is many tests, and nearly
all that can go wrong shows where two of those meet. `covering` keeps so many that every two values of
different parameters that occur together still do.
"""

from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations

Choice = Mapping[str, Hashable]
"""The values of a test's parameters, by name."""

LEAST = 3
"""Parameters below which a test is left whole: of two, every pair is every test."""


def covering(choices: Sequence[Choice]) -> list[int]:
    """
    Choose tests.

    Args:
        choices: one for each test, all with the same parameters.

    Returns:
        Which to keep, in order.
    """
    pairs = [set(combinations(sorted(choice.items(), key=lambda item: item[0]), 2)) for choice in choices]
    if not choices or len(choices[0]) < LEAST:
        return list(range(len(choices)))
    missing = set().union(*pairs)
    kept: list[int] = []
    while missing:
        best = max(range(len(pairs)), key=lambda number: len(pairs[number] & missing))
        missing -= pairs[best]
        kept.append(best)
    return sorted(kept)

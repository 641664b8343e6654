"""
Fewer of the tests that are one test under many circumstances.

A test that is run on two loops, in four modes, with and without TLS and so on is many tests, and nearly
all that can go wrong shows where two of those meet. `covering` keeps so many that every two values of
different parameters that occur together still do; or, where that has been looked at elsewhere, so many that
every value still occurs.
"""

from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations

Choice = Mapping[str, Hashable]
"""The values of a test's parameters, by name."""


def covering(choices: Sequence[Choice], together: int = 2) -> list[int]:
    """
    Choose tests.

    Args:
        choices: one for each test, all with the same parameters.
        together: so many values that occur together still do. With no more parameters than that, every test
            is kept.

    Returns:
        Which to keep, in order.
    """
    if not choices or len(choices[0]) <= together:
        return list(range(len(choices)))
    groups = [
        set(combinations(sorted(choice.items(), key=lambda item: item[0]), together)) for choice in choices
    ]
    missing = set().union(*groups)
    kept: list[int] = []
    while missing:
        best = max(range(len(groups)), key=lambda number: len(groups[number] & missing))
        missing -= groups[best]
        kept.append(best)
    return sorted(kept)

"""Which of many circumstances a test is run in."""

from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.matrix import covering


@pytest.mark.parametrize("together", [1, 2])
@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.data())
def test_values_that_occur_together_still_do(together: int, sizes: list[int], data: st.DataObject) -> None:
    names = "abcde"[: len(sizes)]
    choices = [dict(zip(names, values, strict=True)) for values in product(*map(range, sizes))]
    # Not every combination has to be there.
    choices = data.draw(st.lists(st.sampled_from(choices), unique_by=lambda choice: tuple(choice.items())))

    def groups(of: list[dict[str, int]]) -> set[object]:
        return {group for choice in of for group in combinations(choice.items(), together)}

    kept = [choices[number] for number in covering(choices, together)]
    assert groups(kept) == groups(choices)


def test_a_sixth_of_a_matrix_of_five_does_it() -> None:
    axes = {"loop": 2, "way": 4, "tls": 2, "shell": 2, "side": 2}
    choices = [dict(zip(axes, values, strict=True)) for values in product(*map(range, axes.values()))]
    assert len(choices) == 64
    assert len(covering(choices)) <= 64 / 6


def test_every_value_takes_as_many_as_there_are_of_one_parameter() -> None:
    choices = [{"way": way, "tls": tls} for way in range(4) for tls in range(2)]
    assert len(covering(choices, 1)) == 4


def test_a_test_with_two_parameters_is_left_whole() -> None:
    choices = [{"a": a, "b": b} for a in range(3) for b in range(3)]
    assert covering(choices) == list(range(9))

"""Which of many circumstances a test is run in."""

from itertools import combinations, product

from hypothesis import given
from hypothesis import strategies as st

from tests.support.matrix import covering


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.data())
def test_every_two_values_that_occur_together_still_do(sizes: list[int], data: st.DataObject) -> None:
    names = "abcde"[: len(sizes)]
    choices = [dict(zip(names, values, strict=True)) for values in product(*map(range, sizes))]
    # Not every combination has to be there.
    choices = data.draw(st.lists(st.sampled_from(choices), unique_by=lambda choice: tuple(choice.items())))

    def pairs(of: list[dict[str, int]]) -> set[object]:
        return {pair for choice in of for pair in combinations(choice.items(), 2)}

    kept = [choices[number] for number in covering(choices)]
    assert pairs(kept) == pairs(choices)


def test_a_sixth_of_a_matrix_of_five_does_it() -> None:
    axes = {"loop": 2, "way": 4, "tls": 2, "shell": 2, "side": 2}
    choices = [dict(zip(axes, values, strict=True)) for values in product(*map(range, axes.values()))]
    assert len(choices) == 64
    assert len(covering(choices)) <= 64 / 6


def test_a_test_with_two_parameters_is_left_whole() -> None:
    choices = [{"a": a, "b": b} for a in range(3) for b in range(3)]
    assert covering(choices) == list(range(9))

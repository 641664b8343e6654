"""Rows and ids: what a filter found, in whatever order, is a list of them."""

from bisect import bisect_left

from hypothesis import given
from hypothesis import strategies as st

from wsproxy.tui.capture.index import BLOCK, Everything, Found

NUMBERS = st.sets(
    st.one_of(
        st.integers(1, 4 * BLOCK),
        # Whole and half blocks, as filters that match everything or every other frame find them.
        st.integers(BLOCK - 3, BLOCK + 3),
    ),
    max_size=200,
)


def check(index: Found, numbers: set[int]) -> None:
    rows = sorted(numbers)
    assert len(index) == len(rows)
    assert [index.id_at(row) for row in range(len(rows))] == rows
    for number in {1, BLOCK, BLOCK + 1, 9 * BLOCK, *rows, *(number + 1 for number in rows)}:
        assert index.row_of(number) == bisect_left(rows, number)
        assert (number in index) == (number in numbers)


@given(st.lists(NUMBERS, max_size=5))
def test_what_was_found_in_any_order_is_one_list(batches):
    index = Found()
    for batch in batches:
        index.add(sorted(batch))
    check(index, set().union(*batches))


@given(st.sampled_from([1, 2, 7, 16, 17, BLOCK]), st.integers(1, 2 * BLOCK))
def test_dense_and_sparse_blocks_are_the_same_to_ask(step, first):
    numbers = set(range(first, first + 2 * BLOCK, step))
    index = Found()
    blocks = sorted({(number - 1) // BLOCK for number in numbers}, reverse=True)
    for block in blocks:
        index.add([number for number in sorted(numbers) if (number - 1) // BLOCK == block])
    check(index, numbers)


def test_what_was_cleared_from_the_view_is_not_found():
    index = Found(first=100)
    index.add([5, 99, 100, 101])
    assert [index.id_at(row) for row in range(len(index))] == [100, 101]


def test_all_frames_take_no_room():
    index = Everything(11, 1_000_000_000)
    assert len(index) == 999_999_990
    assert index.id_at(0) == 11
    assert index.row_of(500) == 489
    assert index.row_of(3) == 0
    assert 10 not in index
    assert 11 in index

"""Which messages of two streams belong together."""

import random
from collections.abc import Hashable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsproxy.replay import align
from wsproxy.replay.align import Alignment


@dataclass(eq=False)
class Word:
    """An item that says one word, of the kind of its first letter."""

    text: str
    key: Hashable = None
    size: int = 10

    @property
    def is_idle(self) -> bool:
        return self.text == "beat"

    @property
    def digest(self) -> bytes:
        return self.text.encode()

    def equals(self, other: "Word") -> bool:
        return self.text == other.text

    @property
    def shape(self) -> Hashable:
        return self.text[:1]

    @property
    def leaves(self) -> frozenset[int]:
        return frozenset(map(hash, self.text))


def words(text: str) -> list[Word]:
    return [Word(word.partition("/")[0], word.partition("/")[2] or None) for word in text.split()]


def pairs(left: list[Word], right: list[Word]) -> list[tuple[str | None, str | None]]:
    alignment = Alignment(
        iter(left), iter(right), lambda a, b: a.text == b.text and a.key == b.key, lambda item, _: item.key
    )
    return [(a and a.text, b and b.text) for a, b in alignment]


def test_equal_streams_are_paired_one_by_one() -> None:
    assert pairs(words("a b c"), words("a b c")) == [("a", "a"), ("b", "b"), ("c", "c")]
    assert pairs([], []) == []


def test_one_that_is_missing_does_not_shift_the_rest() -> None:
    assert pairs(words("a b c d"), words("a c d")) == [("a", "a"), ("b", None), ("c", "c"), ("d", "d")]
    assert pairs(words("a c"), words("a b c")) == [("a", "a"), (None, "b"), ("c", "c")]
    assert pairs(words("a a a b"), words("a a b")).count(("a", "a")) == 2


def test_one_that_changed_is_paired_with_what_it_became() -> None:
    assert pairs(words("x price1 y"), words("x price2 y")) == [("x", "x"), ("price1", "price2"), ("y", "y")]
    # With the one it has most in common with, not with the next best.
    assert pairs(words("price1 y"), words("pqz price2 y")) == [
        (None, "pqz"),
        ("price1", "price2"),
        ("y", "y"),
    ]


def test_an_item_with_a_key_finds_its_counterpart_out_of_order() -> None:
    found = pairs(words("a x/1 y/2 b"), words("a y/2 z/1 b"))
    assert sorted(found) == [("a", "a"), ("b", "b"), ("x", "z"), ("y", "y")]


def test_what_says_nothing_is_left_out_where_it_has_no_equal() -> None:
    alignment = Alignment(
        iter(words("a beat b")), iter(words("a b beat beat")), lambda a, b: a.text == b.text
    )
    assert [(a.text, b.text) for a, b in alignment] == [("a", "a"), ("b", "b")]
    assert alignment.idle == 3


def test_a_long_insertion_is_recognised_across_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(align, "WINDOW", 50)
    same = [Word(f"s{n}") for n in range(300)]
    extra = [Word(f"e{n}") for n in range(40)]
    found = pairs(same, same[:100] + extra + same[100:])
    assert found.count((None, "e7")) == 1
    assert sum(a == b for a, b in found) == 300


def test_no_more_than_a_window_of_either_stream_is_held() -> None:
    read = {True: 0, False: 0}

    def stream(is_left: bool, count: int):
        for n in range(count):
            read[is_left] += 1
            yield Word(f"{'l' if is_left else 'r'}{n}")

    alignment = iter(Alignment(stream(True, 10_000), stream(False, 10_000), lambda a, b: a.text == b.text))
    next(alignment)
    assert max(read.values()) <= align.WINDOW


def test_items_together_larger_than_the_budget_are_not_read_at_once() -> None:
    read = []

    def stream(name: str):
        for n in range(100):
            read.append(name)
            yield Word(f"{name}{n}", size=align.BUDGET // 4)

    next(iter(Alignment(stream("l"), stream("r"), lambda a, b: a.text == b.text)))
    assert read.count("l") <= 6


@given(st.lists(st.sampled_from("abcdef"), max_size=40), st.lists(st.sampled_from("abcdef"), max_size=40))
def test_every_item_comes_once_and_in_order(left: list[str], right: list[str]) -> None:
    found = pairs([Word(a) for a in left], [Word(b) for b in right])
    assert [a for a, _ in found if a is not None] == left
    assert [b for _, b in found if b is not None] == right
    assert (None, None) not in found


def test_long_streams_that_differ_here_and_there_are_matched_as_they_should(monkeypatch) -> None:
    monkeypatch.setattr(align, "WINDOW", 100)
    dice = random.Random(5)
    left = [f"m{dice.randrange(400)}" for _ in range(2000)]
    right = [word for word in left if dice.random() > 0.03]
    found = pairs([Word(a) for a in left], [Word(b) for b in right])
    assert [a for a, _ in found if a is not None] == left
    assert [b for _, b in found if b is not None] == right
    assert sum(b is None for _, b in found) <= (len(left) - len(right)) * 1.1


def test_one_that_changed_alone_is_found_without_decoding_a_window() -> None:
    left = [Word(f"same {n}") for n in range(3000)]
    right = [Word(f"same {n}") for n in range(3000)]
    right[1500] = Word("other 1500")
    looked: list[str] = []

    def key(word: Word, is_left: bool) -> None:
        looked.append(word.text)

    pairs = list(Alignment(iter(left), iter(right), lambda a, b: a.text == b.text, key))
    assert len(pairs) == 3000
    assert [(a.text, b.text) for a, b in pairs if a and b and a.text != b.text] == [
        ("same 1500", "other 1500")
    ]
    assert looked == ["same 1500", "other 1500"]

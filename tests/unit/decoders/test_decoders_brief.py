"""Trees for people."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.decoders.decoder_tools import TREES
from wsproxy.decoders.brief import arguments, brief, pretty
from wsproxy.decoders.decoded import Node
from wsproxy.decoders.json_ import Number, Pairs


@pytest.mark.parametrize(
    ("tree", "line"),
    [
        ({"a": [1, None, True], "b": "ü\n"}, '{"a": [1, null, true], "b": "ü\\n"}'),
        (Number("1.10"), "1.10"),
        (Pairs([("a", 1), ("a", 2)]), '{"a": 1, "a": 2}'),
        ({1: b"\x01\x02"}, "{1: h'01 02'}"),
        (bytes(40), f"h'{bytes(32).hex(' ')}'… +8 B"),
        (Node("PNG image", "x"), 'PNG image: "x"'),
        ([], "[]"),
    ],
)
def test_a_tree_is_one_line(tree: Any, line: str) -> None:
    assert brief(tree) == line


def test_arguments_stand_side_by_side() -> None:
    assert arguments(["tea", 2, {"milk": True}]) == '"tea", 2, {"milk": true}'
    assert arguments([]) == ""


@given(TREES, st.integers(1, 60))
def test_a_line_is_bounded(tree: Any, limit: int) -> None:
    line = brief(tree, limit)
    assert len(line) <= limit + 40


def test_nothing_is_too_deep_or_too_large_to_show() -> None:
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    assert brief(deep).startswith("[[[")
    assert pretty(deep).startswith("[\n")
    assert len(brief({"a": "x" * 1_000_000, "n": 10**3000})) < 10_000


@given(TREES, st.integers(20, 100))
def test_what_fits_is_on_one_line_and_what_does_not_is_indented(tree: Any, width: int) -> None:
    lines = pretty(tree, width).split("\n")
    if len(brief(tree)) <= width:
        assert lines == [brief(tree)]


def test_a_pretty_tree_is_read_from_top_to_bottom() -> None:
    assert pretty({"name": "x" * 30, "list": Node("JSON in a string", [1, 2])}, 40) == (
        '{\n  "name": "' + "x" * 30 + '",\n  "list": JSON in a string: [1, 2]\n}'
    )

"""What counts as a difference between two contents, and what does not."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsproxy.decoders import json_
from wsproxy.decoders.decoded import Node
from wsproxy.replay.values import IGNORED, MISSING, Rules, differences, leaves, parse_rule_path

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def between(left: str, right: str, **rules) -> list[tuple]:
    """The differences of two JSON texts."""
    given_rules = Rules.of(**rules)
    values = [given_rules.value(json_.parse(text)) for text in (left, right)]
    found = differences(*values, given_rules)
    same = given_rules.digest(values[0]) == given_rules.digest(values[1])
    assert same or found
    return [(change.path, change.left, change.right) for change in found.told]


def test_json_is_compared_by_what_it_means() -> None:
    assert between('{"a": 1, "b": [true, null]}', '{"b":[true,null],"a":1.0}') == []
    assert between('{"a": "\\u00e9"}', '{"a":"é"}') == []


def test_numbers_are_exact() -> None:
    assert between("[12345678901234567890]", "[12345678901234567891]") == [
        ("$[0]", 12345678901234567890, 12345678901234567891)
    ]
    assert between("[0.1]", "[0.10000000000000000555]") != []
    assert between("[1.10, 100, -0, 1e2]", "[1.1, 1.00e2, 0, 100]") == []
    assert between("[1e400]", "[1e401]") == [("$[0]", Decimal("1e400"), Decimal("1e401"))]


def test_a_number_is_no_text_and_no_truth() -> None:
    assert [path for path, _, _ in between("[1, 1, 0]", '["1", true, false]')] == ["$[0]", "$[1]", "$[2]"]


def test_what_is_only_on_one_side_is_told() -> None:
    assert between('{"a":{"b":1}}', '{"a":{"odd key":2}}') == [
        ("$.a.b", 1, MISSING),
        ('$.a["odd key"]', MISSING, 2),
    ]
    assert between("[1,2,3]", "[1]") == [("$[1]", 2, MISSING), ("$[2]", 3, MISSING)]


def test_what_is_ignored_may_differ_or_be_missing() -> None:
    left, right = (
        '{"t":1,"users":[{"id":7,"n":"a"},{"id":8,"n":"b"}]}',
        '{"users":[{"id":1,"n":"a"},{"n":"c"}]}',
    )
    assert between(left, right, ignored=["t", "users[*].id"]) == [("$.users[1].n", "b", "c")]
    assert between(left, right, ignored=["$"]) == []
    assert between('{"a":{"ts":1,"b":[{"ts":2}]},"ts":3}', '{"a":{"b":[{"ts":9}]}}', ignored=["..ts"]) == []
    assert between("[1,2]", "[3,2]", ignored=["[0]"]) == []


def test_text_that_matches_a_regex_does_not_count() -> None:
    left, right = '{"at":"at 12:01:02, room 1"}', '{"at":"at 13:00:00, room 1"}'
    assert between(left, right, ignored_text=[r"\d\d:\d\d:\d\d"]) == []
    assert Rules.of(ignored_text=["[0-9]+"]).text("a1b22") == "ab"


@pytest.mark.parametrize(
    ("within", "right", "same"),
    [
        ("0.5", "100.5", True),
        ("0.5", "100.51", False),
        ("1%", "101", True),
        ("1%", "101.1", False),
        ("0", "100", True),
    ],
)
def test_numbers_may_be_so_far_apart(within: str, right: str, same: bool) -> None:
    assert (between("[100]", f"[{right}]", within=within) == []) is same


def test_arrays_without_an_order() -> None:
    left, right = '{"tags":["x",{"a":1,"b":2},3]}', '{"tags":[3,"x",{"b":2,"a":1}]}'
    assert between(left, right, unordered=["tags"]) == []
    assert len(between(left, right)) == 3


def test_bytes_and_nodes_of_a_tree_are_compared_too() -> None:
    rules = Rules()
    left, right = rules.value({"data": b"\x00\x01"}), rules.value({"data": Node("PNG image", b"\x00\x02")})
    [change] = differences(left, right, rules).told
    assert (change.path, change.left, change.right) == ("$.data", b"\x00\x01", b"\x00\x02")


def test_of_very_many_differences_some_are_told_and_all_are_counted() -> None:
    rules = Rules()
    found = differences(list(range(500)), list(range(1, 501)), rules)
    assert (len(found.told), found.more) == (100, 400)


@pytest.mark.parametrize("text", ["", "a.", "a..", "[x]", "a[1", "..", "$.."])
def test_a_path_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_rule_path(text)


@pytest.mark.parametrize("text", ["", "abc", "1px", "-1", "%"])
def test_a_tolerance_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="neither a number"):
        Rules.of(within=text)


def test_a_regex_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="not a regular expression"):
        Rules.of(ignored_text=["("])


@given(JSON, JSON)
def test_equal_digests_mean_no_differences_and_the_other_way_round(left, right) -> None:
    rules = Rules()
    a, b = (rules.value(json_.parse(json.dumps(value))) for value in (left, right))
    assert (rules.digest(a) == rules.digest(b)) is (not differences(a, b, rules))
    assert not differences(a, a, rules)
    assert leaves(a) == leaves(rules.value(json_.parse(json.dumps(left, indent=1))))


def test_what_is_ignored_says_so() -> None:
    assert repr(IGNORED) == "(ignored)"

"""JSON is shown and written as it was, to the last digit."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.decoders.decoder_tools import text
from wsproxy.decoders import json_, nested
from wsproxy.decoders.api import DEPTH, Context, Node, Opening, Unfit
from wsproxy.decoders.json_messages import Json, name_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=15,
)


@pytest.mark.parametrize(
    "spelt",
    ["1.10", "-0", "-0.0", "1e5", "1E400", "0.30000000000000000001", "9" * 5000, "12345678901234567890"],
)
def test_a_number_is_kept_as_it_is_spelt(spelt: str) -> None:
    assert json_.dumps(json_.parse(f"[{spelt}]")) == f"[{spelt}]"


def test_a_name_that_occurs_twice_is_kept_twice() -> None:
    tree = json_.parse('{"a":1,"b":2,"a":3}')
    assert tree == json_.Pairs([("a", 1), ("b", 2), ("a", 3)])
    assert json_.dumps(tree) == '{"a":1,"b":2,"a":3}'


@given(VALUES, st.sampled_from([None, 2, 4]), st.booleans(), st.booleans())
def test_json_in_a_usual_style_is_written_as_it_was(
    value: Any, indent: int | None, ascii_only: bool, spaces: bool
) -> None:
    separators = (", " if spaces and indent is None else ",", ": " if spaces or indent else ":")
    content = json.dumps(value, indent=indent, ensure_ascii=ascii_only, separators=separators)
    assert json_.rewrite(json_.parse(content), content) == content


def test_an_edited_tree_keeps_the_style_around_the_edit() -> None:
    content = '\n{"price": 1.10, "name": "Tée"}\n'
    tree = json_.parse(content)
    tree["name"] = "Kaffee"
    assert json_.rewrite(tree, content) == '\n{"price": 1.10, "name": "Kaffee"}\n'


def test_a_style_of_its_own_is_not_pretended() -> None:
    with pytest.raises(Unfit, match="a style of its own"):
        json_.rewrite({"a": 2}, '{ "a":1}')


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_what_is_nested_too_deeply_is_refused_in_words(opening: str) -> None:
    closing = "]" if opening == "[" else "}"
    for depth in (DEPTH + 1, 3000, 200_000):
        with pytest.raises(Unfit, match="deep"):
            json_.parse(opening * depth + "1" + closing * depth)
    assert json_.parse(opening * DEPTH + "1" + closing * DEPTH)


@given(st.text(max_size=60))
def test_arbitrary_text_is_json_or_a_value_error(content: str) -> None:
    try:
        json_.parse(content)
    except ValueError:
        return


@pytest.mark.parametrize("value", [b"x", {1: 2}, Node("x", 1), object()])
def test_what_json_cannot_hold_is_said(value: Any) -> None:
    with pytest.raises(Unfit):
        json_.dumps([value])


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ({"a": 1, "type": "order"}, "order"),
        ({"op": 10, "d": {}}, "op 10"),
        (["EVENT", {}], "EVENT"),
        ({"type": True}, ""),
        ({"type": "x" * 200}, ""),
        ([1], ""),
        (3, ""),
    ],
)
def test_a_message_is_counted_by_what_it_says_it_is(value: Any, name: str) -> None:
    assert name_of(value) == name


def test_json_and_base64_in_strings_are_shown_with_what_they_hold() -> None:
    inner = '{"price":1.10}'
    packed = base64.b64encode(inner.encode()).decode()
    content = json.dumps({"data": inner, "packed": packed, "plain": "hello", "word": "abcdefghijklmnop"})
    tree = Json(Opening(), Context()).decode(text(content)).tree

    price = {"price": json_.Number("1.10")}
    assert tree["data"] == Node("JSON in a string", price, inner)
    assert tree["packed"] == Node("base64, JSON", price, packed)
    assert (tree["plain"], tree["word"]) == ("hello", "abcdefghijklmnop")


def test_what_strings_hold_can_be_edited() -> None:
    packed = base64.b64encode(b'{"price":1.10}').decode()
    content = json.dumps({"data": '{"a": [1]}', "packed": packed})
    decoder = Json(Opening(), Context())
    tree = decoder.decode(text(content)).tree
    tree["data"].value["a"].append(2)
    tree["packed"].value["price"] = 7

    written = json.loads(decoder.reencode(tree, text(content)))
    assert written["data"] == '{"a": [1, 2]}'
    assert base64.b64decode(written["packed"]) == b'{"price":7}'


@given(st.recursive(VALUES, lambda inner: inner.map(json.dumps) | st.lists(inner, max_size=3), max_leaves=5))
def test_unpacked_and_packed_again_is_the_same(value: Any) -> None:
    tree = json_.parse(json.dumps(value))
    assert nested.packed(nested.unpacked(tree)) == tree


@pytest.mark.parametrize("url_safe", [False, True])
@pytest.mark.parametrize("padded", [False, True])
def test_base64_is_written_in_the_alphabet_it_came_in(url_safe: bool, padded: bool) -> None:
    data = "text with ÿ>?ÿ in it".encode()
    encoded = (base64.urlsafe_b64encode if url_safe else base64.b64encode)(data).decode()
    raw = encoded if padded else encoded.rstrip("=")
    if not padded and not url_safe:
        assert nested.unpacked(raw) == raw
        return
    node = nested.unpacked(raw)
    assert node == Node("base64, text", data.decode(), raw)
    edited = nested.packed(Node(node.label, "other text ÿ>?ÿ, longer", raw))
    assert nested.from_base64(edited) == "other text ÿ>?ÿ, longer".encode()

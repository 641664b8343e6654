"""Where the lines of a text are, and how they are coloured."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsproxy.tui.inspector.colours import KEY, STRING, pieces
from wsproxy.tui.inspector.layout import Kind, Layout, kind_of


def laid_out(text: str, width: int = 80, kind: Kind | None = None) -> Layout:
    layout = Layout(text, width, kind or kind_of(text))
    for _ in layout.steps():
        pass
    assert layout.complete
    return layout


def lines(layout: Layout) -> list[str]:
    return [" " * layout.indent(row) + layout.text[slice(*layout.row(row))] for row in range(len(layout))]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"a":1}', Kind.JSON),
        ("  [1]", Kind.JSON),
        ('42["chat",{}]', Kind.JSON),
        ('451-/admin,["x"]', Kind.JSON),
        ("<a/>", Kind.XML),
        ("hello {", Kind.PLAIN),
        ("", Kind.PLAIN),
    ],
)
def test_what_a_text_is_shows_in_its_first_characters(text: str, kind: Kind) -> None:
    assert kind_of(text) is kind


def test_json_is_put_on_lines_of_its_own() -> None:
    text = '{"a":[1,{"b":"x,{y"}],"empty":{},"none":[ ],"last":true}'
    assert lines(laid_out(text)) == [
        "{",
        '  "a":[',
        "    1,",
        "    {",
        '      "b":"x,{y"',
        "    }",
        "  ],",
        '  "empty":{},',
        '  "none":[ ],',
        '  "last":true',
        "}",
    ]


def test_xml_is_put_on_lines_of_its_own() -> None:
    text = "<?xml version='1.0'?><a x='1'><b>text</b><c/><!-- <no> --><d><e></e></d></a>"
    assert lines(laid_out(text)) == [
        "<?xml version='1.0'?>",
        "<a x='1'>",
        "  <b>text</b>",
        "  <c/>",
        "  <!-- <no> -->",
        "  <d>",
        "    <e></e>",
        "  </d>",
        "</a>",
    ]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(values, st.booleans(), st.integers(8, 100))
def test_laying_json_out_leaves_out_nothing_but_white_space(value: object, ascii: bool, width: int) -> None:
    text = json.dumps([value], ensure_ascii=ascii)
    layout = laid_out(text, width, Kind.JSON)
    joined = "".join(text[slice(*layout.row(row))] for row in range(len(layout)))
    assert json.loads(joined) == [value]


@given(st.text(), st.sampled_from(list(Kind)), st.integers(8, 40))
def test_any_text_can_be_laid_out_and_coloured(text: str, kind: Kind, width: int) -> None:
    layout = laid_out(text, width, kind)
    rest = re.sub(r"\s", "", text)
    shown = "".join(text[slice(*layout.row(row))] for row in range(len(layout)))
    assert re.sub(r"\s", "", shown) == rest
    for row in range(len(layout)):
        whole = "".join(part for part, _, _ in pieces(layout, row, [re.compile("a", re.IGNORECASE)]))
        assert whole == text[slice(*layout.row(row))]


def test_a_long_string_is_wrapped_and_stays_a_string() -> None:
    text = json.dumps({"name": "x, {y} " * 20, "other": 1})
    layout = laid_out(text, 40)
    wrapped = [row for row in range(len(layout)) if layout.is_wrapped(row)]
    assert len(wrapped) >= 3
    assert all(layout.begins_in_string(row) for row in wrapped)
    assert {what for _, what, _ in pieces(layout, wrapped[0], [])} == {STRING}
    assert [what for part, what, _ in pieces(layout, 1, []) if part == '"name"'] == [KEY]
    assert layout.row_at(text.index("other")) == len(layout) - 2


def test_what_was_searched_for_is_marked_across_the_end_of_a_row() -> None:
    layout = laid_out("x" * 35 + "needle" + "y" * 35, 40, Kind.PLAIN)
    marked = [
        [part for part, _, hit in pieces(layout, row, [re.compile("NEEDLE", re.IGNORECASE)]) if hit]
        for row in range(2)
    ]
    assert marked == [["needl"], ["e"]]

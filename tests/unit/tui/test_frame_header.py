"""The picture of a frame's header, and its explanation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsproxy.tui.inspector.header import WIDTH, fields, picture
from wsproxy.wire.encode import encode_frame
from wsproxy.wire.frames import Frame

MASK = b"\x37\xfa\x21\x3d"


def header(length: int, mask: bytes = b"") -> bytes:
    [frame] = Frame.parse(encode_frame(1, bytes(length), mask=mask))
    return frame.header


def test_a_short_unmasked_header_has_sixteen_bits() -> None:
    assert picture(header(5), False)[2:] == [
        "  ┌─┬─┬─┬─┬───────┬─┬─────────────┐",
        "  │1│0│0│0│0 0 0 1│0│0 0 0 0 1 0 1│",
        "  └─┴─┴─┴─┴───────┴─┴─────────────┘",
    ]


def test_a_masking_key_goes_over_the_end_of_a_row_as_in_the_rfc() -> None:
    assert picture(header(5, MASK), False)[2:] == [
        "  ┌─┬─┬─┬─┬───────┬─┬─────────────┬───────────────────────────────┐",
        "  │1│0│0│0│0 0 0 1│1│0 0 0 0 1 0 1│       masking key 37 fa       │",
        "  ├─┴─┴─┴─┴───────┴─┴─────────────┼───────────────────────────────┘",
        "  │       masking key 21 3d       │",
        "  └───────────────────────────────┘",
    ]


@pytest.mark.parametrize(
    ("length", "said"), [(125, "125 B"), (126, "126 B (0x7e)"), (65_536, "65,536 B (0x10000)")]
)
def test_every_form_of_the_length_is_explained(length: int, said: str) -> None:
    assert said in [field.meaning for field in fields(header(length), False)]


def test_rsv1_means_compression_only_where_that_was_agreed() -> None:
    head = b"\xc1\x00"
    assert "permessage-deflate" in fields(head, True)[1].meaning
    assert "it must be 0" in fields(head, False)[1].meaning


@given(st.binary(max_size=14), st.booleans())
def test_whatever_a_header_is_it_is_drawn_within_the_width(head: bytes, compressed: bool) -> None:
    assert all(len(line) <= WIDTH for line in picture(head, compressed))

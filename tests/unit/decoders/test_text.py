"""Nothing received can make a terminal do anything, whatever it is."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsproxy.decoders.text import columns, preview, printable

UNSAFE = {"Cc", "Cf", "Cs", "Zl", "Zp"}

# Ordinary text, and much of everything that is not.
HOSTILE = st.text(
    st.one_of(
        st.characters(),
        st.characters(categories=["Cc", "Cf", "Cs", "Mn", "Me"]),
        st.sampled_from("\x1b\x9b\u202e\u2066\u200d\u061c\ufe0f\u0301\u3042\U0001f468\x7f\r\n"),
    )
)


def is_harmless(text: str) -> bool:
    return all(unicodedata.category(char) not in UNSAFE for char in text)


@given(HOSTILE)
def test_no_unsafe_character_is_ever_shown(text):
    assert is_harmless(printable(text))


@given(HOSTILE, st.integers(-1, 60))
def test_a_line_is_never_wider_than_asked_for(text, width):
    shown = printable(text, width)

    assert is_harmless(shown)
    assert columns(shown) <= max(width, 0)


@given(HOSTILE, st.integers(0, 60))
def test_a_second_opinion_on_the_width_agrees(text, width):
    wcwidth = pytest.importorskip("wcwidth")

    # It counts single characters here: how emoji sequences are joined differs between terminals.
    assert sum(max(wcwidth.wcwidth(char), 0) for char in printable(text, width)) <= width


@given(st.binary(max_size=300), st.booleans(), st.integers(-1, 120), st.none() | st.integers(0, 10**20))
def test_any_payload_has_a_harmless_preview_that_fits(payload, is_text, width, length):
    shown = preview(payload, is_text, width, length)

    assert is_harmless(shown)
    assert columns(shown) <= max(width, 0)


@given(HOSTILE, st.integers(0, 120))
def test_any_text_payload_has_a_harmless_preview_that_fits(text, width):
    shown = preview(text.encode("utf-8", "surrogatepass"), True, width)

    assert is_harmless(shown)
    assert columns(shown) <= width


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)))
def test_plain_ascii_is_shown_as_it_is(text):
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[31mred\x00\x7f", r"\x1b[31mred\x00\x7f"),
        ("\x9b2J", r"\u009b2J"),
        ("user\u202egpj.exe", r"user\u202egpj.exe"),
        ("\u2066a\u2069\u200e\u200f\u061c", r"\u2066a\u2069\u200e\u200f\u061c"),
        ("zero\u200bwidth\u2060\ufeff", r"zero\u200bwidth\u2060\ufeff"),
        ("line\u2028paragraph\u2029", r"line\u2028paragraph\u2029"),
        ("no\u00a0break", r"no\u00a0break"),
        ("\udcff\ud800", r"\xff\ud800"),
        ("\ufffe\U0001ffff", r"\ufffe\U0001ffff"),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("filler\u3164", r"filler\u3164"),
        (r'{"a":"b\n"}', r'{"a":"b\n"}'),
    ],
)
def test_escapes_name_what_was_there(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize(
    "text", ["grüß dich", "こんにちは　世界", "नमस्ते", "Ж ю", "e\u0301", "👋🏽", "❤️", "مرحبا"]
)
def test_text_in_all_scripts_stays_readable(text):
    assert printable(text) == text


def test_a_flood_of_combining_marks_is_dammed():
    shown = printable("Z" + "\u0335" * 1000, 40)

    assert shown.count("\u0335") == 4
    assert columns(shown) <= 40


def test_a_leading_mark_cannot_change_what_stands_before_it():
    assert printable("\u0338x") == r"\u0338x"


def test_a_mark_behind_an_escape_cannot_change_the_escape():
    assert printable("\x1b\u0338") == r"\x1b\u0338"


def test_wide_characters_count_twice():
    assert columns("漢字") == 4
    assert printable("漢字漢字", 5) == "漢字…"
    assert printable("漢字漢字", 8) == "漢字漢字"


def test_what_does_not_fit_is_counted_in_bytes():
    assert preview(b"x" * 1_000, True, 20) == "x" * 10 + "… +990 B"


def test_what_was_not_kept_is_counted_too():
    assert preview(b"abcdef", True, 30, length=5_000_000) == "abcdef… +4,999,994 B"


def test_invalid_bytes_of_a_text_are_shown_one_by_one():
    assert preview(b"ab\xff\xc3", True, 40) == r"ab\xff\xc3"


def test_a_character_cut_by_the_end_of_the_kept_part_is_no_fault():
    assert preview("äöü".encode()[:-1], True, 40, length=100) == "äö… +96 B"


def test_binary_is_shown_as_hex_with_a_gutter():
    assert preview(b"\x89PNG\r\n\x1a\n", False, 60) == "89 50 4e 47 0d 0a 1a 0a  |.PNG....|"


def test_a_long_binary_says_how_much_is_not_shown():
    assert preview(bytes(100), False, 40) == "00 00 00 00 00 00 00  |.......|… +93 B"


def test_binary_that_is_clearly_text_is_shown_as_text():
    assert preview(b'{"op":1}\n', False, 40) == r'{"op":1}\n'


def test_a_few_bytes_are_not_clearly_text():
    assert preview(b"abc", False, 40) == "61 62 63  |abc|"


def test_nothing_has_an_empty_preview():
    assert preview(b"", True, 40) == preview(b"", False, 40) == ""


def test_the_cost_of_a_preview_does_not_grow_with_the_payload():
    class Watched(bytes):
        """Notices when more than the beginning is asked for."""

        def decode(self, *args, **kwargs):
            raise AssertionError("the whole payload was decoded")

        def isascii(self):
            raise AssertionError("the whole payload was searched")

    assert preview(Watched(b"a" * 1_000_000), True, 40).endswith("B")
    assert preview(Watched(b"\xff" * 1_000_000), True, 40).endswith("B")
    assert preview(Watched(bytes(1_000_000)), False, 40).endswith("B")

"""Looking for plain words first changes nothing but the time it takes."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wsproxy.filters.needles import needles
from wsproxy.filters.regex import Regex

_ALPHABET = "aAbkKsS .*+?^$\\|()[]{}-,0é\u212a\u017f"
CONTENT = st.one_of(
    st.text(_ALPHABET, max_size=20).map(str.encode),
    st.binary(max_size=20),
)


@given(st.text(_ALPHABET, max_size=8), CONTENT)
@example("k", "\u212a".encode())
@example("ab*c", b"ac")
@example("ab?|c", b"a")
@example(r"a\.b", b"a.B")
@example("a{0}b", b"b")
@example("aa+", b"aA")
@example("|a", b"")
def test_it_finds_what_re_finds(pattern: str, content: bytes) -> None:
    try:
        regex = Regex(pattern)
    except ValueError:
        return
    try:
        expected = re.search(pattern, content.decode(), re.IGNORECASE) is not None
    except UnicodeDecodeError:
        return
    assert regex.in_content(content) is expected


@pytest.mark.parametrize(
    ("pattern", "words", "plain"),
    [
        ("token", "token", True),
        ("a|bc", "a bc", True),
        ("a|", "", False),
        ("", "", False),
        ("^ab.*cde$", "cde", False),
        ("abc*d", "ab", False),
        ("ab+c", "ab", False),
        (r"example\.com", "example.com", True),
        (r"abc\d+", "abc", False),
        (r"abc\x41", "", False),
        ("(abc)", "abc", False),
        ("(abc)?d", "d", False),
        ("(abc){0,1}d", "d", False),
        ("(?:ab|cd)e", "ab cd", False),
        ("(ab|c?)d", "d", False),
        ("(?P<name>ab)", "ab", False),
        ("(?i)abc", "", False),
        ("(?-i:abc)", "", False),
        ("abc(?!d)", "", False),
        ("((a|bc)de|fg(h))+i", "de fg", False),
        ("[]a]bc", "bc", False),
        (r"[\]a]bc", "bc", False),
        ("a{2}", "", False),
        ("a{b", "{b", False),
        ("ab.|c", "ab c", False),
        ("é", "", False),
    ],
)
def test_the_words_it_looks_for(pattern: str, words: str, plain: bool) -> None:
    assert needles(pattern) == (frozenset(words.split()), plain)


def test_what_may_change_its_meaning_one_day_is_a_regex_today() -> None:
    # Python warns of a "possible nested set".
    assert Regex("[[a]").in_content(b"[")

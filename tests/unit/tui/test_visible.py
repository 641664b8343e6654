"""Text that can be edited: nothing in it is obeyed by a terminal, and nothing of it is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsproxy.tui.visible import from_visible, to_visible


@given(st.text())
def test_what_is_made_visible_is_read_back_as_it_was(text: str) -> None:
    assert from_visible(to_visible(text)) == text


@given(st.text())
def test_nothing_is_left_that_a_terminal_obeys(text: str) -> None:
    assert all(char.isprintable() or char in "\n\t" for char in to_visible(text))


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ('{"tea": "grün 茶 👍"}\n', '{"tea": "grün 茶 👍"}\n'),
        ("\x1b[2J", "⟨U+001B⟩[2J"),
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("a\r\nb", "a⟨U+000D⟩\nb"),
        ("a\u200bb\u2028", "a⟨U+200B⟩b⟨U+2028⟩"),
        ("⟨U+001B⟩", "⟨U+27E8⟩U+001B⟩"),
    ],
)
def test_what_cannot_be_seen_is_spelt_out(text: str, seen: str) -> None:
    assert to_visible(text) == seen

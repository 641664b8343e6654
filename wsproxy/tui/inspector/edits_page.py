"""The Sent tab: what arrived, what was sent in its place, who decided that, and what differs."""

from collections.abc import Iterator

from textual.content import Content

from wsproxy.decoders.text import preview
from wsproxy.tui.inspector.facts import fact, heading, plain
from wsproxy.tui.inspector.shown import Edited, Shown
from wsproxy.words import decision_words

_NAME = 12
_STYLES = {"+": "$success", "-": "$error", "@": "$accent"}
_BRIEF = 2000
"""Columns of a version that is not compared line by line."""


def lines(shown: Shown, width: int) -> Iterator[Content]:
    """The page, for so many columns."""
    for number, edited in enumerate(shown.edited):
        if number:
            yield Content("")
        yield from _one(edited, shown.is_text)


def _one(edited: Edited, is_text: bool) -> Iterator[Content]:
    decision = edited.decision
    yield heading(decision_words(decision))
    if decision.note:
        yield fact("Note", decision.note, _NAME)
    for name, content, first, last in (
        ("Arrived", edited.original, decision.first_frame, decision.last_frame),
        ("Sent", edited.sent, decision.first_sent, decision.last_sent),
    ):
        if content is None:
            same = name == "Sent" and decision.action in ("pass", "recode")
            yield fact(name, "as it came" if same else "nothing", _NAME)
            continue
        which = f"frame {last:,}" if first == last else f"frames {first:,} to {last:,}"
        yield fact(name, f"{len(content):,} B, {which}", _NAME)
    if edited.difference:
        yield Content("")
        for line in edited.difference:
            yield plain(line, _STYLES.get(line[:1], ""))
        return
    for name, content, style in (("-", edited.original, "$error"), ("+", edited.sent, "$success")):
        if content is not None:
            yield Content.styled(f"{name} {preview(content, is_text, _BRIEF)}", style)
    if edited.original is not None and edited.original == edited.sent:
        yield plain("The content is the same.", "dim")

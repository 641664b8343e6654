"""The Timing tab: when, how long after what, and the other half of a call or ping."""

from collections.abc import Iterator

from textual.content import Content

from wsproxy.tui.inspector.facts import fact, heading, plain
from wsproxy.tui.inspector.shown import Shown
from wsproxy.words import moment, span

_NAME = 22
_PARTNERS = {
    "reply": "Answered by frame",
    "call": "Answers frame",
    "pong": "Answered by pong",
    "ping": "Answers ping",
}


def lines(shown: Shown, width: int) -> Iterator[Content]:
    """The page, for so many columns."""
    frame = shown.frame
    yield fact("Arrived", moment(frame.time), _NAME)
    if shown.connection:
        yield fact("Since the opening", span(frame.time - shown.connection.opened), _NAME)
    if shown.before is not None:
        yield fact("Since the frame before", span(frame.time - shown.before), _NAME)
    if shown.before_same is not None:
        yield fact("... of this direction", span(frame.time - shown.before_same), _NAME)
    for edited in shown.edited:
        if edited.decision.held:
            yield fact("Held", span(edited.decision.held), _NAME)
    yield Content("")
    yield from _partners(shown)
    if shown.fragments:
        yield Content("")
        yield heading("Frames of this message")
        first = shown.fragments[0].time
        for fragment in shown.fragments:
            here = "  (this one)" if fragment.frame == frame.id else ""
            after = span(fragment.time - first)
            yield plain(f"  {fragment.frame:>8,}  +{after:<12} {fragment.length:>10,} B{here}")
        assert shown.message is not None
        if shown.message.frames > len(shown.fragments):
            yield plain(f"  … {shown.message.frames - len(shown.fragments):,} more", "dim")


def _partners(shown: Shown) -> Iterator[Content]:
    for partner in shown.partners:
        after = f", {span(partner.latency)} " if partner.latency is not None else ""
        later = partner.what in ("reply", "pong")
        words = (f"{after}later" if later else f"{after}after it") if after else ""
        yield fact(_PARTNERS[partner.what], f"{partner.frame:,}{words}", _NAME, "bold")
    decoded = shown.decoded
    calls = [part for part in decoded.each() if part.kind == "call"] if decoded else []
    answered = sum(1 for partner in shown.partners if partner.what == "reply")
    if calls and not answered:
        yield fact("Answered by", "nothing yet, or nothing near", _NAME, "$warning")
    if decoded:
        for part in decoded.each():
            if part.id is not None:
                yield fact("Id", part.id, _NAME)
            if part.channel:
                yield fact("Channel", part.channel, _NAME)

"""The Frame tab: every bit of the header, sizes, and what is wrong, in words."""

from collections.abc import Iterator

from textual.content import Content

from wsproxy.store.records import FrameFlag
from wsproxy.tui.inspector import header
from wsproxy.tui.inspector.facts import fact, heading, remark
from wsproxy.tui.inspector.shown import Shown
from wsproxy.wire.closing import Close
from wsproxy.wire.frames import OPCODE_NAMES, Anomaly, Opcode
from wsproxy.words import ANOMALIES, RECEIVED, SENT, close_code, count, decision_words

_NAME = 16


def lines(shown: Shown, width: int) -> Iterator[Content]:
    """The page, for so many columns."""
    frame, message = shown.frame, shown.message
    anomalies = frame.anomalies | (message.anomalies if message else Anomaly(0))
    compressed = FrameFlag.COMPRESSED in frame.flags
    arrow = f"{SENT} client to server" if frame.from_client else f"{RECEIVED} server to client"
    origin = "the proxy sent it" if FrameFlag.FROM_PROXY in frame.flags else "as it came"
    yield fact("Frame", f"{frame.id:,}  {OPCODE_NAMES[frame.opcode]}  {arrow}  {origin}", _NAME)
    for flag in ANOMALIES:
        if flag in anomalies:
            yield remark(ANOMALIES[flag], "$error")
    yield Content("")
    if width >= header.WIDTH:
        yield from (Content(line) for line in header.picture(frame.header, compressed))
    yield fact("Header", f"{frame.header.hex(' ')}  ({len(frame.header)} B)", _NAME)
    for field in header.fields(frame.header, compressed):
        yield fact(f"  {field.name}", field.meaning, _NAME + 2)
    if len(frame.header) < 2:
        yield remark("the connection ended inside this header", "$error")
    yield Content("")
    yield from _sizes(shown)
    if frame.opcode == Opcode.CLOSE:
        yield from _close(shown)
    for edited in shown.edited:
        yield remark(decision_words(edited.decision), "$warning")


def _sizes(shown: Shown) -> Iterator[Content]:
    frame, message = shown.frame, shown.message
    yield heading("Size")
    yield fact("On the wire", f"{len(frame.header) + frame.length:,} B with its header", _NAME)
    yield fact("Payload", f"{frame.length:,} B", _NAME)
    if message is None:
        if FrameFlag.COMPRESSED in frame.flags:
            yield remark(
                "compressed; its message was not finished, so it is shown as on the wire", "$warning"
            )
    else:
        kept = "at least " if message.truncated else ""
        noun = OPCODE_NAMES[message.opcode]
        if message.frames > 1:
            which = f"{message.first_frame:,} to {message.last_frame:,}"
            which = f"{noun} message of {count(message.frames, 'frame')}, {which}"
            yield fact("Message", which, _NAME)
        if message.compressed:
            wire = sum(fragment.length for fragment in shown.fragments) or frame.length
            ratio = f", {wire / message.length:.0%} of it on the wire" if message.length else ""
            yield fact("Inflated", f"{kept}{message.length:,} B{ratio}", _NAME)
        elif message.frames > 1:
            yield fact("Content", f"{kept}{message.length:,} B", _NAME)
        if message.truncated:
            yield remark(
                "not all of the message was kept, or it could not be inflated to its end", "$warning"
            )
    if FrameFlag.REDACTED in frame.flags:
        yield remark(
            "the payload in the capture is not the one that was sent: an addon took it out", "$warning"
        )
    elif FrameFlag.TRUNCATED in frame.flags:
        yield remark(
            f"only the first {frame.stored:,} B were kept (frame_limit); all of it was sent", "$warning"
        )


def _close(shown: Shown) -> Iterator[Content]:
    yield Content("")
    yield heading("Close (RFC 6455 5.5.1)")
    close = Close.parse(shown.frame.payload)
    yield fact("Code", close_code(close.code) if close.code is not None else "none", _NAME)
    yield fact("Reason", f'"{close.reason}"' if close.reason else "none", _NAME)

"""
What a frame says on one line: its type, what is notable about it, and its content or what that means.

Everything that came from the network goes through `wsproxy.decoders.text`.
"""

from wsproxy.decoders.decoded import Decoded
from wsproxy.decoders.text import columns, preview, printable
from wsproxy.store.records import FrameFlag, FrameRecord, MessageRecord
from wsproxy.store.tail import FrameEvent
from wsproxy.wire.closing import Close
from wsproxy.wire.frames import FIN, OPCODE_NAMES, RSV, Anomaly, Opcode
from wsproxy.words import close_code, decision_words, duration

TYPES = tuple("cont" if name == "continuation" else name for name in OPCODE_NAMES)
"""Opcodes in at most six columns."""

_RSV1 = 4
_TRUNCATED = int(FrameFlag.TRUNCATED)
_COMPRESSED = int(FrameFlag.COMPRESSED)
_FROM_PROXY = int(FrameFlag.FROM_PROXY)
_REDACTED = int(FrameFlag.REDACTED)
# Flags that make a frame worth more words; MASKED is for the anomalies to judge.
_NOTABLE = (
    _TRUNCATED | _REDACTED | _COMPRESSED | _FROM_PROXY | int(FrameFlag.RSV1 | FrameFlag.RSV2 | FrameFlag.RSV3)
)


def remarks(event: FrameEvent) -> str:
    """What is notable about a frame besides its columns; mostly nothing. Not escaped."""
    frame, message = event.frame, event.message
    bits = int(frame.flags)
    if not (
        message
        or bits & _NOTABLE
        or event.arriving
        or event.again
        or event.decision
        or not frame.header[0] & FIN
    ):
        return ""
    words: list[str] = []
    if event.arriving:
        words.append("·arriving")
    elif event.again:
        words.append("·arrived")
    if event.decision:
        words.append(f"·{decision_words(event.decision)}")
    elif bits & _FROM_PROXY:
        words.append("·from proxy")
    rsv = (frame.header[0] & RSV) >> 4
    if bits & _COMPRESSED:
        rsv &= ~_RSV1
        words.append("·deflate")
    if rsv:
        words.append(f"·rsv {rsv:03b}")
    if not frame.header[0] & FIN:
        words.append("·more")
    if bits & _REDACTED:
        words.append("·redacted")
    elif bits & _TRUNCATED:
        words.append(f"·kept {frame.stored:,} B")
    if message and message.frames > 1:
        words.append(f"·ends {message.frames:,} frames, {_length(message)}")
    elif message and message.compressed:
        words.append(_length(message))
    return " ".join(words)


def content_line(
    frame: FrameRecord,
    message: MessageRecord | None,
    kind: int,
    room: int,
    decoded: Decoded | None = None,
) -> str:
    """
    What a frame says, harmless to show.

    Args:
        frame: the frame.
        message: the message it ends, if that says more.
        kind: the opcode of the message it belongs to.
        room: columns it may take.
        decoded: what the message means, if that is known; it then says so, how long after a call it
            came, and what a person should know about that reading.
    """
    if decoded is not None and (not decoded.verbatim or decoded.notes):
        words = f"({duration(decoded.latency)})" if decoded.latency is not None else ""
        if decoded.notes:
            words = f"{words} ({'; '.join(decoded.notes)})".lstrip()
        words = printable(words, max(room // 2, 0))
        left = room - (columns(words) + 1 if words else 0)
        if decoded.verbatim:
            text = content_line(frame, message, kind, left)
        else:
            # Of a long text no more is looked at than could be shown.
            text = printable(decoded.event[: max(left, 0) + 1], left)
        return f"{text} {words}" if words else text
    if frame.opcode == Opcode.CLOSE:
        return _close_words(frame.payload, room)
    if message and message.content is not None:
        return preview(message.content, message.opcode == Opcode.TEXT, room, message.length)
    if int(frame.flags) & _COMPRESSED:
        return printable("(the last frame shows the message)", room)
    return preview(frame.payload, kind == Opcode.TEXT, room, frame.length)


def _close_words(payload: bytes, room: int) -> str:
    if not payload:
        return printable("no status code", room)
    close = Close.parse(payload)
    if close.code is None:
        return preview(payload, False, room)
    text = close_code(close.code)
    if Anomaly.INVALID_UTF8 in close.anomalies:
        return f"{text} {preview(payload[2:], True, max(room - len(text) - 1, 0))}"
    if close.reason:
        text += f' "{close.reason}"'
    return printable(text, room)


def _length(message: MessageRecord) -> str:
    if message.truncated and not message.length and not message.anomalies:
        return "refers to content that was not recorded"
    return f"{'at least ' if message.truncated else ''}{message.length:,} B"

"""
Events of a capture as lines for people.

A frame is one line in fixed columns; what is wrong with it follows in red, on the same line where
there is room:

        7 12:00:01.250 #1 → text        27 B {"user":"ada","op":"login"}
        8 12:00:01.300 #1 ← close        5 B 1000 normal closure "bye"

`→` is client to server. Everything that came from the network goes through
`wsproxy.decoders.text.printable`.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import click

from wsproxy.cli.fragments import Fragments
from wsproxy.cli.words import anomaly_sentences, close_code, count, duration
from wsproxy.decoders.decoded import Decoded
from wsproxy.decoders.text import columns, preview, printable
from wsproxy.store.records import (
    ClosureRecord,
    ConnectionRecord,
    DecisionRecord,
    FrameFlag,
    FrameRecord,
    GapRecord,
    MessageRecord,
)
from wsproxy.store.tail import Event, FrameEvent
from wsproxy.wire.closing import Close
from wsproxy.wire.frames import FIN, OPCODE_NAMES, RSV, Anomaly, Opcode
from wsproxy.wire.handshake import Head

SENT = "→"
RECEIVED = "←"

_NAMES = tuple("cont" if name == "continuation" else name for name in OPCODE_NAMES)
_ID = 5
"""Columns of the frame's id; lines of other events are empty there."""
_LEAST_PREVIEW = 24
"""Columns a preview keeps before anomalies move to lines of their own."""
_RSV1 = 4

_TRUNCATED = int(FrameFlag.TRUNCATED)
_COMPRESSED = int(FrameFlag.COMPRESSED)
_FROM_PROXY = int(FrameFlag.FROM_PROXY)
_REDACTED = int(FrameFlag.REDACTED)
# Flags that make a frame worth more words; MASKED is for the anomalies to judge.
_NOTABLE = (
    _TRUNCATED | _REDACTED | _COMPRESSED | _FROM_PROXY | int(FrameFlag.RSV1 | FrameFlag.RSV2 | FrameFlag.RSV3)
)

Part = tuple[str, str]
"""Text and the name of its style."""

_STYLES: dict[str, dict[str, object]] = {
    "dim": {"dim": True},
    "plain": {},
    "send": {"fg": "green"},
    "receive": {"fg": "blue"},
    "control": {"fg": "magenta"},
    "good": {"fg": "green", "bold": True},
    "warn": {"fg": "yellow"},
    "bad": {"fg": "red", "bold": True},
    "wrong": {"fg": "red"},
    "loud": {"fg": "white", "bg": "red", "bold": True},
    "number0": {"fg": "cyan"},
    "number1": {"fg": "yellow"},
    "number2": {"fg": "bright_magenta"},
    "number3": {"fg": "bright_blue"},
    "number4": {"fg": "bright_green"},
}
_NUMBERS = 5
"""Colours that connection numbers take in turn."""


class Paint:
    """
    What goes before and after a text to colour it.

    Made once, because `click.style` takes longer than the rest of a line.
    """

    def __init__(self, color: bool) -> None:
        self._codes: dict[str, tuple[str, str]] = {}
        for name, style in _STYLES.items():
            before, after = click.style("|", **style).split("|") if color and style else ("", "")  # type: ignore[arg-type]
            self._codes[name] = (before, after)

    def __call__(self, text: str, style: str) -> str:
        before, after = self._codes[style]
        return f"{before}{text}{after}"

    def codes(self, style: str) -> tuple[str, str]:
        """What goes before and after."""
        return self._codes[style]


@dataclass(slots=True)
class _Seen:
    """What a closing line tells about a connection that was watched from its opening."""

    opened: int
    traffic: dict[bool, list[int]] = field(default_factory=lambda: {True: [0, 0], False: [0, 0]})


class Renderer:
    """
    Make lines of events, which must come in order.

    Args:
        width: columns a line may take.
        color: with ANSI colours.
        fragments: knows what continuation frames continue.
        today: the local day as `YYYY-MM-DD`; before the first event of another day a line says
            which. None for the real one.
        partial: events are left out, so the end of a connection does not say how many there were.
    """

    def __init__(
        self,
        width: int,
        color: bool = False,
        fragments: Fragments | None = None,
        today: str | None = None,
        partial: bool = False,
    ) -> None:
        self.width = width
        self._paint = Paint(color)
        self._fragments = fragments or Fragments()
        self._partial = partial
        self._second = -1
        self._clock = ""
        self._day = today or time.strftime("%Y-%m-%d")
        self._seen: dict[int, _Seen] = {}
        codes = self._paint.codes
        self._dim, self._undim = codes("dim")
        self._tints = [codes(f"number{n}") for n in range(_NUMBERS)]
        self._direction = {True: codes("send"), False: codes("receive")}

    def line(self, event: Event, decoded: Decoded | None = None) -> str:
        """
        One or more whole lines, ending in a newline.

        Args:
            event: the next one.
            decoded: what the message means that it completes, if that is known.
        """
        if type(event) is FrameEvent:
            return self._frame(event, decoded)
        if type(event) is ConnectionRecord:
            return self._connection(event)
        if type(event) is ClosureRecord:
            return self._closure(event)
        if type(event) is DecisionRecord:
            return self._decision(event)
        assert type(event) is GapRecord
        return self._gap(event)

    def _frame(self, event: FrameEvent, decoded: Decoded | None) -> str:
        frame, message = event.frame, event.message
        number, opcode, length = frame.connection, frame.opcode, frame.length
        kind = self._fragments.opcode(frame, event.again)
        if not event.again and (seen := self._seen.get(number)):
            counts = seen.traffic[frame.from_client]
            counts[0] += 1
            counts[1] += length

        day, clock = self._time(frame.time)
        tint, untint = self._tints[(number - 1) % _NUMBERS]
        way, unway = self._direction[frame.from_client]
        if opcode >= Opcode.CLOSE:
            way, unway = self._paint.codes("control")
        arrow = SENT if frame.from_client else RECEIVED
        name = _NAMES[opcode]
        left = f"{frame.id:>{_ID}} {clock}"
        tag = f"#{number}"
        what = f"{arrow} {name:<6}"
        size = f"{length:>7,} B "
        used = len(left) + len(tag) + len(what) + len(size) + 3
        start = f"{day}{self._dim}{left}{self._undim} {tint}{tag}{untint} {way}{what}{unway} {size}"

        flags = ""
        bits = int(frame.flags)
        if not frame.header[0] & FIN or bits & _NOTABLE or message or event.arriving or event.again:
            flags = printable(self._flags(event, bits), max(self.width - used - 1, 0))
            if flags:
                used += len(flags) + 1
                flags = f"{self._dim}{flags}{self._undim} "
        room = self.width - used

        anomalies = frame.anomalies
        if message:
            anomalies |= message.anomalies
        if not anomalies:
            return f"{start}{flags}{self._content(frame, message, kind, room, decoded)}\n"

        wrong = anomaly_sentences(anomalies)
        words = f"! {'; '.join(wrong)}"
        beside = room - len(words) - 2
        content = self._content(frame, message, kind, max(room, 0), decoded)
        if columns(content) > beside >= _LEAST_PREVIEW:
            content = self._content(frame, message, kind, beside, decoded)
        if columns(content) <= beside:
            gap = "  " if content else ""
            return f"{start}{flags}{content}{gap}{self._paint(words, 'wrong')}\n"
        return f"{start}{flags}{content}\n{self._remarks(wrong, 'wrong')}"

    def _flags(self, event: FrameEvent, bits: int) -> str:
        """What is notable about a frame besides its columns."""
        frame, message = event.frame, event.message
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

    def _content(
        self,
        frame: FrameRecord,
        message: MessageRecord | None,
        kind: int,
        room: int,
        decoded: Decoded | None = None,
    ) -> str:
        if decoded is not None and (not decoded.verbatim or decoded.notes):
            return self._meaning(frame, message, kind, room, decoded)
        if frame.opcode == Opcode.CLOSE:
            return _close_words(frame.payload, room)
        if message and message.content is not None:
            return preview(message.content, message.opcode == Opcode.TEXT, room, message.length)
        if int(frame.flags) & _COMPRESSED:
            return printable("(the last frame shows the message)", room)
        return preview(frame.payload, kind == Opcode.TEXT, room, frame.length)

    def _meaning(
        self, frame: FrameRecord, message: MessageRecord | None, kind: int, room: int, decoded: Decoded
    ) -> str:
        """What a decoder says, or the content; then, after how long a call was answered, and the notes."""
        words = f"({duration(decoded.latency)})" if decoded.latency is not None else ""
        if decoded.notes:
            words = f"{words} ({'; '.join(decoded.notes)})".lstrip()
        words = printable(words, max(room // 2, 0))
        left = room - (columns(words) + 1 if words else 0)
        if decoded.verbatim:
            text = self._content(frame, message, kind, left)
        else:
            # Of a long text no more is looked at than could be shown.
            text = printable(decoded.event[: max(left, 0) + 1], left)
        return f"{text} {words}" if words else text

    def _connection(self, record: ConnectionRecord) -> str:
        url = (printable(record.url), "plain")
        if record.status == 101:
            self._seen[record.id] = _Seen(record.opened)
            parts: list[Part] = [("open", "good"), url]
            parts += [(text, "dim") for text in connection_details(record)]
        elif record.status is None:
            why = record.error or "no response"
            parts = [("failed", "bad"), url, (printable(why), "wrong")]
        else:
            parts = [(f"refused {status_line(record)}", "bad"), url]
            if record.body:
                room = self.width - self._indent(record.id)
                parts.append((preview(record.body, False, room, record.body_length), "dim"))
        if record.error and record.status is not None:
            parts.append((printable(record.error), "wrong"))
        return self._flow(record.opened, record.id, parts) + self._remarks(record.findings, "warn")

    def _closure(self, record: ClosureRecord) -> str:
        self._fragments.forget(record.connection)
        seen = self._seen.pop(record.connection, None)
        by, why, how = closure_words(record)
        parts: list[Part] = [(by, "plain" if record.clean else "bad"), (why, "plain"), (how, "dim")]
        if seen:
            parts.append((f"after {duration(record.time - seen.opened)}", "dim"))
            for arrow, from_client in () if self._partial else ((SENT, True), (RECEIVED, False)):
                frames, size = seen.traffic[from_client]
                parts.append((f"{arrow} {count(frames, 'frame')} {size:,} B", "dim"))
        return self._flow(record.time, record.connection, parts)

    def _decision(self, record: DecisionRecord) -> str:
        """Nothing where the frame that was sent has said it already."""
        if record.last_sent is not None:
            return ""
        arrow = SENT if record.from_client else RECEIVED
        parts: list[Part] = [(f"{arrow} {decision_words(record)}", "warn")]
        if record.note:
            parts.append((printable(record.note), "dim"))
        return self._flow(record.time, record.connection, parts)

    def _gap(self, record: GapRecord) -> str:
        day, started = self._time(record.started)
        ended = time.strftime("%H:%M:%S", time.localtime(record.ended // 1_000_000_000))
        text = (
            f"NOT RECORDED until {ended}: {count(record.frames, 'frame')} ({record.bytes:,} B) went through; "
            f"{printable(record.reason)}"
        )
        indent = _ID + 1 + len(started) + 1
        lines = _wrap([text], self.width - indent)
        lead = f"{day}{' ' * (_ID + 1)}{self._dim}{started}{self._undim} "
        return "".join(
            f"{lead if n == 0 else ' ' * indent}{self._paint(line, 'loud')}\n" for n, line in enumerate(lines)
        )

    def _time(self, ns: int) -> tuple[str, str]:
        """A line for a new day, or nothing, and the local time of day."""
        second, rest = divmod(ns, 1_000_000_000)
        day = ""
        if second != self._second:
            self._second = second
            local = time.localtime(second)
            self._clock = time.strftime("%H:%M:%S", local)
            today = time.strftime("%Y-%m-%d", local)
            if today != self._day:
                self._day = today
                day = self._paint(f"{' ' * (_ID + 1)}{today}", "dim") + "\n"
        return day, f"{self._clock}.{rest // 1_000_000:03}"

    def _indent(self, number: int) -> int:
        return _ID + 1 + 12 + 1 + len(f"#{number}") + 1

    def _flow(self, ns: int, number: int, parts: Sequence[Part]) -> str:
        """Parts side by side; what does not fit goes to further lines, indented."""
        day, clock = self._time(ns)
        tint, untint = self._tints[(number - 1) % _NUMBERS]
        indent = self._indent(number)
        out = f"{day}{' ' * (_ID + 1)}{self._dim}{clock}{self._undim} {tint}#{number}{untint} "
        used = indent
        for text, style in parts:
            if not text:
                continue
            size = columns(text)
            if used > indent and used + 2 + size > self.width:
                out += f"\n{' ' * indent}"
                used = indent
            elif used > indent:
                out += "  "
                used += 2
            if used + size > self.width:
                text = printable(text, self.width - used)
                size = columns(text)
            out += self._paint(text, style)
            used += size
        return out + "\n"

    def _remarks(self, sentences: Sequence[str], style: str) -> str:
        """Each on lines of its own, under the text of the line before."""
        indent = " " * (_ID + 1)
        room = self.width - len(indent) - 2
        out = ""
        for sentence in sentences:
            for n, line in enumerate(_wrap([printable(sentence)], room)):
                out += indent + self._paint(f"{'!' if n == 0 else ' '} {line}", style) + "\n"
        return out


def connection_details(record: ConnectionRecord) -> list[str]:
    """What was agreed besides the URL, harmless to show: subprotocol, extensions, TLS version."""
    words: list[str] = []
    if record.subprotocol:
        words.append(printable(record.subprotocol))
    if record.extensions:
        words.append(printable(record.extensions))
    # The client's side may be plain and the server's not, or the other way round.
    for side in ("server", "client"):
        details = record.tls.get(side)
        if isinstance(details, dict) and details.get("version"):
            words.append(printable(str(details["version"])))
            break
    return words


def status_line(record: ConnectionRecord) -> str:
    """The status and reason phrase of a response, harmless to show."""
    _, _, phrase = Head.parse(record.response).start.partition(" ")
    return printable(phrase.strip(), 60) if phrase.startswith(str(record.status)) else str(record.status)


def closure_words(record: ClosureRecord) -> tuple[str, str, str]:
    """Who closed, with what code and reason, and how clean that was; harmless to show."""
    by = f"closed by {record.by}" if record.by else "closed"
    if record.by == "proxy" and record.how == "stopped":
        by = "cut off when the proxy stopped"
    why = close_code(record.code)
    if record.reason:
        why += f' "{printable(record.reason)}"'
    return by, why, f"{'clean' if record.clean else 'not clean'} ({record.how})"


def decision_words(record: DecisionRecord) -> str:
    """What was done to a message, to which, and by whom; harmless to show."""
    first, last = record.first_frame, record.last_frame
    which = "" if last is None else f" {last}" if first in (None, last) else f" {first}-{last}"
    by = f" by {printable(record.by)}" if record.by else ""
    held = f", after {duration(record.held)}" if record.held else ""
    match record.action:
        case "pass":
            return f"frame{which} let go{by}{held}"
        case "drop":
            return f"frame{which} dropped{by}{held}"
        case "edit":
            return f"in place of{which},{by}{held}"
        case "recode":
            return f"compressed anew{which}{held}"
        case "inject":
            return f"injected{by}"
    return f"{record.action}{by}"


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


def _wrap(sentences: Sequence[str], width: int) -> list[str]:
    import textwrap

    return [line for sentence in sentences for line in textwrap.wrap(sentence, max(width, 20)) or [""]]

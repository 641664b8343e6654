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

from wsproxy.cli.paint import NUMBERS, Paint
from wsproxy.decoders.decoded import Decoded
from wsproxy.decoders.text import columns, preview, printable
from wsproxy.store.records import (
    ClosureRecord,
    ConnectionRecord,
    DecisionRecord,
    ExchangeRecord,
    GapRecord,
)
from wsproxy.store.tail import Event, FrameEvent
from wsproxy.view.exchange_line import exchange_lines, exchange_remarks, exchange_type, session_tag
from wsproxy.view.fragments import Fragments
from wsproxy.view.frame_line import TYPES, content_line, remarks
from wsproxy.wire.frames import Opcode
from wsproxy.words import (
    RECEIVED,
    SENT,
    anomaly_sentences,
    closure_words,
    connection_details,
    count,
    decision_words,
    duration,
    status_line,
)

_ID = 5
"""Columns of the frame's id; lines of other events are empty there."""
_LEAST_PREVIEW = 24
"""Columns a preview keeps before anomalies move to lines of their own."""

Part = tuple[str, str]
"""Text and the name of its style."""


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
        self._tints = [codes(f"number{n}") for n in range(NUMBERS)]
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
        if type(event) is ExchangeRecord:
            return self._exchange(event, decoded)
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
        tint, untint = self._tints[(number - 1) % NUMBERS]
        way, unway = self._direction[frame.from_client]
        if opcode >= Opcode.CLOSE:
            way, unway = self._paint.codes("control")
        arrow = SENT if frame.from_client else RECEIVED
        name = TYPES[opcode]
        left = f"{frame.id:>{_ID}} {clock}"
        tag = f"#{number}"
        what = f"{arrow} {name:<6}"
        size = f"{length:>7,} B "
        used = len(left) + len(tag) + len(what) + len(size) + 3
        start = f"{day}{self._dim}{left}{self._undim} {tint}{tag}{untint} {way}{what}{unway} {size}"

        flags = remarks(event)
        if flags:
            flags = printable(flags, max(self.width - used - 1, 0))
            if flags:
                used += len(flags) + 1
                flags = f"{self._dim}{flags}{self._undim} "
        room = self.width - used

        anomalies = frame.anomalies
        if message:
            anomalies |= message.anomalies
        if not anomalies:
            return f"{start}{flags}{content_line(frame, message, kind, room, decoded)}\n"

        wrong = anomaly_sentences(anomalies)
        words = f"! {'; '.join(wrong)}"
        beside = room - len(words) - 2
        content = content_line(frame, message, kind, max(room, 0), decoded)
        if columns(content) > beside >= _LEAST_PREVIEW:
            content = content_line(frame, message, kind, beside, decoded)
        if columns(content) <= beside:
            gap = "  " if content else ""
            return f"{start}{flags}{content}{gap}{self._paint(words, 'wrong')}\n"
        return f"{start}{flags}{content}\n{self._remarks(wrong, 'wrong')}"

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

    def _exchange(self, record: ExchangeRecord, decoded: Decoded | None) -> str:
        """A body of long-polling, without a number or a connection; several packets on lines of their own."""
        day, clock = self._time(record.time)
        arrow = SENT if record.from_client else RECEIVED
        is_bad = record.error is not None or (record.status or 0) >= 400
        way, unway = self._paint.codes("wrong") if is_bad else self._direction[record.from_client]
        tag, what, size = (
            session_tag(record),
            f"{arrow} {exchange_type(record):<6}",
            f"{record.length:>7,} B ",
        )
        indent = _ID + 1 + len(clock) + 1
        used = indent + columns(tag) + 1 + len(what) + 1 + len(size)
        remark = printable(exchange_remarks(record), max(self.width - used - 1, 0))
        flags = f"{self._dim}{remark}{self._undim} " if remark else ""
        room = self.width - used - (columns(remark) + 1 if remark else 0)
        first, *others = exchange_lines(record, decoded, room)
        start = (
            f"{day}{' ' * (_ID + 1)}{self._dim}{clock} {tag}{self._undim} {way}{what}{unway} {size}{flags}"
        )
        more = exchange_lines(record, decoded, self.width - indent - 2)[1:] if others else []
        return f"{start}{first}\n" + "".join(f"{' ' * indent}· {line}\n" for line in more)

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
        tint, untint = self._tints[(number - 1) % NUMBERS]
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


def _wrap(sentences: Sequence[str], width: int) -> list[str]:
    import textwrap

    return [line for sentence in sentences for line in textwrap.wrap(sentence, max(width, 20)) or [""]]

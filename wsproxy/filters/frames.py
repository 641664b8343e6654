"""Operators about the frame itself: direction, opcode, close code, size, form, what is wrong with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import pyparsing as pp

from wsproxy.filters import grammar, numbers
from wsproxy.filters.nodes import Operator
from wsproxy.filters.sql import Statement
from wsproxy.filters.subject import Subject
from wsproxy.filters.words import Word
from wsproxy.store.records import FrameFlag
from wsproxy.wire.frames import OPCODE_NAMES, Anomaly, Opcode


@dataclass(frozen=True)
class All(Operator):
    names = ("~all",)
    group = "Frame"
    help = "everything"
    example = "~all"

    def match(self, subject: Subject) -> bool:
        return True

    def to_sql(self, statement: Statement) -> str:
        return "1"


@dataclass(frozen=True)
class FromClient(Operator):
    names = ("~fromclient", "~up")
    group = "Frame"
    help = "from the client to the server"
    example = "~up"

    def match(self, subject: Subject) -> bool:
        return subject.from_client is True

    def to_sql(self, statement: Statement) -> str:
        return "(frame.from_client = 1)"


@dataclass(frozen=True)
class FromServer(Operator):
    names = ("~fromserver", "~down")
    group = "Frame"
    help = "from the server to the client"
    example = "~down"

    def match(self, subject: Subject) -> bool:
        return subject.from_client is False

    def to_sql(self, statement: Statement) -> str:
        return "(frame.from_client = 0)"


@dataclass(frozen=True)
class _Message(Operator):
    """Messages of one type; of a fragmented one its first frame and its last."""

    group: ClassVar[str] = "Frame"
    opcode: ClassVar[Opcode]

    def match(self, subject: Subject) -> bool:
        return subject.kind == self.opcode

    def to_sql(self, statement: Statement) -> str:
        return f"(coalesce(message.opcode, frame.opcode) = {int(self.opcode)})"


class Text(_Message):
    names = ("~text",)
    help = "text messages; of a fragmented one the first frame and the last"
    example = "~text & ~up"
    opcode = Opcode.TEXT


class Binary(_Message):
    names = ("~binary",)
    help = "binary messages; of a fragmented one the first frame and the last"
    example = "~binary & ~size >64k"
    opcode = Opcode.BINARY


@dataclass(frozen=True)
class _ControlFrame(Operator):
    group: ClassVar[str] = "Frame"
    opcode: ClassVar[Opcode]

    def match(self, subject: Subject) -> bool:
        return subject.opcode == self.opcode

    def to_sql(self, statement: Statement) -> str:
        return f"(frame.opcode = {int(self.opcode)})"


class Ping(_ControlFrame):
    names = ("~ping",)
    help = "ping frames"
    example = "!~ping & !~pong"
    opcode = Opcode.PING


class Pong(_ControlFrame):
    names = ("~pong",)
    help = "pong frames"
    example = "~pong & ~down"
    opcode = Opcode.PONG


class Close(_ControlFrame):
    names = ("~close",)
    help = "Close frames"
    example = "~close & ~down"
    opcode = Opcode.CLOSE


@dataclass(frozen=True)
class Control(Operator):
    names = ("~control",)
    group = "Frame"
    help = "control frames: close, ping, pong and the reserved ones (0x8 to 0xf)"
    example = "!~control"

    def match(self, subject: Subject) -> bool:
        return subject.opcode is not None and subject.opcode >= Opcode.CLOSE

    def to_sql(self, statement: Statement) -> str:
        return f"(frame.opcode >= {int(Opcode.CLOSE)})"


@dataclass(frozen=True)
class OfOpcode(Operator):
    names = ("~op",)
    argument = "N"
    group = "Frame"
    help = "the frame's own opcode, by number (0 to 15, or 0x0 to 0xf) or by name"
    example = "~op 0x3"

    opcode: int

    @classmethod
    def of(cls, words: Sequence[Word]) -> Self:
        text = words[0].literal.lower()
        if text in OPCODE_NAMES:
            return cls(OPCODE_NAMES.index(text))
        known = [str(number) for number in range(16)]
        hexadecimal = [f"0x{number:x}" for number in range(16)]
        for names in (known, hexadecimal):
            if text in names:
                return cls(names.index(text))
        raise ValueError(
            f"{words[0].literal!r} is not an opcode: 0 to 15, 0x0 to 0xf, or a name such as ping"
        )

    def match(self, subject: Subject) -> bool:
        return subject.opcode == self.opcode

    def to_sql(self, statement: Statement) -> str:
        return f"(frame.opcode = {statement.value(self.opcode)})"

    def __str__(self) -> str:
        return f"{self.names[0]} {OPCODE_NAMES[self.opcode]}"


@dataclass(frozen=True)
class Code(Operator):
    names = ("~code",)
    argument = "N|A-B"
    group = "Frame"
    help = "the status code of a Close frame, or with which a connection ended (1005 none, 1006 no Close)"
    example = "~code 4000-4999"

    first: int
    last: int

    @classmethod
    def of(cls, words: Sequence[Word]) -> Self:
        return cls(*numbers.span(words[0].literal, "a close code or a range such as 4000-4999"))

    def match(self, subject: Subject) -> bool:
        return subject.code is not None and self.first <= subject.code <= self.last

    def to_sql(self, statement: Statement) -> str:
        first, last = (statement.value(f"{min(code, 0x10000):05X}") for code in (self.first, self.last))
        # Hex of a fixed width sorts like the number. A payload in parts is for Python to read.
        return (
            f"(CASE WHEN frame.opcode != {int(Opcode.CLOSE)} THEN 0 WHEN frame.payload IS NULL THEN NULL"
            f" WHEN length(frame.payload) < 2 THEN 0"
            f" ELSE '0' || hex(substr(frame.payload, 1, 2)) BETWEEN {first} AND {last} END)"
        )

    def __str__(self) -> str:
        return f"{self.names[0]} {numbers.write_span(self.first, self.last)}"


@dataclass(frozen=True)
class Size(Operator):
    names = ("~size",)
    argument = "[<>=]N[k|M|G]"
    group = "Frame"
    help = (
        "bytes of the content, inflated and whole where a message ends, else of the frame;"
        " `<=`, `>=` and `!=` work too, k is 1,024"
    )
    example = "~size >64k"

    comparison: str
    """A key of `COMPARISONS`."""
    bytes: int

    @classmethod
    def arguments(cls) -> pp.ParserElement:
        comparison = pp.Regex(r"[<>]=?|!=|=").add_parse_action(
            lambda text, place, tokens: Word(tokens[0], "", place)
        )
        return pp.Optional(comparison) + grammar.required(
            cls.names[0], cls.argument, r"[^ \t\r\n()~'\"!&|<>=]+"
        )

    @classmethod
    def of(cls, words: Sequence[Word]) -> Self:
        return cls(words[0].text if len(words) > 1 else "=", numbers.size(words[-1].literal))

    def match(self, subject: Subject) -> bool:
        return subject.size is not None and numbers.COMPARISONS[self.comparison](subject.size, self.bytes)

    def to_sql(self, statement: Statement) -> str:
        return f"(coalesce(message.length, frame.length) {self.comparison} {statement.value(self.bytes)})"

    def __str__(self) -> str:
        comparison = "" if self.comparison == "=" else self.comparison
        return f"{self.names[0]} {comparison}{numbers.write_size(self.bytes)}"


@dataclass(frozen=True)
class Fragmented(Operator):
    names = ("~fragmented",)
    group = "Frame"
    help = "frames of a message that came in several"
    example = "~fragmented & ~text"

    def match(self, subject: Subject) -> bool:
        return subject.fragmented

    def to_sql(self, statement: Statement) -> str:
        return f"(frame.flags & {int(FrameFlag.FIN)} = 0 OR frame.opcode = {int(Opcode.CONTINUATION)})"


@dataclass(frozen=True)
class Compressed(Operator):
    names = ("~compressed",)
    group = "Frame"
    help = "compressed on the wire (permessage-deflate)"
    example = "~compressed & ~size >1M"

    def match(self, subject: Subject) -> bool:
        return subject.compressed

    def to_sql(self, statement: Statement) -> str:
        return f"(frame.flags & {int(FrameFlag.COMPRESSED)} != 0)"


_ANOMALIES = {flag.name.lower(): flag for flag in Anomaly if flag.name}


@dataclass(frozen=True)
class WithAnomaly(Operator):
    names = ("~anomaly",)
    argument = "[NAME]"
    group = "Frame"
    help = "breaks the protocol; with NAME in that way, as `--json` names it"
    example = "~anomaly invalid_utf8"

    anomaly: Anomaly | None = None
    """None for any."""

    @classmethod
    def arguments(cls) -> pp.ParserElement:
        return pp.Optional(grammar.word())

    @classmethod
    def of(cls, words: Sequence[Word]) -> Self:
        if not words:
            return cls()
        name = words[0].literal
        found = _ANOMALIES.get(name.lower().replace("-", "_"))
        if found is None:
            raise ValueError(
                f"there is no anomaly {name!r}",
                grammar.nearest(name, _ANOMALIES) + "`wsproxy help filters` lists them",
            )
        return cls(found)

    def match(self, subject: Subject) -> bool:
        return bool(subject.anomalies if self.anomaly is None else subject.anomalies & self.anomaly)

    def to_sql(self, statement: Statement) -> str:
        wanted = int(self.anomaly) if self.anomaly is not None else -1
        return f"((frame.anomalies | coalesce(message.anomalies, 0)) & {wanted} != 0)"

    def __str__(self) -> str:
        return self.names[0] if self.anomaly is None else f"{self.names[0]} {self.anomaly.names[0]}"

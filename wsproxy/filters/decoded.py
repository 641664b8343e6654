"""Operators about what a decoder says of a message. Where nothing is decoded they match nothing."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self

from wsproxy.filters.nodes import Operator
from wsproxy.filters.regex import Regex
from wsproxy.filters.sql import UNDECIDED, Statement
from wsproxy.filters.subject import Decoded, Subject
from wsproxy.filters.words import Word, normal_pattern, write_literal, write_pattern


@dataclass(frozen=True)
class _OfDecoded(Operator):
    group: ClassVar[str] = "Decoded"

    @abstractmethod
    def says(self, decoded: Decoded) -> bool:
        """Whether this is it."""

    def match(self, subject: Subject) -> bool:
        decoded = subject.decoded
        return decoded is not None and any(map(self.says, decoded.each()))

    def to_sql(self, statement: Statement) -> str:
        return UNDECIDED if statement.decoding else "0"

    @property
    def wants_decoded(self) -> bool:
        return True


@dataclass(frozen=True)
class ByDecoder(_OfDecoded):
    names = ("~decoder",)
    argument = "NAME"
    help = "messages that this decoder understands"
    example = "~decoder socketio"

    name: str

    @classmethod
    def of(cls, words: Sequence[Word]) -> Self:
        return cls(words[0].literal)

    def says(self, decoded: Decoded) -> bool:
        return decoded.decoder.lower() == self.name.lower()

    def __str__(self) -> str:
        return f"{self.names[0]} {write_literal(self.name)}"


@dataclass(frozen=True)
class Event(_OfDecoded):
    names = ("~event",)
    argument = "REGEX"
    help = "the meaning of a message, in one line"
    example = "~event 'chat.*joined'"

    pattern: str
    regex: Regex = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", normal_pattern(self.pattern))
        object.__setattr__(self, "regex", Regex(self.pattern))

    @classmethod
    def of(cls, words: Sequence[Word]) -> Self:
        return cls(words[0].pattern)

    def says(self, decoded: Decoded) -> bool:
        return self.regex.in_text(decoded.event)

    def __str__(self) -> str:
        return f"{self.names[0]} {write_pattern(self.pattern)}"


@dataclass(frozen=True)
class Id(_OfDecoded):
    names = ("~id",)
    argument = "VALUE"
    help = "the id by which a call and its reply find each other, exactly"
    example = "~id 42"

    value: str

    @classmethod
    def of(cls, words: Sequence[Word]) -> Self:
        return cls(words[0].literal)

    def says(self, decoded: Decoded) -> bool:
        return decoded.id == self.value

    def __str__(self) -> str:
        return f"{self.names[0]} {write_literal(self.value)}"


class NoReply(_OfDecoded):
    names = ("~noreply",)
    help = "calls that were never answered, in a capture"
    example = "~noreply & ~up"

    @property
    def wants_replies(self) -> bool:
        return True

    def says(self, decoded: Decoded) -> bool:
        return decoded.replied is False


class Heartbeat(_OfDecoded):
    names = ("~heartbeat",)
    help = "messages that only keep the connection alive; WebSocket's own are ~ping and ~pong"
    example = "!(~heartbeat | ~ping | ~pong)"

    def says(self, decoded: Decoded) -> bool:
        return decoded.heartbeat

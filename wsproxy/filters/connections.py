"""Operators about the connection: host, URL, handshake, subprotocol, number."""

import re
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self

from wsproxy.filters import numbers
from wsproxy.filters.nodes import Operator
from wsproxy.filters.regex import Regex
from wsproxy.filters.sql import Statement
from wsproxy.filters.subject import ConnectionFacts, Subject
from wsproxy.filters.words import Word, normal_pattern, write_pattern
from wsproxy.wire.handshake import Head

_AUTHORITY = re.compile(r"[^/?#]*//(?:[^/?#@]*@)?([^/?#]*)")


@dataclass(frozen=True, slots=True)
class _Columns:
    """A row of the table `connection`, as far as a filter asks."""

    id: int
    url: str
    request: bytes
    response: bytes
    subprotocol: str | None


@dataclass(frozen=True)
class _OfConnection(Operator):
    """A regex about the handshake."""

    argument: ClassVar[str] = "REGEX"
    group: ClassVar[str] = "Connection"
    flags: ClassVar[int] = 0

    pattern: str
    regex: Regex = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", normal_pattern(self.pattern))
        object.__setattr__(self, "regex", Regex(self.pattern, self.flags))

    @classmethod
    def of(cls, words: Sequence[Word]) -> Self:
        return cls(words[0].pattern)

    @abstractmethod
    def texts(self, connection: ConnectionFacts) -> list[str]:
        """What the regex may match."""

    def match(self, subject: Subject) -> bool:
        return any(map(self.regex.in_text, self.texts(subject.connection)))

    def to_sql(self, statement: Statement) -> str:
        known: dict[int, bool] = {}

        def matches(number: int, url: str, request: bytes, response: bytes, subprotocol: str | None) -> bool:
            if number not in known:
                connection = _Columns(number, url, request, response, subprotocol)
                known[number] = any(map(self.regex.in_text, self.texts(connection)))
            return known[number]

        name = statement.function(5, matches)
        return (
            f"(frame.connection IN (SELECT id FROM connection"
            f" WHERE {name}(id, url, request, response, subprotocol)))"
        )

    def __str__(self) -> str:
        return f"{self.names[0]} {write_pattern(self.pattern)}"


class Domain(_OfConnection):
    names = ("~d",)
    help = "the host, as in the URL or as the client's Host header names it, without the port"
    example = r"~d example\.com"

    def texts(self, connection: ConnectionFacts) -> list[str]:
        authority = _AUTHORITY.match(connection.url)
        hosts = [_without_port(authority[1])] if authority else []
        hosts += map(_without_port, Head.parse(connection.request).all("Host"))
        return hosts


class Url(_OfConnection):
    names = ("~u",)
    help = "the URL"
    example = r"~u '/socket\.io/.*EIO=4'"

    def texts(self, connection: ConnectionFacts) -> list[str]:
        return [connection.url]


class Header(_OfConnection):
    names = ("~h",)
    help = "a header line of the handshake, `Name: value`, of the request or the response"
    example = "~h 'cookie:.*session'"
    flags = re.MULTILINE

    def texts(self, connection: ConnectionFacts) -> list[str]:
        heads = (Head.parse(connection.request), Head.parse(connection.response))
        return ["\n".join(f"{name}: {value}" for name, value in head.fields) for head in heads]


class Subprotocol(_OfConnection):
    names = ("~proto",)
    help = "the subprotocol that the server chose"
    example = "~proto mqtt"

    def texts(self, connection: ConnectionFacts) -> list[str]:
        return [] if connection.subprotocol is None else [connection.subprotocol]


@dataclass(frozen=True)
class Number(Operator):
    names = ("~conn",)
    argument = "N|A-B"
    group = "Connection"
    help = "the connection's number"
    example = "~conn 3"

    first: int
    last: int

    @classmethod
    def of(cls, words: Sequence[Word]) -> Self:
        return cls(*numbers.span(words[0].literal, "the number of a connection or a range such as 3-5"))

    def match(self, subject: Subject) -> bool:
        return self.first <= subject.connection.id <= self.last

    def to_sql(self, statement: Statement) -> str:
        first, last = statement.value(self.first), statement.value(self.last)
        return f"(frame.connection BETWEEN {first} AND {last})"

    def __str__(self) -> str:
        return f"{self.names[0]} {numbers.write_span(self.first, self.last)}"


def _without_port(authority: str) -> str:
    return re.sub(r":[0-9]*$", "", authority.strip())

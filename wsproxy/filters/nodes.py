"""
What a filter is made of: operators, and `!`, `&`, `|` around them.

SQL answers what it can, in its own three values: an expression is TRUE, FALSE, or NULL where only
Python knows. NOT, AND and OR keep that straight, so that a whole filter splits into what SQL decides
and the rows it leaves to `match`.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import pyparsing as pp

from wsproxy.errors import UsageError
from wsproxy.filters import grammar
from wsproxy.filters.sql import FUNCTION, UNDECIDED, Statement
from wsproxy.filters.subject import Subject
from wsproxy.filters.words import Word


class Filter(ABC):
    """Something that matches a subject or does not. Its text is a filter again, an equal one."""

    @abstractmethod
    def match(self, subject: Subject) -> bool:
        """Whether this is about `subject`."""

    @abstractmethod
    def to_sql(self, statement: Statement) -> str:
        """An expression over `frame`, `message` and `decision`; NULL where it does not know."""

    @property
    def wants_decoded(self) -> bool:
        """It may ask what a decoder says."""
        return False

    @property
    def wants_replies(self) -> bool:
        """It may ask whether calls were answered, which only who has seen the end knows."""
        return False


@dataclass(frozen=True)
class Not(Filter):
    """`!`: what does not match."""

    inner: Filter

    def match(self, subject: Subject) -> bool:
        return not self.inner.match(subject)

    def to_sql(self, statement: Statement) -> str:
        return f"(NOT {self.inner.to_sql(statement)})"

    @property
    def wants_decoded(self) -> bool:
        return self.inner.wants_decoded

    @property
    def wants_replies(self) -> bool:
        return self.inner.wants_replies

    def __str__(self) -> str:
        return f"!({self.inner})" if isinstance(self.inner, And | Or) else f"!{self.inner}"


@dataclass(frozen=True)
class And(Filter):
    """`&`, or nothing between two filters: what matches all of them."""

    parts: tuple[Filter, ...]
    """Two or more."""

    def match(self, subject: Subject) -> bool:
        return all(part.match(subject) for part in self.parts)

    def to_sql(self, statement: Statement) -> str:
        return _joined("AND", [part.to_sql(statement) for part in self.parts])

    @property
    def wants_decoded(self) -> bool:
        return any(part.wants_decoded for part in self.parts)

    @property
    def wants_replies(self) -> bool:
        return any(part.wants_replies for part in self.parts)

    def __str__(self) -> str:
        return " & ".join(f"({part})" if isinstance(part, And | Or) else str(part) for part in self.parts)


@dataclass(frozen=True)
class Or(Filter):
    """`|`: what matches any of them."""

    parts: tuple[Filter, ...]
    """Two or more."""

    def match(self, subject: Subject) -> bool:
        return any(part.match(subject) for part in self.parts)

    def to_sql(self, statement: Statement) -> str:
        return _joined("OR", [part.to_sql(statement) for part in self.parts])

    @property
    def wants_decoded(self) -> bool:
        return any(part.wants_decoded for part in self.parts)

    @property
    def wants_replies(self) -> bool:
        return any(part.wants_replies for part in self.parts)

    def __str__(self) -> str:
        return " | ".join(f"({part})" if isinstance(part, Or) else str(part) for part in self.parts)


class Operator(Filter):
    """
    One `~` operator.

    Attributes:
        names: how it is written, the usual way first.
        argument: what follows, as documents show it; empty for nothing.
        group: the heading it is listed under.
        help: what matches, in one line.
        example: a filter with it.
    """

    names: ClassVar[tuple[str, ...]]
    argument: ClassVar[str] = ""
    group: ClassVar[str]
    help: ClassVar[str]
    example: ClassVar[str]

    @classmethod
    def syntax(cls) -> str:
        """How to write it, in short."""
        return f"{' '.join(cls.names)} {cls.argument}".rstrip()

    @classmethod
    def arguments(cls) -> pp.ParserElement:
        """What may follow the name."""
        return grammar.required(cls.names[0], cls.argument) if cls.argument else pp.Empty()

    @classmethod
    def of(cls, words: Sequence[Word]) -> Self:
        """
        Make it from its arguments.

        Raises:
            ValueError: with what is wrong with them.
        """
        return cls()

    def to_sql(self, statement: Statement) -> str:
        return UNDECIDED

    def __str__(self) -> str:
        return self.names[0]


def check_live(wanted: Filter) -> None:
    """
    Refuse a filter that cannot be asked about messages on their way.

    Raises:
        UsageError: it asks for what is not known yet.
    """
    if wanted.wants_replies:
        raise UsageError(
            "~noreply cannot be asked about messages on their way: nobody knows yet which will be answered",
            "It finds calls in a capture: wsproxy log FILE -f '~noreply'",
        )


def check_followed(wanted: Filter) -> None:
    """
    Refuse a filter that cannot be asked about frames that are printed as they are recorded.

    Raises:
        UsageError: it asks for what later frames decide.
    """
    if wanted.wants_replies:
        raise UsageError(
            "~noreply cannot be followed: a call that nobody has answered yet may still be answered",
            "It finds calls in what is recorded: wsproxy log FILE -f '~noreply'",
        )


def _joined(word: str, terms: list[str]) -> str:
    # SQLite takes them in this order, and what calls Python costs ten times as much.
    return _balanced(word, sorted(terms, key=lambda term: FUNCTION in term))


def _balanced(word: str, terms: list[str]) -> str:
    # SQLite takes expressions 1,000 deep, and a chain is as deep as it is long.
    if len(terms) == 1:
        return terms[0]
    half = len(terms) // 2
    return f"({_balanced(word, terms[:half])} {word} {_balanced(word, terms[half:])})"

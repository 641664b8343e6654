"""Operators about the content: a regex, and what is at a path in JSON."""

import re
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, Self, TypeAlias

import pyparsing as pp

from wsproxy.filters import grammar, jsonpath
from wsproxy.filters.nodes import Operator
from wsproxy.filters.numbers import COMPARISONS
from wsproxy.filters.regex import Regex
from wsproxy.filters.sql import Statement
from wsproxy.filters.subject import LOOKED_AT, Subject
from wsproxy.filters.words import Word, normal_pattern, quoted, write_literal, write_pattern

Value: TypeAlias = str | Decimal | bool | None

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_ESCAPE = b"\\"


@dataclass(frozen=True)
class _OfContent(Operator):
    group: ClassVar[str] = "Content"

    @property
    @abstractmethod
    def test(self) -> Callable[[bytes], bool]:
        """What says whether content matches, as far as `LOOKED_AT`."""

    def match(self, subject: Subject) -> bool:
        content = subject.content
        return content is not None and self.test(content)

    def to_sql(self, statement: Statement) -> str:
        name = statement.function(1, self.test)
        # Fragments and the parts of large payloads are put together in Python.
        return (
            f"(CASE WHEN message.content IS NOT NULL THEN {name}(message.content)"
            f" WHEN message.frames > 1 OR frame.payload IS NULL THEN NULL ELSE {name}(frame.payload) END)"
        )


@dataclass(frozen=True)
class Body(_OfContent):
    names = ("~b",)
    argument = "REGEX"
    help = "the content; a word alone means the same"
    example = "~b 'token|secret'"

    pattern: str
    regex: Regex = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", normal_pattern(self.pattern))
        object.__setattr__(self, "regex", Regex(self.pattern, re.DOTALL))

    @classmethod
    def of(cls, words: Sequence[Word]) -> Self:
        return cls(words[0].pattern)

    @property
    def test(self) -> Callable[[bytes], bool]:
        return self.regex.in_content

    def __str__(self) -> str:
        return f"{self.names[0]} {write_pattern(self.pattern)}"


@dataclass(frozen=True)
class Json(_OfContent):
    names = ("~json",)
    argument = "PATH [OP VALUE]"
    help = (
        "the content is JSON with something at PATH, which may have `*` for anything; with OP one of"
        " `=` `!=` `<` `<=` `>` `>=` and `~` (a regex) what is there compares so with VALUE"
    )
    example = "~json user.age >= 18"

    path: str
    comparison: str | None = None
    """A key of `COMPARISONS`, `~`, or None: that it is there is enough."""
    value: Value = None
    """With `~` the regex."""
    steps: tuple[jsonpath.Step, ...] = field(init=False, compare=False, repr=False)
    needles: tuple[bytes, ...] = field(init=False, compare=False, repr=False)
    """What content without escapes must have in it."""
    regex: Regex | None = field(init=False, compare=False, repr=False, default=None)

    def __post_init__(self) -> None:
        steps = jsonpath.parse_path(self.path)
        object.__setattr__(self, "steps", steps)
        names = [step for step in steps if isinstance(step, str)]
        if self.comparison == "=" and isinstance(self.value, str):
            names.append(self.value)
        object.__setattr__(self, "needles", tuple(name.encode("utf-8", "surrogatepass") for name in names))
        if self.comparison == "~":
            object.__setattr__(self, "value", normal_pattern(str(self.value)))
            object.__setattr__(self, "regex", Regex(str(self.value), re.DOTALL))

    @classmethod
    def arguments(cls) -> pp.ParserElement:
        path = grammar.required(cls.names[0], "PATH", r"""[^ \t\r\n()~'"!&|<>=][^ \t\r\n()~'"!<>=]*""")
        # A ~ that belongs to the next operator has its name right behind it.
        comparison = pp.Regex(r"[<>]=?|!=|==?|~(?=[\s'\"])").add_parse_action(
            lambda text, place, tokens: Word(tokens[0].replace("==", "="), "", place)
        )
        value = grammar.word() | grammar.otherwise(f"{cls.names[0]} PATH OP needs VALUE")
        return path + pp.Optional(comparison + value)

    @classmethod
    def of(cls, words: Sequence[Word]) -> Self:
        path = words[0].literal
        if len(words) == 1:
            return cls(path)
        comparison, value = words[1].text, words[2]
        if comparison == "~":
            return cls(path, comparison, value.pattern)
        return cls(path, comparison, _value(value))

    @property
    def test(self) -> Callable[[bytes], bool]:
        return self._in_content

    def _in_content(self, content: bytes) -> bool:
        content = content[:LOOKED_AT]
        # Reading JSON takes many times as long as looking for words that must be in it.
        for needle in self.needles:
            if needle not in content and _ESCAPE not in content:
                return False
        try:
            whole = jsonpath.load(content)
        except ValueError:
            return False
        return any(map(self._holds, jsonpath.select(whole, self.steps)))

    def _holds(self, found: Any) -> bool:
        if self.comparison is None:
            return True
        if self.regex is not None:
            return isinstance(found, str) and self.regex.in_text(found)
        alike = type(found) is type(self.value)
        if self.comparison in ("<", "<=", ">", ">=") and not (alike and isinstance(found, str | Decimal)):
            return False
        if not alike:
            return self.comparison == "!="
        return COMPARISONS[self.comparison](found, self.value)

    def __str__(self) -> str:
        text = f"{self.names[0]} {_write_path(self.path)}"
        if self.comparison is None:
            return text
        if self.comparison == "~":
            return f"{text} ~ {write_pattern(str(self.value))}"
        return f"{text} {self.comparison} {_write(self.value)}"


def _value(word: Word) -> Value:
    """In quotes it is a string; bare, what JSON would take it for, else a string."""
    text = word.literal
    if not word.quote:
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _NUMBER.fullmatch(text):
            return jsonpath.number(text)
    return text


def _write(value: Value) -> str:
    if isinstance(value, str):
        return quoted(value) if value in _CONSTANTS or _NUMBER.fullmatch(value) else write_literal(value)
    if isinstance(value, Decimal):
        return str(value) if value.is_finite() else f"{'-' * value.is_signed()}1e{10**19}"
    return next(name for name, constant in _CONSTANTS.items() if constant is value)


def _write_path(path: str) -> str:
    return quoted(path) if set(path) & set("!<>=&|") else write_literal(path)

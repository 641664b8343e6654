"""
From text to a filter: mitmproxy's syntax and precedence.

    filter      alternatives side by side: all of them must match
    alternative conjunction | conjunction ...
    conjunction negation & negation ...
    negation    ! ... operator, word, or (filter)
"""

import re
from collections.abc import Callable
from functools import cache

import pyparsing as pp

from wsproxy.filters import grammar
from wsproxy.filters.content import Body
from wsproxy.filters.nodes import And, Filter, Not, Operator, Or
from wsproxy.filters.operators import OPERATORS
from wsproxy.filters.words import Word

LONGEST = 10_000
"""Characters of a filter."""

_NAMES = [name for operator in OPERATORS for name in operator.names]
_MOST_NEGATIONS = 20


def parse(text: str) -> Filter:
    """
    Read a filter.

    Raises:
        FilterError: and nothing else, whatever `text` is.
    """
    if not text.strip(" \t\r\n"):
        raise grammar.wrong(text, 0, "the filter is empty", "`wsproxy filters` lists what can stand in it")
    if len(text) > LONGEST:
        raise grammar.wrong(text, LONGEST, f"the filter is longer than {LONGEST:,} characters")
    try:
        found = _filter().parse_string(text)
    except RecursionError:
        raise grammar.wrong(text, 0, "the parentheses nest too deeply") from None
    result: Filter = found[0]
    return result


@cache
def _filter() -> pp.ParserElement:
    whole = pp.Forward()
    operand = pp.MatchFirst(
        [
            pp.Suppress("(") + whole + (pp.Suppress(")") | grammar.otherwise("a ) is missing here")),
            *map(_operator, OPERATORS),
            pp.Regex(r"~[^ \t\r\n()~'\"!&|]*").add_parse_action(_unknown),
            grammar.word().add_parse_action(_body),
            pp.FollowedBy(pp.StringEnd())
            + grammar.otherwise("the filter ends where an operator or a word should follow"),
            grammar.otherwise(
                "an operator or a word is expected here", "`wsproxy filters` lists the operators"
            ),
        ]
    )
    negation = (pp.Regex("!(?:[ \t\r\n]*!)*") + operand).add_parse_action(_not) | operand
    conjunction = (negation + pp.ZeroOrMore(pp.Suppress("&") + negation)).add_parse_action(_joined(And))
    alternative = (conjunction + pp.ZeroOrMore(pp.Suppress("|") + conjunction)).add_parse_action(_joined(Or))
    # What is no end of it must be another part, or say why not.
    end = pp.FollowedBy(")") | pp.StringEnd()
    whole <<= (alternative + pp.ZeroOrMore(~end + alternative)).add_parse_action(_joined(And))
    last = pp.StringEnd() | grammar.otherwise("there is no ( for this )")
    # Columns are counted in what was typed.
    return (whole + last).parse_with_tabs()


def _operator(kind: type[Operator]) -> pp.ParserElement:
    names = "|".join(re.escape(name) for name in sorted(kind.names, key=len, reverse=True))
    name = pp.Regex(rf"(?:{names})(?![A-Za-z0-9_-])").suppress()

    def make(text: str, place: int, tokens: pp.ParseResults) -> Operator:
        words: list[Word] = list(tokens)
        try:
            return kind.of(words)
        except ValueError as error:
            message, *hint = error.args
            raise grammar.wrong(text, words[0].place, message, *hint) from None

    return (name + kind.arguments()).add_parse_action(make)


def _unknown(text: str, place: int, tokens: pp.ParseResults) -> None:
    name = tokens[0]
    listed = "`wsproxy filters` lists them"
    if name == "~":
        raise grammar.wrong(text, place, "~ must be followed by the name of an operator", listed)
    raise grammar.wrong(text, place, f"there is no operator {name}", grammar.nearest(name, _NAMES) + listed)


def _body(text: str, place: int, tokens: pp.ParseResults) -> Body:
    words: list[Word] = list(tokens)
    try:
        return Body.of(words)
    except ValueError as error:
        raise grammar.wrong(text, words[0].place, *error.args) from None


def _not(text: str, place: int, tokens: pp.ParseResults) -> Filter:
    marks, found = tokens
    if marks.count("!") > _MOST_NEGATIONS:
        raise grammar.wrong(text, place, f"more than {_MOST_NEGATIONS} negations in a row")
    for _ in range(marks.count("!")):
        found = Not(found)
    result: Filter = found
    return result


def _joined(kind: type[And] | type[Or]) -> Callable[[str, int, pp.ParseResults], Filter]:
    def join(text: str, place: int, tokens: pp.ParseResults) -> Filter:
        parts: tuple[Filter, ...] = tuple(tokens)
        return kind(parts) if len(parts) > 1 else parts[0]

    return join

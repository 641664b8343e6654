"""The small pieces of the grammar: words, and what is said where one is missing."""

import difflib
import re
from collections.abc import Iterable

import pyparsing as pp

from wsproxy.errors import FilterError
from wsproxy.filters.words import BARE, Word

_ENDS_A_WORD = " \t\r\n)"


def wrong(text: str, place: int, message: str, hint: str = "") -> FilterError:
    """What is wrong with the filter `text` at `place`, from 0."""
    return FilterError(message, hint, text, place + 1)


def nearest(name: str, known: Iterable[str]) -> str:
    """`Did you mean ...? ` for a name that looks like a known one, else nothing."""
    found = difflib.get_close_matches(name, list(known), 1, 0.5)
    return f"Did you mean {found[0]}? " if found else ""


def otherwise(message: str, hint: str = "") -> pp.ParserElement:
    """What stands last among alternatives: where it is reached, that is an error."""

    def fail(text: str, place: int, _: pp.ParseResults) -> None:
        while place < len(text) and text[place] in " \t\r\n":
            place += 1
        raise wrong(text, place, message, hint)

    return pp.Empty().add_parse_action(fail)


def word(bare: str = BARE) -> pp.ParserElement:
    """A word, bare or in quotes."""
    plain = pp.Regex(bare).add_parse_action(_bare)
    double = pp.Regex(r'"(?:[^"\\]|\\.)*"', re.DOTALL).add_parse_action(_quoted)
    single = pp.Regex(r"'(?:[^'\\]|\\.)*'", re.DOTALL).add_parse_action(_quoted)
    open_quote = pp.FollowedBy(pp.Regex("[\"']")) + otherwise(
        "this quote is not closed", "Inside of quotes, write the same quote with a backslash"
    )
    return plain | double | single | open_quote


def required(name: str, argument: str, bare: str = BARE) -> pp.ParserElement:
    """A word that must be there."""
    return word(bare) | otherwise(
        f"{name} needs {argument}", "Put it in quotes if it begins with !, & or |, or has a parenthesis"
    )


def _bare(text: str, place: int, tokens: pp.ParseResults) -> Word:
    end = place + len(tokens[0])
    if end < len(text) and text[end] in "(~'\"":
        raise wrong(
            text,
            end,
            f"{text[end]} in the middle of a word",
            "Put the word in quotes, or a space before what follows",
        )
    return Word(tokens[0], "", place)


def _quoted(text: str, place: int, tokens: pp.ParseResults) -> Word:
    quoted: str = tokens[0]
    end = place + len(quoted)
    if end < len(text) and text[end] not in _ENDS_A_WORD and text[end] not in "&|":
        raise wrong(text, end, "a quoted word goes on behind its quote", "Put a space before what follows")
    return Word(quoted[1:-1], quoted[0], place)

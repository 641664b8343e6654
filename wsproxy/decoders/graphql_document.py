"""As much of a GraphQL document as says what an operation is about (GraphQL specification, section 2)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from wsproxy.decoders.brief import brief

LONGEST = 20_000
"""Characters of a document that are looked at."""
FIELDS = 5
"""Of an operation that are named."""

_TOKEN = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"""|"(?:[^"\\\n]|\\.)*"|#[^\n]*|\.\.\.|\$?[_A-Za-z][_0-9A-Za-z]*'
    r"|-?[0-9][0-9.eE+-]*|[{}()\[\]:!=@|&]"
)
_KINDS = ("query", "mutation", "subscription")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a document."""

    kind: str
    """`query`, `mutation` or `subscription`."""
    name: str
    """Its own; empty if it has none."""
    first: str
    """The name of its first field."""
    fields: str
    """Its fields of the first level with their arguments, variables replaced by what they stand for."""


def operation(document: str, wanted: str = "", variables: Any = None) -> Operation | None:
    """
    The operation that is carried out.

    Args:
        document: with one operation or more, and fragments.
        wanted: the name of the operation, if there are several.
        variables: by their names.

    Returns:
        None if there is no such operation in the part that is looked at.
    """
    tokens = [token for token in _TOKEN.findall(document[:LONGEST]) if token[0] != "#"]
    given = variables if isinstance(variables, dict) else {}
    at, depth = 0, 0
    while at < len(tokens):
        token = tokens[at]
        if depth == 0 and (token in _KINDS or token == "{"):
            kind = "query" if token == "{" else token
            named = token != "{" and at + 1 < len(tokens) and tokens[at + 1][0] not in "{(@"
            name = tokens[at + 1] if named else ""
            if not wanted or name == wanted:
                fields = list(_fields(tokens, at + 1 + named if token != "{" else at, given))
                first = fields[0].partition("(")[0] if fields else ""
                return Operation(kind, name, first, ", ".join(fields))
        if token == "fragment" and depth == 0:
            at = _behind(tokens, _next(tokens, at, "{"), "{", "}")
            continue
        depth += (token in "{(") - (token in ")}")
        at += 1
    return None


def _fields(tokens: list[str], at: int, variables: dict[str, Any]) -> Iterator[str]:
    """The fields of the selection that comes next, with their arguments."""
    at = _behind(tokens, at, "(", ")") if at < len(tokens) and tokens[at] == "(" else at
    at = _next(tokens, at, "{") + 1
    for _ in range(FIELDS):
        if at >= len(tokens) or tokens[at] == "}":
            return
        field = tokens[at]
        at += 1
        if field == "...":
            field += tokens[at] if at < len(tokens) else ""
            at += 1
        elif at + 1 < len(tokens) and tokens[at] == ":":
            # What comes before it is only what the field is called in the result.
            field = tokens[at + 1]
            at += 2
        if at < len(tokens) and tokens[at] == "(":
            end = _behind(tokens, at, "(", ")")
            field += _arguments(tokens[at:end], variables)
            at = end
        while at < len(tokens) and tokens[at] == "@":
            at += 2
            if at < len(tokens) and tokens[at] == "(":
                at = _behind(tokens, at, "(", ")")
        if at < len(tokens) and tokens[at] == "{":
            at = _behind(tokens, at, "{", "}")
        yield field
    if at < len(tokens) and tokens[at] != "}":
        yield "…"


def _next(tokens: list[str], at: int, wanted: str) -> int:
    while at < len(tokens) and tokens[at] != wanted:
        at += 1
    return at


def _behind(tokens: list[str], at: int, opening: str, closing: str) -> int:
    """The place behind the bracket that closes the one at `at`."""
    depth = 0
    while at < len(tokens):
        depth += (tokens[at] == opening) - (tokens[at] == closing)
        at += 1
        if depth == 0:
            break
    return at


def _arguments(tokens: list[str], variables: dict[str, Any]) -> str:
    text = ""
    for n, token in enumerate(tokens):
        following = tokens[n + 1] if n + 1 < len(tokens) else ""
        if token[0] == "$":
            text += brief(variables[token[1:]], 200) if token[1:] in variables else token
        else:
            text += token
        if token == ":":
            text += " "
        elif token not in "([{" and following and following not in ")]}:":
            text += ", "
    return text

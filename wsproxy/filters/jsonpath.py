"""
Paths into JSON: `user.name`, `items[0].id`, `items[*].id`, `*.price`, `$['odd key'][-1]`.

The part of JSONPath (RFC 9535) that people type: names, indexes, and `*` for every member or
element. A `$` in front may be left out.
"""

import json
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

Step: TypeAlias = str | int | None
"""The name of a member, the index of an element (from the end if negative), None for every one."""

_STEP = re.compile(
    r"""
      (?:^|\.) (?: (?P<every>\*) | (?P<name>[^.\[\]*"']+) )
    | \[ (?: (?P<all>\*) | (?P<index>-?[0-9]{1,9}) | (?P<quoted>'(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*") ) \]
    """,
    re.VERBOSE | re.DOTALL,
)


def parse_path(text: str) -> tuple[Step, ...]:
    """
    The steps of a path; none for `$`, which is the whole.

    Raises:
        ValueError: with where it goes wrong.
    """
    steps: list[Step] = []
    rest = text.removeprefix("$") if text == "$" or text[:2] in ("$.", "$[") else text
    # The first name may come without its dot, unless there is a $.
    place = 0
    if rest is not text and rest.startswith("."):
        rest = rest[1:]
        if not rest:
            raise ValueError(f"{text!r} ends with a dot")
    while place < len(rest):
        found = _STEP.match(rest, place) if place == 0 or rest[place] in ".[" else None
        if found is None:
            raise ValueError(f"{text!r} is not a path such as user.name or items[0]: see {rest[place:]!r}")
        if found["name"] is not None:
            steps.append(found["name"])
        elif found["index"] is not None:
            steps.append(int(found["index"]))
        elif found["quoted"] is not None:
            steps.append(re.sub(r"\\(.)", r"\1", found["quoted"][1:-1], flags=re.DOTALL))
        else:
            steps.append(None)
        place = found.end()
    if not steps and text != "$":
        raise ValueError("a path is empty")
    return tuple(steps)


def select(value: Any, steps: tuple[Step, ...]) -> Iterator[Any]:
    """Everything in `value` that the path leads to, in order."""
    found = [value]
    for step in steps:
        further: list[Any] = []
        for each in found:
            if step is None:
                if isinstance(each, dict):
                    further += each.values()
                elif isinstance(each, list):
                    further += each
            elif isinstance(step, str):
                if isinstance(each, dict) and step in each:
                    further.append(each[step])
            elif isinstance(each, list) and -len(each) <= step < len(each):
                further.append(each[step])
        found = further
    return iter(found)


def load(content: bytes) -> Any:
    """
    JSON with exact numbers, as `Decimal`.

    Raises:
        ValueError: this is not JSON in UTF-8, or it nests too deeply.
    """
    try:
        return _decode(content.decode())
    except RecursionError:
        raise ValueError("nests too deeply") from None


def number(text: str) -> Decimal:
    """A JSON number. Beyond what `Decimal` can have (exponents of 19 digits) it is infinite, or zero."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal(0) if re.search("[eE]-", text) else Decimal(f"{'-' * text.startswith('-')}Infinity")


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_decode = json.JSONDecoder(parse_float=number, parse_int=number, parse_constant=_no_constant).decode

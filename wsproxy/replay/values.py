"""
What differs between two contents: JSON by what it means and not how it is written, numbers exactly.

A value is what a decoder's tree comes down to: dict, list, str, bytes, bool, None, numbers. Names in an
object have no order, `1.0` is `1`, and `12345678901234567891` is not its neighbour.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, TypeAlias

from wsproxy.decoders.decoded import DEPTH, Node, Tree
from wsproxy.decoders.json_ import Number, Pairs
from wsproxy.filters.jsonpath import Step, number, parse_path

Value: TypeAlias = Any
"""dict with names of text, list, str, bytes, bool, None, int, `Decimal`, or `IGNORED`."""


class _Ignored:
    """Stands where something does not count: equal to itself."""

    def __repr__(self) -> str:
        return "(ignored)"


IGNORED: Final = _Ignored()

_DOTS = re.compile(r"""\.\.(?=(?:[^'"]|'[^']*'|"[^"]*")*$)""")
"""`..` outside of quotes."""

_LONGEST = 64
"""Digits of what becomes an int."""

MOST = 100
"""Differences of one message that are told; the others are counted."""


class _Below:
    """A step of a path: any number of levels further down."""


_BELOW: Final = _Below()
Path: TypeAlias = tuple[Step | _Below, ...]


def parse_rule_path(text: str) -> Path:
    """
    A path as filters have them (`wsproxy.filters.jsonpath`), and `..NAME` for a name at any depth.

    Raises:
        ValueError: with where it goes wrong.
    """
    steps: list[Step | _Below] = []
    for n, part in enumerate(_DOTS.split(text)):
        if n:
            steps.append(_BELOW)
        if n and not part:
            raise ValueError(f"{text!r} ends with dots")
        if part and (part != "$" or n or text == "$"):
            steps += parse_path(part)
    if not steps and text != "$":
        raise ValueError("a path is empty")
    return tuple(steps)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far numbers may be apart."""

    absolute: Decimal = Decimal(0)
    share: Decimal = Decimal(0)
    """Of the left one."""

    @classmethod
    def parse(cls, text: str) -> "Tolerance":
        """
        From `0.5` or `1%`.

        Raises:
            ValueError: it is neither.
        """
        found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]{1,3})?)\s*(%?)\s*", text)
        if not found:
            raise ValueError(f"{text!r} is neither a number such as 0.5 nor a share such as 1%")
        value = number(found[1])
        return cls(share=value / 100) if found[2] else cls(absolute=value)

    def allows(self, left: Decimal, right: Decimal) -> bool:
        """Whether these count as equal."""
        if not (left.is_finite() and right.is_finite()):
            return bool(left == right)
        return bool(abs(left - right) <= max(self.absolute, abs(left) * self.share))


@dataclass(frozen=True, slots=True)
class Rules:
    """
    What does not count.

    Raises:
        ValueError: from `of`, for what cannot be understood.
    """

    ignored: tuple[Path, ...] = ()
    """What stands there."""
    ignored_text: tuple[re.Pattern[str], ...] = ()
    """What matches, in texts and in the strings of JSON."""
    within: Tolerance | None = None
    unordered: tuple[Path, ...] = ()
    """The arrays there have no order."""

    @classmethod
    def of(
        cls,
        ignored: Sequence[str] = (),
        ignored_text: Sequence[str] = (),
        within: str | None = None,
        unordered: Sequence[str] = (),
    ) -> "Rules":
        """From what a person writes."""
        patterns = []
        for text in ignored_text:
            try:
                patterns.append(re.compile(text, re.DOTALL))
            except re.error as error:
                raise ValueError(f"{text!r} is not a regular expression: {error}") from None
        return cls(
            tuple(map(parse_rule_path, ignored)),
            tuple(patterns),
            Tolerance.parse(within) if within is not None else None,
            tuple(map(parse_rule_path, unordered)),
        )

    def text(self, text: str) -> str:
        """Without what is ignored."""
        for pattern in self.ignored_text:
            text = pattern.sub("", text)
        return text

    def value(self, tree: Tree) -> Value:
        """
        What a tree says, as far as it counts.

        Args:
            tree: as decoders make it; it is not changed.
        """
        value = self._plain(tree, 0)
        for path in self.ignored:
            _change(value, path, lambda _: IGNORED)
            if not path:
                return IGNORED
        for path in self.unordered:
            if not path:
                value = _sorted(value)
            else:
                _change(value, path, _sorted)
        return value

    def _plain(self, tree: Tree, level: int) -> Value:
        kind = type(tree)
        if kind is str:
            return self.text(tree) if self.ignored_text else tree
        if kind is int or kind is bool or tree is None or kind is bytes:
            return tree
        if kind is float:
            return _exact(Decimal(repr(tree)))
        if kind is Number:
            return _exact(number(tree))
        if kind is Node:
            return self._plain(tree.value, level + 1)
        if level > DEPTH:
            return "(nested too deeply)"
        if kind is dict:
            return {str(name): self._plain(value, level + 1) for name, value in tree.items()}
        if kind is Pairs:
            return [[str(name), self._plain(value, level + 1)] for name, value in tree]
        if kind is list or kind is tuple:
            return [self._plain(value, level + 1) for value in tree]
        if isinstance(tree, bytearray | memoryview):
            return bytes(tree)
        return str(tree)

    def digest(self, value: Value, exact: bool = False) -> bytes:
        """16 bytes, the same for what may count as equal: with a tolerance, whatever its numbers are."""
        plain = _digestible(value, self.within is None or exact)
        text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
        return hashlib.blake2b(text.encode(), digest_size=16).digest()


@dataclass(slots=True)
class Change:
    """One place where two contents differ."""

    path: str
    """`$.user.name`; empty where the content is no structure."""
    left: Value
    right: Value
    """`MISSING` where nothing stands."""


class _Missing:
    def __repr__(self) -> str:
        return "(nothing)"


MISSING: Final = _Missing()


@dataclass(slots=True)
class Changes:
    """Where two contents differ."""

    told: list[Change] = field(default_factory=list)
    more: int = 0
    """How many there are besides those `MOST`."""

    def __bool__(self) -> bool:
        return bool(self.told)

    def add(self, path: str, left: Value, right: Value) -> None:
        """One more."""
        if len(self.told) < MOST:
            self.told.append(Change(path, left, right))
        else:
            self.more += 1


def differences(left: Value, right: Value, rules: Rules, path: str = "$") -> Changes:
    """
    Where two values differ, in the order of the left one.

    Args:
        left, right: as `Rules.value` gives them.
        rules: for the tolerance of numbers.
        path: of the whole.
    """
    found = Changes()
    _compare(left, right, path, rules.within, found)
    return found


def _compare(left: Value, right: Value, path: str, within: Tolerance | None, found: Changes) -> None:
    if left is IGNORED or right is IGNORED:
        return
    if isinstance(left, dict) and isinstance(right, dict):
        for name, value in left.items():
            if name in right:
                _compare(value, right[name], path + _member(name), within, found)
            elif value is not IGNORED:
                found.add(path + _member(name), value, MISSING)
        for name, value in right.items():
            if name not in left and value is not IGNORED:
                found.add(path + _member(name), MISSING, value)
    elif isinstance(left, list) and isinstance(right, list):
        for at in range(max(len(left), len(right))):
            if at >= len(right):
                found.add(f"{path}[{at}]", left[at], MISSING)
            elif at >= len(left):
                found.add(f"{path}[{at}]", MISSING, right[at])
            else:
                _compare(left[at], right[at], f"{path}[{at}]", within, found)
    elif not _same(left, right, within):
        found.add(path, left, right)


def _same(left: Value, right: Value, within: Tolerance | None) -> bool:
    if _is_number(left) and _is_number(right):
        if left == right:
            return True
        return within is not None and within.allows(Decimal(left), Decimal(right))
    # Python takes True for 1.
    return type(left) is type(right) and bool(left == right)


def leaves(value: Value, most: int = 64) -> frozenset[int]:
    """What stands in a value and where, as numbers to see how much two have in common."""
    found: set[int] = set()
    rest: list[tuple[int, Value]] = [(0, value)]
    while rest and len(found) < most:
        place, inner = rest.pop()
        if isinstance(inner, dict):
            rest += [(hash((place, name)), each) for name, each in inner.items()]
        elif isinstance(inner, list):
            rest += [(hash((place, at)), each) for at, each in enumerate(inner[:most])]
        else:
            found.add(place)
            if inner is not IGNORED:
                found.add(hash((place, str(inner))))
    return frozenset(found)


def _change(value: Value, path: Path, new: Any) -> None:
    """Replace what stands at a path, everywhere it leads."""
    if not path:
        return
    rows: list[tuple[Value, int]] = [(value, 0)]
    while rows:
        here, at = rows.pop()
        step = path[at]
        if step is _BELOW:
            rows.append((here, at + 1))
            inner = here.values() if isinstance(here, dict) else here if isinstance(here, list) else ()
            rows += [(each, at) for each in inner]
            continue
        for place in _places(here, step):
            if at + 1 == len(path):
                here[place] = new(here[place])
            else:
                rows.append((here[place], at + 1))


def _places(here: Value, step: Any) -> Iterator[Any]:
    if isinstance(here, dict):
        if step is None:
            yield from list(here)
        elif isinstance(step, str) and step in here:
            yield step
    elif isinstance(here, list):
        if step is None:
            yield from range(len(here))
        elif isinstance(step, int) and -len(here) <= step < len(here):
            yield step


def _sorted(value: Value) -> Value:
    return sorted(value, key=Rules().digest) if isinstance(value, list) else value


def _digestible(value: Value, numbers: bool) -> Any:
    """What `json` can write, and nothing else writes the same."""
    kind = type(value)
    if kind is dict:
        return {name: _digestible(inner, numbers) for name, inner in value.items() if inner is not IGNORED}
    if kind is list:
        return [_digestible(inner, numbers) for inner in value]
    if kind is str:
        return f"s{value}"
    if kind is int or kind is Decimal:
        return f"n{_spelt(value)}" if numbers else "n"
    if kind is bytes:
        return f"b{hashlib.blake2b(value, digest_size=16).hexdigest()}"
    return 0 if value is IGNORED else value


def _exact(value: Decimal) -> int | Decimal:
    whole = value.is_finite() and value.adjusted() < _LONGEST and value == value.to_integral_value()
    return int(value) if whole else value


def _spelt(value: int | Decimal) -> str:
    """The same for all ways to write a number; no rounding, which `Decimal.normalize` would do."""
    if isinstance(value, int):
        if value.bit_length() > 2000:
            return hex(value)
        text, exponent = str(abs(value)), 0
        sign = "-" if value < 0 else ""
    elif value.is_finite():
        negative, digits, power = value.as_tuple()
        text, exponent = "".join(map(str, digits)), int(power)
        sign = "-" if negative else ""
    else:
        return str(value)
    short = text.rstrip("0")
    if not short:
        return "0"
    return f"{sign}{short.lstrip('0')}e{exponent + len(text) - len(short)}"


def _is_number(value: Value) -> bool:
    return type(value) is int or type(value) is Decimal


def _member(name: str) -> str:
    return (
        f".{name}"
        if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name)
        else f"[{json.dumps(name, ensure_ascii=False)}]"
    )

"""
Variables of a replay: taken from what the server says (`--map 'PATH=>name'`), put where it says `{{name}}`.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from wsproxy.errors import UsageError
from wsproxy.filters.jsonpath import Step, parse_path, select
from wsproxy.replay.carried import Carried, values_in

_NAME = re.compile(r"[A-Za-z_][\w-]*")
_PLACE = re.compile(r"\{\{\s*([A-Za-z_][\w-]*)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Map:
    """One `--map`."""

    path: tuple[Step, ...]
    name: str

    @classmethod
    def parse(cls, text: str) -> "Map":
        """
        From `PATH=>name`.

        Raises:
            UsageError: it is none.
        """
        path, arrow, name = text.rpartition("=>")
        name = name.strip()
        if not arrow or not _NAME.fullmatch(name):
            raise UsageError(f"--map {text!r} is not understood", "It looks like 'user.token=>token'")
        try:
            return cls(parse_path(path.strip()), name)
        except ValueError as error:
            raise UsageError(f"--map {text!r}: {error}") from None


class Variables:
    """
    Args:
        maps: where values are found in what the server says.
        given: values to begin with.
    """

    def __init__(self, maps: tuple[Map, ...] = (), given: dict[str, str] | None = None) -> None:
        self.values: dict[str, str] = dict(given or {})
        """By name, as they are put into messages."""
        self._maps = maps

    def hear(self, then: bytes | None, now: bytes, carried: Carried) -> None:
        """
        The server says something.

        Args:
            then: what it had said in the original.
            now: what it says.
            carried: learns that the one value stands for the other.
        """
        if not self._maps:
            return
        values = values_in(now)
        olds = values_in(then) if then is not None else []
        for number, value in enumerate(values):
            for wanted in self._maps:
                found = next(select(value, wanted.path), None)
                if found is None:
                    continue
                self.values[wanted.name] = _spelt(found)
                old = next(select(olds[number], wanted.path), None) if number < len(olds) else None
                if old is not None and old != found:
                    carried.put(old, found)

    def fill(self, content: bytes) -> bytes:
        """
        A message of the client with values in place of `{{name}}`.

        A name that is not known stays: it may be meant as it is.
        """
        if b"{{" not in content or not self.values:
            return content
        try:
            text = content.decode()
        except UnicodeDecodeError:
            return content
        return self.filled(text).encode()

    def filled(self, text: str) -> str:
        """The same of a text, such as a header."""
        return _PLACE.sub(lambda found: self.values.get(found[1], found[0]), text)


def _spelt(value: Any) -> str:
    if isinstance(value, str):
        # It stands between quotes of the message as a rule.
        return json.dumps(value, ensure_ascii=False)[1:-1]
    return json.dumps(value, ensure_ascii=False)

"""What the SQL of a filter needs beside its text: values, and functions that SQLite calls back."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

UNDECIDED = "NULL"
"""Only Python knows."""


FUNCTION = "wsproxy_filter_"
"""How the names of those functions begin."""


@dataclass(slots=True)
class Statement:
    """
    One filter on its way into SQL.

    Expressions use the tables `frame`, `message` (the one the frame ends, if it says more than the
    frame) and `decision`, and `:now`, the time from which relative ones count.
    """

    decoding: bool = False
    """Whether messages can be decoded; without that, no decoded operator matches anything."""
    values: dict[str, Any] = field(default_factory=dict)
    functions: dict[str, tuple[int, Callable[..., bool]]] = field(default_factory=dict)
    """By name: how many arguments, and what to call."""

    def value(self, value: int | str) -> str:
        """A placeholder for `value`."""
        name = f"value{len(self.values)}"
        self.values[name] = value
        return f":{name}"

    def function(self, arguments: int, function: Callable[..., bool]) -> str:
        """The name by which SQL can call `function`."""
        name = f"{FUNCTION}{len(self.functions)}"
        self.functions[name] = (arguments, function)
        return name

    def install(self, db: sqlite3.Connection) -> None:
        """Let this connection call the functions."""
        for name, (arguments, function) in self.functions.items():
            db.create_function(name, arguments, function, deterministic=True)

"""
Set and delete fields of messages that are JSON.

PATH is a JSONPath such as `user.name`, `items[0].id` or `items[*].price`; VALUE is JSON, or else a
string. A member that is missing is made, if its parent is there. What is not JSON passes.

    wsproxy dump -s set_json --set set_json='user.admin=true' --set set_json_delete='items[*].debug'
"""

import json
from collections.abc import Callable
from typing import Any

from wsproxy import addon
from wsproxy.filters.jsonpath import parse_path, select

Path = tuple[str | int | None, ...]
"""Names, indexes, and None for every member or element."""


class SetJson:
    def load(self, options: addon.Options) -> None:
        self.options = options
        options.add("set_json", [], "What to set, each PATH=VALUE.")
        options.add("set_json_delete", [], "What to delete, each a PATH.")
        options.add("set_json_filter", "~text", "Which messages.")

    def configure(self, changed: set[str]) -> None:
        self.wanted = addon.parse_filter(self.options.set_json_filter)
        self.edits: list[tuple[Path, Callable[[Any, Any], bool]]] = []
        for rule in self.options.set_json:
            path, equals, value = rule.partition("=")
            if not equals:
                raise addon.OptionError(f"{rule!r} is not of the form PATH=VALUE")
            self.edits.append((read_path(path), setting(read_value(value))))
        for path in self.options.set_json_delete:
            self.edits.append((read_path(path), delete))

    def ws_message(self, connection: addon.Connection, message: addon.Message) -> None:
        if not self.edits or not message.matches(self.wanted):
            return
        try:
            whole = message.json()
        except ValueError:
            return
        # A list, so that every edit is made: any() would stop at the first that changes something.
        if any([edit(place, key) for path, edit in self.edits for place, key in places(whole, path)]):
            message.set_json(whole)


def places(whole: Any, path: Path) -> list[tuple[Any, Any]]:
    """Every object or list the path leads into, each with the key of what it leads to."""
    *steps, last = path
    found: list[tuple[Any, Any]] = []
    for parent in select(whole, tuple(steps)):
        if isinstance(parent, dict) and not isinstance(last, int):
            found += [(parent, key) for key in (list(parent) if last is None else [last])]
        elif isinstance(parent, list) and not isinstance(last, str):
            # From the end, so that deleting one moves no other.
            size = len(parent)
            keys = range(size - 1, -1, -1) if last is None else [last] if -size <= last < size else []
            found += [(parent, key) for key in keys]
    return found


def setting(value: Any) -> Callable[[Any, Any], bool]:
    """An edit: says whether it changed something."""

    def edit(parent: Any, key: Any) -> bool:
        missing = isinstance(parent, dict) and key not in parent
        if not missing and parent[key] == value and type(parent[key]) is type(value):
            return False
        parent[key] = value
        return True

    return edit


def delete(parent: Any, key: Any) -> bool:
    """Likewise."""
    if isinstance(parent, dict) and key not in parent:
        return False
    del parent[key]
    return True


def read_path(text: str) -> Path:
    try:
        path = parse_path(text.strip())
    except ValueError as error:
        raise addon.OptionError(str(error)) from None
    if not path:
        raise addon.OptionError(f"{text!r} is the whole message; name something in it")
    return path


def read_value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


addons = [SetJson()]

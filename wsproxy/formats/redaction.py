"""
Keep secrets out of what is exported: headers, parameters of URLs, chosen places in messages; and wherever
else the same values stand.
"""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, unquote

from wsproxy.filters.jsonpath import Step

PLACEHOLDER = "REDACTED"

_HEADERS = re.compile(r"authorization|cookie|token|secret|api-?key|session|password|csrf|xsrf", re.IGNORECASE)
_PARAMETERS = re.compile(
    r"token|secret|key|auth|sid|session|jwt|code|sig|password|passwd|pwd|credential|ticket|^id$",
    re.IGNORECASE,
)
_SHORTEST = 6
"""Characters of a value that is looked for elsewhere; shorter ones would be found by chance."""
_PAIR = re.compile(r"([^&=#?]+)=([^&#]*)")


class Redaction:
    """
    Remembers what was secret, so that it is found again.

    Args:
        paths: of JSON, and of what decoders read: what stands there is secret.
    """

    def __init__(self, paths: Iterable[tuple[Step, ...]] = ()) -> None:
        self.paths = tuple(paths)
        self._values: set[str] = set()

    def header(self, name: str, value: str) -> str:
        """The value of a header."""
        if not _HEADERS.search(name):
            return value
        if "cookie" in name.lower():
            return re.sub(r"=([^;]*)", lambda found: "=" + self._hidden(found[1]), value)
        scheme, space, rest = value.partition(" ")
        return f"{scheme} {self._hidden(rest)}" if space else self._hidden(value)

    def url(self, url: str) -> str:
        """A URL, without what its parameters keep secret and without names and passwords."""
        url = re.sub(r"(?<=://)[^/?#@]*@", "", url)
        before, mark, query = url.partition("?")

        def replaced(found: re.Match[str]) -> str:
            if not _PARAMETERS.search(unquote(found[1])):
                return found[0]
            return f"{found[1]}={quote(self._hidden(unquote(found[2])))}"

        return before + mark + _PAIR.sub(replaced, query)

    def tree(self, tree: Any) -> bool:
        """Replace what stands at the paths, in place; whether anything did."""
        changed = False
        for path in self.paths:
            for holder, place in _places(tree, path):
                value = holder[place]
                if isinstance(value, str):
                    holder[place] = self._hidden(value)
                elif value is not None:
                    self._hidden(str(value))
                    holder[place] = PLACEHOLDER
                else:
                    continue
                changed = True
        return changed

    def content(self, content: str | bytes) -> str | bytes:
        """A message without the values that are known to be secret."""
        for value in sorted(self._values, key=len, reverse=True):
            if isinstance(content, str):
                content = content.replace(value, PLACEHOLDER)
            else:
                content = content.replace(value.encode("utf-8", "surrogateescape"), PLACEHOLDER.encode())
        return content

    def text(self, text: str) -> str:
        """Likewise, of a header or URL."""
        found = self.content(text)
        assert isinstance(found, str)
        return found

    def _hidden(self, value: str) -> str:
        value = value.strip()
        if value == PLACEHOLDER:
            return value
        if len(value) >= _SHORTEST:
            self._values.add(value)
        return PLACEHOLDER if value else ""


def _places(tree: Any, path: tuple[Step, ...]) -> list[tuple[Any, Any]]:
    """Where a path leads: what holds it, and the name or index there."""
    rows: list[Any] = [tree]
    for n, step in enumerate(path):
        found: list[tuple[Any, Any]] = []
        for here in rows:
            if isinstance(here, dict):
                found += [(here, name) for name in here if step is None or name == step]
            elif isinstance(here, list):
                places = range(len(here)) if step is None else [step] if isinstance(step, int) else []
                found += [(here, at) for at in places if isinstance(at, int) and -len(here) <= at < len(here)]
        if n == len(path) - 1:
            return found
        rows = [holder[place] for holder, place in found]
    return []

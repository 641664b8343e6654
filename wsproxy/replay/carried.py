"""
What changes from run to run: values the server chose anew, carried over into what the client says.

Where the server says another text in a place of its JSON than it had said there, and the client said the
recorded one later, it is to say the new one: a session id, a token, a cursor. Found and replaced as text, so
it works inside whatever the JSON is packed in (`42["join","..."]` of Socket.IO, records of SignalR), and the
rest of a message stays as it was, to the byte.
"""

import json
import re
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from wsproxy.decoders.memory import Memory

_TELLING = 8
"""Characters from which on a text is taken for something the server has made up."""
_LONGEST = 4096
"""Characters of a value that is carried over."""
_REMEMBERED, _OVERHEAD = 1 << 20, 200
"""Bytes of what the client said that is remembered, and what each message costs besides."""
_LARGEST = 1 << 20
"""Bytes of a message that is looked into."""
_BEGIN = re.compile(r"[{\[]")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"|[\w.~+/=-]+')
_WORDS = re.compile(r"[\w.~+/=-]+")
_WORD = re.compile(r"[\w-]+")
_NUMBER = re.compile(r"(?<=[:\[,])(\s*)(-?\d+(?:\.\d+)?)(?=\s*[,\]}])")
_DECODER = json.JSONDecoder()
_NAMES = re.compile(
    r"(?:^|_|-)(?:id|sid|token|uuid|guid|nonce|csrf|cursor|ticket|session)$|(?:Id|ID|Sid|Token)$"
)
"""Members whose values a server makes up, as a rule."""


class Carried:
    """The values of one replay; those of one connection may be needed on another."""

    def __init__(self) -> None:
        self._texts: Memory[str, str] = Memory()
        """Recorded value to that of now."""
        self.made_up: Memory[str, str] = Memory()
        """Those of them that are ids for certain: they are called so, or the client said them again."""
        self._numbers: Memory[str, str] = Memory()
        """The same of numbers, as JSON spells them."""
        self._said: deque[bytes] = deque()
        """What the client said last, up to `_REMEMBERED` bytes."""
        self._size = 0
        self.is_empty = True
        """There is nothing to carry over, so far."""

    def learn(self, then: bytes, now: bytes) -> None:
        """The server said `then` in the original and `now` in its place."""
        if then == now or len(then) > _LARGEST or len(now) > _LARGEST:
            return
        for one, other in zip(values_in(then), values_in(now), strict=False):
            for name, old, new in _differing("", one, other):
                telling = isinstance(old, str) and _TELLING <= len(old) <= _LONGEST and " " not in old
                if telling and isinstance(new, str) and len(new) <= _LONGEST and not self._is_of_client(old):
                    self._texts[old] = new
                    self.is_empty = False
                    if _NAMES.search(name):
                        self.made_up[old] = new

    def only_ids_differ(self, then: bytes, now: bytes) -> bool:
        """Two messages are the same but for values that a server makes up."""
        if len(then) > _LARGEST or len(now) > _LARGEST:
            return False
        olds, news = values_in(then), values_in(now)
        if not olds or len(olds) != len(news):
            return False
        for one, other in zip(olds, news, strict=True):
            for name, old, new in _differing("", one, other):
                if not isinstance(old, str) or not isinstance(new, str):
                    return False
                made_up = _NAMES.search(name) and min(len(old), len(new)) >= _TELLING
                if not made_up and self.replaced(old) != new:
                    return False
        return True

    def put(self, old: Any, new: Any) -> None:
        """One value stands for another, however short it is."""
        self.is_empty = False
        if isinstance(old, str):
            if old:
                self._texts[old] = str(new)
        elif not isinstance(old, bool) and isinstance(old, int | float):
            self._numbers[json.dumps(old)] = json.dumps(new)

    def said(self, contents: Sequence[bytes]) -> None:
        """The client said these in the original: what it was the first to say is not the server's choice."""
        self._said += contents
        self._size += sum(map(len, contents)) + _OVERHEAD * len(contents)
        while self._size > _REMEMBERED:
            self._size -= len(self._said.popleft()) + _OVERHEAD

    def _is_of_client(self, text: str) -> bool:
        """Looked for when the server says something else: that is rarer than any word of the client."""
        if text in self._texts:
            return False
        spelt = json.dumps(text, ensure_ascii=False).encode()
        return any(spelt in content for content in self._said)

    def replace(self, content: bytes) -> bytes:
        """What the client is to say in place of what it said."""
        if self.is_empty or len(content) > _LARGEST:
            return content
        try:
            text = content.decode()
        except UnicodeDecodeError:
            return content
        return self.replaced(text).encode()

    def replaced(self, text: str) -> str:
        """The same of a text, such as a URL."""
        if self._texts:
            text = _QUOTED.sub(self._quoted, text)
        if self._numbers:
            text = _NUMBER.sub(lambda found: found[1] + (self._numbers.get(found[2]) or found[2]), text)
        return text

    def _quoted(self, found: re.Match[str]) -> str:
        inner = found[1]
        if inner is None:
            return self._word(found)
        new = self._said_now(inner)
        if new is not None:
            return json.dumps(new, ensure_ascii=False)
        return f'"{_WORDS.sub(self._word, inner)}"'

    def _word(self, found: re.Match[str]) -> str:
        new = self._said_now(found[0])
        if new is not None:
            return new
        return _WORD.sub(lambda word: self._said_now(word[0]) or word[0], found[0])

    def _said_now(self, text: str) -> str | None:
        new = self._texts.get(text)
        if new is not None:
            self.made_up[text] = new
        return new


def values_in(content: bytes) -> list[Any]:
    """The JSON objects and arrays in a message, wherever they begin; none if there are none."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return []
    found: list[Any] = []
    at = 0
    while start := _BEGIN.search(text, at):
        try:
            value, at = _DECODER.raw_decode(text, start.start())
            found.append(value)
        except (ValueError, RecursionError):
            # What is no JSON until there is not likely to hold any.
            if start.start() > 200:
                break
            at = start.end()
    return found


def _differing(name: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    """What is other in the same place, with the name of the member it is."""
    if isinstance(old, dict) and isinstance(new, dict):
        for inner in old.keys() | new.keys():
            yield from _differing(inner, old.get(inner), new.get(inner))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for one, other in zip(old, new, strict=True):
            yield from _differing(name, one, other)
    elif old != new:
        yield name, old, new

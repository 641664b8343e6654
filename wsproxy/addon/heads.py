"""
The two heads of a handshake as addons see them, and change the request before it goes out.
"""

import re
from collections.abc import Iterable, Iterator, MutableMapping

from wsproxy.wire.handshake import Head

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A token (RFC 9110 section 5.6.2)."""

PROTOCOL = "Sec-WebSocket-Protocol"
EXTENSIONS = "Sec-WebSocket-Extensions"


class Headers(MutableMapping[str, str]):
    """
    Headers by name, in any case; a dict that remembers order and repetition.

    `headers[name]` is all values of that name joined by commas (RFC 9110 section 5.3); setting it
    replaces them all. Bytes that are not UTF-8 are surrogates, as in file names.

    Args:
        fields: names and values.
    """

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._fields = [(str(name), str(value)) for name, value in fields]
        self._why_not = ""

    @property
    def fields(self) -> tuple[tuple[str, str], ...]:
        """All of them, in order, names as written."""
        return tuple(self._fields)

    @property
    def raw(self) -> tuple[tuple[bytes, bytes], ...]:
        """Likewise, as bytes."""
        return tuple((_bytes(name), _bytes(value)) for name, value in self._fields)

    def get_all(self, name: str) -> list[str]:
        """Every value of a name; empty without one."""
        wanted = name.lower()
        return [value for field, value in self._fields if field.lower() == wanted]

    def set_all(self, name: str, values: Iterable[str]) -> None:
        """
        Replace all values of a name, in the place of the first; none removes it.

        Raises:
            ValueError: this cannot stand in a header.
            TypeError: it is too late to change them.
        """
        self._check(name, values := list(values))
        wanted = name.lower()
        places = [place for place, (field, _) in enumerate(self._fields) if field.lower() == wanted]
        first = places[0] if places else len(self._fields)
        before = self._fields[:first]
        behind = [field for field in self._fields[first:] if field[0].lower() != wanted]
        self._fields = [*before, *((name, value) for value in values), *behind]

    def add(self, name: str, value: str) -> None:
        """One more value, at the end. Raises as `set_all` does."""
        self._check(name, [value])
        self._fields.append((name, value))

    def restore(self, fields: Iterable[tuple[str, str]]) -> None:
        """Be as they were."""
        self._fields = list(fields)

    def freeze(self, why_not: str) -> None:
        """From now on every change raises TypeError with these words."""
        self._why_not = why_not

    def __getitem__(self, name: str) -> str:
        values = self.get_all(name)
        if not values:
            raise KeyError(name)
        return ", ".join(values)

    def __setitem__(self, name: str, value: str) -> None:
        self.set_all(name, [value])

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        self.set_all(name, [])

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.get_all(name))

    def __iter__(self) -> Iterator[str]:
        first: dict[str, str] = {}
        for name, _ in self._fields:
            first.setdefault(name.lower(), name)
        return iter(first.values())

    def __len__(self) -> int:
        return len({name.lower() for name, _ in self._fields})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._fields == other._fields

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Headers({self._fields!r})"

    def _check(self, name: str, values: list[str]) -> None:
        if self._why_not:
            raise TypeError(self._why_not)
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} cannot be the name of a header")
        for value in values:
            if not isinstance(value, str):
                raise ValueError(f"the value of {name} must be a str, not {type(value).__name__}")
            if re.search(r"[\r\n\0]", value):
                raise ValueError(f"the value of {name} has a line break or a zero in it: {value!r}")


class Request:
    """
    The head of an upgrade request.

    Attributes:
        start: its first line.
        headers: may be changed in `ws_handshake`.
    """

    def __init__(self, head: Head) -> None:
        self.start = head.start
        self.headers = Headers(head.fields)

    @property
    def path(self) -> str:
        """What is asked for, query included."""
        words = self.start.split(" ")
        return words[1] if len(words) > 1 else ""

    @property
    def subprotocols(self) -> list[str]:
        """What the client offers, the preferred one first. Set it to offer others."""
        offered = ",".join(self.headers.get_all(PROTOCOL)).split(",")
        return [name.strip() for name in offered if name.strip()]

    @subprotocols.setter
    def subprotocols(self, names: Iterable[str]) -> None:
        if isinstance(names, str):
            raise ValueError("subprotocols are a list of str")
        names = list(names)
        self.headers.set_all(PROTOCOL, [", ".join(names)] if names else [])

    @property
    def extensions(self) -> str:
        """
        What the client offers, e.g. `permessage-deflate; client_max_window_bits`.

        Set it to offer something else; empty: nothing.
        """
        return self.headers.get(EXTENSIONS, "")

    @extensions.setter
    def extensions(self, offer: str) -> None:
        self.headers.set_all(EXTENSIONS, [offer] if offer else [])

    def __bytes__(self) -> bytes:
        """As it goes over the wire, the empty line included."""
        lines = [_bytes(self.start), *(name + b": " + value for name, value in self.headers.raw)]
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def __repr__(self) -> str:
        return f"<{self.start}>"


class Response:
    """
    The head of the answer.

    Attributes:
        start: its first line.
        headers: cannot be changed.
    """

    def __init__(self, head: Head) -> None:
        self.start = head.start
        self.status = head.status
        """101 where the upgrade was accepted."""
        self.headers = Headers(head.fields)
        self.headers.freeze("a response cannot be changed by ws_ hooks; mitmproxy's `response(flow)` can")

    def __repr__(self) -> str:
        return f"<{self.start}>"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")

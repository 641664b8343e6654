"""The connections of a list, as rows: read and made harmless in the reading thread."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from wsproxy.decoders.text import printable
from wsproxy.store.reader import Reader
from wsproxy.words import closure_words, status_line


@dataclass(frozen=True, slots=True)
class ConnectionRow:
    """One connection, ready to be drawn: all text is harmless."""

    id: int
    opened: int
    state: str
    """`open`, `closed`, `refused` or `failed`."""
    place: str
    """Host and path."""
    secure: bool
    """`wss://`"""
    protocol: str
    """The negotiated subprotocol."""
    ended: int | None
    end: str
    """How it ended, in words."""
    clean: bool


def rows(reader: Reader, numbers: Sequence[int]) -> list[ConnectionRow]:
    """These connections, in order; those that are there."""
    if not numbers:
        return []
    found = []
    closures = reader.closures_of(numbers)
    for record in reader.connections_by_id(numbers):
        closure = closures.get(record.id)
        state, end, clean = "open", "", True
        if record.status != 101:
            state = "refused" if record.status is not None else "failed"
            why = record.error or "no response"
            end = status_line(record) if record.status is not None else printable(why)
            clean = False
        elif closure is not None:
            by, why, how = closure_words(closure)
            state, end, clean = "closed", f"{by}, {why}, {how}", closure.clean
        found.append(
            ConnectionRow(
                record.id,
                record.opened,
                state,
                printable(_place(record.url)),
                record.url.startswith("wss"),
                printable(record.subprotocol or ""),
                closure.time if closure else None,
                end,
                clean,
            )
        )
    return found


def _place(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return f"{parts.netloc}{parts.path}" + (f"?{parts.query}" if parts.query else "")

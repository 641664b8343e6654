"""What the tests of the filters share: subjects, and filters at random."""

import sqlite3
import string
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.support.captures import START
from wsproxy.filters.connections import Domain, Header, Number, Subprotocol, Url
from wsproxy.filters.content import Body, Json
from wsproxy.filters.decisions import Dropped, Edited, Held, Injected
from wsproxy.filters.decoded import ByDecoder, Event, Heartbeat, Id, NoReply
from wsproxy.filters.frames import (
    All,
    Binary,
    Close,
    Code,
    Compressed,
    Control,
    Fragmented,
    FromClient,
    FromServer,
    OfOpcode,
    Ping,
    Pong,
    Size,
    Text,
    WithAnomaly,
)
from wsproxy.filters.nodes import And, Filter, Not, Or
from wsproxy.filters.numbers import COMPARISONS
from wsproxy.filters.parser import parse
from wsproxy.filters.subject import NO_ANOMALY, Decoded, LiveMessage
from wsproxy.filters.times import Time
from wsproxy.store.records import ConnectionRecord
from wsproxy.wire.frames import Anomaly

REQUEST = b"GET /chat?x=1 HTTP/1.1\r\nHost: front.test:8443\r\nCookie: session=abc\r\nX-Odd: \xff\r\n\r\n"
RESPONSE = b"HTTP/1.1 101 Switching Protocols\r\nServer: nginx\r\n\r\n"


def connection(number: int = 1, url: str = "wss://example.test/chat?x=1", **more: Any) -> ConnectionRecord:
    """An accepted connection."""
    values: dict[str, Any] = {
        "id": number,
        "opened": START,
        "url": url,
        "client": "127.0.0.1:50000",
        "server": "127.0.0.1:443",
        "mode": "regular",
        "http_version": "HTTP/1.1",
        "request": REQUEST,
        "response": RESPONSE,
        "status": 101,
        "body": b"",
        "body_length": 0,
        "subprotocol": None,
        "extensions": "",
        "findings": (),
        "error": None,
    }
    return ConnectionRecord(**{**values, **more})


@dataclass
class Meaning:
    """What a decoder might say."""

    decoder: str = "socketio"
    event: str = "chat message from Ada"
    id: str | None = None
    heartbeat: bool = False
    replied: bool | None = None
    parts: tuple["Meaning", ...] = ()

    def each(self) -> Iterable["Meaning"]:
        """The packets in the message."""
        return self.parts or (self,)


def message(
    content: bytes = b"hello",
    opcode: int = 1,
    from_client: bool = True,
    *,
    on: ConnectionRecord | None = None,
    time: int = START,
    actions: Collection[str] = (),
    held: bool = False,
    decoded: Decoded | None = None,
    anomalies: Anomaly = NO_ANOMALY,
) -> LiveMessage:
    """A message on its way."""
    return LiveMessage(
        on or connection(),
        from_client,
        opcode,
        content,
        time=time,
        actions=actions,
        held=held,
        anomalies=anomalies,
        decode=(lambda: decoded) if decoded else None,
    )


def matches(text: str, *args: Any, **more: Any) -> bool:
    """Whether the filter `text` matches a `message` of these."""
    return parse(text).match(message(*args, **more))


_WORDS = st.text(st.sampled_from("ab é\"'\\()|&!~ \n\t{}[]:$.*"), max_size=8)
PATTERNS = st.one_of(
    st.sampled_from(
        ["a", "ada|bob", "^a.*b$", r"\d+", "", "x*", r"a\"b", "é", "[^a]", "h.llo", r"\.", "(?-i:A)"]
    ),
    st.text(st.sampled_from("abK."), min_size=1, max_size=3),
)
VALUES = st.one_of(
    _WORDS,
    st.sampled_from(["true", "3", "null", "1e5", "ada"]),
    st.booleans(),
    st.none(),
    st.integers(-5, 5).map(Decimal),
    st.decimals(allow_nan=False, allow_infinity=False),
)
PATHS = st.sampled_from(
    [
        "a",
        "$",
        "$.a",
        "a.b",
        "a[0]",
        "[0]",
        "[-1].a",
        "*",
        "a.*",
        "a[*].b",
        "$['a b']",
        'a["x\'y"]',
        "a|b",
        "a=b",
    ]
)
_SIZES = st.one_of(st.sampled_from([0, 1, 1024, 10 * 1024, 1 << 20, (1 << 63) - 1]), st.integers(0, 300))
_TIMES = st.sampled_from(
    [
        "-5m",
        "-1s",
        "-1h30m..-10s",
        "..-20s",
        "12:00",
        "12:00:00..12:00:00.5",
        "23:00..01:00",
        "..12:00",
        "2024-03-05",
        "2024-03-05T12:00Z..",
        "2024-03-05 12:00:00.05",
        "..2024-03-05T13:00+01:00",
        "9999-12-31",
        "0001-01-01..2024-03-06",
    ]
)


def _spans(top: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(0, top), st.integers(0, top)).map(lambda ends: (min(ends), max(ends)))


def _json(path: str, comparison: str | None, value: Any, pattern: str) -> Json:
    if comparison is None:
        return Json(path)
    return Json(path, comparison, pattern if comparison == "~" else value)


OPERATIONS: st.SearchStrategy[Filter] = st.one_of(
    st.sampled_from(
        [
            All(),
            FromClient(),
            FromServer(),
            Text(),
            Binary(),
            Ping(),
            Pong(),
            Close(),
            Control(),
            Fragmented(),
            Compressed(),
            WithAnomaly(),
            Edited(),
            Dropped(),
            Injected(),
            Held(),
            NoReply(),
            Heartbeat(),
        ]
    ),
    st.one_of(*(PATTERNS.map(kind) for kind in (Domain, Url, Header, Subprotocol, Body, Event))),
    st.one_of(*(_WORDS.map(kind) for kind in (ByDecoder, Id))),
    _spans(4).map(lambda ends: Number(*ends)),
    _spans(70_000).map(lambda ends: Code(*ends)),
    st.sampled_from([Code(1000, 1000), Code(1000, 4999)]),
    st.integers(0, 15).map(OfOpcode),
    st.builds(Size, st.sampled_from(sorted(COMPARISONS)), _SIZES),
    st.sampled_from(list(Anomaly)).map(WithAnomaly),
    _TIMES.map(Time),
    st.builds(_json, PATHS, st.sampled_from([None, "~", *COMPARISONS]), VALUES, PATTERNS),
)
"""One operator."""

FILTERS: st.SearchStrategy[Filter] = st.recursive(
    OPERATIONS,
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: And(tuple(parts))),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: Or(tuple(parts))),
    ),
    max_leaves=6,
)
"""Any filter."""

SYNTAX = st.lists(
    st.one_of(
        st.sampled_from(
            ["~b ", "~json ", "~t ", "~size", "~", "(", ")", "!", "&", "|", " ", '"', "'", "\\", "\n"]
        ),
        st.sampled_from(["~text", "~anomaly", "a.b", "=", ">=", "1k", "-5m", "..", "[", "*"]),
        st.text(max_size=3),
        st.text(string.printable, max_size=3),
    ),
    max_size=12,
).map("".join)
"""What looks a little like filters."""


def decide(path: Path, action: str, arrived: Any = None, sent: Any = None, held: int = 0) -> None:
    """What was decided about these frames, `(first, last)`; those sent are the proxy's then."""
    with sqlite3.connect(path) as db:
        number = (sent or arrived)[1]
        connection, from_client, time = db.execute(
            "SELECT connection, from_client, time FROM frame WHERE id = ?", (number,)
        ).fetchone()
        columns = "connection, time, at_frame, from_client, action, by, first_frame, last_frame, first_sent"
        values = (*(arrived or (None, None)), *(sent or (None, None)), held)
        db.execute(
            f"INSERT INTO decision ({columns}, last_sent, held, note)"
            " VALUES (?, ?, ?, ?, ?, 'rule 1', ?, ?, ?, ?, ?, '')",
            (connection, time, number, from_client, action, *values),
        )
        if sent:
            db.execute(
                "UPDATE frame SET flags = flags | 32 WHERE connection = ? AND from_client = ? AND opcode < 8"
                " AND id BETWEEN ? AND ?",
                (connection, from_client, *sent),
            )
    db.close()

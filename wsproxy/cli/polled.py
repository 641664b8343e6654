"""The sessions of Engine.IO that went over long-polling, for `wsproxy info`."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from wsproxy.cli.paint import Paint
from wsproxy.cli.protocols import Spoken
from wsproxy.cli.spoken_words import spoken_json, spoken_lines
from wsproxy.decoders.text import printable
from wsproxy.store.reader import PAGE, Reader
from wsproxy.store.records import ConnectionRecord, ExchangeRecord
from wsproxy.view.exchange_line import SHORT
from wsproxy.wire.polling import sid_of
from wsproxy.words import RECEIVED, SENT, count, duration

LISTED = 20
"""Sessions shown; `--json` has them all."""
_AT_ONCE = 50
"""Bodies in memory together."""


@dataclass(slots=True)
class PolledSession:
    """What went over HTTP of one session; without a `sid`, of all requests that belong to none."""

    sid: str
    url: str
    """Of the first request, without the query."""
    client: str
    began: int
    ended: int
    bodies: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})
    """By whether the client sent them."""
    bytes: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})
    refused: dict[int, int] = field(default_factory=dict)
    """Answers by their status, from 400 up."""
    failed: int = 0
    """Requests without a whole answer."""
    connections: list[int] = field(default_factory=list)
    """The WebSockets of the session."""


def polled_sessions(
    reader: Reader,
    connections: Iterable[ConnectionRecord],
    wanted: Callable[[ExchangeRecord], bool] = lambda record: True,
) -> list[PolledSession]:
    """
    The sessions of a capture, in order.

    Args:
        reader: the capture.
        connections: those of it.
        wanted: only these bodies count, and sessions that have any.
    """
    found: dict[str, PolledSession] = {}
    after = 0
    while page := reader.exchanges(after, min(_AT_ONCE, PAGE)):
        after = page[-1].id
        for record in filter(wanted, page):
            session = found.get(record.sid)
            if session is None:
                url = record.url.partition("?")[0]
                session = PolledSession(record.sid, url, record.client, record.began, record.time)
                found[record.sid] = session
            session.ended = max(session.ended, record.time)
            session.bodies[record.from_client] += 1
            session.bytes[record.from_client] += record.length
            if record.error is not None:
                session.failed += not record.from_client
            elif record.status is not None and record.status >= 400:
                session.refused[record.status] = session.refused.get(record.status, 0) + 1
    for connection in connections:
        sid = sid_of(connection.url)
        if sid in found and connection.status == 101:
            found[sid].connections.append(connection.id)
    return list(found.values())


def polled_lines(
    sessions: list[PolledSession], words: dict[int | str, Spoken], paint: Paint, width: int
) -> list[str]:
    """Each session with what it said, behind an empty line."""
    lines: list[str] = []
    for session in sessions[:LISTED]:
        tag = printable(f"poll {session.sid[:SHORT]}".rstrip())
        lines.append("")
        lines.append(f"{paint(tag, 'number0')} {printable(session.url, max(width - len(tag) - 1, 20))}")
        for text, style in _facts(session):
            lines.append("   " + paint(printable(text, max(width - 3, 20)), style))
        if session.sid in words:
            lines += spoken_lines(words[session.sid], paint, width)
    if len(sessions) > LISTED:
        lines += ["", f"and {len(sessions) - LISTED:,} more sessions over long-polling"]
    return lines


def _facts(session: PolledSession) -> Iterator[tuple[str, str]]:
    """Sentences about a session, each with its style."""
    if not session.sid:
        yield "requests of no session", "dim"
    elif session.connections:
        yield f"goes on as {', '.join(f'#{number}' for number in session.connections)}", "good"
    else:
        yield "never moved to a WebSocket", "plain"
    traffic = (
        f"{SENT} {_bodies(session, True)}   {RECEIVED} {_bodies(session, False)}   "
        f"in {duration(session.ended - session.began)}"
    )
    yield traffic, "plain"
    for status, number in sorted(session.refused.items()):
        yield f"! {number:,} × refused with status {status}", "wrong"
    if session.failed:
        yield f"! {count(session.failed, 'request')} without a whole answer", "wrong"


def _bodies(session: PolledSession, from_client: bool) -> str:
    number = session.bodies[from_client]
    return f"{number:,} {'body' if number == 1 else 'bodies'} {session.bytes[from_client]:,} B"


def polled_json(
    sessions: list[PolledSession], words: dict[int | str, Spoken], stamp: Callable[[int], str]
) -> list[dict[str, Any]]:
    """The same as objects."""
    return [
        {
            "sid": session.sid,
            "url": session.url,
            "client": session.client,
            "began": stamp(session.began),
            "ended": stamp(session.ended),
            "send": {"bodies": session.bodies[True], "bytes": session.bytes[True]},
            "receive": {"bodies": session.bodies[False], "bytes": session.bytes[False]},
            "refused": {str(status): number for status, number in sorted(session.refused.items())},
            "failed": session.failed,
            "connections": session.connections,
            "spoken": spoken_json(words[session.sid]) if session.sid in words else None,
        }
        for session in sessions
    ]

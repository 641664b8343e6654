"""What was spoken on a connection, and who came back, in the words of `wsproxy info`."""

from typing import Any

from wsproxy.cli.paint import Paint
from wsproxy.cli.protocols import MESSAGES, MessageType, Spoken
from wsproxy.cli.reconnects import Attempt, Returning
from wsproxy.decoders.text import columns, printable
from wsproxy.words import RECEIVED, SENT, closure_words, count, duration, status_line

LISTED = 10
"""Types of messages shown for a connection; `--json` has them all."""

_RECOGNISED = {
    "chosen": "as you chose",
    "subprotocol": "by the subprotocol",
    "path": "by the path",
    "messages": "by its messages",
}
_NAME = 22


def spoken_lines(spoken: Spoken, paint: Paint, width: int) -> list[str]:
    """Protocol, heartbeats and types of messages, indented."""
    room = max(width - 3, 20)
    lines: list[str] = []

    def add(text: str, style: str = "plain") -> None:
        lines.append("   " + paint(printable(text, room), style))

    if spoken.protocol:
        how = _RECOGNISED.get(spoken.how, "")
        add(f"speaks {spoken.protocol}{f' ({how})' if how else ''}", "good")
    if spoken.heartbeats:
        every = f", one every {duration(spoken.interval)}" if spoken.interval is not None else ""
        add(f"{count(spoken.heartbeats, 'heartbeat')}, {spoken.share:.0%} of all messages{every}", "dim")
    for kind in spoken.types[:LISTED]:
        lines.append("   " + _type_line(kind, paint, room))
    if len(spoken.types) > LISTED:
        add(f"and {len(spoken.types) - LISTED:,} more types of messages", "dim")
    for note, number in list(spoken.notes.items())[:LISTED]:
        add(f"! {number:,} × {note}", "warn")
    return lines


def reconnect_lines(found: list[Returning], paint: Paint, width: int) -> list[str]:
    """Who came back, how long after what."""
    lines: list[str] = []
    for group in found:
        times = count(len(group.attempts) - 1, "reconnect")
        lines += ["", printable(f"{times} of {group.client or 'a client'} to {group.url}", width)]
        for before, attempt in zip(group.attempts, group.attempts[1:], strict=False):
            after = duration(attempt.gap or 0)
            words = f"#{before.record.id} {_end(before)}, {after} later #{attempt.record.id}"
            lines.append("   " + paint(printable(words, max(width - 3, 20)), "plain"))
    return lines


def partly() -> str:
    """Why not everything was decoded."""
    return f"What was spoken is by the first {MESSAGES:,} messages of the capture."


def spoken_json(spoken: Spoken) -> dict[str, Any]:
    """The same as an object."""
    return {
        "protocol": spoken.protocol or None,
        "recognised_by": spoken.how or None,
        "messages": spoken.messages,
        "heartbeats": spoken.heartbeats,
        "heartbeat_share": round(spoken.share, 4),
        "heartbeat_interval": spoken.interval,
        "types": [
            {
                "decoder": kind.decoder,
                "name": kind.name,
                "direction": "send" if kind.from_client else "receive",
                "count": kind.count,
                "bytes": kind.bytes,
                "sample": kind.sample,
            }
            for kind in spoken.types
        ],
        "notes": [{"note": note, "count": number} for note, number in spoken.notes.items()],
    }


def reconnects_json(found: list[Returning]) -> list[dict[str, Any]]:
    """The same as objects."""
    return [
        {
            "client": group.client,
            "url": group.url,
            "connections": [
                {
                    "connection": attempt.record.id,
                    "gap": attempt.gap,
                    "reason": None if n == 0 else _end(group.attempts[n - 1]),
                }
                for n, attempt in enumerate(group.attempts)
            ],
        }
        for group in found
    ]


def _type_line(kind: MessageType, paint: Paint, room: int) -> str:
    arrow, style = (SENT, "send") if kind.from_client else (RECEIVED, "receive")
    name = printable(kind.name or kind.decoder, _NAME)
    name += " " * (_NAME - columns(name))
    numbers = f"{kind.count:>7,} × {kind.bytes:>10,} B "
    left = room - len(arrow) - 1 - _NAME - 1 - len(numbers)
    sample = paint(printable(kind.sample, left), "dim") if left > 10 else ""
    return f"{paint(arrow, style)} {name} {numbers}{sample}".rstrip()


def _end(attempt: Attempt) -> str:
    record = attempt.record
    if attempt.closure is not None:
        by, why, _ = closure_words(attempt.closure)
        return f"{by} {why}"
    if record.status is None:
        return f"failed: {record.error or 'no response'}"
    return f"refused: {status_line(record)}"

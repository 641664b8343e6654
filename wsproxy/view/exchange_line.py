"""
What a body of long-polling says, on one line for each packet in it.

It is told as what it was, an HTTP request or answer, and never as frames. Everything that came from the
network goes through `wsproxy.decoders.text`.
"""

from wsproxy.decoders.decoded import Decoded
from wsproxy.decoders.follow import unpacked
from wsproxy.decoders.text import columns, preview, printable
from wsproxy.store.records import ExchangeFlag, ExchangeRecord
from wsproxy.words import count, duration

SHORT = 6
"""Characters of a session's name that tell it from others."""


def session_tag(record: ExchangeRecord) -> str:
    """Which session it is, in a few columns."""
    return f"poll {printable(record.sid[:SHORT], SHORT)}".rstrip()


def exchange_type(record: ExchangeRecord) -> str:
    """The method of a request, the status of an answer; what became of it where there is none."""
    if record.from_client:
        return printable(record.method, 6)
    return "failed" if record.status is None else str(record.status)


def exchange_remarks(record: ExchangeRecord) -> str:
    """What is notable besides columns and content; mostly nothing. Not escaped."""
    words: list[str] = []
    if record.encoding:
        words.append(f"·{record.encoding}")
    if ExchangeFlag.REDACTED in record.flags:
        words.append("·redacted")
    elif ExchangeFlag.TRUNCATED in record.flags:
        words.append(f"·kept {len(record.body):,} B")
    return " ".join(words)


def exchange_lines(record: ExchangeRecord, decoded: Decoded | None, room: int) -> list[str]:
    """
    What it says, harmless to show: one line; or one that says what is wrong, or how many packets there are,
    and then each of them.

    Args:
        record: the exchange.
        decoded: what it means, if that is known.
        room: columns a line may take.
    """
    if record.error:
        packets = decoded.parts or (decoded,) if decoded else ()
        return [printable(record.error, room), *(_meaning(packet, room) for packet in packets)]
    if decoded is None:
        content = unpacked(record)
        if content is None or content == record.body:
            return [preview(record.body, content is not None, room, record.length) if record.body else ""]
        return [preview(content, True, room)]
    if len(decoded.parts) < 2:
        return [_meaning(decoded, room)]
    first = count(len(decoded.parts), "packet")
    if decoded.notes:
        first += f" ({'; '.join(decoded.notes)})"
    return [printable(first, room), *(_meaning(part, room) for part in decoded.parts)]


def _meaning(decoded: Decoded, room: int) -> str:
    words = f"({duration(decoded.latency)})" if decoded.latency is not None else ""
    if decoded.notes:
        words = f"{words} ({'; '.join(decoded.notes)})".lstrip()
    words = printable(words, max(room // 2, 0))
    left = room - (columns(words) + 1 if words else 0)
    text = printable(decoded.event[: max(left, 0) + 1], left)
    return f"{text} {words}" if words else text

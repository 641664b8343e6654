"""What all reports say the same way; harmless to show (`wsproxy.decoders.text.printable`)."""

from decimal import Decimal

from wsproxy.decoders import json_
from wsproxy.decoders.decoded import Unfit
from wsproxy.decoders.json_ import Number
from wsproxy.decoders.text import preview, printable
from wsproxy.replay.diff import Compared, Difference, Total
from wsproxy.replay.said import Said
from wsproxy.replay.values import IGNORED, MISSING, Change, Value
from wsproxy.store.records import ConnectionRecord

_AROUND = 24
"""Characters shown before the first one that differs."""


def both(change: Change, width: int) -> tuple[str, str]:
    """The two sides of a change, each in so many columns; of long texts the place where they part."""
    left, right = change.left, change.right
    if isinstance(left, str) and isinstance(right, str):
        at = _parting(left, right)
        if at > width - 8 or max(len(left), len(right)) > 4 * width:
            start = max(at - _AROUND, 0)
            lead = f"at {at:,}: " + ("…" if start else "")
            return tuple(  # type: ignore[return-value]
                lead + printable(json_.quoted(text[start : start + width]), max(width - len(lead), 8))
                for text in (left, right)
            )
    elif isinstance(left, bytes) and isinstance(right, bytes):
        at = _parting(left, right)
        start = max(at - 4, 0)
        lead = f"at byte {at:,}: " if max(len(left), len(right)) > width // 4 else ""
        if not lead:
            start = 0
        return tuple(  # type: ignore[return-value]
            lead + preview(data[start:], False, max(width - len(lead), 8)) for data in (left, right)
        )
    return shown(left, width), shown(right, width)


def shown(value: Value, width: int) -> str:
    """A value on one line: as JSON, or bytes as hex."""
    if value is MISSING or value is IGNORED:
        return repr(value)
    if isinstance(value, bytes):
        return preview(value, False, width) or "(empty)"
    try:
        return printable(json_.dumps(_spelt(value)), width)
    except Unfit:
        return printable(str(value), width)


def said(message: Said, width: int) -> str:
    """What a message means, or its beginning."""
    if message.event:
        return printable(message.event[: width + 1], width)
    recorded = message.message
    return preview(recorded.content, recorded.opcode == 1, width, recorded.length)


def named(compared: Compared) -> str:
    """Two connections by number and URL."""
    left, right = compared.left, compared.right
    if left is None or right is None:
        record = left or right
        assert record is not None
        return f"#{record.id} {url(record)}"
    if url(left) == url(right):
        return f"#{left.id} and #{right.id} {url(left)}"
    return f"#{left.id} {url(left)} and #{right.id} {url(right)}"


def url(record: ConnectionRecord) -> str:
    """Harmless to show."""
    return printable(record.url, 300)


def plain(text: str) -> str:
    """Harmless to show."""
    return printable(text)


def shown_path(path: str) -> str:
    """Where in a content; harmless to show."""
    return printable(path, 200) or "content"


def place(difference: Difference) -> str:
    """The frames it is about."""
    left, right = difference.left, difference.right
    numbers = [str(each.message.number) if each else "" for each in (left, right)]
    if all(numbers):
        return f"frame {numbers[0]} and {numbers[1]}"
    return f"frame {numbers[0] or numbers[1]}"


def sentence(total: Total) -> str:
    """The answer in one line."""
    messages = total.messages
    words = [
        f"{_count(total.connections, 'connection')} compared",
        f"{_count(messages.same, 'message')} the same",
    ]
    for number, what in (
        (messages.changed, "changed"),
        (messages.missing, "missing"),
        (messages.extra, "extra"),
    ):
        if number:
            words.append(f"{number:,} {what}")
    if total.facts:
        words.append(f"{_count(total.facts, 'difference')} of handshakes and ends")
    if total.missing:
        words.append(f"{_count(total.missing, 'connection')} missing")
    if total.extra:
        words.append(f"{_count(total.extra, 'connection')} extra")
    if messages.idle:
        words.append(f"{_count(messages.idle, 'heartbeat')} left out")
    return ", ".join(words)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _parting(left: str | bytes, right: str | bytes) -> int:
    """Where two begin to differ."""
    low, high = 0, min(len(left), len(right))
    while low < high:
        middle = (low + high + 1) // 2
        if left[:middle] == right[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _spelt(value: Value) -> Value:
    if isinstance(value, Decimal):
        return Number(value)
    if isinstance(value, dict):
        return {name: _spelt(inner) for name, inner in value.items() if inner is not IGNORED}
    if isinstance(value, list):
        return ["(ignored)" if inner is IGNORED else _spelt(inner) for inner in value]
    if isinstance(value, bytes):
        return f"({len(value):,} bytes) {value[:16].hex(' ')}"
    return value

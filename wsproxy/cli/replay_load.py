"""What `wsproxy replay --repeat` says: a line a second, and the whole."""

from pathlib import Path
from typing import Any

from wsproxy.decoders.text import printable
from wsproxy.replay.statistics import Durations, Second, Statistics
from wsproxy.words import count, duration

_PERCENT = (50, 95, 99)


def second_line(second: Second) -> str:
    """One second, for people."""
    return (
        f"{second.number + 1:>5} s  {second.open:>5} open  {second.sent:>7,} sent"
        f"  {second.received:>7,} heard  {_latency(second.latency)}  {count(second.errors, 'error')}"
    )


def whole_lines(statistics: Statistics) -> str:
    """All of it, for people; with a newline at the end."""
    seconds = statistics.seconds
    sent, received = sum(s.sent for s in seconds), sum(s.received for s in seconds)
    failed = statistics.errors.total()
    lines = [printable(f"{number:,} × {why}") for why, number in statistics.errors.most_common(10)]
    lines.append(
        f"{sent:,} sent ({sent / len(seconds):,.0f}/s), {received:,} heard on"
        f" {count(sum(s.opened for s in seconds), 'connection')}, {_latency(statistics.latency)},"
        f" {count(failed, 'error')}"
    )
    return "\n".join(lines) + "\n"


def second_json(second: Second) -> dict[str, Any]:
    """As `wsproxy/docs/json.md` has it."""
    return {
        "event": "second",
        "second": second.number,
        "open": second.open,
        "opened": second.opened,
        "sent": second.sent,
        "received": second.received,
        "errors": second.errors,
        "latency": _latency_json(second.latency),
    }


def whole_json(statistics: Statistics, path: Path, target: Path) -> dict[str, Any]:
    """As `wsproxy/docs/json.md` has it."""
    seconds = statistics.seconds
    return {
        "event": "load",
        "capture": str(path.absolute()),
        "replay": str(target.absolute()),
        "seconds": len(seconds),
        "opened": sum(s.opened for s in seconds),
        "sent": sum(s.sent for s in seconds),
        "received": sum(s.received for s in seconds),
        "errors": statistics.errors.total(),
        "why": dict(statistics.errors.most_common()),
        "latency": _latency_json(statistics.latency),
    }


def _latency(latency: Durations) -> str:
    found = [latency.percentile(percent) for percent in _PERCENT]
    words = [
        f"p{percent} {'-' if value is None else duration(value)}"
        for percent, value in zip(_PERCENT, found, strict=True)
    ]
    return " ".join(words)


def _latency_json(latency: Durations) -> dict[str, Any]:
    return {"count": len(latency)} | {f"p{percent}": latency.percentile(percent) for percent in _PERCENT}

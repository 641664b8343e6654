"""
`~t`: moments, spans between two of them, times of day, and how long ago.

A moment is as long as it is written: `2026-11-21` is that day, `12:30` that minute. Both ends of a
span belong to it.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Self

from wsproxy.filters.nodes import Operator
from wsproxy.filters.sql import Statement
from wsproxy.filters.subject import Subject
from wsproxy.filters.words import Word, write_literal

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
_QUARTER = 900 * SECOND
"""Clocks are put forward and back, and differ between places, by multiples of this."""

_CLOCK = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<part>[0-9]{1,9}))?)?"
_MOMENT = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    rf"(?:[T ]{_CLOCK})?(?P<zone>Z|[+-][0-9]{{2}}:?[0-9]{{2}})?"
)
_OF_DAY = re.compile(_CLOCK)
_AGO = re.compile(r"-(?:[0-9]{1,9}(?:ms|[smhd]))+")
_UNITS = {"ms": SECOND // 1000, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND, "d": DAY}

_EARLIEST, _LATEST = -(1 << 63) + 1, (1 << 63) - 1
"""What a capture can hold."""
_LONG_AGO = 1 << 62


@dataclass(frozen=True, slots=True)
class _Absolute:
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class _OfDay:
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class _Ago:
    ago: int


@dataclass(frozen=True)
class Time(Operator):
    names = ("~t",)
    argument = "TIME|FROM..TO"
    group = "Frame"
    help = (
        "when: `2026-11-21`, `2026-11-21T12:30` (local, or with Z or +01:00), a time of day `12:30`, or how"
        " long ago `-5m` (ms, s, m, h, d); spans `FROM..TO`, `FROM..`, `..TO`, both ends included"
    )
    example = "~t 12:00..12:30"

    text: str
    """As written."""
    ends: tuple[_Absolute, _Absolute] | tuple[_OfDay, _OfDay] | tuple[_Ago, _Ago] = field(
        init=False, compare=False, repr=False
    )

    def __post_init__(self) -> None:
        first, dots, last = self.text.partition("..")
        if dots and not first and not last:
            raise ValueError("a span of time needs at least one end")
        begin, end = _read(first), _read(last)
        one = begin or end
        if one is None:
            raise ValueError(
                f"{self.text!r} is not a time",
                "Write 2026-11-21T12:30, 12:30, -5m, or a span such as 12:00..12:30",
            )
        if dots and begin and end and type(begin) is not type(end):
            raise ValueError("both ends of a span must be dates, times of day, or how long ago")
        if isinstance(one, _Ago):
            # How long ago a thing is has no length: alone it is the time since then.
            ends = (begin or _Ago(_LONG_AGO), (end if dots else None) or _Ago(0))
        elif isinstance(one, _OfDay):
            ends = (begin or _OfDay(0, 0), (end if dots else begin) or _OfDay(DAY, DAY))
        else:
            ends = (
                begin or _Absolute(_EARLIEST, _EARLIEST),
                (end if dots else begin) or _Absolute(_LATEST, _LATEST),
            )
        object.__setattr__(self, "ends", ends)

    @classmethod
    def of(cls, words: Sequence[Word]) -> Self:
        return cls(words[0].literal)

    def match(self, subject: Subject) -> bool:
        begin, end = self.ends
        if isinstance(begin, _Absolute) and isinstance(end, _Absolute):
            return begin.first <= subject.time <= end.last
        if isinstance(begin, _Ago) and isinstance(end, _Ago):
            return subject.now - begin.ago <= subject.time <= subject.now - end.ago
        return self._in_day(subject.time)

    def to_sql(self, statement: Statement) -> str:
        begin, end = self.ends
        if isinstance(begin, _Absolute) and isinstance(end, _Absolute):
            return f"(frame.time BETWEEN {statement.value(begin.first)} AND {statement.value(end.last)})"
        if isinstance(begin, _Ago) and isinstance(end, _Ago):
            first, last = statement.value(begin.ago), statement.value(end.ago)
            return f"(frame.time BETWEEN :now - {first} AND :now - {last})"
        return f"({statement.function(1, self._in_day)}(frame.time))"

    def _in_day(self, moment: int) -> bool:
        begin, end = self.ends
        assert isinstance(begin, _OfDay)
        assert isinstance(end, _OfDay)
        clock = (moment + _offset(moment // _QUARTER)) % DAY
        if begin.first <= end.last:
            return begin.first <= clock <= end.last
        # Past midnight.
        return clock >= begin.first or clock <= end.last

    def __str__(self) -> str:
        return f"{self.names[0]} {write_literal(self.text)}"


@lru_cache(maxsize=4096)
def _offset(quarter: int) -> int:
    """How far local time is ahead of UTC, ns, in a quarter of an hour since the epoch."""
    try:
        return time.localtime(quarter * 900).tm_gmtoff * SECOND
    except (OverflowError, ValueError, OSError):
        return 0


def beginning(text: str, day: int, now: int) -> int:
    """
    When a moment begins, ns since the epoch.

    Args:
        text: as a person writes it after `~t`.
        day: any moment of the local day that a time of day is of.
        now: what "ago" counts back from.

    Raises:
        ValueError: it is no moment; with what to write.
    """
    found = _read(text)
    if isinstance(found, _Absolute):
        return found.first
    if isinstance(found, _Ago):
        return now - found.ago
    if isinstance(found, _OfDay):
        midnight = datetime.fromtimestamp(day // SECOND).replace(hour=0, minute=0, second=0)
        clock = timedelta(seconds=found.first // SECOND)
        return _since_epoch(midnight + clock, None) + found.first % SECOND
    raise ValueError("a time is missing")


def _read(text: str) -> _Absolute | _OfDay | _Ago | None:
    """One end of a span; None for an empty one. Raises ValueError for what is no time."""
    if not text:
        return None
    if found := _AGO.fullmatch(text):
        ago = sum(int(number) * _UNITS[unit] for number, unit in re.findall("([0-9]+)(ms|[smhd])", text))
        if ago > _LONG_AGO:
            raise ValueError(f"{text} is longer ago than anything")
        return _Ago(ago)
    if found := _OF_DAY.fullmatch(text):
        clock, length = _clock(found)
        return _OfDay(clock, clock + length - 1)
    if found := _MOMENT.fullmatch(text):
        clock, length = _clock(found) if found["hour"] else (0, DAY)
        try:
            day = datetime(int(found["year"]), int(found["month"]), int(found["day"]))
            if not 1970 <= day.year < 2262:
                # Before or after all that a capture can hold.
                moment = _EARLIEST if day.year < 1970 else _LATEST
                return _Absolute(moment, moment)
            first = _since_epoch(day + timedelta(seconds=clock // SECOND), found["zone"]) + clock % SECOND
            last = first + length - 1
            if not found["hour"]:
                # Not every day has 24 hours.
                last = _since_epoch(day + timedelta(days=1), found["zone"]) - 1
            return _Absolute(max(first, _EARLIEST), min(last, _LATEST))
        except (ValueError, OverflowError, OSError):
            pass
    raise ValueError(
        f"{text!r} is not a time", "Write 2026-11-21T12:30, 12:30, -5m, or a span such as 12:00..12:30"
    )


def _clock(found: re.Match[str]) -> tuple[int, int]:
    """Ns since midnight, and how long what was written lasts."""
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"] or 0)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError(f"{found[0]!r} is not a time", "Hours go from 00 to 23, minutes and seconds to 59")
    part = found["part"]
    clock = (hour * 3600 + minute * 60 + second) * SECOND
    if part:
        return clock + int(part.ljust(9, "0")), int(10 ** (9 - len(part)))
    return clock, SECOND if found["second"] else 60 * SECOND


def _since_epoch(moment: datetime, zone: str | None) -> int:
    """Ns. Local time without a zone."""
    if zone == "Z":
        moment = moment.replace(tzinfo=UTC)
    elif zone:
        moment = datetime.fromisoformat(f"{moment.isoformat()}{zone[:3]}:{zone[-2:]}")
    else:
        moment = moment.astimezone()
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * SECOND

"""
What the Statistics screen counts, a piece at a time, so that a capture of millions shows from the first on.

Frames are counted in SQL. What messages mean takes longer, so it is by the last `DECODED` frames of what
there was at first, and everything that comes.
"""

from collections import Counter
from dataclasses import dataclass, field

from wsproxy.decoders.follow import Follower
from wsproxy.decoders.registry import Factory
from wsproxy.decoders.tally import Tally
from wsproxy.store.reader import Reader
from wsproxy.store.records import ClosureRecord
from wsproxy.store.tail import FrameEvent, Tail

AT_ONCE = 50_000
"""Frames that are counted in one go."""
DECODED = 50_000
"""Frames before now whose messages are decoded."""
DECODED_AT_ONCE = 200
EDGES = (1, 16, 64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 16 << 20)
"""Sizes in bytes between two bars: below the first, from the first to below the second, ..."""
BUCKETS = 2000
"""Spans of time that are told apart; twice as long ones are, when there are more."""
EVENTS = 1000
"""Kinds of messages that are told apart."""
OTHERS = ("", "(others)")

_SIZE = " + ".join(f"(length >= {edge})" for edge in EDGES)
_BASE = 100_000_000


@dataclass
class Traffic:
    """
    Frames by time, size and opcode.

    Args:
        connection: only this one's.
    """

    connection: int | None = None
    width: int = _BASE
    """Ns of a span of time."""
    started: int = 0
    """The beginning of the first one, ns."""
    done: int = 0
    """The last frame that was counted."""
    last: int = 0
    """The last one there is."""
    frames: int = 0
    messages: dict[tuple[int, bool], int] = field(default_factory=dict)
    """By span of time and direction."""
    bytes: dict[tuple[int, bool], int] = field(default_factory=dict)
    """Of payload on the wire, likewise."""
    sizes: dict[bool, list[int]] = field(
        default_factory=lambda: {True: [0] * (len(EDGES) + 1), False: [0] * (len(EDGES) + 1)}
    )
    """Frames by direction and size."""
    opcodes: Counter[int] = field(default_factory=Counter)

    @property
    def complete(self) -> bool:
        """Everything there is was counted."""
        return self.done >= self.last

    @property
    def spans(self) -> int:
        """Spans of time from the first to the last."""
        return max((span for span, _ in self.bytes), default=-1) + 1

    def step(self, reader: Reader) -> bool:
        """Count some more; whether there was anything."""
        self.last = reader.last_frame()
        if self.complete:
            return False
        if not self.started:
            (self.started,) = reader.db.execute(
                "SELECT coalesce(min(time), 0) FROM (SELECT time FROM frame LIMIT 1)"
            ).fetchone()
        up_to = min(self.done + AT_ONCE, self.last)
        where = "" if self.connection is None else "AND connection = ?5"
        rows = reader.db.execute(
            f"SELECT max((time - ?1) / ?2, 0), from_client, opcode, {_SIZE}, count(*), sum(flags & 1),"
            f" sum(length) FROM frame WHERE id > ?3 AND id <= ?4 {where} GROUP BY 1, 2, 3, 4",
            (
                self.started,
                self.width,
                self.done,
                up_to,
                *(() if self.connection is None else (self.connection,)),
            ),
        ).fetchall()
        for span, from_client, opcode, size, count, ends, length in rows:
            key = (span, bool(from_client))
            self.frames += count
            self.bytes[key] = self.bytes.get(key, 0) + length
            self.messages[key] = self.messages.get(key, 0) + (ends if opcode < 8 else 0)
            self.sizes[key[1]][size] += count
            self.opcodes[opcode] += count
        self.done = up_to
        while self.spans > BUCKETS:
            self.width *= 2
            for table in (self.messages, self.bytes):
                halved: dict[tuple[int, bool], int] = {}
                for (span, way), value in table.items():
                    halved[span // 2, way] = halved.get((span // 2, way), 0) + value
                table.clear()
                table.update(halved)
        return True

    def series(self, table: dict[tuple[int, bool], int], from_client: bool, columns: int) -> list[float]:
        """
        How much a second, in so many equal parts of the whole time or fewer.

        Args:
            table: `messages` or `bytes`.
            from_client: the direction.
            columns: parts at most.
        """
        spans = self.spans
        if not spans:
            return []
        per = -(-spans // max(columns, 1))
        found = [0.0] * -(-spans // per)
        for (span, way), value in table.items():
            if way is from_client:
                found[span // per] += value
        seconds = per * self.width / 1e9
        return [value / seconds for value in found]


@dataclass
class Meaning:
    """
    What messages say they are, and how calls were answered.

    Args:
        factory: makes decoder sessions.
        connection: only this one's.
    """

    factory: Factory
    connection: int | None = None
    messages: int = 0
    first: int = 0
    """The frame before the first one that was decoded."""
    events: Counter[tuple[str, str, bool]] = field(default_factory=Counter)
    """Messages by decoder, name and direction."""
    protocols: dict[int, str] = field(default_factory=dict)
    """The decoder of each connection that was recognised."""
    tally: Tally = field(default_factory=Tally)
    _tail: Tail | None = None
    _follower: Follower | None = None

    def step(self, reader: Reader) -> bool:
        """Decode some more; whether there was anything."""
        if self._tail is None or self._follower is None:
            self.first = max(reader.last_frame() - DECODED, 0)
            self._tail = Tail(reader, self.first, self.connection)
            self._follower = Follower(reader, self.factory)
        events = self._tail.read(DECODED_AT_ONCE)
        for event in events:
            # The end of a connection forgets its session.
            decoded = self._follower.decoded(event)
            if type(event) is ClosureRecord or type(event) is not FrameEvent or decoded is None:
                continue
            frame = event.frame
            self.messages += 1
            self.tally.add(frame.id, frame.from_client, decoded)
            for part in decoded.each():
                key = (part.decoder, part.name[:200], frame.from_client)
                if key not in self.events and len(self.events) >= EVENTS:
                    key = (*OTHERS, frame.from_client)
                self.events[key] += 1
            session = self._follower.session(frame.connection)
            if session and session.name:
                self.protocols[frame.connection] = session.name
        return bool(events)

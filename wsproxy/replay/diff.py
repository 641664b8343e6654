"""
What is different between two captures: connection by connection, message by message.

Connections belong together by the path of their URL and their order; messages by their order (aligned,
`wsproxy.replay.align`), answers by the calls they answer. Both captures are read as streams; what is held
is a window of either.
"""

import sqlite3
from array import array
from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, TypeAlias

from wsproxy.decoders.registry import DECODERS, Factory
from wsproxy.replay.align import Alignment
from wsproxy.replay.facts import of_ends, of_handshakes
from wsproxy.replay.pairing import matched
from wsproxy.replay.said import Said, Side
from wsproxy.replay.values import Change, Changes, Rules, differences
from wsproxy.store.reader import Reader
from wsproxy.store.records import ClosureRecord, ConnectionRecord

_AT_ONCE = 500
"""Rows written to the temporary database at a time."""


@dataclass(slots=True)
class Counts:
    """Messages of one direction."""

    same: int = 0
    changed: int = 0
    missing: int = 0
    """Only in the left one."""
    extra: int = 0
    """Only in the right one."""
    idle: int = 0
    """Left out because they only keep the connection alive."""

    @property
    def different(self) -> int:
        """Messages that are not the same."""
        return self.changed + self.missing + self.extra

    def add(self, other: "Counts") -> None:
        """Sum up."""
        self.same += other.same
        self.changed += other.changed
        self.missing += other.missing
        self.extra += other.extra
        self.idle += other.idle


@dataclass(frozen=True, slots=True)
class Compared:
    """Two connections that are compared, or one that has no counterpart; what comes next is about them."""

    left: ConnectionRecord | None
    right: ConnectionRecord | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One message that differs, that is only in the left capture, or only in the right one."""

    left: Said | None
    right: Said | None
    changes: Changes
    """Where; empty if there is only one of them."""

    @property
    def kind(self) -> str:
        """`changed`, `missing` or `extra`."""
        return "missing" if self.right is None else "extra" if self.left is None else "changed"

    @property
    def from_client(self) -> bool:
        """Its direction."""
        said = self.left or self.right
        assert said is not None
        return said.message.from_client


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of what there is to say about two connections."""

    compared: Compared
    facts: tuple[Change, ...]
    """What differs in handshake and end: `status`, `body`, `subprotocol`, `extensions`, `closed by`, ..."""
    counts: dict[bool, Counts]
    """By direction, `from_client`."""

    @property
    def is_same(self) -> bool:
        """Nothing differs."""
        both = self.compared.left is not None and self.compared.right is not None
        return both and not self.facts and not any(counts.different for counts in self.counts.values())


Part: TypeAlias = Compared | Difference | Outcome


@dataclass(slots=True)
class Total:
    """Everything together."""

    connections: int = 0
    """Pairs that were compared."""
    missing: int = 0
    """Connections only in the left one."""
    extra: int = 0
    facts: int = 0
    """Differences of handshakes and ends."""
    messages: Counts = field(default_factory=Counts)

    @property
    def is_same(self) -> bool:
        """The answer."""
        return not (self.missing or self.extra or self.facts or self.messages.different)


class Diff:
    """
    Compare two captures; iterate over it, once.

    Args:
        left: what is expected.
        right: what is compared with it.
        rules: what does not count.
        any_order: messages of a direction may come in any order.
        pairs: which connections belong together, where that is known; all others are left out.
        only: only this direction, `from_client`; both where None.
        heartbeats: compare what only keeps a connection alive, too.
        facts: compare handshakes and ends, too.
        factories: make the sessions that decode, of the left and the right one.
        progress: told how far it has come: frames, and of how many.

    Raises:
        sqlite3.Error: while it is gone through, a capture is damaged.
    """

    def __init__(
        self,
        left: Reader,
        right: Reader,
        rules: Rules | None = None,
        *,
        any_order: bool = False,
        pairs: Sequence[tuple[int | None, int | None]] | None = None,
        only: bool | None = None,
        heartbeats: bool = False,
        facts: bool = True,
        factories: tuple[Factory, Factory] = (DECODERS.session, DECODERS.session),
        progress: Callable[[int, int], None] = lambda done, whole: None,
    ) -> None:
        self.total = Total()
        self._readers = left, right
        self._rules = rules or Rules()
        self._any_order = any_order
        self._pairs = pairs
        self._directions = (True, False) if only is None else (only,)
        self._heartbeats = heartbeats
        self._facts = facts
        self._factories = factories
        self._progress = progress
        self._whole = sum(reader.counts()[1] for reader in self._readers) * len(self._directions)
        self._done = 0

    def __iter__(self) -> Iterator[Part]:
        left, right = self._readers
        closures = left.closures(), right.closures()
        pairs = self._pairs if self._pairs is not None else matched(left, right)
        for a, b in pairs:
            compared = Compared(
                left.connection(a) if a is not None else None,
                right.connection(b) if b is not None else None,
            )
            yield compared
            yield from self._connection(compared, closures)
        self._progress(1, 1)

    def _connection(
        self, compared: Compared, closures: tuple[dict[int, ClosureRecord], dict[int, ClosureRecord]]
    ) -> Iterator[Part]:
        left, right = compared.left, compared.right
        counts: dict[bool, Counts] = {}
        facts: tuple[Change, ...] = ()
        if left is None or right is None:
            self.total.missing += right is None
            self.total.extra += left is None
        else:
            self.total.connections += 1
            if self._facts:
                ends = closures[0].get(left.id), closures[1].get(right.id)
                facts = (*of_handshakes(left, right), *of_ends(*ends))
            calls = _Calls(max(reader.last_frame() for reader in self._readers))
            for from_client in self._directions:
                counts[from_client] = Counts()
                yield from self._direction(left, right, from_client, counts[from_client], calls)
        for each in counts.values():
            self.total.messages.add(each)
        self.total.facts += len(facts)
        yield Outcome(compared, facts, counts)

    def _direction(
        self,
        left: ConnectionRecord,
        right: ConnectionRecord,
        from_client: bool,
        counts: Counts,
        calls: "_Calls",
    ) -> Iterator[Difference]:
        ours, theirs = (
            Side(reader, record, from_client, self._rules, factory, not self._heartbeats, self._passed)
            for reader, record, factory in zip(self._readers, (left, right), self._factories, strict=True)
        )
        calls.turn()
        if not self._any_order:
            yield from self._aligned(iter(ours), iter(theirs), counts, calls)
            return
        # In memory as long as it is small, then in a file without a name.
        with closing(sqlite3.connect("")) as db:
            yield from self._aligned(*_without_equals((ours, theirs), counts, db), counts, calls)

    def _aligned(
        self, ours: Iterator[Said], theirs: Iterator[Said], counts: Counts, calls: "_Calls"
    ) -> Iterator[Difference]:
        alignment = Alignment(ours, theirs, _same, calls.key)
        for a, b in alignment:
            if a is None or b is None:
                counts.missing += b is None
                counts.extra += a is None
                yield Difference(a, b, Changes())
                continue
            calls.pair(a.message.number, b.message.number)
            changes = self._changes(a, b)
            if changes:
                counts.changed += 1
                yield Difference(a, b, changes)
            else:
                counts.same += 1
        counts.idle += alignment.idle

    def _changes(self, left: Said, right: Said) -> Changes:
        if _same(left, right):
            return Changes()
        found = Changes()
        if left.message.opcode != right.message.opcode:
            found.add("opcode", left.message.opcode, right.message.opcode)
        ours, theirs = left.value, right.value
        structured = isinstance(ours, dict | list) or isinstance(theirs, dict | list)
        inner = differences(ours, theirs, self._rules, "$" if structured else "")
        for change in inner.told:
            found.add(change.path, change.left, change.right)
        found.more += inner.more
        if left.message.length != right.message.length and (
            left.message.truncated or right.message.truncated
        ):
            found.add("length", left.message.length, right.message.length)
        return found

    def _passed(self, number: int) -> None:
        self._done += 1
        if not self._done & 255:
            self._progress(min(self._done, self._whole - 1), self._whole)


def _same(left: Said, right: Said) -> bool:
    a, b = left.message, right.message
    return a.content == b.content and a.opcode == b.opcode and a.length == b.length


class _Calls:
    """
    Which messages of the direction gone through before belong together: what the next one may answer.

    Args:
        last_frame: the highest number that there is.
    """

    def __init__(self, last_frame: int) -> None:
        # Four bytes for a frame, as long as there are not more of them.
        self._kind: Literal["I", "Q"] = "I" if last_frame < 1 << 32 else "Q"
        self._before: tuple[array[int], array[int]] = self._none(), self._none()
        self._left, self._right = self._none(), self._none()

    def pair(self, left: int, right: int) -> None:
        """These two do."""
        self._left.append(left)
        self._right.append(right)

    def turn(self) -> None:
        """Now comes the other direction."""
        rights, lefts = self._right, self._left
        if any(a > b for a, b in pairwise(rights)):
            order = sorted(range(len(rights)), key=rights.__getitem__)
            rights = array(self._kind, (rights[n] for n in order))
            lefts = array(self._kind, (lefts[n] for n in order))
        self._before = rights, lefts
        self._left, self._right = self._none(), self._none()

    def _none(self) -> "array[int]":
        return array(self._kind)

    def key(self, said: Said, is_left: bool) -> Hashable | None:
        """The left one's number of the call that a message answers."""
        call = said.answers
        if call is None or is_left:
            return call
        rights, lefts = self._before
        at = bisect_left(rights, call)
        return lefts[at] if at < len(rights) and rights[at] == call else None


def _without_equals(
    sides: tuple[Side, Side], counts: Counts, db: sqlite3.Connection
) -> tuple[Iterator[Said], Iterator[Said]]:
    """What is left of two streams without what is in both, wherever it stands; counts that as the same."""
    db.execute("CREATE TABLE said (side INTEGER, digest BLOB, number INTEGER)")
    for n, side in enumerate(sides):
        rows: list[tuple[int, bytes, int]] = []
        for said in side:
            if said.is_idle:
                counts.idle += 1
                continue
            rows.append((n, said.exact_digest, said.message.number))
            if len(rows) >= _AT_ONCE:
                db.executemany("INSERT INTO said VALUES (?, ?, ?)", rows)
                rows = []
        db.executemany("INSERT INTO said VALUES (?, ?, ?)", rows)
    db.execute(
        "CREATE TABLE ranked AS SELECT side, digest, number,"
        " row_number() OVER (PARTITION BY side, digest ORDER BY number) AS place FROM said"
    )
    db.execute("CREATE INDEX by_digest ON ranked (digest, place)")
    (both,) = db.execute(
        "SELECT count(*) FROM ranked a JOIN ranked b USING (digest, place) WHERE a.side = 0 AND b.side = 1"
    ).fetchone()
    counts.same += both

    def rest(n: int) -> Iterator[Said]:
        found = db.execute(
            "SELECT number FROM ranked a WHERE side = ?1 AND NOT EXISTS (SELECT 1 FROM ranked b"
            " WHERE b.digest = a.digest AND b.place = a.place AND b.side != ?1) ORDER BY number",
            (n,),
        )
        return sides[n].again(number for (number,) in found)

    return rest(0), rest(1)

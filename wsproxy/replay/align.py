"""
Find which messages of two streams belong together, holding no more than a window of each.

As long as both streams say the same, they are only walked along. Where they part, a window of both is
looked at: what occurs once in either, and in the same order, belongs together (as in a patience diff);
what is between those anchors is aligned by cost. Only the first half of a window is settled, so that
what is behind its edge can still show better.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

WINDOW = 1000
"""Items of each stream that are looked at together."""
BUDGET = 16 * 1024 * 1024
"""Bytes that those of one stream may have, but for a single larger one."""
_AFTER = 8
"""Items that are the same behind two that are not, for these to belong together without a longer look."""
_BLOCK = 64
"""Items aligned by cost at a time."""

_GAP = 1.0
"""What it costs to leave one item without a counterpart."""
_STRANGERS = 1.95
"""To pair two of different shape: hardly better than two gaps."""
_ALIKE = 1.3
"""Up to this, two have much in common."""
_KIN = 0.4, 1.4
"""To pair two of the same shape: at least, and how much more if they have nothing in common."""


class Item(Protocol):
    """What can be aligned."""

    @property
    def size(self) -> int:
        """Bytes it takes."""

    @property
    def is_idle(self) -> bool:
        """It says nothing that counts, and is left out where it has no equal."""

    @property
    def digest(self) -> bytes:
        """The same for two items that say the same."""

    def equals(self, other: Any) -> bool:
        """Whether another says the same; its digest is the same then."""

    @property
    def shape(self) -> Hashable:
        """The same for two items that say the same kind of thing."""

    @property
    def leaves(self) -> frozenset[int]:
        """To see how much two have in common."""


T = TypeVar("T", bound=Item)
Pair: TypeAlias = tuple[T | None, T | None]


class _Stream(Generic[T]):
    """One stream and the part of it that is being looked at."""

    def __init__(self, items: Iterator[T]) -> None:
        self._items = items
        self.window: deque[T] = deque()
        self._bytes = 0
        self.ended = False

    def head(self) -> T | None:
        """The next one; None at the end."""
        if not self.window:
            self._read()
        return self.window[0] if self.window else None

    def at(self, place: int) -> T | None:
        """The one so many behind the next one; None behind the end."""
        while len(self.window) <= place and not self.ended:
            self._read()
        return self.window[place] if place < len(self.window) else None

    def _read(self) -> None:
        item = next(self._items, None)
        if item is None:
            self.ended = True
            return
        self.window.append(item)
        self._bytes += item.size

    def take(self) -> T:
        """Remove the next one."""
        item = self.window.popleft()
        self._bytes -= item.size
        return item

    def fill(self) -> None:
        """Read as much as may be looked at together."""
        while not self.ended and len(self.window) < WINDOW and (self._bytes < BUDGET or not self.window):
            self._read()

    def sift(self) -> int:
        """Take out what says nothing; returns how many those were."""
        kept = [item for item in self.window if not item.is_idle]
        count = len(self.window) - len(kept)
        if count:
            self.window = deque(kept)
            self._bytes = sum(item.size for item in kept)
        return count


class Alignment(Generic[T]):
    """
    Pairs of two streams, in the order of the left one; iterate over it, once.

    Args:
        left, right: the streams, in order.
        same: whether two are equal at first sight; cheap, and False where that takes a closer look.
        key: what identifies an item wherever it stands, or None; told whether it is of the left stream.

    Attributes:
        idle: how many were left out because they say nothing that counts.
    """

    def __init__(
        self,
        left: Iterator[T],
        right: Iterator[T],
        same: Callable[[T, T], bool],
        key: Callable[[T, bool], Hashable | None] = lambda item, is_left: None,
    ) -> None:
        self._left: _Stream[T] = _Stream(left)
        self._right: _Stream[T] = _Stream(right)
        self._same = same
        self._key = key
        self.idle = 0

    def __iter__(self) -> Iterator[Pair[T]]:
        left, right = self._left, self._right
        while True:
            while (a := left.head()) is not None and (b := right.head()) is not None and self._same(a, b):
                yield left.take(), right.take()
            if self._changed_alone():
                yield left.take(), right.take()
                continue
            left.fill()
            right.fill()
            self.idle += left.sift() + right.sift()
            if not left.window or not right.window:
                if left.window:
                    yield left.take(), None
                elif right.window:
                    yield None, right.take()
                elif left.ended and right.ended:
                    return
                continue
            yield from self._settle()

    def _changed_alone(self) -> bool:
        """
        Whether only the next two differ, and what follows is the same again: then they belong together.

        A long look would come to the same, and has every message of a window decoded.
        """
        left, right, same = self._left, self._right, self._same
        a, b = left.at(0), right.at(0)
        x, y = left.at(1), right.at(1)
        if a is None or b is None or x is None or y is None or same(a, y) or same(x, b):
            return False
        for place in range(1, _AFTER + 1):
            x, y = left.at(place), right.at(place)
            if x is None and y is None:
                break
            if x is None or y is None or not same(x, y):
                return False
        is_known = self._key(a, True) is not None or self._key(b, False) is not None
        return not (a.is_idle or b.is_idle or is_known)

    def _settle(self) -> Iterator[Pair[T]]:
        left, right = self._left, self._right
        items = list(left.window), list(right.window)
        half = (
            len(items[0]) if left.ended and right.ended else max(len(items[0]) // 2, 1),
            len(items[1]) if left.ended and right.ended else max(len(items[1]) // 2, 1),
        )
        pairs = aligned(items[0], items[1], self._key)
        taken: tuple[set[int], set[int]] = (set(), set())
        done = [0, 0]
        for i, j in pairs:
            if done[0] >= half[0] or done[1] >= half[1]:
                break
            for side, at in enumerate((i, j)):
                if at is not None:
                    taken[side].add(at)
                    done[side] += 1
            yield (None if i is None else items[0][i]), (None if j is None else items[1][j])
        for side, stream in enumerate((left, right)):
            # Those with a key may have been taken from further behind.
            for at, item in enumerate(items[side]):
                stream.take()
                if at not in taken[side]:
                    stream.window.append(item)
                    stream._bytes += item.size


def aligned(
    left: Sequence[T], right: Sequence[T], key: Callable[[T, bool], Hashable | None]
) -> list[tuple[int | None, int | None]]:
    """
    All of two short sequences: places in `left` and `right`, None where there is no counterpart.

    Every place occurs once; the order is that of `left`, and what is only in `right` stands where it came.
    """
    known: dict[Hashable, int] = {}
    for i, item in enumerate(left):
        name = key(item, True)
        if name is not None:
            known.setdefault(name, i)
    by_key: dict[int, int] = {}
    for j, item in enumerate(right):
        name = key(item, False)
        if name is not None and name in known:
            by_key[known.pop(name)] = j
    keyed_right = set(by_key.values())
    rows = [i for i in range(len(left)) if i not in by_key]
    columns = [j for j in range(len(right)) if j not in keyed_right]
    rest = _between(left, right, rows, columns)
    if not by_key:
        return rest
    merged: list[tuple[int | None, int | None]] = []
    keyed = deque(sorted(by_key.items()))
    for place in rest:
        while keyed and place[0] is not None and keyed[0][0] < place[0]:
            merged.append(keyed.popleft())
        merged.append(place)
    return merged + list(keyed)


def _between(
    left: Sequence[T], right: Sequence[T], rows: list[int], columns: list[int]
) -> list[tuple[int | None, int | None]]:
    """Align by anchors, and what is between them by cost."""
    found: list[tuple[int | None, int | None]] = []
    anchors = _anchors([left[i].digest for i in rows], [right[j].digest for j in columns])
    a = b = 0
    for x, y in [*anchors, (len(rows), len(columns))]:
        found += _by_cost(left, right, rows[a:x], columns[b:y])
        if x < len(rows):
            found.append((rows[x], columns[y]))
        a, b = x + 1, y + 1
    return found


def _anchors(left: list[bytes], right: list[bytes]) -> list[tuple[int, int]]:
    """Places of what occurs once in either, as many as are in the same order in both."""
    there = _once(right)
    pairs = [(x, there[digest]) for digest, x in _once(left).items() if digest in there]
    pairs.sort()
    # The longest increasing subsequence of their places in `right`.
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for n, (_, y) in enumerate(pairs):
        at = bisect_left(tails, y)
        before.append(ends[at - 1] if at else -1)
        if at == len(tails):
            tails.append(y)
            ends.append(n)
        else:
            tails[at], ends[at] = y, n
    chosen: list[tuple[int, int]] = []
    n = ends[-1] if ends else -1
    while n >= 0:
        chosen.append(pairs[n])
        n = before[n]
    return chosen[::-1]


def _once(digests: list[bytes]) -> dict[bytes, int]:
    places: dict[bytes, int] = {}
    for at, digest in enumerate(digests):
        places[digest] = -1 if digest in places else at
    return {digest: at for digest, at in places.items() if at >= 0}


def _by_cost(
    left: Sequence[T], right: Sequence[T], rows: list[int], columns: list[int]
) -> list[tuple[int | None, int | None]]:
    found: list[tuple[int | None, int | None]] = []
    while rows and columns:
        if left[rows[0]].equals(right[columns[0]]):
            found.append((rows.pop(0), columns.pop(0)))
            continue
        if _belong(left, right, rows, columns):
            found.append((rows.pop(0), columns.pop(0)))
            continue
        whole = len(rows) <= _BLOCK and len(columns) <= _BLOCK
        block = _block(left, right, rows[:_BLOCK], columns[:_BLOCK])
        used = [0, 0]
        for i, j in block:
            if not whole and max(used) >= _BLOCK // 2:
                break
            used[0] += i is not None
            used[1] += j is not None
            found.append((i, j))
        rows, columns = rows[used[0] :], columns[used[1] :]
    return found + [(i, None) for i in rows] + [(None, j) for j in columns]


def _belong(left: Sequence[T], right: Sequence[T], rows: list[int], columns: list[int]) -> bool:
    """
    Whether the first two are clearly one message that has changed: alike, and neither more like the next.

    Where all messages have changed, this spares the weighing of every one with every other.
    """
    cost = _pairing(left[rows[0]], right[columns[0]])
    if cost > _ALIKE:
        return False
    if len(rows) > 1 and _pairing(left[rows[1]], right[columns[0]]) <= cost:
        return False
    return len(columns) < 2 or _pairing(left[rows[0]], right[columns[1]]) > cost


def _block(
    left: Sequence[T], right: Sequence[T], rows: list[int], columns: list[int]
) -> list[tuple[int | None, int | None]]:
    """The cheapest alignment (Needleman and Wunsch), from its end backwards so that it reads forwards."""
    height, width = len(rows), len(columns)
    costs = [[0.0] * (width + 1) for _ in range(height + 1)]
    pairing = [[_pairing(left[i], right[j]) for j in columns] for i in rows]
    for y in range(width - 1, -1, -1):
        costs[height][y] = costs[height][y + 1] + _GAP
    for x in range(height - 1, -1, -1):
        row, below, pair = costs[x], costs[x + 1], pairing[x]
        row[width] = below[width] + _GAP
        for y in range(width - 1, -1, -1):
            row[y] = min(pair[y] + below[y + 1], below[y] + _GAP, row[y + 1] + _GAP)
    found: list[tuple[int | None, int | None]] = []
    x = y = 0
    while x < height and y < width:
        cost = costs[x][y]
        if cost == pairing[x][y] + costs[x + 1][y + 1]:
            found.append((rows[x], columns[y]))
            x, y = x + 1, y + 1
        elif cost == costs[x + 1][y] + _GAP:
            found.append((rows[x], None))
            x += 1
        else:
            found.append((None, columns[y]))
            y += 1
    return found + [(i, None) for i in rows[x:]] + [(None, j) for j in columns[y:]]


def _pairing(left: Item, right: Item) -> float:
    if left.equals(right):
        return 0.0
    if left.shape != right.shape:
        return _STRANGERS
    ours, theirs = left.leaves, right.leaves
    either = len(ours | theirs)
    least, more = _KIN
    return least + more * (1 - len(ours & theirs) / either if either else 1)

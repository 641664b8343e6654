"""
Which frames a list shows: from the number of a row to the id of a frame, and back.

Ids of frames are 1, 2, 3, ... without gaps, so a list of all frames needs no more than its two ends. What a
filter found is kept as one bit for each frame at most, in blocks, which may be found in any order.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Protocol, TypeAlias

BLOCK = 8192
"""Frames of a block."""
_FEW = BLOCK // 16
"""Up to so many, their numbers take less room than a bit for every frame."""
_UNPACKED = 16
"""Blocks that are kept unpacked: those near the screen."""

_Packed: TypeAlias = "array[int] | bytes | None"
"""Offsets; a bit for each frame; None for all of a block."""


class Index(Protocol):
    """The rows of a list."""

    def __len__(self) -> int:
        """How many."""

    def id_at(self, row: int) -> int:
        """The id in a row, from 0."""

    def row_of(self, number: int) -> int:
        """The row of an id, or where it would stand."""

    def __contains__(self, number: object) -> bool:
        """Whether an id has a row."""


class Everything:
    """All frames from one id to another."""

    def __init__(self, first: int, last: int) -> None:
        self.first = first
        self.last = last

    def __len__(self) -> int:
        return max(self.last - self.first + 1, 0)

    def id_at(self, row: int) -> int:
        return self.first + row

    def row_of(self, number: int) -> int:
        return min(max(number - self.first, 0), len(self))

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and self.first <= number <= self.last


class Found:
    """
    What a filter found so far.

    Args:
        first: the lowest id that is looked for.
    """

    def __init__(self, first: int = 1) -> None:
        self.first = first
        self._base = (first - 1) // BLOCK
        self._blocks: dict[int, _Packed] = {}
        self._counts = array("H")
        """Of each block from `_base` on."""
        self._ends: list[int] | None = []
        """Rows up to and including each block; None: to be counted again."""
        self._unpacked: dict[int, Sequence[int]] = {}

    def __len__(self) -> int:
        ends = self._count()
        return ends[-1] if ends else 0

    def id_at(self, row: int) -> int:
        ends = self._count()
        place = bisect_right(ends, row)
        before = ends[place - 1] if place else 0
        block = self._base + place
        return block * BLOCK + 1 + self._offsets(block)[row - before]

    def row_of(self, number: int) -> int:
        block = (number - 1) // BLOCK
        place = block - self._base
        if place < 0:
            return 0
        ends = self._count()
        if place >= len(ends):
            return len(self)
        before = ends[place - 1] if place else 0
        return before + bisect_left(self._offsets(block), (number - 1) % BLOCK)

    def __contains__(self, number: object) -> bool:
        if not isinstance(number, int):
            return False
        row = self.row_of(number)
        return row < len(self) and self.id_at(row) == number

    def add(self, numbers: Sequence[int]) -> None:
        """More that was found, in any order."""
        if not numbers:
            return
        block = (numbers[0] - 1) // BLOCK
        if (numbers[-1] - 1) // BLOCK == block and block not in self._blocks and numbers[0] >= self.first:
            # Mostly: what a search found in one block, in order.
            start = block * BLOCK + 1
            self._put(block, [number - start for number in numbers])
            return
        blocks: dict[int, list[int]] = {}
        for number in numbers:
            if number >= self.first:
                blocks.setdefault((number - 1) // BLOCK, []).append((number - 1) % BLOCK)
        for block, offsets in blocks.items():
            self._put(block, sorted({*self._offsets(block), *offsets}))

    def _put(self, block: int, offsets: list[int]) -> None:
        place = block - self._base
        if place >= len(self._counts):
            self._counts.extend([0] * (place + 1 - len(self._counts)))
        self._blocks[block] = _pack(offsets)
        self._counts[place] = len(offsets)
        self._unpacked.pop(block, None)
        self._ends = None

    def _count(self) -> list[int]:
        if self._ends is None:
            self._ends = list(accumulate(self._counts))
        return self._ends

    def _offsets(self, block: int) -> Sequence[int]:
        found = self._unpacked.get(block)
        if found is None:
            if block not in self._blocks:
                return ()
            found = _unpack(self._blocks[block])
            if len(self._unpacked) >= _UNPACKED:
                del self._unpacked[next(iter(self._unpacked))]
            self._unpacked[block] = found
        return found


def _pack(offsets: list[int]) -> _Packed:
    if len(offsets) == BLOCK:
        return None
    if len(offsets) <= _FEW:
        return array("H", offsets)
    bits = bytearray(BLOCK // 8)
    for offset in offsets:
        bits[offset >> 3] |= 1 << (offset & 7)
    return bytes(bits)


def _unpack(packed: _Packed) -> Sequence[int]:
    if packed is None:
        return range(BLOCK)
    if isinstance(packed, array):
        return packed
    found = array("H")
    for place, byte in enumerate(packed):
        while byte:
            low = byte & -byte
            found.append(place * 8 + low.bit_length() - 1)
            byte ^= low
    return found

"""What a session remembers, bounded."""

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memory(Generic[K, V]):
    """A dictionary that forgets its oldest entries when it has more than `limit`."""

    def __init__(self, limit: int = 10_000) -> None:
        self.limit = limit
        self.forgotten = 0
        """How many it had to forget."""
        self._items: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, key: K) -> bool:
        return key in self._items

    def __setitem__(self, key: K, value: V) -> None:
        self._items[key] = value
        self._items.move_to_end(key)
        if len(self._items) > self.limit:
            self._items.popitem(last=False)
            self.forgotten += 1

    def values(self) -> Iterator[V]:
        """Oldest first."""
        return iter(self._items.values())

    def items(self) -> Iterator[tuple[K, V]]:
        """Oldest first."""
        return iter(self._items.items())

    def get(self, key: K) -> V | None:
        """The value, which stays; None without one."""
        return self._items.get(key)

    def pop(self, key: K) -> V | None:
        """The value, which is forgotten; None without one."""
        return self._items.pop(key, None)


@dataclass(frozen=True, slots=True)
class Call:
    """A call that waits for its reply."""

    number: int
    """Of the message with the call."""
    time: int
    name: str
    channel: str

"""What a decoder says about a message."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeAlias

Tree: TypeAlias = Any
"""
Plain data: dict, list, tuple, str, bytes, numbers, bool, None, and `Node`, nested up to `DEPTH`.

Numbers whose spelling Python would change (`1.10`, `1e999`) are `wsproxy.decoders.json_.Number`.
"""

DEPTH = 200
"""Levels of a tree that are kept; what is deeper is shown as it came, with a note."""


class Kind(StrEnum):
    """What part a message plays."""

    CALL = "call"
    """Asks for a reply, under an id."""
    REPLY = "reply"
    """The (last) answer to a call."""
    PARTIAL = "partial"
    """One of several answers; more may come."""
    NOTIFICATION = "notification"
    """Says something and wants no reply."""
    CONTROL = "control"
    """Keeps the session itself going: handshakes, acknowledgements, subscriptions, heartbeats."""
    DATA = "data"
    """An encoding was recognised, but no protocol that gives it a part."""


class Unfit(ValueError):
    """The decoder cannot make sense of this message; the argument says why, for people."""


def because(error: BaseException) -> str:
    """Why something failed, for people: the words of an `Unfit`, others with their type."""
    said = str(error).partition("\n")[0][:200]
    if isinstance(error, Unfit) and said:
        return said
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a tree that needs a word about what it is."""

    label: str
    """What `value` is, or how it was packed: `JSON in a string`, `PNG image`, `field 3, varint`."""
    value: Tree
    raw: str | bytes | None = None
    """What `value` was read from, where it stood packed in something else."""


@dataclass(slots=True, weakref_slot=True, eq=False)
class Decoded:
    """What one message means."""

    decoder: str
    """The name of the decoder that says so."""
    event: str
    """The meaning in one line, plain text: not yet escaped, of any length."""
    kind: Kind = Kind.DATA
    name: str = ""
    """What kind of message it is, to count by: a method, an event, a packet type. Empty if there is none."""
    id: str | None = None
    """The protocol's own id of the call it is, or answers."""
    channel: str = ""
    """The topic, namespace, room or destination it is about."""
    heartbeat: bool = False
    """It only keeps the connection alive."""
    error: bool = False
    """It reports a failure."""
    pairs_with: int | None = None
    """The number of the message with the call that this one answers, if that was seen."""
    latency: int | None = None
    """Ns since that call."""
    notes: tuple[str, ...] = ()
    """What a person should know about this reading of the message, e.g. which decoder gave up."""
    verbatim: bool = False
    """The event is the content itself: there is nothing better to say than what it says."""
    parts: tuple["Decoded", ...] = ()
    """If there are several packets in the message: each of them."""
    make_tree: Callable[[], Tree] | None = None
    """Makes the tree; `tree` calls it."""
    replied: bool | None = None
    """
    Of a call: whether a reply came. None while that is open, and for all else. Set by whoever follows
    the whole conversation (`wsproxy.decoders.follow`).
    """

    @property
    def tree(self) -> Tree:
        """All of the message as nested data, made anew at every look. Never raises."""
        if self.make_tree is None:
            return [part.tree for part in self.parts] or None
        try:
            return self.make_tree()
        except Exception as error:
            return Node("no tree", because(error))

    def each(self) -> Iterator["Decoded"]:
        """The packets in the message, innermost first to last: itself if it is only one."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.each()


def is_deeper(tree: Tree, levels: int) -> bool:
    """Whether lists, dicts and nodes in a tree are nested deeper than `levels`. No recursion."""
    row = [tree]
    for _ in range(levels + 1):
        inner: list[Tree] = []
        for value in row:
            if isinstance(value, dict):
                inner += value.values()
            elif isinstance(value, list | tuple):
                inner += value
            elif isinstance(value, Node):
                inner.append(value.value)
        if not inner:
            return False
        row = inner
    return True


def several(decoder: str, parts: Sequence[Decoded], **more: Any) -> Decoded:
    """One `Decoded` for several packets in one message; `more` are other fields of it."""
    made = Decoded(
        decoder,
        f"{len(parts)} in one: {' | '.join(part.event for part in parts)}" if parts else "nothing",
        heartbeat=bool(parts) and all(part.heartbeat for part in parts),
        error=any(part.error for part in parts),
        parts=tuple(parts),
    )
    if parts and all(part.kind == parts[0].kind for part in parts):
        made.kind = parts[0].kind
    if parts and all(part.name == parts[0].name for part in parts):
        made.name = parts[0].name
    return replace(made, **more) if more else made

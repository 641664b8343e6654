"""
A message on its way from one peer to the other, while somebody may still change it.

Made by the edit state of a direction (`wsproxy.wire.editing`) from what arrived, and offered to
whoever asked: an addon, a rule, a hold. Nothing here moves a byte; the editor looks at what was
decided and acts on it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from wsproxy.wire.frames import Batch

Decision: TypeAlias = tuple[bytes, int, bool, tuple[str, ...]]
"""`(content, opcode, dropped, by)`: what is decided of a message so far."""


class Transit:
    """
    One message (or control frame) that has arrived and has not been sent on.

    It goes on by itself after it was offered, unless somebody keeps it with `hold()`; then as soon
    as the last holder has let go with `release()`. All methods that decide return False where that
    is too late, because it has gone.

    Attributes:
        from_client: which way it travels.
        opcode: 1 text, 2 binary; 8 to 15 for a control frame.
        arrived: when its last byte came, ns since the epoch.
        original: the content that arrived: unmasked, inflated.
        compressed: it arrived compressed.
        sizes: payload bytes of each of its frames, as on the wire.
        wire: its frames exactly as they came.
        can_wait: it may be held; pings and pongs may not.
        first_frame, last_frame: their ids in the capture, 0 until the recorder has given them.
        by: who changed, dropped or kept it, in order, each once.
    """

    # Defaults of the class rather than of the object: most are never set, and one is made a message.
    cost = 0
    """Bytes counted as waiting; the editor's."""
    first_frame = 0
    last_frame = 0
    by: tuple[str, ...] = ()
    note = ""
    recorded: bytes | None = None
    """What the capture keeps in place of the content, on the way in and out; None: the content."""
    was_held = False
    on_release: Callable[[], None] | None = None
    """Called when the last holder lets go; set by the editor once it waits for that."""
    on_gone: Callable[[], object] | None = None
    """Called when it was sent or dropped."""
    _dropped = False
    _gone = False
    _is_recorded = False
    _holders: Mapping[str, int] = MappingProxyType({})

    def __init__(
        self,
        from_client: bool,
        opcode: int,
        original: bytes,
        wire: bytes,
        arrived: int,
        *,
        compressed: bool = False,
        sizes: tuple[int, ...] = (),
        can_wait: bool = True,
    ) -> None:
        self.from_client = from_client
        self.opcode = opcode
        self.original = original
        self.wire = wire
        self.arrived = arrived
        self.compressed = compressed
        self.sizes = sizes
        self.can_wait = can_wait
        self._content = original
        self._opcode = opcode

    @property
    def content(self) -> bytes:
        """What will be sent, unless it is dropped."""
        return self._content

    @property
    def sent_opcode(self) -> int:
        """The opcode it will be sent with."""
        return self._opcode

    @property
    def decision(self) -> Decision:
        """All of what is decided so far, to tell whether it changes."""
        return self._content, self._opcode, self._dropped, self.by

    @property
    def is_changed(self) -> bool:
        """What will be sent is not what arrived."""
        return self._content is not self.original or self._opcode != self.opcode

    @property
    def is_dropped(self) -> bool:
        """It will not be sent."""
        return self._dropped

    @property
    def is_held(self) -> bool:
        """Somebody keeps it."""
        return bool(self._holders)

    @property
    def is_gone(self) -> bool:
        """It was sent or dropped: too late for anything."""
        return self._gone

    def replace(self, content: bytes, by: str, opcode: int | None = None) -> bool:
        """
        Send something else in its place.

        Args:
            content: not masked, not compressed. What arrived takes the change back.
            by: who wants that, e.g. `addon rewrite`.
            opcode: 1 or 2 to change the type.
        """
        if self._gone:
            return False
        wanted = self._opcode if opcode is None else opcode
        if content == self._content and wanted == self._opcode and not self._dropped:
            return True
        # The very object that arrived is how `is_changed` knows.
        self._content = self.original if content == self.original else content
        self._opcode = wanted
        self._dropped = False
        self._touched(by)
        return True

    def drop(self, by: str) -> bool:
        """Do not send it."""
        if self._gone:
            return False
        self._dropped = True
        self._touched(by)
        return True

    def hold(self, by: str) -> bool:
        """Keep it, and all messages behind it in its direction, until `release()`."""
        if self._gone or not self.can_wait:
            return False
        self._holders = {**self._holders, by: self._holders.get(by, 0) + 1}
        self.was_held = True
        self._touched(by)
        return True

    def release(self, by: str) -> bool:
        """Let go of it, one `hold()` at a time."""
        if self._gone or by not in self._holders:
            return False
        left = {**self._holders, by: self._holders[by] - 1}
        self._holders = {holder: times for holder, times in left.items() if times}
        if not self._holders and self.on_release:
            self.on_release()
        return True

    def record_as(self, content: bytes, by: str) -> bool:
        """
        Keep something else in the capture than what is said. The wire is not changed.

        It must be decided while the message is offered; later the content is on its way to the disk.
        Parts of it are already unless the direction is private (`wsproxy.wire.port.Port.private`).
        """
        if self._gone or self._is_recorded:
            return False
        self.recorded = content
        self._touched(by)
        return True

    def was_recorded(self) -> None:
        """For the editor: it is on its way to the disk."""
        self._is_recorded = True

    def release_all(self, by: str, note: str) -> None:
        """A limit was reached: it goes on as it stands, whoever keeps it."""
        self._holders = {}
        self._touched(by)
        self.note = note

    def went(self) -> None:
        """For the editor: it was sent or dropped."""
        self._gone = True
        if self.on_gone:
            self.on_gone()

    def _touched(self, by: str) -> None:
        if by not in self.by:
            self.by = (*self.by, by)


@dataclass(slots=True)
class Arrival:
    """For the recorder: what was read ends with the last frame of `transit`, whose ids are wanted."""

    batches: list[Batch]
    """Nothing but frames of `transit`, if its content is not to be kept as it is."""
    transit: Transit


@dataclass(slots=True)
class Withheld:
    """For the recorder: frames of a message that is not offered, and whose payload must not be kept."""

    batch: Batch


@dataclass(slots=True)
class Decided:
    """For the recorder: what became of a message, where that is not simply that it went on."""

    connection: int
    from_client: bool
    time: int
    """When it took effect, ns since the epoch."""
    action: str
    """As `wsproxy.store.records.DecisionRecord.action`."""
    by: str
    arrived: Transit | None = None
    """None for what nobody sent."""
    sent: bytes = b""
    """The frames sent in its place; empty where nothing was, or the same bytes."""
    content: bytes | None = None
    """What those frames say, where they are compressed."""
    held: int = 0
    """How long it was kept waiting, ns."""
    note: str = ""
    compressed: bool = False
    """The frames sent are compressed."""

    @property
    def size(self) -> int:
        """Bytes it takes in a queue."""
        return len(self.sent) + len(self.content or b"")

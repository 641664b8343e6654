"""What was spoken on each connection, and over long-polling, of a capture: for `wsproxy info`."""

import statistics
from array import array
from dataclasses import dataclass, field

from wsproxy.decoders.decoded import Decoded
from wsproxy.decoders.follow import Follower
from wsproxy.decoders.registry import Factory
from wsproxy.store.reader import Reader
from wsproxy.store.records import ExchangeRecord
from wsproxy.store.tail import FrameEvent, Tail
from wsproxy.wire.frames import Opcode

MESSAGES = 100_000
"""That are decoded of one capture."""
TYPES = 100
"""Of messages that are told apart on one connection."""
OTHERS = "(others)"
SAMPLE = 200
"""Characters of a sample."""
_GAPS = 10_000


@dataclass(slots=True)
class MessageType:
    """Messages that say they are of the same sort."""

    decoder: str
    name: str
    """Empty where nothing says what they are."""
    from_client: bool
    count: int = 0
    bytes: int = 0
    """Of content."""
    sample: str = ""
    """What the first of them means, shortened; not yet escaped."""


@dataclass(slots=True)
class Spoken:
    """What was spoken on one connection, or by one session over long-polling."""

    protocol: str = ""
    """The decoder of the protocol, empty if none was recognised."""
    how: str = ""
    """How it was recognised: `chosen`, `subprotocol`, `path` or `messages`."""
    messages: int = 0
    """How many were decoded."""
    heartbeats: int = 0
    """Messages that only keep the connection alive, and pings and pongs."""
    share: float = 0.0
    """Of heartbeats in all messages, pings and pongs."""
    interval: int | None = None
    """Between two heartbeats of the same side, ns, the median."""
    types: list[MessageType] = field(default_factory=list)
    """The most frequent first."""
    notes: dict[str, int] = field(default_factory=dict)
    """What decoders had to say, and how often."""


class _Listener:
    def __init__(self) -> None:
        self.spoken = Spoken()
        self._types: dict[tuple[str, str, bool], MessageType] = {}
        self._control = 0
        self._beat: dict[bool, int] = {}
        self._gaps: dict[bool, array[int]] = {True: array("q"), False: array("q")}

    def frame(self, event: FrameEvent, decoded: Decoded | None) -> None:
        frame = event.frame
        if decoded is None:
            if frame.opcode in (Opcode.PING, Opcode.PONG):
                self._control += 1
                self._heartbeat(frame.time, frame.from_client)
            return
        size = event.message.length if event.message else frame.length
        if decoded.heartbeat:
            self._heartbeat(frame.time, frame.from_client)
        self._said(frame.from_client, size, decoded)

    def exchange(self, record: ExchangeRecord, decoded: Decoded) -> None:
        for part in decoded.parts or (decoded,):
            if part.heartbeat:
                self._heartbeat(record.time, record.from_client)
        self._said(record.from_client, record.length, decoded)
        # It is packets that are counted here, and a frame has one.
        self.spoken.messages += max(len(decoded.parts), 1) - 1

    def _said(self, from_client: bool, size: int, decoded: Decoded) -> None:
        spoken = self.spoken
        spoken.messages += 1
        kind: MessageType | None = None
        for part in decoded.each():
            key = (part.decoder, part.name, from_client)
            kind = self._types.get(key)
            if kind is None:
                if len(self._types) >= TYPES:
                    key = (part.decoder, OTHERS, from_client)
                kind = self._types.setdefault(key, MessageType(*key, sample=part.event[:SAMPLE]))
            kind.count += 1
            if not decoded.parts:
                kind.bytes += size
        if decoded.parts and kind is not None:
            # Several packets share the bytes of their message.
            kind.bytes += size
        for note in decoded.notes:
            if note in spoken.notes or len(spoken.notes) < TYPES:
                spoken.notes[note] = spoken.notes.get(note, 0) + 1

    def finished(self) -> Spoken:
        spoken = self.spoken
        everything = spoken.messages + self._control
        spoken.share = spoken.heartbeats / everything if everything else 0.0
        gaps = max(self._gaps.values(), key=len)
        spoken.interval = int(statistics.median(gaps)) if gaps else None
        spoken.types = sorted(self._types.values(), key=lambda kind: (-kind.count, kind.name))
        return spoken

    def _heartbeat(self, time: int, from_client: bool) -> None:
        self.spoken.heartbeats += 1
        before = self._beat.get(from_client)
        if before is not None and len(self._gaps[from_client]) < _GAPS:
            self._gaps[from_client].append(time - before)
        self._beat[from_client] = time


def spoken(reader: Reader, factory: Factory) -> tuple[dict[int | str, Spoken], bool]:
    """
    Decode a capture.

    Returns:
        What was spoken, by number of the connection, and over long-polling by `sid`; and whether that is by
        all messages rather than by the first `MESSAGES`.
    """
    follower = Follower(reader, factory)
    tail = Tail(reader)
    listeners: dict[int | str, _Listener] = {}
    decoded_messages = 0
    while events := tail.read():
        for event in events:
            # Closing a connection forgets its session, which knows how it was recognised.
            decoded = follower.decoded(event)
            key: int | str
            if type(event) is FrameEvent:
                key = event.frame.connection
                listener = _at(listeners, key)
                listener.frame(event, decoded)
                session = follower.session(event.frame.connection)
            elif type(event) is ExchangeRecord:
                key = event.sid
                listener = _at(listeners, key)
                if decoded is not None:
                    listener.exchange(event, decoded)
                session = follower.session_of(key)
            else:
                continue
            if decoded is not None:
                decoded_messages += 1
                if session is not None and session.name:
                    listener.spoken.protocol, listener.spoken.how = session.name, session.how
        if decoded_messages >= MESSAGES:
            break
    whole = not events
    return {number: listener.finished() for number, listener in listeners.items()}, whole


def _at(listeners: dict[int | str, _Listener], key: int | str) -> _Listener:
    found = listeners.get(key)
    if found is None:
        found = listeners[key] = _Listener()
    return found

"""
Decode what is in a capture: events of `wsproxy.store.tail` in, what they mean out.

Messages are put together as the capture has them, fragmented and inflated, and given to one session
per connection. A session of Engine.IO that began over HTTP is given the packets of that first, and goes on
with the WebSocket of the same `sid`. Runs in the process of whoever wants to know; the proxy never decodes.
"""

from collections.abc import Iterator
from weakref import WeakValueDictionary

from wsproxy.decoders import polling
from wsproxy.decoders.api import Context
from wsproxy.decoders.decoded import Decoded, Kind, Unfit, because, several
from wsproxy.decoders.memory import Memory
from wsproxy.decoders.message import Message, Opening
from wsproxy.decoders.registry import DECODERS, LOOKED_AT, Factory, RegistrySession
from wsproxy.store.limits import Limits
from wsproxy.store.reader import Reader
from wsproxy.store.records import (
    ClosureRecord,
    ConnectionRecord,
    ExchangeFlag,
    ExchangeRecord,
    FrameFlag,
    FrameRecord,
    MessageRecord,
)
from wsproxy.store.tail import Event, FrameEvent, Tail
from wsproxy.wire.frames import FIN
from wsproxy.wire.polling import brings_packets, sid_of

LIMIT = Limits().message
"""Bytes of a message put together from frames."""
CAUGHT_UP = 500
"""Frames of a connection that are looked at to catch up with what was left out before an event."""

SESSIONS = 1000
"""That are remembered while they are on HTTP."""

_COMPRESSED = int(FrameFlag.COMPRESSED)


class _Followed:
    """One connection, or one session of Engine.IO, whose connection comes later or never."""

    __slots__ = ("calls", "last", "last_exchange", "session", "sid")

    def __init__(self, session: RegistrySession, sid: str = "") -> None:
        self.session = session
        self.sid = sid
        self.last = 0
        """The last frame that was given to the session."""
        self.last_exchange = 0
        """Likewise."""
        self.calls: WeakValueDictionary[tuple[int, str | None], Decoded] = WeakValueDictionary()
        """Those without a reply yet, as long as somebody else still has them."""


class Follower:
    """
    Decodes the events of one viewer, which come in order.

    Args:
        reader: of the same capture.
        factory: makes the session of a connection; by default the registry of this process.
        gaps: events may be left out. What was before one of them on its connection is then looked up, up to
            `CAUGHT_UP` frames, so that most calls and replies still find each other.
        caught_up: frames to be looked up with `gaps`.
        verbatim: without it, messages of which there is nothing to say but what they say are left out where
            that shows quickly; that spares the reading of most JSON.
    """

    def __init__(
        self,
        reader: Reader,
        factory: Factory = DECODERS.session,
        gaps: bool = False,
        verbatim: bool = True,
        caught_up: int = CAUGHT_UP,
    ) -> None:
        self._reader = reader
        self._factory = factory
        self._gaps = gaps
        self._verbatim = verbatim
        self._caught_up = caught_up
        self._connections: dict[int, _Followed] = {}
        self._sessions: Memory[str, _Followed] = Memory(SESSIONS)
        """Those that began over HTTP, by their `sid`."""
        self._bodies: Memory[int, Decoded] = Memory(CAUGHT_UP)
        """What those mean that were given to a session before their turn."""

    def decoded(self, event: Event) -> Decoded | None:
        """
        What the message means that an event completes, or what is in a body of long-polling.

        Returns:
            None for what is left out, and for everything but the last frame of a text or binary message; so
            also for a large one whose payload is still on its way, and for a body with nothing in it. Of a
            body with several packets, `parts` has each. If it is a call, `replied` is set later, when the
            reply or the end of the connection has come. `pairs_with` is negative where the call was in a
            body: that of the exchange with this number.
        """
        if type(event) is FrameEvent:
            if event.arriving:
                return None
            message = message_of(self._reader, event.frame, event.message)
            if message is None:
                return None
            followed = self._followed(event.frame)
            if not self._verbatim and followed.session.speaks_for_itself(message):
                return None
            return self._decode(followed, message)
        if type(event) is ExchangeRecord:
            return self._exchanged(event)
        if type(event) is ConnectionRecord:
            if event.status == 101:
                self._open(event)
        elif type(event) is ClosureRecord:
            self.forget(event.connection)
        return None

    def session(self, connection: int) -> RegistrySession | None:
        """The session of a connection that is being followed."""
        followed = self._connections.get(connection)
        return followed.session if followed else None

    def forget(self, connection: int) -> None:
        """A connection is over: its open calls will not be answered."""
        followed = self._connections.pop(connection, None)
        if followed:
            for call in list(followed.calls.values()):
                call.replied = False

    def finish(self) -> None:
        """The capture is over, and with it all connections."""
        for connection in list(self._connections):
            self.forget(connection)
        for followed in self._sessions.values():
            for call in list(followed.calls.values()):
                call.replied = False

    def session_of(self, sid: str) -> RegistrySession | None:
        """The session of Engine.IO of that name, if it is being followed since it was on HTTP."""
        followed = self._sessions.get(sid)
        return followed.session if followed else None

    def _open(self, record: ConnectionRecord) -> _Followed:
        sid = sid_of(record.url)
        followed = self._sessions.get(sid) if sid else None
        if followed is None:
            followed = _Followed(self._factory(opening_of(record)), sid)
            if sid:
                self._sessions[sid] = followed
        self._connections[record.id] = followed
        return followed

    def _exchanged(self, record: ExchangeRecord) -> Decoded | None:
        """What is in a body, which is given to the session it belongs to."""
        sid = record.sid
        followed = self._sessions.get(sid) if sid else None
        if followed is None:
            # The connection's handshake would be recognised the same way: by the query.
            opening = Opening(record.url, time=record.began)
            followed = _Followed(self._factory(opening), sid)
            if sid:
                self._sessions[sid] = followed
            self._catch_up_exchanges(followed, record.id, None)
        elif self._gaps:
            if record.id <= followed.last_exchange:
                return self._bodies.get(record.id)
            self._catch_up_exchanges(followed, record.id, None)
        return self._decode_body(followed, record)

    def _decode_body(self, followed: _Followed, record: ExchangeRecord) -> Decoded | None:
        followed.last_exchange = max(followed.last_exchange, record.id)
        number = -record.id
        notes: tuple[str, ...] = ()
        body = _body_of(record)
        content, whole = record.body, not body.is_cut
        try:
            content, whole = body.unpacked()
            if brings_packets(record.from_client, record.method, record.status):
                version = Opening(record.url).query.get("EIO", ["4"])[0]
                found = polling.packets(content, whole, version, number, record.time, record.from_client)
                parts = [self._decode(followed, message) for message in found]
                if len(parts) == 1:
                    return parts[0]
                if parts:
                    said = dict.fromkeys(note for part in parts for note in part.notes)
                    return several(parts[0].decoder, parts, notes=tuple(said))
        except Unfit as error:
            notes = (f"no packets: {because(error)}",)
        if not content:
            return None
        is_text = not record.type.startswith("application/octet-stream")
        size = len(content) if whole else len(content) + 1
        message = Message(number, record.time, record.from_client, is_text, content, size)
        from wsproxy.decoders.generic import Generic

        decoded = Generic(Opening(), Context()).decode(message)
        decoded.notes = (*notes, *decoded.notes)
        decoded.error = decoded.error or (record.status or 0) >= 400
        return decoded

    def _followed(self, frame: FrameRecord) -> _Followed:
        followed = self._connections.get(frame.connection)
        began_here = followed is not None
        if followed is None:
            record = self._reader.connection(frame.connection)
            if record is None:
                # A damaged capture; the messages are there all the same.
                followed = self._connections[frame.connection] = _Followed(self._factory(Opening()))
            else:
                followed = self._open(record)
        if not began_here or self._gaps:
            self._catch_up(followed, frame)
        followed.last = frame.id
        return followed

    def _catch_up(self, followed: _Followed, frame: FrameRecord) -> None:
        """Give the session what it did not see: how the connection began, and what was just before."""
        if followed.sid:
            self._catch_up_exchanges(followed, None, frame.id - 1)
        if not followed.last:
            row = self._reader.db.execute(
                "SELECT at_frame FROM connection WHERE id = ?", (frame.connection,)
            ).fetchone()
            self._feed(followed, row[0] if row else 0, frame, 2 * LOOKED_AT)
        if not followed.session.remembers:
            return
        row = self._reader.db.execute(
            "SELECT min(id) FROM (SELECT id FROM frame WHERE connection = ? AND id > ? AND id < ?"
            " ORDER BY id DESC LIMIT ?)",
            (frame.connection, followed.last, frame.id, self._caught_up),
        ).fetchone()
        if row[0] is not None:
            self._feed(followed, row[0] - 1, frame, self._caught_up)

    def _catch_up_exchanges(self, followed: _Followed, before: int | None, up_to_frame: int | None) -> None:
        """Give the session the bodies that it did not see, up to `CAUGHT_UP`."""
        if not followed.sid:
            return
        for record in self._reader.exchanges(
            followed.last_exchange, CAUGHT_UP, followed.sid, up_to_frame, before
        ):
            decoded = self._decode_body(followed, record)
            if decoded is not None and self._gaps:
                self._bodies[record.id] = decoded

    def _feed(self, followed: _Followed, after: int, up_to: FrameRecord, limit: int) -> None:
        frames = self._reader.frames(after, limit, up_to.connection, up_to.id - 1)
        if not frames:
            return
        messages = self._reader.messages(frames[0].id, frames[-1].id)
        for frame in frames:
            message = message_of(self._reader, frame, messages.get(frame.id))
            if message:
                self._decode(followed, message)
        followed.last = frames[-1].id

    def _decode(self, followed: _Followed, message: Message) -> Decoded:
        decoded = followed.session.decode(message)
        if decoded.parts or decoded.id is not None:
            calls = followed.calls
            for part in decoded.each():
                if part.kind is Kind.CALL:
                    calls[message.number, part.id] = part
                elif part.pairs_with is not None:
                    call = calls.pop((part.pairs_with, part.id), None)
                    if call is not None:
                        call.replied = True
        return decoded


def message_of(reader: Reader, frame: FrameRecord, record: MessageRecord | None) -> Message | None:
    """
    The message that a frame completes; None if it completes no text or binary message.

    Args:
        reader: of the capture.
        frame: whole.
        record: that of the message the frame ends, if there is one.
    """
    if record is None:
        opcode = frame.opcode
        if (opcode != 1 and opcode != 2) or not frame.header[0] & FIN or int(frame.flags) & _COMPRESSED:
            return None
        content, length = frame.payload, frame.length
        if frame.stored > len(content):
            content = _all_of(reader, frame.id)
    else:
        opcode, length = record.opcode, record.length
        if opcode > 2:
            return None
        if record.content is not None:
            content = record.content
        elif record.frames > 1:
            content = reader.joined(record, LIMIT)
        else:
            content = frame.payload if frame.stored == len(frame.payload) else _all_of(reader, frame.id)
        if record.truncated:
            length = max(length, len(content) + 1)
    return Message(frame.id, frame.time, frame.from_client, opcode == 1, content, max(length, len(content)))


def unpacked(record: ExchangeRecord) -> bytes | None:
    """What is in a body, without its Content-Encoding, as far as it is looked at; None if that is broken."""
    try:
        return _body_of(record).unpacked()[0]
    except Unfit:
        return None


def opening_of(record: ConnectionRecord) -> Opening:
    """What a decoder is told about a connection."""
    return Opening(record.url, record.subprotocol, record.request, record.response, record.id, record.opened)


def everything(
    reader: Reader, follower: Follower, connection: int | None = None
) -> Iterator[tuple[Event, Decoded | None]]:
    """All events of a capture that nobody need wait for, each with what it means."""
    tail = Tail(reader, connection=connection)
    while events := tail.read():
        for event in events:
            yield event, follower.decoded(event)
    for event in tail.unfinished():
        yield event, follower.decoded(event)
    follower.finish()


def _body_of(record: ExchangeRecord) -> polling.Body:
    # What was put in place of something else is all there is; of what was broken off nobody knows the length.
    length = None if ExchangeFlag.REDACTED in record.flags else record.length + (record.error is not None)
    return polling.Body(record.body, record.encoding, length)


def _all_of(reader: Reader, frame: int) -> bytes:
    parts: list[bytes] = []
    room = LIMIT
    for part in reader.payload(frame):
        parts.append(part[:room])
        room -= len(parts[-1])
        if room <= 0:
            break
    return b"".join(parts)

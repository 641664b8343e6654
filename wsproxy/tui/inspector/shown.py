"""
Everything the inspector says of one frame, read in one go where reading may take time.

`load` runs in the thread that has the capture; what it gives is plain data, so that the screen is drawn
without asking a file.
"""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from wsproxy.decoders.decoded import Decoded, Kind, Node, Tree
from wsproxy.decoders.files import FileType, recognised
from wsproxy.decoders.follow import LIMIT, Follower, message_of
from wsproxy.decoders.registry import Factory
from wsproxy.store.reader import Reader, at_most
from wsproxy.store.records import (
    ClosureRecord,
    ConnectionRecord,
    DecisionRecord,
    FrameFlag,
    FrameRecord,
    MessageRecord,
)
from wsproxy.store.tail import FrameEvent
from wsproxy.tui.inspector.layout import Kind as TextKind
from wsproxy.tui.inspector.layout import Layout, kind_of
from wsproxy.wire.closing import Close
from wsproxy.wire.frames import OPCODE_NAMES, Opcode
from wsproxy.words import close_code

AHEAD = 500
"""Frames of a connection in which the answer to a call is looked for, and the pong to a ping."""
AHEAD_BYTES = 4 << 20
"""Bytes of them that are decoded for it."""
FRAGMENTS = 200
"""Frames of a message that are listed."""
COMPARED = 256 * 1024
"""Bytes of an original and of what was sent that are compared line by line."""
_LINES = 2000
_PROXY = int(FrameFlag.FROM_PROXY)


@dataclass(frozen=True, slots=True)
class Partner:
    """The other half of a call, or of a ping."""

    what: str
    """`reply`, `call`, `pong` or `ping`: what the other frame is."""
    frame: int
    latency: int | None
    """Ns from the one to the other."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """One frame of a message of several."""

    frame: int
    time: int
    length: int


@dataclass(frozen=True, slots=True)
class Edited:
    """What was decided about a message, and the two versions of it."""

    decision: DecisionRecord
    original: bytes | None
    """What arrived; None where nothing did."""
    sent: bytes | None
    """What was sent in its place; None where nothing was, or the same."""
    difference: tuple[str, ...]
    """Lines as of `diff -u`, without a head; empty where they are not compared."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One frame, and the message it belongs to."""

    frame: FrameRecord
    connection: ConnectionRecord | None
    closure: ClosureRecord | None
    message: MessageRecord | None
    opcode: int
    """Of the message: of a continuation frame, that of its first one."""
    content: bytes
    """Of the whole message, inflated; of a control frame or an unfinished message, the frame's payload."""
    length: int
    """Of that; more than there is where not all was kept."""
    is_whole: bool
    """It is a whole message, or a control frame, rather than a piece."""
    decoded: Decoded | None
    tree: Tree
    file: FileType | None
    partners: tuple[Partner, ...]
    fragments: tuple[Fragment, ...]
    before: int | None
    """When the frame before it on the connection came, ns."""
    before_same: int | None
    """Likewise, of the same direction."""
    edited: tuple[Edited, ...]

    @property
    def is_text(self) -> bool:
        """It is, or belongs to, a text message."""
        return self.opcode == Opcode.TEXT

    @property
    def text(self) -> str:
        """The content as text; bytes that are not UTF-8 as lone surrogates."""
        return self.content.decode("utf-8", "surrogateescape")

    @property
    def facts(self) -> Tree:
        """What it means; of control frames and pieces of messages, which are not decoded, what is in them."""
        if self.decoded is not None:
            return self.tree
        if self.opcode == Opcode.CLOSE:
            close = Close.parse(self.content)
            if close.code is None:
                return Node("no status code", self.content)
            return {
                "code": close.code,
                "meaning": close_code(close.code).partition(" ")[2].strip("()"),
                "reason": close.reason,
            }
        what = f"{OPCODE_NAMES[self.opcode]} payload" if self.is_whole else "a part of a message"
        return Node(what, self.content)


def load(reader: Reader, number: int, factory: Factory) -> Shown | None:
    """
    Read all there is to say of a frame; None if there is no such frame.

    Args:
        reader: of the capture.
        number: the frame's id.
        factory: makes the decoding session.
    """
    with reader.snapshot():
        return _load(reader, number, factory)


def _load(reader: Reader, number: int, factory: Factory) -> Shown | None:
    frame = reader.frame(number)
    if frame is None:
        return None
    record = None if frame.is_control else _message_with(reader, frame)
    last = frame if record is None or record.last_frame == frame.id else reader.frame(record.last_frame)
    message = message_of(reader, last, record) if last else None
    decoded: Decoded | None = None
    partners: tuple[Partner, ...] = ()
    if message is not None and last is not None:
        follower = Follower(reader, factory, gaps=True)
        decoded = follower.decoded(FrameEvent(last, record))
        if decoded is not None:
            partners = tuple(_partners(reader, follower, last, decoded))
    content = message.content if message else at_most(LIMIT, reader.payload(frame.id))
    if frame.opcode in (Opcode.PING, Opcode.PONG):
        partners = tuple(_heartbeat(reader, frame))
    before, before_same = _before(reader, frame)
    return Shown(
        frame,
        reader.connection(frame.connection),
        _closure(reader, frame.connection),
        record,
        record.opcode if record else frame.opcode,
        content,
        message.length if message else max(frame.length, len(content)),
        message is not None or frame.is_control,
        decoded,
        decoded.tree if decoded else None,
        recognised(content) if message else None,
        partners,
        tuple(_fragments(reader, record)) if record and record.frames > 1 else (),
        before,
        before_same,
        tuple(_edited(reader, decision) for decision in reader.decisions_about(frame)),
    )


def _message_with(reader: Reader, frame: FrameRecord) -> MessageRecord | None:
    """The message that a frame is part of, where it says more than the frame."""
    if frame.header[0] & 0x80:
        return reader.messages(frame.id, frame.id).get(frame.id)
    for number in _next(reader, "message", "last_frame", frame):
        record = reader.messages(number, number)[number]
        last = reader.frame(number)
        if record.first_frame <= frame.id and last and not (int(last.flags) ^ int(frame.flags)) & _PROXY:
            return record
    return None


def _next(reader: Reader, table: str, key: str, frame: FrameRecord) -> list[int]:
    """The next few rows of the same direction of its connection; not looked for without end."""
    rows = reader.db.execute(
        f"SELECT {key} FROM {table} WHERE {key} > ? AND {key} <= ? AND connection = ? AND from_client = ?"
        f" ORDER BY {key} LIMIT 4",
        (frame.id, frame.id + 1_000_000, frame.connection, int(frame.from_client)),
    )
    return [row[0] for row in rows]


def _partners(reader: Reader, follower: Follower, frame: FrameRecord, decoded: Decoded) -> Iterator[Partner]:
    parts = list(decoded.each())
    for part in parts:
        if part.pairs_with is not None:
            yield Partner("call", part.pairs_with, part.latency)
    calls = {part.id: part for part in parts if part.kind is Kind.CALL}
    if not calls:
        return
    size = 0
    frames = reader.frames(frame.id, AHEAD, frame.connection)
    records = reader.messages(frames[0].id, frames[-1].id) if frames else {}
    for later in frames:
        record = records.get(later.id)
        size += record.length if record else later.length
        if size > AHEAD_BYTES:
            return
        answer = follower.decoded(FrameEvent(later, record))
        for part in answer.each() if answer else ():
            if part.pairs_with == frame.id and part.id in calls:
                yield Partner("reply", later.id, part.latency)
                if part.kind is not Kind.PARTIAL:
                    del calls[part.id]
        if not calls:
            return


def _heartbeat(reader: Reader, frame: FrameRecord) -> Iterator[Partner]:
    """The pong to a ping (RFC 6455 section 5.5.3: of the same payload), or the other way round."""
    is_ping = frame.opcode == Opcode.PING
    way, order = (">", "ASC") if is_ping else ("<", "DESC")
    near = frame.id + (20_000 if is_ping else -20_000)
    row = reader.db.execute(
        f"SELECT id, time FROM frame WHERE id {way} ?1 AND id {'<' if is_ping else '>'} ?2"
        " AND connection = ?3 AND opcode = ?4 AND from_client != ?5 AND payload = ?6"
        f" ORDER BY id {order} LIMIT 1",
        (
            frame.id,
            near,
            frame.connection,
            int(Opcode.PONG if is_ping else Opcode.PING),
            int(frame.from_client),
            frame.payload,
        ),
    ).fetchone()
    if row:
        yield Partner("pong" if is_ping else "ping", row[0], abs(row[1] - frame.time))


def _fragments(reader: Reader, record: MessageRecord) -> Iterator[Fragment]:
    rows = reader.db.execute(
        "SELECT id, time, length FROM frame WHERE id BETWEEN ?1 AND ?2 AND connection = ?3"
        " AND from_client = ?4 AND opcode < 3"
        " AND flags & 32 = (SELECT flags & 32 FROM frame WHERE id = ?2) ORDER BY id LIMIT ?5",
        (record.first_frame, record.last_frame, record.connection, int(record.from_client), FRAGMENTS),
    )
    return (Fragment(*row) for row in rows.fetchall())


def _before(reader: Reader, frame: FrameRecord) -> tuple[int | None, int | None]:
    found: dict[bool, int] = {}
    rows = reader.db.execute(
        "SELECT from_client, time FROM frame WHERE id < ? AND id > ? AND connection = ?"
        " ORDER BY id DESC LIMIT 500",
        (frame.id, frame.id - 20_000, frame.connection),
    )
    for from_client, time in rows:
        found.setdefault(bool(from_client), time)
        if len(found) == 2:
            break
    return max(found.values(), default=None), found.get(frame.from_client)


def _closure(reader: Reader, connection: int) -> ClosureRecord | None:
    from wsproxy.store import columns

    row = reader.db.execute(
        f"SELECT {columns.CLOSURE} FROM closure WHERE connection = ?", (connection,)
    ).fetchone()
    return columns.closure(row) if row else None


def _edited(reader: Reader, decision: DecisionRecord) -> Edited:
    original = _content(reader, decision.first_frame, decision.last_frame)
    sent = _content(reader, decision.first_sent, decision.last_sent)
    return Edited(decision, original, sent, _difference(original, sent))


def _content(reader: Reader, first: int | None, last: int | None) -> bytes | None:
    if first is None or last is None:
        return None
    frame = reader.frame(last)
    if frame is None:
        return None
    message = message_of(reader, frame, reader.messages(last, last).get(last))
    return message.content if message else at_most(LIMIT, reader.payload(last))


def _difference(original: bytes | None, sent: bytes | None) -> tuple[str, ...]:
    if original is None or sent is None or original == sent or len(original) + len(sent) > COMPARED:
        return ()
    try:
        before, after = _lines(original.decode()), _lines(sent.decode())
    except UnicodeDecodeError:
        return ()
    if max(len(before), len(after)) > _LINES:
        return ()
    return tuple(difflib.unified_diff(before, after, lineterm="", n=3))[2:]


def _lines(text: str) -> list[str]:
    """As the Text tab would have them, on a screen without an edge."""
    kind = kind_of(text)
    layout = Layout(text, 1 << 14, kind)
    for _ in layout.steps():
        if len(layout) > _LINES:
            break
    indent = "" if kind is TextKind.PLAIN else " "
    lines = []
    for row in range(len(layout)):
        start, end = layout.row(row)
        lines.append(indent * layout.indent(row) + text[start:end])
    return lines

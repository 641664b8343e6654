"""
What was answered to what in a recording: for a server that answers by what its client says.

A message of the server belongs to the call it answers, where the protocol tells, else to the last message
of the client before it. The index is a temporary database, on disk if there is much of it.
"""

import hashlib
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from wsproxy.decoders.decoded import Decoded, Kind, Unfit
from wsproxy.decoders.follow import opening_of
from wsproxy.decoders.message import Message
from wsproxy.decoders.registry import DECODERS, Factory, RegistrySession
from wsproxy.replay.recorded import End, Recorded
from wsproxy.replay.recorded_message import RecordedMessage
from wsproxy.replay.values import Rules
from wsproxy.store.reader import Reader
from wsproxy.store.records import ConnectionRecord

_VERBATIM = ("text", "hex")


@dataclass(frozen=True, slots=True)
class Matching:
    """
    When a message of now is one of the recording.

    Attributes:
        how: `exact`, the same bytes; `json`, what it means is the same; `event`, it is of the same kind
            (method, event, packet), whatever it says.
        rules: what does not count for `json`.
    """

    how: str = "json"
    rules: Rules = field(default_factory=Rules)

    def key(self, message: Message, decoded: Decoded) -> bytes:
        """The same for two that match."""
        if self.how == "exact":
            return hashlib.blake2b(bytes((message.is_text,)) + message.content, digest_size=16).digest()
        if self.how == "event" and decoded.name:
            return f"{decoded.decoder} {decoded.kind} {decoded.channel} {decoded.name}".encode()
        value: Any = message.text if message.is_text else message.content
        if decoded.decoder not in _VERBATIM:
            value = self.rules.value(without_id(decoded.tree, decoded.id))
        elif isinstance(value, str):
            value = self.rules.text(value)
        return bytes((message.is_text,)) + self.rules.digest(value)


class Exchanges:
    """
    The index of some connections of a capture. Use it in one thread; `close()` it.

    Args:
        reader: the capture.
        connections: their numbers.
        matching: when messages match.
        factory: makes the sessions that decode.

    Raises:
        sqlite3.Error: the capture is damaged.
    """

    def __init__(
        self,
        reader: Reader,
        connections: Collection[int],
        matching: Matching,
        factory: Factory = DECODERS.session,
    ) -> None:
        self._db = sqlite3.connect("")
        self._db.execute("CREATE TABLE asked (connection INTEGER, key BLOB, number INTEGER, id TEXT)")
        self._db.execute(
            "CREATE TABLE said (connection INTEGER, number INTEGER PRIMARY KEY, call INTEGER, behind INTEGER)"
        )
        self._recorded = Recorded(reader, End.CLIENT, connections=connections)
        sessions: dict[int, RegistrySession] = {}
        behind: dict[int, int] = {}
        for step in self._recorded.messages():
            if isinstance(step, ConnectionRecord):
                sessions[step.id] = factory(opening_of(step))
            elif isinstance(step, RecordedMessage) and step.connection in sessions:
                self._add(step, sessions[step.connection], behind, matching)
            elif not isinstance(step, RecordedMessage):
                sessions.pop(step.connection, None)
        self._db.execute("CREATE INDEX by_key ON asked (key, connection, number)")
        self._db.execute("CREATE INDEX by_place ON said (connection, behind)")
        self._db.execute("CREATE INDEX by_call ON said (call)")

    def _add(
        self, step: RecordedMessage, session: RegistrySession, behind: dict[int, int], matching: Matching
    ) -> None:
        connection = step.connection
        decoded: Decoded | None = None
        if step.opcode in (1, 2):
            message = message_of(step)
            decoded = session.decode(message)
            if step.from_client:
                key = matching.key(message, decoded)
                self._db.execute(
                    "INSERT INTO asked VALUES (?, ?, ?, ?)", (connection, key, step.number, decoded.id)
                )
                if not decoded.heartbeat:
                    behind[connection] = step.number
                return
        if step.from_client or step.opcode == 10 or (decoded is not None and decoded.heartbeat):
            return
        replies = decoded is not None and decoded.kind in (Kind.REPLY, Kind.PARTIAL)
        call = decoded.pairs_with if decoded is not None and replies else None
        place = behind.get(connection, 0)
        self._db.execute("INSERT INTO said VALUES (?, ?, ?, ?)", (connection, step.number, call, place))

    def close(self) -> None:
        """Throw the index away."""
        self._db.close()

    def find(self, connections: Sequence[int], key: bytes, after: int) -> tuple[int, int, str | None] | None:
        """
        The recorded message that matches one of now.

        Args:
            connections: the own one first, then its relatives.
            key: of the message.
            after: the one that matched last; the next one behind it comes first, then the first of all.

        Returns:
            Its connection, number, and the id of the call it is; None if nothing matches.
        """
        for connection in connections:
            for least in (after, 0):
                row = self._db.execute(
                    "SELECT connection, number, id FROM asked WHERE key = ? AND connection = ? AND number > ?"
                    " ORDER BY number LIMIT 1",
                    (key, connection, least),
                ).fetchone()
                if row is not None:
                    return (row[0], row[1], row[2])
        return None

    def said(self, connection: int, number: int) -> Iterable[RecordedMessage]:
        """What the server said to a message of the client, in order; to 0: before any."""
        rows = self._db.execute(
            "SELECT number FROM said WHERE connection = ?1 AND ((call IS NULL AND behind = ?2) OR call = ?2)"
            " ORDER BY number",
            (connection, number),
        ).fetchall()
        for (said,) in rows:
            message = self._recorded.message(said)
            if message is not None:
                yield message

    def time(self, number: int) -> int:
        """When a message was recorded, ns."""
        frame = self._recorded.reader.frame(number)
        return frame.time if frame else 0


def message_of(step: RecordedMessage) -> Message:
    """As decoders have it."""
    return Message(step.number, step.time, step.from_client, step.opcode == 1, step.content, step.length)


def without_id(tree: Any, id: str | None) -> Any:
    """A tree without the id of the call it is, which is another one each time."""
    if id is None:
        return tree
    if isinstance(tree, dict):
        return {name: value for name, value in tree.items() if not _is_id(value, id)}
    if isinstance(tree, list):
        return [None if _is_id(value, id) else value for value in tree]
    return tree


def with_id(session: RegistrySession, reply: Message, recorded: str, call: Any, now: str) -> bytes:
    """
    A recorded answer with the id of the call of now.

    Args:
        session: of the connection; has decoded both.
        reply: the recorded one.
        recorded: the id it was recorded with.
        call: the tree of the call of now, which shows where its id stands and how it is written.
        now: its id.

    Raises:
        Unfit: the answer cannot be written again.
    """
    tree = session.decode(reply).tree
    places = tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    changed = False
    for place in list(places):
        if _is_id(tree[place], recorded):
            with_it = _value(call, place)
            if _is_id(with_it, now):
                tree[place] = with_it
                changed = True
    if not changed:
        raise Unfit("the id stands where it cannot be changed")
    return session.reencode(tree, reply)


def _value(tree: Any, place: Any) -> Any:
    try:
        return tree[place]
    except (KeyError, IndexError, TypeError):
        return None


def _is_id(value: Any, id: str) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and str(value) == id

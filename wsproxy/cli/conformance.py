"""
What `wsproxy info` remarks about a connection besides its anomalies: what is within the protocol, and yet
probably not meant.

Told of whole connections, whatever is counted. What breaks RFC 6455 or 7692 is an anomaly of its frame
(`wsproxy.wire.frames.Anomaly`), what is wrong with a handshake one of its `findings`.
"""

from collections import defaultdict
from urllib.parse import urlsplit

from wsproxy.store.reader import Reader
from wsproxy.store.records import ConnectionRecord
from wsproxy.wire.frames import Opcode
from wsproxy.wire.handshake import Head
from wsproxy.words import RECEIVED, SENT, count, duration, file_size

LARGE = 1 << 20
"""Bytes of a message above which some peers refuse it unless told otherwise (`websockets`, Socket.IO)."""

PATIENCE = 10_000_000_000
"""Ns after which an answer to a ping is missed."""

_PINGS = 1000
"""Pings of one side that may wait for an answer."""


def remarks(reader: Reader) -> dict[int, list[str]]:
    """
    Sentences about the connections of a capture, by number; those about which there are none are missing.

    Raises:
        sqlite3.Error: the capture is damaged.
    """
    found: dict[int, list[str]] = defaultdict(list)
    for connection in reader.connections():
        if sentence := _origin(connection):
            found[connection.id].append(sentence)
    for look in (_unanswered_pings, _useless_compression, _large_messages):
        for number, sentence in look(reader):
            found[number].append(sentence)
    return dict(found)


def _origin(connection: ConnectionRecord) -> str:
    """A server that lets pages of other hosts in: browsers leave that to the server (RFC 6455 10.2)."""
    if connection.status != 101:
        return ""
    origins = [value for name, value in Head.parse(connection.request).fields if name.lower() == "origin"]
    if len(origins) != 1:
        return ""
    try:
        theirs, ours = urlsplit(origins[0]).hostname, urlsplit(connection.url).hostname
    except ValueError:
        return ""
    if theirs == ours:
        return ""
    return (
        f"the server accepted a page of another origin, {origins[0]}: make sure that it looks at Origin"
        " (RFC 6455 10.2)"
    )


def _unanswered_pings(reader: Reader) -> list[tuple[int, str]]:
    """A pong answers the ping it repeats, and all before that one (RFC 6455 5.5.3)."""
    if reader.gaps() or reader.info().unrecorded_since is not None:
        # The answer may have come then.
        return []
    waiting: dict[tuple[int, bool], list[tuple[int, bytes]]] = defaultdict(list)
    rows = reader.db.execute(
        "SELECT connection, from_client, opcode, time, payload FROM frame WHERE opcode IN (9, 10) ORDER BY id"
    )
    for connection, from_client, opcode, time, payload in rows:
        if opcode == Opcode.PING:
            pings = waiting[connection, bool(from_client)]
            pings.append((time, payload))
            del pings[:-_PINGS]
            continue
        pings = waiting[connection, not from_client]
        for place, (_, said) in enumerate(pings):
            if said == payload:
                del pings[: place + 1]
                break
    ends = dict(reader.db.execute("SELECT connection, time FROM closure").fetchall())
    last = reader.last_time()
    # Whoever has said goodbye need not answer any more (RFC 6455 5.5.1).
    closing = dict(
        reader.db.execute("SELECT connection, min(time) FROM frame WHERE opcode = 8 GROUP BY 1").fetchall()
    )
    found = []
    for (connection, from_client), pings in waiting.items():
        end = min(ends.get(connection, last), closing.get(connection, last))
        missed = sum(time + PATIENCE < end for time, _ in pings)
        if missed:
            arrow = SENT if from_client else RECEIVED
            who = "server" if from_client else "client"
            found.append(
                (
                    connection,
                    f"{arrow} {count(missed, 'ping')} not answered by the {who} within {duration(PATIENCE)}"
                    " (RFC 6455 5.5.2)",
                )
            )
    return found


def _useless_compression(reader: Reader) -> list[tuple[int, str]]:
    """Compressed messages that take more than their content would."""
    wire = dict(
        ((connection, from_client), (frames, size))
        for connection, from_client, frames, size in reader.db.execute(
            "SELECT connection, from_client, count(*), sum(length) FROM frame WHERE flags & 64 GROUP BY 1, 2"
        )
    )
    found = []
    for connection, from_client, messages, size, cut in reader.db.execute(
        "SELECT connection, from_client, count(*), sum(length), max(truncated) FROM message WHERE compressed"
        " GROUP BY 1, 2"
    ):
        _, packed = wire.get((connection, from_client), (0, 0))
        if not cut and packed > size:
            arrow = SENT if from_client else RECEIVED
            what = f"{count(messages, 'message')} larger: {packed:,} B of {size:,} B"
            found.append((connection, f"{arrow} compression makes {what}"))
    return found


def _large_messages(reader: Reader) -> list[tuple[int, str]]:
    """Messages larger than many peers accept (they close with 1009)."""
    rows = reader.db.execute(
        "SELECT connection, from_client, count(*), max(size) FROM ("
        " SELECT connection, from_client, length AS size FROM message WHERE length > ?1"
        " UNION ALL"
        " SELECT connection, from_client, length FROM frame"
        " WHERE length > ?1 AND opcode IN (1, 2) AND flags & 1 AND NOT flags & 64"
        " AND NOT EXISTS (SELECT 1 FROM message WHERE last_frame = frame.id)"
        ") GROUP BY 1, 2",
        (LARGE,),
    )
    return [
        (
            connection,
            f"{SENT if from_client else RECEIVED} {count(number, 'message')} over {file_size(LARGE)},"
            f" the largest {file_size(size)}: more than some peers accept (1009)",
        )
        for connection, from_client, number, size in rows
    ]

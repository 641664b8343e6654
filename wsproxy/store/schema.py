"""
What is in a capture file (`*.wsp`): SQLite, so that everybody's tools can read it.

Rows are appended and never rewritten. A reader therefore needs no more than the highest id it has
seen to know what is new, and a writer that is killed leaves every committed row behind.

A new version of the schema adds a function to `MIGRATIONS`; a small capture of every version is
kept with the tests.
"""

import sqlite3
from collections.abc import Callable

APPLICATION_ID = 0x57535058
"""`WSPX`: at offset 68 of the file, where `file` and SQLite's own tools look for it."""

VERSION = 3
"""`PRAGMA user_version` of captures written by this program."""

MAX_INTEGER = (1 << 63) - 1
"""SQLite's largest: a frame may declare more; its header has the exact number."""

_TABLES = """
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value ANY
) STRICT;

CREATE TABLE connection (
    id           INTEGER PRIMARY KEY,
    opened       INTEGER NOT NULL,  -- ns since the epoch
    at_frame     INTEGER NOT NULL,  -- the last frame recorded before it
    url          TEXT NOT NULL,
    client       TEXT NOT NULL,
    server       TEXT NOT NULL,
    mode         TEXT NOT NULL,
    http_version TEXT NOT NULL,
    request      BLOB NOT NULL,     -- the head, as it arrived
    response     BLOB NOT NULL,
    status       INTEGER,
    body         BLOB NOT NULL,     -- of a response that was not a 101
    body_length  INTEGER NOT NULL,
    subprotocol  TEXT,
    extensions   TEXT NOT NULL,
    findings     TEXT NOT NULL,     -- JSON: what is wrong with the handshake
    error        TEXT,
    tls          TEXT NOT NULL      -- JSON
) STRICT;

CREATE TABLE closure (
    id         INTEGER PRIMARY KEY,
    connection INTEGER NOT NULL UNIQUE REFERENCES connection(id),
    time       INTEGER NOT NULL,
    at_frame   INTEGER NOT NULL,
    by         TEXT,                -- client, server or proxy
    code       INTEGER,
    reason     TEXT NOT NULL,
    clean      INTEGER NOT NULL,
    how        TEXT NOT NULL        -- eof, reset, error or stopped
) STRICT;

CREATE TABLE frame (
    id          INTEGER PRIMARY KEY,  -- arrival order in the capture
    connection  INTEGER NOT NULL REFERENCES connection(id),
    time        INTEGER NOT NULL,
    from_client INTEGER NOT NULL,
    opcode      INTEGER NOT NULL,
    -- flags: FIN 1, RSV1 2, RSV2 4, RSV3 8, masked 16, from the proxy 32, compressed 64, truncated 128,
    -- redacted 256
    flags       INTEGER NOT NULL,
    length      INTEGER NOT NULL,     -- as declared
    header      BLOB NOT NULL,        -- the wire bytes
    payload     BLOB,                 -- unmasked, as compressed on the wire; NULL: see part
    anomalies   INTEGER NOT NULL
) STRICT;

CREATE TABLE part (
    id      INTEGER PRIMARY KEY,
    frame   INTEGER NOT NULL REFERENCES frame(id),
    offset  INTEGER NOT NULL,
    time    INTEGER NOT NULL,
    payload BLOB NOT NULL
) STRICT;

CREATE INDEX part_by_frame ON part (frame, offset);

CREATE TABLE message (
    last_frame  INTEGER PRIMARY KEY REFERENCES frame(id),
    connection  INTEGER NOT NULL REFERENCES connection(id),
    first_frame INTEGER NOT NULL,
    from_client INTEGER NOT NULL,
    opcode      INTEGER NOT NULL,
    frames      INTEGER NOT NULL,
    compressed  INTEGER NOT NULL,
    length      INTEGER NOT NULL,     -- of the content, inflated
    content     BLOB,                 -- inflated; NULL: the payloads of its frames
    truncated   INTEGER NOT NULL,
    anomalies   INTEGER NOT NULL
) STRICT;

CREATE TABLE gap (
    id       INTEGER PRIMARY KEY,
    started  INTEGER NOT NULL,
    ended    INTEGER NOT NULL,
    at_frame INTEGER NOT NULL,
    frames   INTEGER NOT NULL,
    bytes    INTEGER NOT NULL,
    reason   TEXT NOT NULL
) STRICT;

-- For a person with the sqlite3 shell: SELECT * FROM log;
CREATE VIEW log AS
SELECT frame.id,
       strftime('%Y-%m-%dT%H:%M:%f', frame.time / 1e9, 'unixepoch') AS time,
       frame.connection,
       iif(frame.from_client, 'send', 'receive') AS direction,
       CASE frame.opcode WHEN 0 THEN 'continuation' WHEN 1 THEN 'text' WHEN 2 THEN 'binary'
            WHEN 8 THEN 'close' WHEN 9 THEN 'ping' WHEN 10 THEN 'pong'
            ELSE printf('0x%x', frame.opcode) END AS opcode,
       frame.length,
       CASE WHEN message.content IS NOT NULL AND message.opcode = 1 THEN CAST(message.content AS TEXT)
            WHEN frame.flags & 64 THEN NULL
            WHEN frame.opcode IN (0, 1) THEN CAST(frame.payload AS TEXT) END AS text
FROM frame LEFT JOIN message ON message.last_frame = frame.id;
"""


_DECISIONS = (
    """
CREATE TABLE decision (
    id          INTEGER PRIMARY KEY,
    connection  INTEGER NOT NULL REFERENCES connection(id),
    time        INTEGER NOT NULL,     -- ns since the epoch
    at_frame    INTEGER NOT NULL,     -- the last frame recorded before it
    from_client INTEGER NOT NULL,     -- the direction of the message
    action      TEXT NOT NULL,        -- pass, recode, edit, drop, inject or cut
    by          TEXT NOT NULL,        -- "addon NAME", "rule N", "hand", "limit"; several with commas
    first_frame INTEGER,              -- what arrived; NULL: nothing did
    last_frame  INTEGER,
    first_sent  INTEGER,              -- what was sent in its place; NULL: nothing, or the same bytes
    last_sent   INTEGER,
    held        INTEGER NOT NULL,     -- ns it was kept waiting
    note        TEXT NOT NULL
) STRICT""",
    "CREATE INDEX decision_by_frame ON decision (last_frame)",
    "CREATE INDEX decision_by_sent ON decision (last_sent)",
)

# Bodies of HTTP requests and answers by which a session went on before, or without, its WebSocket. That is
# found by `sid`, which is in its URL.
_EXCHANGES = (
    """
CREATE TABLE exchange (
    id          INTEGER PRIMARY KEY,
    time        INTEGER NOT NULL,     -- ns since the epoch: the body was whole, or was broken off
    at_frame    INTEGER NOT NULL,     -- the last frame recorded before it
    sid         TEXT NOT NULL,        -- the session, by the query or by the answer that opens it; else empty
    from_client INTEGER NOT NULL,     -- 1: the body of a request, 0: of the answer
    began       INTEGER NOT NULL,     -- when the request came
    client      TEXT NOT NULL,
    server      TEXT NOT NULL,
    method      TEXT NOT NULL,
    url         TEXT NOT NULL,        -- http:// or https://
    status      INTEGER,              -- of the answer; NULL: none came, or this is the request
    type        TEXT NOT NULL,        -- Content-Type
    encoding    TEXT NOT NULL,        -- Content-Encoding
    length      INTEGER NOT NULL,     -- of the body, as it came
    body        BLOB NOT NULL,        -- as it came, up to the limit
    flags       INTEGER NOT NULL,     -- truncated 1, redacted 2
    error       TEXT                  -- why it was broken off
) STRICT""",
    "CREATE INDEX exchange_by_sid ON exchange (sid)",
)

_REPLAYS = (
    """
CREATE TABLE replay_of (
    connection INTEGER PRIMARY KEY REFERENCES connection(id),
    capture    TEXT NOT NULL,         -- the file of the original, absolute
    created    INTEGER NOT NULL,      -- when that was made, ns: finds it again under another name
    original   INTEGER NOT NULL       -- its connection there
) STRICT""",
    """
CREATE TABLE replay (
    frame    INTEGER PRIMARY KEY REFERENCES frame(id),  -- the last of a message
    original INTEGER NOT NULL         -- the last frame of that message in the original
) STRICT""",
)

_VERSION_3 = (*_REPLAYS, *_EXCHANGES)


def create(db: sqlite3.Connection) -> None:
    """Make the tables in a new, empty database. Raises sqlite3.Error."""
    # Both must be set before the first table is.
    db.execute("PRAGMA page_size = 16384")
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute("PRAGMA journal_mode = WAL")
    later = ";".join((*_DECISIONS, *_VERSION_3))
    db.executescript(f"BEGIN;{_TABLES}{later};PRAGMA user_version = {VERSION};COMMIT;")


def _add_decisions(db: sqlite3.Connection) -> None:
    for statement in _DECISIONS:
        db.execute(statement)


def _to_version_3(db: sqlite3.Connection) -> None:
    for statement in _VERSION_3:
        db.execute(statement)


MIGRATIONS: dict[int, Callable[[sqlite3.Connection], None]] = {1: _add_decisions, 2: _to_version_3}
"""From version N to N + 1, each run in a transaction of its own."""


def complete(db: sqlite3.Connection, version: int) -> None:
    """Let a reader of an older capture find every table: the missing ones, empty and in memory."""
    missing = [*(_DECISIONS if version < 2 else ()), *(_VERSION_3 if version < 3 else ())]
    tables = [statement for statement in missing if "CREATE TABLE" in statement]
    if tables:
        db.execute("PRAGMA temp_store = MEMORY")
        db.execute("PRAGMA query_only = 0")
        for statement in tables:
            db.execute(statement.replace("CREATE TABLE", "CREATE TEMP TABLE"))
        db.execute("PRAGMA query_only = 1")


def migrate(db: sqlite3.Connection, version: int) -> None:
    """Bring a capture of an older `version` up to `VERSION`. Raises sqlite3.Error."""
    for step in range(version, VERSION):
        db.execute("BEGIN IMMEDIATE")
        try:
            MIGRATIONS[step](db)
            db.execute(f"PRAGMA user_version = {step + 1}")
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")

"""The schema: every version of it opens, and migrations are all or nothing."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.support.captures import START, capture, chat
from tests.unit.store.store_tools import events
from wsproxy.store import files, schema
from wsproxy.store.reader import Reader
from wsproxy.store.records import (
    ClosureRecord,
    ConnectionRecord,
    DecisionRecord,
    ExchangeFlag,
    FrameFlag,
    GapRecord,
    ReplayRecord,
)
from wsproxy.store.tail import FrameEvent
from wsproxy.wire.frames import Anomaly

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The kept capture of schema version 1, where it may be written to."""
    return Path(shutil.copy(DATA / "schema-1.wsp", tmp_path))


def test_a_capture_of_every_version_is_kept() -> None:
    kept = sorted(int(path.stem.partition("-")[2]) for path in DATA.glob("schema-*.wsp"))
    assert kept == list(range(1, schema.VERSION + 1))


class TestVersion1:
    def test_says_where_it_comes_from(self, old: Path) -> None:
        with Reader(old) as reader:
            info = reader.info()
            assert not reader.is_live()
        assert (info.schema, info.created, info.ended) == (1, START, START + 10_000_000_000)
        assert (info.program, info.writer_pid) == ("wsproxy test", None)

    def test_has_everything_in_the_order_it_happened(self, old: Path) -> None:
        assert [describe(event) for event in events(old)] == [
            "connection 1 wss://example.test/chat 101",
            "1 send 0x1 FIN|MASKED",
            "2 receive 0x1 FIN|RSV1|COMPRESSED = grüß dich",
            "3 receive 0x9 FIN",
            "4 send 0xa FIN|MASKED",
            "5 send 0x2 MASKED",
            "6 send 0x0 FIN|MASKED of 2 since 5",
            "7 send 0x2 FIN|MASKED",
            "8 receive 0x2 FIN|TRUNCATED",
            "9 receive 0x3 FIN|MASKED unknown_opcode masked_by_server",
            "connection 2 ws://example.test/chat 403 no such room",
            "closure 2 server 1006",
            "connection 3 ws://nobody.test/ connection refused",
            "10 receive 0x8 FIN",
            "gap 3",
            "11 send 0x8 FIN|MASKED",
            "12 send 0x1 FIN incomplete",
            "closure 1 server 1001 bye",
        ]

    def test_has_every_payload(self, old: Path) -> None:
        with Reader(old) as reader:
            assert b"".join(reader.payload(1)) == b'{"user":"ada"}'
            assert b"".join(reader.payload(7)) == bytes(range(100))
            assert b"".join(reader.payload(8)) == bytes(150)
            truncated = reader.frame(8)
            assert truncated is not None
            assert (truncated.length, truncated.stored, len(truncated.payload)) == (200, 150, 150)

    def test_has_the_handshake(self, old: Path) -> None:
        with Reader(old) as reader:
            connection = reader.connection(1)
        assert connection is not None
        assert connection.request.startswith(b"GET /chat HTTP/1.1\r\n")
        assert (connection.subprotocol, connection.extensions) == ("chat.v1", "permessage-deflate")
        assert connection.tls == {"server": {"version": "TLSv1.3", "sni": "example.test"}}

    def test_has_no_decisions(self, old: Path) -> None:
        with Reader(old) as reader:
            assert reader.decisions(0, 100) == []

    def test_can_be_appended_to(self, old: Path) -> None:
        with capture(old, append=True) as c:
            assert c.open() == 4
        assert len(events(old)) == 19


class TestVersion2:
    """Has what version 1 has, and what was decided about messages."""

    @pytest.fixture
    def kept(self) -> Path:
        return DATA / "schema-2.wsp"

    def test_has_what_arrived_what_was_sent_and_why(self, kept: Path) -> None:
        assert [describe(event) for event in events(kept) if involved(event)] == [
            "10 send 0x1 FIN|MASKED",
            "11 send 0x1 FIN|MASKED|FROM_PROXY",
            "decision send edit by addon rewrite 10 11",
            "12 send 0x1 FIN|MASKED",
            "decision send drop by addon drop 12",
            "13 send 0x1 FIN|MASKED",
            "decision send pass by hand 13",
            "14 receive 0x1 FIN|FROM_PROXY",
            "decision receive inject by rule 1 14",
        ]

    def test_tells_what_was_sent_and_how_long_it_took(self, kept: Path) -> None:
        with Reader(kept) as reader:
            edited, dropped, held, injected = reader.decisions(1, 20)
            assert b"".join(reader.payload(11)) == b"EDIT"
            assert reader.sent_by_decision(1, 20) == {11: edited, 14: injected}
        assert (edited.first_frame, edited.first_sent) == (10, 11)
        assert (dropped.last_sent, held.last_sent, injected.last_frame) == (None, None, None)
        assert (edited.held, held.held) == (0, 20_000_000)


class TestVersion3:
    """Has what version 2 has, what is the replay of what, and bodies of long-polling."""

    @pytest.fixture
    def kept(self) -> Path:
        return DATA / "schema-3.wsp"

    def test_tells_which_connection_of_which_capture_was_replayed(self, kept: Path) -> None:
        with Reader(kept) as reader:
            assert reader.has_replays()
            assert reader.replay_of(1) is None
            assert reader.replay_of(4) == ReplayRecord(4, "/captures/chat.wsp", START, 7)

    def test_tells_the_original_of_every_message(self, kept: Path) -> None:
        replayed = [event for event in events(kept) if isinstance(event, FrameEvent) and event.original]
        assert [(event.frame.id, event.frame.payload, event.original) for event in replayed] == [
            (18, b"said again", 12),
            (19, b"heard again", 15),
        ]

    def test_has_what_went_over_long_polling(self, kept: Path) -> None:
        with Reader(kept) as reader:
            opened, said, broken = reader.exchanges()
            assert reader.sid(5) == "abcd"
        assert (opened.sid, opened.from_client, opened.method, opened.status) == ("abcd", False, "GET", 200)
        assert (said.body, said.length, said.flags) == (b'42["said"]', 100, ExchangeFlag.TRUNCATED)
        assert (broken.status, broken.error) == (None, "server disconnected")

    def test_older_captures_have_no_replays(self, old: Path) -> None:
        with Reader(old) as reader:
            assert not reader.has_replays()
            assert (reader.replay_of(1), reader.originals(0, 100)) == (None, {})
            assert reader.exchanges() == []


def involved(event: object) -> bool:
    """It has to do with a decision."""
    return isinstance(event, DecisionRecord) or (isinstance(event, FrameEvent) and 10 <= event.frame.id <= 14)


def describe(event: object) -> str:
    match event:
        case DecisionRecord():
            way = "send" if event.from_client else "receive"
            words = ["decision", way, event.action, "by", event.by, event.last_frame, event.last_sent]
        case ConnectionRecord():
            words = ["connection", event.id, event.url, event.status, event.body.decode(), event.error]
        case ClosureRecord():
            words = ["closure", event.connection, event.by, event.code, event.reason]
        case GapRecord():
            words = ["gap", event.frames]
        case FrameEvent(frame, message):
            flags = "|".join(flag.name or "" for flag in FrameFlag if flag in frame.flags)
            words = [frame.id, "send" if frame.from_client else "receive", f"0x{frame.opcode:x}", flags]
            words += frame.anomalies.names
            if message and message.content is not None:
                words += ["=", message.content.decode()]
            elif message:
                words += ["of", message.frames, "since", message.first_frame]
    return " ".join(str(word) for word in words if word not in (None, ""))


class TestMigrations:
    """With a version that does not exist yet."""

    @pytest.fixture(autouse=True)
    def next_version(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(
            schema.MIGRATIONS, schema.VERSION, lambda db: db.execute("ALTER TABLE frame ADD COLUMN note TEXT")
        )
        monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)

    def test_bring_a_capture_up_to_date_when_it_is_appended_to(self, old: Path) -> None:
        db = files.open_to_append(old)
        assert db.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)
        assert db.execute("SELECT count(*), count(note) FROM frame").fetchone() == (12, 0)
        db.close()
        assert files.check(old) == schema.VERSION

    def test_are_not_needed_to_read(self, old: Path) -> None:
        assert len(events(old)) == 18
        assert files.check(old) == 1

    def test_that_fail_leave_the_capture_as_it_was(self, old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def fails(db: sqlite3.Connection) -> None:
            db.execute("DROP TABLE gap")
            db.execute("SELECT * FROM absent")

        monkeypatch.setitem(schema.MIGRATIONS, 1, fails)
        with pytest.raises(files.CaptureError, match="no such table: absent"):
            files.open_to_append(old)
        assert files.check(old) == 1
        assert len(events(old)) == 18


def test_the_application_id_stands_where_other_tools_look_for_it(tmp_path: Path) -> None:
    head = chat(tmp_path / "a.wsp").read_bytes()[:100]
    assert head[:16] == b"SQLite format 3\x00"
    assert head[68:72] == b"WSPX"


def test_a_person_with_the_sqlite_shell_can_read_the_log(old: Path) -> None:
    with sqlite3.connect(old) as db:
        rows = db.execute("SELECT id, time, direction, opcode, length, text FROM log LIMIT 4").fetchall()
    db.close()
    assert rows == [
        (1, "2024-03-05T12:00:00.010", "send", "text", 14, '{"user":"ada"}'),
        (2, "2024-03-05T12:00:00.020", "receive", "text", 14, "grüß dich"),
        (3, "2024-03-05T12:00:00.030", "receive", "ping", 4, None),
        (4, "2024-03-05T12:00:00.040", "send", "pong", 4, None),
    ]


def test_a_length_no_integer_holds_is_capped_and_the_header_has_it(tmp_path: Path) -> None:
    header = b"\x82\x7f" + b"\xff" * 8
    with capture(tmp_path / "a.wsp") as c:
        number = c.open()
        c.receive(number, header + b"abc")
        c.close(number)
    with Reader(tmp_path / "a.wsp") as reader:
        frame = reader.frame(1)
        assert frame is not None
        assert (frame.length, frame.header) == (schema.MAX_INTEGER, header)
        assert (frame.payload, frame.stored) == (b"abc", 3)
        assert Anomaly.LENGTH_TOO_LARGE in frame.anomalies
        assert FrameFlag.TRUNCATED in frame.flags

"""Lines for people: exact for a handful of events, harmless and fitting for all."""

import re
import zlib

import pytest

from tests.support.captures import MASK, capture, chat
from wsproxy.cli.render import Renderer
from wsproxy.decoders.text import columns
from wsproxy.store.limits import Limits
from wsproxy.store.reader import Reader
from wsproxy.store.records import GapRecord
from wsproxy.store.tail import Tail
from wsproxy.view.fragments import Fragments
from wsproxy.wire.encode import encode_close, encode_frame
from wsproxy.wire.frames import Anomaly
from wsproxy.words import ANOMALIES, anomaly_sentences, close_code, duration, file_size

pytestmark = pytest.mark.usefixtures("utc")

TODAY = "2024-03-05"
DEFLATE = "permessage-deflate"


def lines(path, width=200, color=False, today=TODAY, **tail):
    """Everything in a capture, as one text."""
    with Reader(path) as reader:
        renderer = Renderer(width, color, Fragments(reader), today)
        return "".join(renderer.line(event) for event in Tail(reader, **tail).read())


def of_frames(text):
    """Only the lines that begin with a frame's number."""
    return [line for line in text.splitlines() if re.match(r" *\d+ \d\d:", line)]


@pytest.fixture
def one(tmp_path):
    """The lines after sending these frames on one connection."""

    def shown(*frames, from_client=True, width=200, extensions="", limits=None):
        path = tmp_path / "one.wsp"
        with capture(path, limits) as c:
            number = c.open(extensions=extensions)
            for frame in frames:
                (c.send if from_client else c.receive)(number, frame)
        return lines(path, width)

    return shown


def deflated(content):
    compressor = zlib.compressobj(wbits=-15)
    return (compressor.compress(content) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def test_a_conversation_reads_like_this(tmp_path):
    assert lines(chat(tmp_path / "chat.wsp")) == (
        "      12:00:00.000 #1 open  wss://example.test/chat  chat.v1  TLSv1.3\n"
        '    1 12:00:00.010 #1 → text        14 B {"user":"ada"}\n'
        "    2 12:00:00.020 #1 ← text        11 B grüß dich\n"
        "    3 12:00:00.030 #1 ← ping         4 B beat\n"
        "    4 12:00:00.040 #1 → pong         4 B beat\n"
        "    5 12:00:00.050 #1 ← binary       8 B 89 50 4e 47 0d 0a 1a 0a  |.PNG....|\n"
        '    6 12:00:00.060 #1 → close        5 B 1000 normal closure "bye"\n'
        "    7 12:00:00.070 #1 ← close        2 B 1000 normal closure\n"
        '      12:00:00.080 #1 closed by client  1000 normal closure "bye"  clean (eof)  after 80 ms'
        "  → 3 frames 23 B  ← 4 frames 25 B\n"
        "      12:00:00.090 #2 refused 403 Forbidden  ws://example.test/secret  no entry\n"
    )


def test_a_fragmented_message_is_told_with_its_last_frame(one):
    shown = one(
        encode_frame(1, b"Hel", fin=False, mask=MASK),
        encode_frame(9, b"", mask=MASK),
        encode_frame(0, b"lo", mask=MASK),
    )

    assert of_frames(shown) == [
        "    1 12:00:00.010 #1 → text         3 B ·more Hel",
        "    2 12:00:00.020 #1 → ping         0 B ",
        "    3 12:00:00.030 #1 → cont         2 B ·ends 2 frames, 5 B lo",
    ]


def test_a_compressed_message_is_shown_inflated(one):
    shown = one(encode_frame(1, deflated(b"hello hello hello"), rsv=4, mask=MASK), extensions=DEFLATE)

    assert of_frames(shown) == ["    1 12:00:00.010 #1 → text        11 B ·deflate 17 B hello hello hello"]


def test_a_compressed_message_in_fragments_is_shown_once_it_is_whole(one):
    data = deflated(b"hello hello hello")
    shown = one(
        encode_frame(1, data[:4], rsv=4, fin=False, mask=MASK),
        encode_frame(0, data[4:], mask=MASK),
        extensions=DEFLATE,
    )

    assert of_frames(shown) == [
        "    1 12:00:00.010 #1 → text         4 B ·deflate ·more (the last frame shows the message)",
        "    2 12:00:00.020 #1 → cont         7 B ·deflate ·ends 2 frames, 17 B hello hello hello",
    ]


def test_what_breaks_the_protocol_is_said_beside_the_frame(one):
    assert of_frames(one(encode_frame(1, b"hi"))) == [
        "    1 12:00:00.010 #1 → text         2 B hi  ! unmasked frame from the client (RFC 6455 5.1)"
    ]


def test_on_a_narrow_terminal_it_is_said_below(one):
    shown = one(encode_frame(3, b"hello", rsv=1), width=80)

    assert shown.splitlines()[1:] == [
        "    1 12:00:00.010 #1 → 0x3          5 B ·rsv 001 hello",
        "      ! reserved opcode (RFC 6455 5.2)",
        "      ! reserved bit set without an extension (RFC 6455 5.2)",
        "      ! unmasked frame from the client (RFC 6455 5.1)",
    ]


def test_a_payload_that_was_not_kept_whole_says_so(one):
    [shown] = of_frames(one(encode_frame(1, b"a" * 100, mask=MASK), limits=Limits(frame=64, inline=16)))

    assert "·kept 64 B" in shown
    assert shown.endswith("a… +36 B")


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"", "no status code"),
        (b"\x03", "03  |.|  ! close payload of one byte (RFC 6455 5.5.1)"),
        ((4001).to_bytes(2, "big") + b"kicked", '4001 (application) "kicked"'),
        ((1006).to_bytes(2, "big"), "1006 no close frame  ! close code that must not be sent (RFC 6455 7.4)"),
        (
            (1000).to_bytes(2, "big") + b"b\xffe",
            r"1000 normal closure b\xffe  ! text is not valid UTF-8 (RFC 6455 8.1)",
        ),
    ],
)
def test_a_close_frame_is_put_into_words(one, payload, words):
    [shown] = of_frames(one(encode_frame(8, payload, mask=MASK)))

    assert shown.partition(" B ")[2] == words


def test_an_abnormal_end_is_not_called_clean(tmp_path):
    with capture(tmp_path / "a.wsp") as c:
        c.close(c.open(), how="reset")

    assert lines(tmp_path / "a.wsp").splitlines()[1] == (
        "      12:00:00.010 #1 closed by server  1006 no close frame  not clean (reset)  after 10 ms"
        "  → 0 frames 0 B  ← 0 frames 0 B"
    )


def test_a_failed_handshake_says_why(tmp_path):
    with capture(tmp_path / "a.wsp") as c:
        c.open("wss://nowhere.test/", status=None, error="connection refused")

    assert lines(tmp_path / "a.wsp") == (
        "      12:00:00.000 #1 failed  wss://nowhere.test/  connection refused\n"
    )


def test_findings_about_the_handshake_follow_its_line(tmp_path):
    with capture(tmp_path / "a.wsp") as c:
        c.open(
            response=b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
        )

    assert lines(tmp_path / "a.wsp").splitlines()[1] == (
        "      ! the response has no Sec-WebSocket-Accept (RFC 6455 section 4.2.2)"
    )


def test_a_message_that_refers_to_what_was_not_recorded_says_so(tmp_path):
    with capture(tmp_path / "a.wsp") as c:
        number = c.open(extensions=DEFLATE)
        c.omit()
        c.send(number, encode_frame(1, deflated(b"hello"), rsv=4, mask=MASK))
        c.resume()
        c.send(number, encode_frame(1, b"\xca\x00\x11\x00\x00", rsv=4, mask=MASK))
    [line] = of_frames(lines(tmp_path / "a.wsp"))
    assert line.rstrip().endswith("·deflate refers to content that was not recorded")


def test_a_gap_is_loud():
    gap = GapRecord(1, 1_709_640_000_000_000_000, 1_709_640_005_000_000_000, 1234, 5678, "disk full\x1b[2J")

    assert Renderer(200, today=TODAY).line(gap) == (
        "      12:00:00.000 NOT RECORDED until 12:00:05: 1,234 frames (5,678 B) went through; "
        "disk full\\x1b[2J\n"
    )
    assert "\x1b[41m" in Renderer(200, color=True, today=TODAY).line(gap)


def test_events_of_another_day_are_announced_by_their_date(tmp_path):
    text = lines(chat(tmp_path / "chat.wsp"), today="2024-03-06")

    assert text.splitlines()[0] == "      2024-03-05"
    assert text.count("2024-03-05") == 1


def test_beginning_in_the_middle_leaves_out_what_cannot_be_known(tmp_path):
    text = lines(chat(tmp_path / "chat.wsp"), after_frame=6)

    assert text == (
        "    7 12:00:00.070 #1 ← close        2 B 1000 normal closure\n"
        '      12:00:00.080 #1 closed by client  1000 normal closure "bye"  clean (eof)\n'
        "      12:00:00.090 #2 refused 403 Forbidden  ws://example.test/secret  no entry\n"
    )


def test_a_continuation_in_the_middle_still_knows_that_it_is_text(tmp_path):
    with capture(tmp_path / "a.wsp") as c:
        number = c.open()
        c.send(number, encode_frame(1, b"a", fin=False, mask=MASK))
        c.send(number, encode_frame(0, "äö".encode(), fin=False, mask=MASK))
        c.send(number, encode_frame(0, "\u00fc".encode(), mask=MASK))

    assert lines(tmp_path / "a.wsp", after_frame=2).endswith("·ends 3 frames, 7 B ü\n")


def hostile(path):
    """A capture in which everything that can be chosen by a peer is hostile."""
    evil = "\x1b]0;owned\x07\u202e\u0301\u0301\n漢字\x9b2J"
    with capture(path) as c:
        number = c.open(f"wss://x/{evil * 20}", extensions="x" * 300, tls={"server": {"version": evil}})
        for opcode in range(16):
            c.send(number, encode_frame(opcode, evil.encode() * 9, fin=bool(opcode % 2), rsv=opcode % 8))
            c.receive(number, encode_frame(opcode, b"\xff\x1b" * 40, mask=MASK, length_bytes=8))
        c.receive(number, encode_close(1000, evil))
        c.close(number, how="reset")
        c.open(f"ws://x/{evil}", status=403, body=evil.encode(), response=f"HTTP/1.1 403 {evil}".encode())
        c.open("ws://x/", status=None, error=evil)
    return path


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_hostile_traffic_stays_harmless_and_in_its_lines(tmp_path, width):
    text = lines(hostile(tmp_path / "evil.wsp"), width)

    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert max(columns(line) for line in text.splitlines()) <= width


def test_colours_are_all_that_colour_adds(tmp_path):
    path = hostile(tmp_path / "evil.wsp")

    assert re.sub(r"\x1b\[[0-9;]*m", "", lines(path, 80, color=True)) == lines(path, 80)


def test_every_anomaly_has_a_sentence_that_fits_a_terminal():
    assert set(ANOMALIES) == set(Anomaly)
    assert anomaly_sentences(Anomaly.UNKNOWN_OPCODE | Anomaly.INCOMPLETE) == [
        "reserved opcode (RFC 6455 5.2)",
        "the connection ended inside this frame",
    ]
    assert max(map(len, ANOMALIES.values())) <= 70


def test_close_codes_have_names():
    assert close_code(1001) == "1001 going away"
    assert close_code(3500) == "3500 (registered)"
    assert close_code(1999) == "1999 (reserved)"
    assert close_code(999) == "999 (invalid)"
    assert close_code(None) == "no status code"


def test_durations_and_sizes_are_short():
    assert [duration(n) for n in (0, 1_500_000, 12_340_000_000, 200_000_000_000, 7_500_000_000_000)] == [
        "0 ms",
        "1 ms",
        "12.3 s",
        "3 min 20 s",
        "2 h 05 min",
    ]
    assert [file_size(n) for n in (512, 1536, 35_667_968, 5 << 30)] == [
        "512 B",
        "1.5 KiB",
        "34.0 MiB",
        "5.0 GiB",
    ]

"""JSON lines: exact, harmless, and every key documented."""

import base64
import json
import re
import zlib
from pathlib import Path

import pytest

from tests.support.captures import MASK, capture, chat
from wsproxy.cli.jsonl import JsonLines
from wsproxy.store.jsontext import Timestamps
from wsproxy.store.limits import Limits
from wsproxy.store.reader import Reader
from wsproxy.store.records import GapRecord
from wsproxy.store.tail import Tail
from wsproxy.wire.encode import encode_close, encode_frame
from wsproxy.wire.frames import Anomaly

DOCS = Path(__file__).parents[3] / "wsproxy" / "docs" / "json.md"
DEFLATE = "permessage-deflate"


def raw(path, **tail):
    with Reader(path) as reader:
        made = JsonLines(reader)
        return [made.line(event) for event in Tail(reader, **tail).read()]


def events(path, kind=None, **tail):
    found = [json.loads(line) for line in raw(path, **tail)]
    return [event for event in found if kind in (None, event["event"])]


@pytest.fixture
def frames(tmp_path):
    """The frame events after sending these frames on one connection."""

    def shown(*sent, extensions="", limits=None, from_client=True):
        with capture(tmp_path / "one.wsp", limits) as c:
            number = c.open(extensions=extensions)
            for data in sent:
                (c.send if from_client else c.receive)(number, data)
        return events(tmp_path / "one.wsp", "frame")

    return shown


def deflated(content):
    compressor = zlib.compressobj(wbits=-15)
    return (compressor.compress(content) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def test_a_frame_is_this_object(frames):
    assert frames(encode_frame(1, "grüß dich".encode(), mask=MASK)) == [
        {
            "event": "frame",
            "id": 1,
            "connection": 1,
            "time": "2024-03-05T12:00:00.010000000Z",
            "direction": "send",
            "opcode": "text",
            "fin": True,
            "rsv": 0,
            "masked": True,
            "length": 11,
            "stored": 11,
            "truncated": False,
            "redacted": False,
            "origin": "peer",
            "compressed": False,
            "header": "818b37fa213d",
            "anomalies": [],
            "text": "grüß dich",
        }
    ]


def test_binary_and_invalid_text_are_base64(frames):
    binary, text = frames(
        encode_frame(2, b"plain", mask=MASK),
        encode_frame(1, b"\xff\x00", mask=MASK),
    )

    assert base64.b64decode(binary["base64"]) == b"plain"
    assert base64.b64decode(text["base64"]) == b"\xff\x00"
    assert text["anomalies"] == ["invalid_utf8"]
    assert "text" not in binary
    assert "text" not in text


def test_a_close_frame_has_code_and_reason(frames):
    normal, empty = frames(encode_close(4001, "kicked", mask=MASK), encode_close(mask=MASK))

    assert (normal["code"], normal["reason"]) == (4001, "kicked")
    assert (empty["code"], empty["reason"], empty["base64"]) == (None, "", "")


def test_the_last_frame_of_a_fragmented_message_has_all_of_it(frames):
    first, ping, last = frames(
        encode_frame(1, "ü".encode()[:1], fin=False, mask=MASK),
        encode_frame(9, b"", mask=MASK),
        encode_frame(0, "ü".encode()[1:], mask=MASK),
    )

    assert "base64" in first
    assert "base64" in ping
    assert last["message"] == {
        "first_frame": 1,
        "frames": 2,
        "opcode": "text",
        "length": 2,
        "compressed": False,
        "truncated": False,
        "anomalies": [],
        "text": "ü",
    }


def test_other_frames_between_the_fragments_are_not_in_the_message(tmp_path):
    with capture(tmp_path / "a.wsp") as c:
        one, other = c.open(), c.open()
        c.send(one, encode_frame(1, b"a", fin=False, mask=MASK))
        c.send(other, encode_frame(1, b"x", mask=MASK))
        c.receive(one, encode_frame(1, b"y", fin=False))
        c.receive(one, encode_frame(0, b"z"))
        c.send(one, encode_frame(9, b"ping", mask=MASK))
        c.send(one, encode_frame(0, b"b", mask=MASK))

    messages = [
        frame["message"]["text"] for frame in events(tmp_path / "a.wsp", "frame") if "message" in frame
    ]
    assert messages == ["yz", "ab"]


def test_a_compressed_frame_has_its_inflated_content(frames):
    [frame] = frames(encode_frame(1, deflated(b"hello hello hello"), rsv=4, mask=MASK), extensions=DEFLATE)

    assert frame["text"] == "hello hello hello"
    assert frame["compressed"] is True
    assert frame["rsv"] == 4
    assert frame["length"] == frame["stored"] == 11
    assert frame["inflated_length"] == 17
    assert "message" not in frame


def test_a_compressed_message_in_fragments_is_inflated_in_the_last_one(frames):
    data = deflated(b"hello hello hello")
    first, last = frames(
        encode_frame(2, data[:4], rsv=4, fin=False, mask=MASK),
        encode_frame(0, data[4:], mask=MASK),
        extensions=DEFLATE,
    )

    assert base64.b64decode(first["base64"]) + base64.b64decode(last["base64"]) == data
    assert base64.b64decode(last["message"]["base64"]) == b"hello hello hello"
    assert last["message"]["compressed"] is True


def test_a_bomb_says_that_it_was_cut(frames):
    [frame] = frames(
        encode_frame(1, deflated(bytes(200_000)), rsv=4, mask=MASK),
        extensions=DEFLATE,
        limits=Limits(message=1000),
    )

    assert frame["truncated"] is True
    assert len(frame["text"]) == 1000
    assert frame["inflated_length"] >= 1000


def test_a_large_frame_is_given_whole(frames):
    payload = bytes(range(256)) * 2000

    [frame] = frames(encode_frame(2, payload, mask=MASK))

    assert frame["length"] == frame["stored"] == len(payload)
    assert base64.b64decode(frame["base64"]) == payload


def test_a_frame_longer_than_what_is_kept_says_so(frames):
    [frame] = frames(encode_frame(1, b"a" * 100, mask=MASK), limits=Limits(frame=64, inline=16))

    assert (frame["length"], frame["stored"], frame["truncated"]) == (100, 64, True)
    assert frame["text"] == "a" * 64


def test_late_anomalies_of_a_large_frame_are_with_it(frames):
    [frame] = frames(encode_frame(1, b"a" * 70_000 + b"\xff", mask=MASK))

    assert frame["anomalies"] == ["invalid_utf8"]
    assert "message" not in frame


def test_beginning_in_the_middle_gives_the_same_lines(tmp_path):
    with capture(tmp_path / "a.wsp") as c:
        number = c.open()
        c.send(number, encode_frame(1, b"a", fin=False, mask=MASK))
        c.receive(number, encode_frame(2, b"b", fin=False))
        c.send(number, encode_frame(0, b"c", fin=False, mask=MASK))
        c.receive(number, encode_frame(0, b"d"))
        c.receive(number, encode_frame(0, b"no start"))
        c.send(number, encode_frame(0, b"e", mask=MASK))

    whole = [line for line in raw(tmp_path / "a.wsp") if '"event":"frame"' in line]
    assert [raw(tmp_path / "a.wsp", after_frame=after)[0] for after in range(1, 6)] == whole[1:]
    assert [list(json.loads(line))[-1] for line in whole] == [
        "text",
        "base64",
        "text",
        "message",
        "base64",
        "message",
    ]


def test_a_handshake_is_told_with_everything_that_is_known(tmp_path):
    opened, refused = events(chat(tmp_path / "a.wsp"), "open")

    assert opened["state"] == "open"
    assert opened["url"] == "wss://example.test/chat"
    assert opened["subprotocol"] == "chat.v1"
    assert opened["tls"] == {"server": {"version": "TLSv1.3"}}
    assert opened["request"].startswith("GET /chat HTTP/1.1\r\n")
    assert (refused["state"], refused["status"], refused["body"]) == ("refused", 403, "no entry")


def test_heads_that_are_not_utf8_are_base64(tmp_path):
    with capture(tmp_path / "a.wsp") as c:
        c.open(status=404, response=b"HTTP/1.1 404 \xe9\r\n\r\n", body=b"\xff")

    [opened] = events(tmp_path / "a.wsp", "open")
    assert base64.b64decode(opened["response_base64"]) == b"HTTP/1.1 404 \xe9\r\n\r\n"
    assert base64.b64decode(opened["body_base64"]) == b"\xff"
    assert "response" not in opened


def test_a_closing_is_told(tmp_path):
    assert events(chat(tmp_path / "a.wsp"), "close") == [
        {
            "event": "close",
            "connection": 1,
            "time": "2024-03-05T12:00:00.080000000Z",
            "by": "client",
            "code": 1000,
            "reason": "bye",
            "clean": True,
            "how": "eof",
        }
    ]


def gap_line(path):
    gap = GapRecord(1, 1_709_640_000_000_000_000, 1_709_640_005_000_000_001, 12, 345, "disk full")
    with Reader(path) as reader:
        return JsonLines(reader).line(gap)


def test_a_gap_is_told(tmp_path):
    assert json.loads(gap_line(chat(tmp_path / "a.wsp"))) == {
        "event": "gap",
        "id": 1,
        "started": "2024-03-05T12:00:00.000000000Z",
        "ended": "2024-03-05T12:00:05.000000001Z",
        "frames": 12,
        "bytes": 345,
        "reason": "disk full",
    }


def test_times_are_exact_to_the_nanosecond_and_in_order_as_text():
    stamp = Timestamps()

    times = [0, 1, 999_999_999, 1_000_000_000, 1_709_640_000_123_456_789]
    assert stamp(times[-1]) == "2024-03-05T12:00:00.123456789Z"
    assert [stamp(ns) for ns in times] == sorted(stamp(ns) for ns in times)


def test_nothing_but_printable_ascii_is_ever_printed(tmp_path):
    everything = "".join(map(chr, range(0x100))) + "\u202e\ufeff\U0001f468"
    with capture(tmp_path / "a.wsp") as c:
        number = c.open(f"ws://x/{everything}")
        c.send(number, encode_frame(1, everything.encode(), mask=MASK))
        c.send(number, encode_close(1000, everything[:60], mask=MASK))
        c.close(number)

    lines = raw(tmp_path / "a.wsp")
    assert all(re.fullmatch("[\x20-\x7e]+\n", line) for line in lines)
    assert json.loads(lines[1])["text"] == everything


def keys_of(value):
    """All keys of a JSON value, those of nested objects included."""
    if isinstance(value, dict):
        # TLS details are named in the text of `tls`, opcodes and anomalies in their own tables.
        nested = [
            keys_of(child) for key, child in value.items() if key not in ("tls", "opcodes", "anomalies")
        ]
        return set(value).union(*nested)
    if isinstance(value, list):
        return set().union(*map(keys_of, value))
    return set()


def section(title):
    """The names in backticks in the part of the page under a heading."""
    text = DOCS.read_text(encoding="utf-8")
    match = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", text, re.M | re.S)
    assert match, title
    return set(re.findall(r"`(\w+)`", match[1]))


def test_every_key_is_documented(tmp_path, wsproxy):
    path = tmp_path / "a.wsp"
    chat(path)
    with capture(path, append=True) as c:
        number = c.open(extensions=DEFLATE)
        c.send(number, encode_frame(1, deflated(b"a"), rsv=4, mask=MASK))
        c.send(number, encode_frame(1, b"a", fin=False, mask=MASK))
        c.send(number, encode_frame(0, b"b", mask=MASK))
        c.send(number, encode_frame(2, b"a", fin=False, mask=MASK))
        c.send(number, encode_frame(0, b"b", mask=MASK))
        c.open(status=404, response=b"HTTP/1.1 404 \xe9\r\n\r\n", body=b"\xff")
    with capture(path, append=True) as c:
        number = c.open()
        c.relay(number).inject(True, 1, b"nobody said this", "hand")
    found = events(path)
    assert {event["event"] for event in found} == {"frame", "open", "decision", "close"}

    for event in [*found, json.loads(gap_line(path))]:
        message = event.pop("message", {})
        assert set(event) <= section(f"`{event['event']}`")
        assert set(message) <= section("`message` in a frame")
    info = json.loads(wsproxy("info", path, "--json").stdout)
    spoken = [connection.pop("spoken") for connection in info["connections"]]
    assert keys_of(spoken[0]) <= section("`spoken` in a connection")
    assert keys_of(info) | {"spoken"} <= section("`wsproxy info --json`")


def test_every_anomaly_is_documented():
    assert set(Anomaly(~0).names) <= section("Anomalies")

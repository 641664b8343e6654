"""Frame boundaries: whatever comes, in whatever chunks, nothing is changed, lost or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.strategies import CUTS, EDGES, STREAMS, bytewise, cut, frames
from wsproxy.wire.encode import encode_frame, encode_header
from wsproxy.wire.frames import (
    MAX_HEADER,
    OPCODE_NAMES,
    Anomaly,
    Frame,
    FrameScanner,
    Opcode,
    Piece,
    header_length,
    header_mask,
)

# Frames beside their bytes: header, masking key, payload as it stands on the wire.
TABLE = [
    ("81 00", "", ""),
    ("81 05", "", "48656c6c6f"),
    ("81 85", "37fa213d", "7f9f4d5158"),
    ("01 03", "", "48656c"),
    ("80 02", "", "6c6f"),
    ("88 02", "", "03e8"),
    ("89 80", "00000000", ""),
    ("c1 07", "", "f248cdc9c90700"),
    ("82 7e 00 7e", "", "00" * 126),
    ("82 fe 00 7e", "01020304", "00" * 126),
    ("82 7e 00 01", "", "2a"),
    ("82 7f 00 00 00 00 00 00 00 01", "", "2a"),
    ("82 ff 00 00 00 00 00 00 00 01", "01020304", "2b"),
    ("f3 01", "", "ff"),
    ("0b 80", "ffffffff", ""),
]
RAW = [(bytes.fromhex(h), bytes.fromhex(k), bytes.fromhex(p)) for h, k, p in TABLE]


def joined(pieces: list[Piece]) -> list[tuple[bytes, bytes, int]]:
    """Pieces with the parts of each frame put together: `(header, payload, left)`."""
    found: list[tuple[bytes, bytes, int]] = []
    for header, payload, left in pieces:
        if header is None:
            before, start, _ = found.pop()
            header, payload = before, start + payload
        found.append((header, payload, left))
    return found


def scan(chunks: list[bytes]) -> tuple[list[Piece], FrameScanner]:
    scanner = FrameScanner()
    return [piece for chunk in chunks for piece in scanner.feed(chunk)], scanner


@pytest.mark.parametrize(("head", "key", "payload"), RAW)
class TestEveryFrame:
    def test_is_found_at_once(self, head: bytes, key: bytes, payload: bytes) -> None:
        pieces, scanner = scan([head + key + payload])
        assert pieces == [(head + key, payload, 0)]
        assert (scanner.head, scanner.left) == (b"", 0)

    def test_is_found_byte_by_byte(self, head: bytes, key: bytes, payload: bytes) -> None:
        pieces, scanner = scan(bytewise(head + key + payload))
        assert joined(pieces) == [(head + key, payload, 0)]
        assert (scanner.head, scanner.left) == (b"", 0)

    def test_is_found_with_bytes_behind_it(self, head: bytes, key: bytes, payload: bytes) -> None:
        pieces, scanner = scan([head + key + payload + b"\x81"])
        assert pieces == [(head + key, payload, 0)]
        assert (scanner.head, scanner.left) == (b"\x81", 0)

    def test_is_an_object_with_the_same_bytes(self, head: bytes, key: bytes, payload: bytes) -> None:
        [frame] = Frame.parse(head + key + payload + b"\x81\x05unfi")
        assert frame.raw == head + key + payload
        assert (frame.header, frame.mask, frame.payload) == (head + key, key, payload)
        assert header_length(frame.header) == len(payload)
        assert header_mask(frame.header) == key


def test_a_masked_payload_is_readable() -> None:
    [frame] = Frame.parse(bytes.fromhex("81 85 37 fa 21 3d 7f 9f 4d 51 58"))
    assert frame.data == b"Hello"
    assert (frame.opcode, frame.fin, frame.rsv) == (Opcode.TEXT, True, 0)


def test_an_unmasked_payload_is_its_data() -> None:
    [frame] = Frame.parse(b"\x42\x02hi")
    assert frame.data == b"hi"
    assert (frame.opcode, frame.fin, frame.rsv) == (Opcode.BINARY, False, 4)


def test_an_unfinished_frame_is_no_frame_yet() -> None:
    assert Frame.parse(b"\x81\x02hi\x81\x03hi") == [Frame(b"\x81\x02", b"hi")]
    assert Frame.parse(b"\x81") == []
    assert Frame.parse(b"") == []


@given(STREAMS, CUTS)
def test_pieces_joined_are_the_stream(stream: bytes, at: list[int]) -> None:
    pieces, scanner = scan(cut(stream, at))
    assert b"".join((header or b"") + payload for header, payload, _ in pieces) + scanner.head == stream
    assert len(scanner.head) < MAX_HEADER
    assert not (scanner.head and scanner.left)


@given(STREAMS, CUTS)
def test_frames_do_not_depend_on_how_the_stream_was_chunked(stream: bytes, at: list[int]) -> None:
    pieces, scanner = scan(cut(stream, at))
    whole, reference = scan([stream])
    assert joined(pieces) == joined(whole)
    assert (scanner.head, scanner.left) == (reference.head, reference.left)


@given(st.lists(frames(), max_size=6))
def test_whole_frames_come_out_as_they_went_in(raws: list[bytes]) -> None:
    assert [frame.raw for frame in Frame.parse(b"".join(raws))] == raws


@given(st.lists(st.binary(max_size=30), max_size=10))
def test_any_bytes_can_come(chunks: list[bytes]) -> None:
    scan(chunks)


@pytest.mark.parametrize("length", EDGES)
@pytest.mark.parametrize("mask", [b"", b"abcd"])
def test_lengths_around_every_form_of_the_header(length: int, mask: bytes) -> None:
    raw = encode_frame(2, bytes(length), mask=mask)
    pieces, scanner = scan([raw[:7], raw[7:] + b"\x81\x00"])
    assert [len(payload) for _, payload, _ in joined(pieces)] == [length, 0]
    assert scanner.head == b""


@pytest.mark.parametrize("length", [(1 << 63) - 1, 1 << 63, (1 << 64) - 1])
def test_a_length_nobody_can_send_is_counted_down_all_the_same(length: int) -> None:
    header = encode_header(2, length)
    pieces, scanner = scan([header, b"abc", b"de"])
    assert pieces == [(header, b"", length), (None, b"abc", length - 3), (None, b"de", length - 5)]
    assert scanner.left == length - 5
    assert header_length(header) == length


def test_half_a_frame_does_not_wait_for_the_other_half() -> None:
    scanner = FrameScanner()
    assert scanner.feed(b"\x81\x0aab") == [(b"\x81\x0a", b"ab", 8)]
    assert scanner.left == 8
    assert scanner.feed(b"cdef") == [(None, b"cdef", 4)]
    assert scanner.feed(b"ghij\x81") == [(None, b"ghij", 0)]
    assert (scanner.left, scanner.head) == (0, b"\x81")
    assert scanner.feed(b"\x01k") == [(b"\x81\x01", b"k", 0)]


def test_a_frame_that_ends_with_a_read_leaves_nothing_behind() -> None:
    scanner = FrameScanner()
    scanner.feed(b"\x81\x04ab")
    assert scanner.feed(b"cd") == [(None, b"cd", 0)]
    assert (scanner.left, scanner.head) == (0, b"")


def test_an_empty_read_finds_nothing_and_breaks_nothing() -> None:
    scanner = FrameScanner()
    assert scanner.feed(b"") == []
    scanner.feed(b"\x81\x04ab")
    assert scanner.feed(b"") == []
    assert scanner.feed(b"cd\x81") == [(None, b"cd", 0)]
    assert scanner.feed(b"") == []
    assert scanner.feed(b"\x00") == [(b"\x81\x00", b"", 0)]


@pytest.mark.parametrize(
    "header",
    [
        encode_header(1, 5, mask=b"abcd"),
        encode_header(1, 300, mask=b"abcd"),
        encode_header(1, 70_000, mask=b"k3y!"),
    ],
)
def test_a_header_is_held_until_its_last_byte_is_there(header: bytes) -> None:
    for count in range(len(header)):
        pieces, scanner = scan([header[:count]])
        assert pieces == []
        assert scanner.head == header[:count]
        assert scanner.feed(header[count:]) == [(header, b"", header_length(header))]
        assert scanner.head == b""


@pytest.mark.parametrize(
    ("raw", "uncommon"),
    [
        (encode_frame(1, b"x"), False),
        (encode_frame(2, b"x", mask=b"abcd"), False),
        (encode_frame(1, b"x", rsv=4), False),
        (encode_frame(2, b"x", rsv=4) * 3, False),
        (b"", False),
        (encode_frame(0, b"x"), True),
        (encode_frame(1, b"x", fin=False), True),
        (encode_frame(8, b""), True),
        (encode_frame(9, b""), True),
        (encode_frame(10, b""), True),
        (encode_frame(1, b"x", rsv=2), True),
        (encode_frame(3, b"x"), True),
        (encode_frame(1, b"x") + encode_frame(8, b"") + encode_frame(1, b"x"), True),
    ],
)
def test_reads_with_more_than_whole_messages_are_marked(raw: bytes, uncommon: bool) -> None:
    assert scan([raw])[1].uncommon is uncommon
    assert scan([encode_frame(9, b""), raw])[1].uncommon is uncommon


def test_the_mark_stays_while_an_uncommon_frame_arrives() -> None:
    scanner = FrameScanner()
    seen = []
    for chunk in (b"\x88\x04ab", b"c", b"", b"d", b"\x81\x03a", b"b", b"c\x89", b"\x00"):
        scanner.feed(chunk)
        seen.append(scanner.uncommon)
    assert seen == [True, True, True, True, False, False, False, True]


def test_every_opcode_has_a_name() -> None:
    assert (
        *("continuation", "text", "binary", "0x3", "0x4", "0x5", "0x6", "0x7"),
        *("close", "ping", "pong", "0xb", "0xc", "0xd", "0xe", "0xf"),
    ) == OPCODE_NAMES


def test_the_names_of_anomalies_come_in_the_order_of_their_values() -> None:
    assert (Anomaly.INCOMPLETE | Anomaly.UNKNOWN_OPCODE | Anomaly.INVALID_UTF8).names == [
        "unknown_opcode",
        "invalid_utf8",
        "incomplete",
    ]
    assert Anomaly(0).names == []


def test_an_anomaly_of_a_newer_program_has_no_name_and_does_no_harm() -> None:
    assert Anomaly(1 << 30 | 1).names == ["unknown_opcode"]


def test_the_values_of_anomalies_never_change() -> None:
    # They stand in captures.
    assert {flag.name: flag.value.bit_length() - 1 for flag in Anomaly} == {
        "UNKNOWN_OPCODE": 0,
        "RSV_WITHOUT_EXTENSION": 1,
        "FRAGMENTED_CONTROL": 2,
        "OVERSIZED_CONTROL": 3,
        "CONTINUATION_WITHOUT_START": 4,
        "INTERRUPTED_MESSAGE": 5,
        "LENGTH_NOT_MINIMAL": 6,
        "LENGTH_TOO_LARGE": 7,
        "MASKED_BY_SERVER": 8,
        "UNMASKED_BY_CLIENT": 9,
        "INVALID_UTF8": 10,
        "INVALID_CLOSE_CODE": 11,
        "CLOSE_TOO_SHORT": 12,
        "DATA_AFTER_CLOSE": 13,
        "INFLATE_FAILED": 14,
        "INCOMPLETE": 15,
    }

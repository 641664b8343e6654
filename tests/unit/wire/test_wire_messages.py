"""Messages: each way to break the protocol by its own test, and legal traffic by another implementation."""

import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from tests.support.strategies import CUTS, cut, frames
from wsproxy.wire.closing import LONGEST
from wsproxy.wire.deflate import TAIL, DeflateParameters
from wsproxy.wire.encode import encode_close, encode_frame
from wsproxy.wire.frames import Anomaly, Frame
from wsproxy.wire.messages import Message, MessageTracker

NONE = Anomaly(0)
DEFLATE = DeflateParameters()
KEY = b"k3y!"


def follow(raw: bytes, tracker: MessageTracker | None = None) -> tuple[list[Anomaly], list[Message | None]]:
    """Every frame in `raw`: what is wrong with each, and the message it ended."""
    tracker = tracker or MessageTracker(False)
    judged = [tracker.whole(frame.header, frame.data) for frame in Frame.parse(raw)]
    return [Anomaly(anomalies) for anomalies, _ in judged], [message for _, message in judged]


def compressed(content: bytes, **options: Any) -> bytes:
    """A message of permessage-deflate, by zlib alone."""
    deflate = zlib.compressobj(wbits=-15, **options)
    return (deflate.compress(content) + deflate.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)


def text(payload: bytes, **options: Any) -> bytes:
    return encode_frame(1, payload, **options)


ODD = Anomaly.UNKNOWN_OPCODE
START, CONTINUATION, END = (
    encode_frame(1, b"a", fin=False),
    encode_frame(0, b"b", fin=False),
    encode_frame(0, b"c"),
)

# Frames of a server without extensions, and what is wrong with each.
BROKEN = {
    "a legal text": (text(b"hi"), [NONE]),
    "a legal binary": (encode_frame(2, b"\xff"), [NONE]),
    "legal fragments": (START + CONTINUATION + END, [NONE] * 3),
    "a ping among fragments": (START + encode_frame(9, b"") + END, [NONE] * 3),
    "an empty message": (text(b""), [NONE]),
    "every form of length": (encode_frame(2, bytes(126)) + encode_frame(2, bytes(1 << 16)), [NONE] * 2),
    "reserved data opcodes": (b"".join(encode_frame(n, b"") for n in range(3, 8)), [ODD] * 5),
    "reserved control opcodes": (b"".join(encode_frame(n, b"") for n in range(11, 16)), [ODD] * 5),
    "an unknown opcode among fragments": (START + encode_frame(3, b"\xff") + END, [NONE, ODD, NONE]),
    "RSV1 of a text": (text(b"", rsv=4), [Anomaly.RSV_WITHOUT_EXTENSION]),
    "RSV2 of a binary": (encode_frame(2, b"", rsv=2), [Anomaly.RSV_WITHOUT_EXTENSION]),
    "RSV3 of a ping": (encode_frame(9, b"", rsv=1), [Anomaly.RSV_WITHOUT_EXTENSION]),
    "a ping without FIN": (encode_frame(9, b"", fin=False), [Anomaly.FRAGMENTED_CONTROL]),
    "a ping of 125 bytes": (encode_frame(9, bytes(125)), [NONE]),
    "a ping of 126 bytes": (encode_frame(9, bytes(126)), [Anomaly.OVERSIZED_CONTROL]),
    "a continuation of nothing": (END, [Anomaly.CONTINUATION_WITHOUT_START]),
    "a continuation after the end": (START + END + END, [NONE, NONE, Anomaly.CONTINUATION_WITHOUT_START]),
    "a continuation without FIN of nothing": (
        CONTINUATION + END,
        [Anomaly.CONTINUATION_WITHOUT_START] * 2,
    ),
    "a message among fragments": (
        START + text(b"x") + END,
        [NONE, Anomaly.INTERRUPTED_MESSAGE, Anomaly.CONTINUATION_WITHOUT_START],
    ),
    "a second start among fragments": (START + START + END, [NONE, Anomaly.INTERRUPTED_MESSAGE, NONE]),
    "1 byte with a length of 2": (text(b"x", length_bytes=2), [Anomaly.LENGTH_NOT_MINIMAL]),
    "1 byte with a length of 8": (text(b"x", length_bytes=8), [Anomaly.LENGTH_NOT_MINIMAL]),
    "126 bytes with a length of 8": (text(bytes(126), length_bytes=8), [Anomaly.LENGTH_NOT_MINIMAL]),
    "65535 bytes with a length of 8": (text(bytes(65_535), length_bytes=8), [Anomaly.LENGTH_NOT_MINIMAL]),
    "a masked frame of a server": (text(b"x", mask=KEY), [Anomaly.MASKED_BY_SERVER]),
    "a masked ping of a server": (encode_frame(9, b"x", mask=KEY), [Anomaly.MASKED_BY_SERVER]),
    "text that is not UTF-8": (text(b"\xff"), [Anomaly.INVALID_UTF8]),
    "text that is a surrogate": (text(b"\xed\xa0\x80"), [Anomaly.INVALID_UTF8]),
    "text that is written too long": (text(b"\xc0\xaf"), [Anomaly.INVALID_UTF8]),
    "text that ends inside a character": (text(b"x\xe2\x82"), [Anomaly.INVALID_UTF8]),
    "a character cut by fragments": (
        text(b"\xe2", fin=False) + encode_frame(0, b"\x82", fin=False) + encode_frame(0, b"\xac"),
        [NONE] * 3,
    ),
    "a character cut by fragments and a ping": (
        text(b"\xe2", fin=False) + encode_frame(9, b"\xff") + encode_frame(0, b"\x82\xac"),
        [NONE] * 3,
    ),
    "bad UTF-8 over two fragments": (
        text(b"\xe2", fin=False) + encode_frame(0, b"x", fin=False) + encode_frame(0, b"y"),
        [NONE, Anomaly.INVALID_UTF8, NONE],
    ),
    "a character missing at the end of fragments": (
        text(b"x", fin=False) + encode_frame(0, b"\xe2\x82"),
        [NONE, Anomaly.INVALID_UTF8],
    ),
    "good text after bad": (text(b"\xff") + text("ü".encode()), [Anomaly.INVALID_UTF8, NONE]),
    "good text after unfinished bad": (
        text(b"\xff", fin=False) + text("ü".encode()),
        [Anomaly.INVALID_UTF8, Anomaly.INTERRUPTED_MESSAGE],
    ),
    "binary that is not UTF-8, in fragments": (
        encode_frame(2, b"\xff", fin=False) + encode_frame(0, b"\xff"),
        [NONE] * 2,
    ),
    "an empty Close": (encode_close(), [NONE]),
    "a Close with code and reason": (encode_close(1000, "ü"), [NONE]),
    "a Close of one byte": (encode_frame(8, b"\x03"), [Anomaly.CLOSE_TOO_SHORT]),
    "a Close with bad UTF-8": (encode_frame(8, b"\x03\xe8\xff"), [Anomaly.INVALID_UTF8]),
    "a Close with a reserved code": (encode_close(1005), [Anomaly.INVALID_CLOSE_CODE]),
    "a Close of 126 bytes": (encode_close(1000, "x" * 124), [Anomaly.OVERSIZED_CONTROL]),
    "a Close without FIN": (encode_frame(8, b"", fin=False), [Anomaly.FRAGMENTED_CONTROL]),
    "anything after a Close": (
        encode_close() + text(b"x") + encode_frame(9, b"") + encode_close(),
        [NONE] + [Anomaly.DATA_AFTER_CLOSE] * 3,
    ),
    "several things at once": (
        encode_frame(11, b"", rsv=7, fin=False, mask=KEY, length_bytes=8),
        [
            Anomaly.UNKNOWN_OPCODE
            | Anomaly.RSV_WITHOUT_EXTENSION
            | Anomaly.FRAGMENTED_CONTROL
            | Anomaly.MASKED_BY_SERVER
            | Anomaly.LENGTH_NOT_MINIMAL
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "anomalies"), BROKEN.values(), ids=BROKEN.keys())
def test_every_breach_of_the_protocol_is_named(raw: bytes, anomalies: list[Anomaly]) -> None:
    assert follow(raw)[0] == anomalies


@pytest.mark.parametrize("opcode", [0, 1, 2, 8, 9, 10])
def test_a_client_must_mask(opcode: int) -> None:
    start = encode_frame(1, b"", fin=False, mask=KEY) if opcode == 0 else b""
    frame = {"opcode": opcode, "payload": b""}
    assert follow(start + encode_frame(**frame, mask=KEY), MessageTracker(True))[0][-1] == NONE
    assert follow(start + encode_frame(**frame), MessageTracker(True))[0][-1] == Anomaly.UNMASKED_BY_CLIENT


def test_a_length_with_its_top_bit_set_is_too_large() -> None:
    tracker = MessageTracker(False)
    assert tracker.begin(b"\x82\x7f" + ((1 << 63) - 1).to_bytes(8, "big")) == NONE
    tracker = MessageTracker(False)
    assert tracker.begin(b"\x82\x7f" + (1 << 63).to_bytes(8, "big")) == Anomaly.LENGTH_TOO_LARGE


class TestReservedBits:
    def test_rsv1_means_compressed_where_deflate_was_accepted(self) -> None:
        raw = text(compressed(b"hi"), rsv=4) + encode_frame(2, compressed(b"hi"), rsv=4)
        assert follow(raw, MessageTracker(False, DEFLATE))[0] == [NONE, NONE]

    @pytest.mark.parametrize(
        "frame",
        [
            encode_frame(9, b"", rsv=4),
            encode_frame(8, b"", rsv=4),
            encode_frame(1, b"", rsv=2),
            encode_frame(2, b"", rsv=5),
        ],
    )
    def test_no_other_bit_and_no_control_frame_has_a_meaning_to_deflate(self, frame: bytes) -> None:
        [anomalies] = follow(frame, MessageTracker(False, DEFLATE))[0]
        assert Anomaly.RSV_WITHOUT_EXTENSION in anomalies

    def test_rsv1_belongs_to_the_first_fragment_only(self) -> None:
        data = compressed(b"hello")
        raw = text(data[:2], fin=False, rsv=4) + encode_frame(0, data[2:], rsv=4)
        assert follow(raw, MessageTracker(False, DEFLATE))[0] == [NONE, Anomaly.RSV_WITHOUT_EXTENSION]

    @pytest.mark.parametrize("rsv", [1, 2, 4, 7])
    @pytest.mark.parametrize("opcode", [1, 2, 9])
    def test_an_unknown_extension_may_use_them_all(self, rsv: int, opcode: int) -> None:
        tracker = MessageTracker(False, other_extensions=True)
        assert follow(encode_frame(opcode, b"", rsv=rsv), tracker)[0] == [NONE]


class TestCompressedMessages:
    def test_are_inflated(self) -> None:
        tracker = MessageTracker(False, DEFLATE)
        anomalies, messages = follow(text(compressed(b"hello"), rsv=4), tracker)
        assert anomalies == [NONE]
        assert messages == [Message(1, 1, True, 5, b"hello", False, NONE)]
        assert tracker.compressed

    def test_are_inflated_over_fragments(self) -> None:
        data = compressed(b"hello" * 20)
        tracker = MessageTracker(False, DEFLATE)
        _, messages = follow(encode_frame(2, data[:3], fin=False, rsv=4), tracker)
        assert messages == [None]
        assert tracker.in_message
        assert tracker.compressed
        follow(encode_frame(9, b"x"), tracker)
        assert not tracker.compressed
        _, messages = follow(encode_frame(0, data[3:]), tracker)
        assert messages == [Message(2, 2, True, 100, b"hello" * 20, False, NONE)]
        assert tracker.compressed
        assert not tracker.in_message

    def test_may_stand_beside_uncompressed_ones(self) -> None:
        raw = text(b"plain") + text(compressed(b"hi"), rsv=4) + text(b"plain")
        assert follow(raw, MessageTracker(False, DEFLATE))[1] == [
            None,
            Message(1, 1, True, 2, b"hi", False, NONE),
            None,
        ]

    def test_are_checked_for_utf8_after_inflating(self) -> None:
        raw = text(compressed(b"\xff"), rsv=4) + encode_frame(2, compressed(b"\xff"), rsv=4)
        anomalies, messages = follow(raw, MessageTracker(False, DEFLATE))
        assert anomalies == [Anomaly.INVALID_UTF8, NONE]
        assert [message and message.anomalies for message in messages] == [Anomaly.INVALID_UTF8, NONE]

    def test_of_non_ascii_text_are_fine(self) -> None:
        raw = text(compressed("grüß €".encode()), rsv=4)
        assert follow(raw, MessageTracker(False, DEFLATE))[0] == [NONE]

    def test_that_are_no_deflate_data_are_said_to_be_so(self) -> None:
        anomalies, messages = follow(text(b"\xff\xff\xff", rsv=4), MessageTracker(False, DEFLATE))
        assert anomalies == [Anomaly.INFLATE_FAILED]
        assert messages == [Message(1, 1, True, 0, b"", True, Anomaly.INFLATE_FAILED)]

    def test_beyond_the_limit_are_cut_and_not_judged(self) -> None:
        # Cut inside a character, which is nobody's mistake.
        raw = text(compressed("€€".encode()), rsv=4)
        anomalies, messages = follow(raw, MessageTracker(False, DEFLATE, limit=4))
        assert anomalies == [NONE]
        assert messages == [Message(1, 1, True, 6, "€€".encode()[:4], True, NONE)]

    def test_can_be_followed_on_when_one_was_interrupted_at_a_flush(self) -> None:
        deflate = zlib.compressobj(wbits=-15)
        first = deflate.compress(b"never finished") + deflate.flush(zlib.Z_SYNC_FLUSH)
        second = (deflate.compress(b"never was") + deflate.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)
        raw = text(first, fin=False, rsv=4) + text(second, rsv=4)
        anomalies, messages = follow(raw, MessageTracker(False, DEFLATE))
        assert anomalies == [NONE, Anomaly.INTERRUPTED_MESSAGE]
        assert messages == [None, Message(1, 1, True, 9, b"never was", False, NONE)]


class TestMessagesReported:
    def test_a_whole_uncompressed_message_says_no_more_than_its_frame(self) -> None:
        assert follow(text(b"hi") + text(b"\xff") + encode_close(1005))[1] == [None] * 3

    def test_fragments_are_counted_and_their_lengths_added(self) -> None:
        raw = text(b"abc", fin=False) + encode_frame(9, b"12345") + encode_frame(0, b"de", fin=False) + END
        assert follow(raw)[1] == [None, None, None, Message(1, 3, False, 6, None, False, NONE)]

    def test_what_was_wrong_in_any_fragment_is_said_of_the_message(self) -> None:
        raw = text(b"\xff", fin=False) + END
        assert follow(raw)[1][-1] == Message(1, 2, False, 2, None, False, Anomaly.INVALID_UTF8)

    def test_an_interrupted_message_is_not_counted_in_the_next(self) -> None:
        raw = START + CONTINUATION + encode_frame(2, b"1", fin=False) + encode_frame(0, b"2")
        assert follow(raw)[1][-1] == Message(2, 2, False, 2, None, False, NONE)

    def test_a_large_single_frame_is_reported_only_with_something_wrong(self) -> None:
        for payload, message in (
            (b"abc\xe2\x82", Message(1, 1, False, 5, None, False, Anomaly.INVALID_UTF8)),
            (b"abc", None),
        ):
            tracker = MessageTracker(False)
            tracker.begin(bytes((0x81, len(payload))))
            assert tracker.wants_payload
            tracker.part(payload[:2])
            tracker.part(payload[2:])
            assert tracker.end()[1] == message

    def test_a_large_close_with_something_wrong_has_its_true_length(self) -> None:
        tracker = MessageTracker(False)
        payload = b"\x03\xed" + bytes(5 * LONGEST)
        raw = encode_frame(8, payload)
        assert tracker.begin(raw[:4]) == Anomaly.OVERSIZED_CONTROL
        assert tracker.wants_payload
        for part in cut(payload, [100, 5000, 6000]):
            assert tracker.part(part) == NONE
        found = Anomaly.INVALID_CLOSE_CODE
        assert tracker.end() == (found, Message(8, 1, False, len(payload), None, False, found))
        assert tracker.closed

    def test_a_reason_far_too_long_is_not_called_bad_utf8(self) -> None:
        for count in range(LONGEST // 3 - 3, LONGEST // 3 + 3):
            [anomalies], _ = follow(encode_close(1000, "€" * count))
            assert anomalies == Anomaly.OVERSIZED_CONTROL


class TestPartsNobodyNeeds:
    def test_of_binary_only_the_length_counts(self) -> None:
        tracker = MessageTracker(False)
        tracker.begin(b"\x02\x05")
        assert not tracker.wants_payload
        tracker.part(b"ab")
        tracker.skip(3)
        tracker.end()
        tracker.begin(b"\x80\x01")
        tracker.skip(1)
        assert tracker.end() == (NONE, Message(2, 2, False, 6, None, False, NONE))

    @pytest.mark.parametrize("between", [b"\x89\x05", b"\x83\x05"])
    def test_another_frame_among_the_fragments_is_not_counted(self, between: bytes) -> None:
        tracker = MessageTracker(False)
        for header, skipped in ((b"\x02\x01", 1), (between, 5), (b"\x80\x01", 1)):
            tracker.begin(header)
            tracker.skip(skipped)
            _, message = tracker.end()
        assert message == Message(2, 2, False, 2, None, False, NONE)

    def test_a_stray_continuation_belongs_to_no_message(self) -> None:
        tracker = MessageTracker(False)
        tracker.begin(b"\x80\x05")
        tracker.part(b"\xff\xff")
        tracker.skip(3)
        assert tracker.end() == (NONE, None)


@given(
    st.lists(frames(), max_size=8),
    CUTS,
    st.booleans(),
    st.sampled_from([None, DEFLATE, DeflateParameters(True, True)]),
    st.booleans(),
)
def test_whole_frames_and_frames_in_parts_are_judged_alike(
    raws: list[bytes], at: list[int], from_client: bool, deflate: DeflateParameters | None, other: bool
) -> None:
    whole = MessageTracker(from_client, deflate, other)
    parts = MessageTracker(from_client, deflate, other)
    for frame in Frame.parse(b"".join(raws)):
        anomalies, message = whole.whole(frame.header, frame.data)
        found = parts.begin(frame.header)
        for part in cut(frame.data, at):
            found |= parts.part(part)
        at_end, whole_message = parts.end()
        assert found | at_end == anomalies
        assert (parts.compressed, parts.in_message, parts.closed) == (
            whole.compressed,
            whole.in_message,
            whole.closed,
        )
        if whole_message and whole_message.frames == 1 and not whole_message.compressed:
            assert message is None
        else:
            assert message == whole_message


CONTENTS = st.one_of(
    st.text(max_size=60).map(lambda s: (1, s.encode())),
    st.binary(max_size=60).map(lambda b: (2, b)),
    st.integers(0, 3000).map(lambda n: (1, b"wsproxy " * n)),
)


@given(
    sent=st.lists(st.tuples(CONTENTS, CUTS, st.booleans()), max_size=8),
    from_client=st.booleans(),
    deflate=st.none()
    | st.builds(DeflateParameters, st.booleans(), st.booleans(), st.integers(9, 15), st.integers(9, 15)),
)
def test_legal_traffic_of_another_implementation_has_nothing_wrong_and_is_read_as_it_was_sent(
    sent: list[tuple[tuple[int, bytes], list[int], bool]],
    from_client: bool,
    deflate: DeflateParameters | None,
) -> None:
    peer = (
        ClientProtocol(parse_uri("ws://example.test/"), state=OPEN)
        if from_client
        else ServerProtocol(state=OPEN)
    )
    if deflate:
        fresh = deflate.client_no_context_takeover if from_client else deflate.server_no_context_takeover
        bits = deflate.client_max_window_bits if from_client else deflate.server_max_window_bits
        peer.extensions = [
            PerMessageDeflate(
                remote_no_context_takeover=False,
                local_no_context_takeover=fresh,
                remote_max_window_bits=15,
                local_max_window_bits=bits,
            )
        ]
    for (opcode, content), at, with_pings in sent:
        start, *rest = cut(content, at)
        send = peer.send_text if opcode == 1 else peer.send_binary
        send(start, fin=not rest)
        for number, part in enumerate(rest, 1):
            if with_pings:
                peer.send_ping(b"ping")
                peer.send_pong(b"")
            peer.send_continuation(part, fin=number == len(rest))
    peer.send_close(1000, "bye")

    tracker = MessageTracker(from_client, deflate)
    received: list[tuple[int, bytes]] = []
    opcode, parts = 0, b""
    for frame in Frame.parse(b"".join(peer.data_to_send())):
        anomalies, message = tracker.whole(frame.header, frame.data)
        assert Anomaly(anomalies) == NONE
        if frame.opcode >= 8:
            continue
        opcode = frame.opcode or opcode
        parts += frame.data
        if frame.fin:
            if message:
                assert message.length == len(parts if message.content is None else message.content)
            content = message.content if message and message.compressed else parts
            assert content is not None
            received.append((opcode, content))
            parts = b""
    assert received == [content for content, _, _ in sent]
    assert tracker.closed

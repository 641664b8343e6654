"""Relay to recorder to reader: what went over the wire comes out of the capture, byte for byte."""

import tempfile
import zlib
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.captures import MASK, START, STEP, capture
from tests.support.strategies import CUTS, STREAMS, cut
from tests.support.strategies import frames as any_frame
from tests.unit.store.store_tools import frames, stream
from wsproxy.store.limits import Limits
from wsproxy.store.reader import PREVIEW, Reader
from wsproxy.store.records import FrameFlag
from wsproxy.wire.deflate import TAIL
from wsproxy.wire.encode import encode_close, encode_frame, encode_header
from wsproxy.wire.frames import Anomaly, Frame

DEFLATE = "permessage-deflate"


class Deflate:
    """A peer that compresses."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(wbits=-15)

    def __call__(self, content: bytes) -> bytes:
        return (self._deflate.compress(content) + self._deflate.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)


class Traffic(NamedTuple):
    """Reads of one connection, and where the limit lies between rows and parts."""

    sent: list[bytes]
    received: list[bytes]
    inline: int
    deflate: bool


STREAM = STREAMS | st.lists(any_frame(st.binary(max_size=600)), max_size=5).map(b"".join)


@given(
    st.lists(
        st.builds(
            Traffic,
            st.builds(cut, STREAM, CUTS),
            st.builds(cut, STREAM, CUTS),
            st.sampled_from([0, 1, 20, 300, 1 << 16]),
            st.booleans(),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_every_byte_of_any_traffic_is_in_the_capture(connections: list[Traffic]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.wsp")
        limits = Limits(inline=connections[0].inline, interval=0)
        with capture(path, limits) as c:
            numbers = [c.open(extensions=DEFLATE if traffic.deflate else "") for traffic in connections]
            # All at the same time, a read of each in turn.
            for step in range(max(len(side) for traffic in connections for side in traffic[:2])):
                for number, traffic in zip(numbers, connections, strict=True):
                    for data in traffic.sent[step : step + 1]:
                        c.send(number, data)
                    for data in traffic.received[step : step + 1]:
                        c.receive(number, data)
            for number in numbers:
                c.close(number)
        with Reader(path) as reader:
            for number, traffic in zip(numbers, connections, strict=True):
                assert stream(reader, number, True) == b"".join(traffic.sent)
                assert stream(reader, number, False) == b"".join(traffic.received)
            ids = [frame.id for frame in reader.frames()]
            assert ids == list(range(1, len(ids) + 1))
            assert reader.gaps() == []
            assert set(reader.closures()) == set(numbers)


@given(st.lists(any_frame(), max_size=10), CUTS, CUTS, st.sampled_from([0, 10, 1 << 16]))
def test_the_same_frames_are_recorded_however_they_came(
    raws: list[bytes], at: list[int], other: list[int], inline: int
) -> None:
    found = []
    for places in (at, other):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "a.wsp")
            with capture(path, Limits(inline=inline, interval=0)) as c:
                number = c.open(extensions=DEFLATE)
                for data in cut(b"".join(raws), places):
                    c.send(number, data)
                c.close(number)
            with Reader(path) as reader:
                messages = reader.messages(1, len(raws))
                rows = reader.frames()
                # Of a large frame some things show only at its end: those are said of its message.
                anomalies = [
                    frame.anomalies | (messages[frame.id].anomalies if frame.id in messages else Anomaly(0))
                    for frame in rows
                ]
                contents = {
                    n: (m.opcode, m.frames, m.length, m.content)
                    for n, m in messages.items()
                    if m.frames > 1 or m.compressed
                }
                found.append(
                    (
                        [(frame.opcode, frame.flags, frame.length, frame.header) for frame in rows],
                        [b"".join(reader.payload(frame.id)) for frame in rows],
                        anomalies,
                        contents,
                    )
                )
    assert found[0] == found[1]
    assert [header for *_, header in found[0][0]] == [frame.header for frame in Frame.parse(b"".join(raws))]


class TestFrames:
    def test_have_everything_their_bytes_say(self, tmp_path: Path) -> None:
        with capture(tmp_path / "a.wsp") as c:
            number = c.open()
            c.send(number, encode_frame(1, "grüß".encode(), mask=MASK))
            c.receive(number, encode_frame(2, b"\x00\xff", fin=False, rsv=3))
        sent, received = frames(tmp_path / "a.wsp")
        assert (sent.id, sent.connection, sent.from_client, sent.time) == (1, 1, True, START + STEP)
        assert (sent.opcode, sent.length, sent.stored) == (1, 6, 6)
        assert sent.payload == "grüß".encode()
        assert sent.header == b"\x81\x86" + MASK
        assert sent.flags == FrameFlag.FIN | FrameFlag.MASKED
        assert sent.anomalies == Anomaly(0)
        assert not sent.is_control
        assert (received.id, received.from_client) == (2, False)
        assert received.flags == FrameFlag.RSV2 | FrameFlag.RSV3
        assert received.anomalies == Anomaly.RSV_WITHOUT_EXTENSION

    @pytest.mark.parametrize("rsv", range(8))
    def test_have_every_reserved_bit(self, tmp_path: Path, rsv: int) -> None:
        with capture(tmp_path / "a.wsp") as c:
            c.receive(c.open(), encode_frame(9, b"", rsv=rsv, fin=bool(rsv % 2)))
        [frame] = frames(tmp_path / "a.wsp")
        flags = (FrameFlag.RSV1, FrameFlag.RSV2, FrameFlag.RSV3, FrameFlag.FIN)
        assert [flag in frame.flags for flag in flags] == [
            bool(bit) for bit in (rsv & 4, rsv & 2, rsv & 1, rsv % 2)
        ]
        assert frame.is_control

    def test_that_came_in_several_reads_have_the_time_of_their_header(self, tmp_path: Path) -> None:
        with capture(tmp_path / "a.wsp") as c:
            number = c.open()
            for data in (b"\x81", b"\x04a", b"b", b"cd"):
                c.receive(number, data)
        [frame] = frames(tmp_path / "a.wsp")
        assert (frame.payload, frame.time) == (b"abcd", START + 2 * STEP)

    def test_of_an_unknown_connection_are_left_out(self, tmp_path: Path) -> None:
        with capture(tmp_path / "a.wsp") as c:
            number = c.open()
            c.close(number)
            c.receive(number, encode_frame(1, b"late"))
        assert frames(tmp_path / "a.wsp") == []


class TestLargePayloads:
    @pytest.mark.parametrize("size", [99, 100, 101, 1000])
    @pytest.mark.parametrize("chunk", [1, 7, 64, 10_000])
    @pytest.mark.parametrize("mask", [b"", MASK])
    def test_are_whole_on_either_side_of_the_limit_for_rows(
        self, tmp_path: Path, size: int, chunk: int, mask: bytes
    ) -> None:
        payload = bytes(i % 251 for i in range(size))
        raw = encode_frame(2, payload, mask=mask)
        with capture(tmp_path / "a.wsp", Limits(inline=100)) as c:
            number = c.open()
            for i in range(0, len(raw), chunk):
                c.send(number, raw[i : i + chunk])
        with Reader(tmp_path / "a.wsp") as reader:
            [frame] = reader.frames()
            assert b"".join(reader.payload(1)) == frame.payload == payload
            assert (frame.length, frame.stored) == (size, size)
            parts = reader.db.execute("SELECT count(*) FROM part").fetchone()[0]
            assert (parts > 0) is (size > 100 and chunk < len(raw))
            assert FrameFlag.TRUNCATED not in frame.flags

    def test_come_with_a_preview_and_are_read_in_parts(self, tmp_path: Path) -> None:
        payload = bytes(i % 251 for i in range(3 * PREVIEW))
        raw = encode_frame(2, payload)
        with capture(tmp_path / "a.wsp") as c:
            number = c.open()
            for data in cut(raw, [1000, 90_000, 180_000]):
                c.receive(number, data)
        with Reader(tmp_path / "a.wsp") as reader:
            frame = reader.frame(1)
            assert frame is not None
            assert frame.payload == payload[:PREVIEW]
            assert frame.stored == frame.length == len(payload)
            parts = list(reader.payload(1))
            assert b"".join(parts) == payload
            assert max(len(part) for part in parts) <= 90_000

    @pytest.mark.parametrize("size", [99, 100, 101, 350])
    @pytest.mark.parametrize("chunk", [1, 30, 10_000])
    @pytest.mark.parametrize("inline", [50, 200])
    def test_are_kept_up_to_the_limit_of_the_capture_and_say_so(
        self, tmp_path: Path, size: int, chunk: int, inline: int
    ) -> None:
        payload = bytes(i % 251 for i in range(size))
        raw = encode_frame(1, payload, mask=MASK) + encode_frame(2, b"after", mask=MASK)
        with capture(tmp_path / "a.wsp", Limits(inline=inline, frame=100)) as c:
            number = c.open()
            for i in range(0, len(raw), chunk):
                c.send(number, raw[i : i + chunk])
        first, second = frames(tmp_path / "a.wsp")
        assert first.payload == payload[:100]
        assert (first.length, first.stored) == (size, min(size, 100))
        assert (FrameFlag.TRUNCATED in first.flags) is (size > 100)
        assert second.payload == b"after"
        assert FrameFlag.TRUNCATED not in second.flags

    def test_that_are_cut_are_still_judged_whole(self, tmp_path: Path) -> None:
        payload = b"x" * 300 + b"\xff"
        with capture(tmp_path / "a.wsp", Limits(inline=10, frame=100)) as c:
            number = c.open()
            for data in cut(encode_frame(1, payload), [50, 150, 250]):
                c.receive(number, data)
        with Reader(tmp_path / "a.wsp") as reader:
            message = reader.messages(1, 1)[1]
        assert message.anomalies == Anomaly.INVALID_UTF8
        assert (message.first_frame, message.frames, message.length) == (1, 1, 301)

    def test_that_are_cut_are_still_inflated_whole(self, tmp_path: Path) -> None:
        content = bytes(range(256)) * 20
        data = Deflate()(content)
        assert len(data) > 200
        with capture(tmp_path / "a.wsp", Limits(inline=10, frame=100)) as c:
            number = c.open(extensions=DEFLATE)
            for part in cut(encode_frame(2, data, rsv=4), [50, 150]):
                c.receive(number, part)
        with Reader(tmp_path / "a.wsp") as reader:
            message = reader.messages(1, 1)[1]
            assert b"".join(reader.payload(1)) == data[:100]
        assert (message.content, message.truncated) == (content, False)

    def test_of_binary_are_counted_where_they_are_not_kept(self, tmp_path: Path) -> None:
        first = encode_frame(2, bytes(500), fin=False)
        with capture(tmp_path / "a.wsp", Limits(inline=10, frame=100)) as c:
            number = c.open()
            for data in cut(first, [50, 150, 250]):
                c.receive(number, data)
            c.receive(number, encode_frame(9, bytes(120))[:60])
            c.receive(number, encode_frame(9, bytes(120))[60:] + encode_frame(0, b"end"))
        with Reader(tmp_path / "a.wsp") as reader:
            message = reader.messages(1, 3)[3]
        assert (message.first_frame, message.frames, message.length) == (1, 2, 503)

    def test_of_a_close_frame_are_judged_and_say_so_in_a_message(self, tmp_path: Path) -> None:
        with capture(tmp_path / "a.wsp", Limits(inline=100)) as c:
            number = c.open()
            for data in cut(encode_close(1005, "x" * 300), [10, 200]):
                c.receive(number, data)
        with Reader(tmp_path / "a.wsp") as reader:
            frame, message = reader.frame(1), reader.messages(1, 1)[1]
        assert frame is not None
        assert frame.anomalies == Anomaly.OVERSIZED_CONTROL
        assert (message.opcode, message.length, message.content) == (8, 302, None)
        assert message.anomalies == Anomaly.INVALID_CLOSE_CODE


class TestMessages:
    def test_of_one_plain_frame_have_no_row(self, tmp_path: Path) -> None:
        with capture(tmp_path / "a.wsp") as c:
            number = c.open()
            c.receive(number, encode_frame(1, b"x") + encode_frame(1, b"\xff") + encode_close())
        with Reader(tmp_path / "a.wsp") as reader:
            assert reader.messages(1, 3) == {}

    def test_in_fragments_name_their_first_and_last_frame(self, tmp_path: Path) -> None:
        with capture(tmp_path / "a.wsp") as c:
            number = c.open()
            c.receive(number, encode_frame(1, b"ab", fin=False))
            c.send(number, encode_frame(1, b"other way", mask=MASK))
            c.receive(number, encode_frame(9, b"") + encode_frame(0, b"c", fin=False) + encode_frame(0, b"d"))
        with Reader(tmp_path / "a.wsp") as reader:
            [message] = reader.messages(1, 5).values()
        assert (message.first_frame, message.last_frame, message.frames) == (1, 5, 3)
        assert (message.connection, message.from_client, message.opcode) == (1, False, 1)
        assert (message.length, message.content, message.compressed) == (4, None, False)
        assert not message.truncated

    def test_that_are_compressed_have_their_content(self, tmp_path: Path) -> None:
        deflate = Deflate()
        with capture(tmp_path / "a.wsp") as c:
            number = c.open(extensions=DEFLATE)
            for content in (b"hello", b"hello"):
                c.receive(number, encode_frame(1, deflate(content), rsv=4))
            c.receive(number, encode_frame(1, b"plain"))
            half, rest = cut(deflate(b"hello again"), [3])
            c.receive(number, encode_frame(2, half, fin=False, rsv=4) + encode_frame(9, b""))
            c.receive(number, encode_frame(0, rest))
        with Reader(tmp_path / "a.wsp") as reader:
            found = reader.messages(1, 6)
            compressed = [FrameFlag.COMPRESSED in frame.flags for frame in reader.frames()]
        assert compressed == [True, True, False, True, False, True]
        assert {
            n: (m.first_frame, m.frames, m.compressed, m.content, m.length) for n, m in found.items()
        } == {
            1: (1, 1, True, b"hello", 5),
            2: (2, 1, True, b"hello", 5),
            6: (4, 2, True, b"hello again", 11),
        }

    def test_that_are_compressed_are_judged_by_what_they_inflate_to(self, tmp_path: Path) -> None:
        sent, received = Deflate(), Deflate()
        contents = [(1, "grüße".encode()), (1, b"gr\xfc\xdfe"), (2, b"gr\xfc\xdfe"), (1, b"")]
        with capture(tmp_path / "a.wsp") as c:
            number = c.open(extensions=DEFLATE)
            for opcode, content in contents:
                c.send(number, encode_frame(opcode, sent(content), rsv=4, mask=MASK))
                c.receive(number, encode_frame(opcode, received(content), rsv=4))
        with Reader(tmp_path / "a.wsp") as reader:
            rows, found = reader.frames(), reader.messages(1, 8)
        odd = Anomaly.INVALID_UTF8
        for position, (opcode, content) in enumerate(contents):
            for frame in rows[2 * position : 2 * position + 2]:
                message = found[frame.id]
                assert (message.opcode, message.content, message.length) == (opcode, content, len(content))
                assert (message.first_frame, message.last_frame, message.frames) == (frame.id, frame.id, 1)
                assert (message.connection, message.from_client) == (number, frame.from_client)
                assert (message.compressed, message.truncated) == (True, False)
                assert frame.anomalies == message.anomalies == (odd if position == 1 else Anomaly(0))
                assert (
                    frame.flags & ~FrameFlag.MASKED == FrameFlag.FIN | FrameFlag.RSV1 | FrameFlag.COMPRESSED
                )
                assert bool(frame.flags & FrameFlag.MASKED) is frame.from_client

    def test_that_inflate_beyond_the_limit_are_cut_and_say_so(self, tmp_path: Path) -> None:
        with capture(tmp_path / "a.wsp", Limits(message=10)) as c:
            number = c.open(extensions=DEFLATE)
            c.receive(number, encode_frame(2, Deflate()(bytes(1000)), rsv=4))
        with Reader(tmp_path / "a.wsp") as reader:
            message = reader.messages(1, 1)[1]
        assert (message.content, message.length, message.truncated) == (bytes(10), 1000, True)

    def test_that_do_not_inflate_say_so(self, tmp_path: Path) -> None:
        with capture(tmp_path / "a.wsp") as c:
            number = c.open(extensions=DEFLATE)
            c.receive(number, encode_frame(2, b"\xff\xff", rsv=4))
        with Reader(tmp_path / "a.wsp") as reader:
            frame, message = reader.frame(1), reader.messages(1, 1)[1]
        assert frame is not None
        assert frame.anomalies == message.anomalies == Anomaly.INFLATE_FAILED
        assert message.truncated


class TestConnectionsThatEndInsideAFrame:
    def test_have_what_came_of_it(self, tmp_path: Path) -> None:
        with capture(tmp_path / "a.wsp") as c:
            number = c.open()
            c.send(number, encode_frame(1, b"abcdef", mask=MASK)[:-2])
            c.receive(number, encode_frame(2, b"xyz")[:-1])
            c.close(number)
        sent, received = frames(tmp_path / "a.wsp")
        assert (sent.payload, sent.length, sent.stored) == (b"abcd", 6, 4)
        assert (received.payload, received.length, received.stored) == (b"xy", 3, 2)
        assert sent.anomalies == received.anomalies == Anomaly.INCOMPLETE

    def test_have_what_came_of_the_header(self, tmp_path: Path) -> None:
        with capture(tmp_path / "a.wsp") as c:
            number = c.open()
            c.send(number, encode_header(2, 70_000, mask=MASK)[:-1])
            c.receive(number, b"\x89")
            c.close(number)
        received, sent = frames(tmp_path / "a.wsp")
        assert sent.header == encode_header(2, 70_000, mask=MASK)[:-1]
        assert (sent.opcode, sent.flags) == (2, FrameFlag.FIN | FrameFlag.MASKED)
        assert (received.header, received.opcode, received.flags) == (b"\x89", 9, FrameFlag.FIN)
        for frame in (sent, received):
            assert (frame.length, frame.payload, frame.anomalies) == (0, b"", Anomaly.INCOMPLETE)

    def test_have_a_message_that_says_so_of_a_large_one(self, tmp_path: Path) -> None:
        with capture(tmp_path / "a.wsp", Limits(inline=10)) as c:
            number = c.open()
            c.receive(number, encode_frame(2, bytes(100))[:60])
            c.close(number)
        with Reader(tmp_path / "a.wsp") as reader:
            frame, message = reader.frame(1), reader.messages(1, 1)[1]
        assert frame is not None
        assert (frame.length, frame.stored, frame.anomalies) == (100, 58, Anomaly(0))
        assert (message.anomalies, message.length, message.truncated) == (Anomaly.INCOMPLETE, 58, True)
        assert (message.first_frame, message.opcode, message.frames) == (1, 2, 1)

    def test_have_the_rest_of_what_was_wrong_too(self, tmp_path: Path) -> None:
        with capture(tmp_path / "a.wsp") as c:
            number = c.open()
            c.receive(number, encode_frame(11, b"abc", mask=MASK)[:-1])
            c.close(number)
        [frame] = frames(tmp_path / "a.wsp")
        assert frame.anomalies == Anomaly.UNKNOWN_OPCODE | Anomaly.MASKED_BY_SERVER | Anomaly.INCOMPLETE

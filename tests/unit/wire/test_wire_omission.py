"""What is relayed without being recorded: it is counted, its end is seen, and the record goes on after it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.strategies import CUTS, STREAMS, cut
from tests.support.strategies import frames as any_frame
from wsproxy.wire.closing import Closure
from wsproxy.wire.encode import encode_close, encode_frame
from wsproxy.wire.frames import OMITTED, FrameScanner
from wsproxy.wire.relay import Batch, Relay

CLIENT, SERVER = True, False
COMMON = st.builds(encode_frame, st.sampled_from([1, 2]), st.binary(max_size=300), mask=st.just(b"k3y!"))
TRAFFIC = STREAMS | st.lists(COMMON | any_frame(), max_size=12).map(b"".join)


class Watched:
    """A relay, and what came out of it."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.relay = Relay(7, self.batches.append)

    def pass_on(self, from_client: bool, *reads: bytes) -> None:
        for data in reads:
            assert self.relay.receive(from_client, data) is data
            self.relay.record(from_client, data, 1)

    def end(self) -> None:
        for from_client in (CLIENT, SERVER):
            self.relay.ended(from_client, "eof", 2)

    @property
    def pieces(self) -> list[tuple[bytes | None, bytes, int]]:
        return [piece for _, _, _, pieces, _ in self.batches for piece in pieces]

    @property
    def recorded(self) -> bytes:
        return b"".join((header or b"") + payload for header, payload, _ in self.pieces)

    @property
    def frames(self) -> int:
        return sum(header is not None and left >= 0 for header, _, left in self.pieces)


def frames_in(stream: bytes) -> int:
    return sum(header is not None for header, *_ in FrameScanner().feed(stream))


@given(TRAFFIC, CUTS, st.booleans())
def test_all_that_is_left_out_is_counted(stream: bytes, at: list[int], from_client: bool) -> None:
    seen = Watched()
    seen.relay.omit()
    seen.pass_on(from_client, *cut(stream, at))
    seen.end()
    assert seen.batches == []
    assert seen.relay.take_omitted() == (frames_in(stream), len(stream))
    assert seen.relay.take_omitted() == (0, 0)


@given(TRAFFIC, CUTS)
def test_passing_over_and_looking_take_turns_in_any_way(stream: bytes, at: list[int]) -> None:
    scanner = FrameScanner()
    count = 0
    for number, data in enumerate(cut(stream, at)):
        if number % 2:
            skipped, data = scanner.skip(data)
            count += skipped
            if not data:
                continue
        count += sum(header is not None for header, *_ in scanner.feed(data))
    whole = FrameScanner()
    assert count == sum(header is not None for header, *_ in whole.feed(stream))
    assert (scanner.left, scanner.head) == (whole.left, whole.head)


@given(TRAFFIC, TRAFFIC, TRAFFIC, CUTS)
def test_what_is_recorded_and_what_is_left_out_is_all_there_was(
    before: bytes, between: bytes, after: bytes, at: list[int]
) -> None:
    seen = Watched()
    seen.pass_on(CLIENT, *cut(before, at))
    seen.relay.omit()
    seen.pass_on(CLIENT, *cut(between, at))
    seen.relay.resume()
    seen.pass_on(CLIENT, *cut(after, at))
    seen.end()
    frames, size = seen.relay.take_omitted()
    stream = before + between + after
    assert frames + seen.frames == frames_in(stream)
    assert size + len(seen.recorded) == len(stream)
    # The record is the beginning of the stream, and where it goes on, a part to its end.
    marks = [n for n, (_, _, left) in enumerate(seen.pieces) if left == OMITTED]
    assert len(marks) <= 1
    first = seen.pieces[: marks[0]] if marks else seen.pieces
    start = b"".join((header or b"") + payload for header, payload, _ in first)
    assert stream.startswith(start)
    if marks:
        assert stream.endswith(seen.recorded[len(start) :])


ENDS = st.lists(
    st.tuples(st.booleans(), COMMON | any_frame() | st.builds(encode_close, st.sampled_from([1000, 4000]))),
    max_size=8,
)


@given(ENDS, CUTS)
def test_a_connection_ends_for_the_same_reason_recorded_or_not(
    traffic: list[tuple[bool, bytes]], at: list[int]
) -> None:
    closures: list[Closure] = []
    for omitting in (False, True):
        seen = Watched()
        if omitting:
            seen.relay.omit()
        for from_client, data in traffic:
            seen.pass_on(from_client, *cut(data, at))
        seen.end()
        closures.append(seen.relay.closure())
    assert closures[0] == closures[1]


ONE, TWO, THREE = (encode_frame(1, text) for text in (b"one", b"two", b"three"))
FIRST, MORE, LAST = (
    encode_frame(1, b"a", fin=False),
    encode_frame(0, b"b", fin=False),
    encode_frame(0, b"c"),
)


class TestAnOmission:
    def test_begins_behind_the_frame_that_is_arriving(self) -> None:
        seen = Watched()
        seen.pass_on(SERVER, ONE[:3])
        seen.relay.omit()
        seen.pass_on(SERVER, ONE[3:4], ONE[4:] + TWO, THREE)
        assert seen.recorded == ONE
        assert seen.relay.take_omitted() == (2, len(TWO + THREE))

    def test_ends_with_the_next_message(self) -> None:
        seen = Watched()
        seen.relay.omit()
        seen.pass_on(SERVER, ONE, TWO[:3])
        seen.relay.resume()
        seen.pass_on(SERVER, TWO[3:] + THREE[:1])
        assert seen.recorded == b""
        seen.pass_on(SERVER, THREE[1:] + ONE)
        assert seen.pieces == [(None, b"", OMITTED), (THREE[:2], b"three", 0), (ONE[:2], b"one", 0)]
        assert seen.relay.take_omitted() == (2, len(ONE + TWO))

    def test_does_not_end_inside_a_fragmented_message(self) -> None:
        seen = Watched()
        seen.relay.omit()
        seen.pass_on(SERVER, ONE, FIRST)
        seen.relay.resume()
        ping = encode_frame(9, b"")
        seen.pass_on(SERVER, ping, MORE, LAST, ping, TWO)
        assert seen.recorded == ping + TWO

    def test_in_which_nothing_went_by_leaves_no_trace(self) -> None:
        seen = Watched()
        seen.pass_on(SERVER, ONE + FIRST + MORE[:1])
        seen.relay.omit()
        seen.relay.resume()
        seen.pass_on(SERVER, MORE[1:], LAST + TWO)
        assert seen.recorded == ONE + FIRST + MORE + LAST + TWO
        assert OMITTED not in [left for *_, left in seen.pieces]

    def test_counts_what_has_come_at_any_time(self) -> None:
        seen = Watched()
        seen.relay.omit()
        counts = []
        for data in (ONE[:1], ONE[1:4], ONE[4:], encode_frame(2, b"", length_bytes=8)[:-8] + b"\xff" * 8):
            seen.pass_on(SERVER, data)
            counts.append(seen.relay.take_omitted())
        assert counts == [(0, 0), (1, 4), (0, 1), (1, 10)]

    def test_may_begin_anew_before_it_has_ended(self) -> None:
        seen = Watched()
        seen.relay.omit()
        seen.pass_on(SERVER, FIRST)
        seen.relay.resume()
        seen.relay.omit()
        seen.pass_on(SERVER, LAST, TWO)
        assert seen.batches == []
        assert seen.relay.take_omitted() == (3, len(FIRST + LAST + TWO))

    def test_counts_a_frame_cut_by_the_end_as_far_as_it_came(self) -> None:
        seen = Watched()
        seen.relay.omit()
        seen.pass_on(CLIENT, ONE[:3])
        seen.pass_on(SERVER, TWO + THREE[:1])
        seen.end()
        assert seen.batches == []
        assert seen.relay.take_omitted() == (2, 3 + len(TWO) + 1)

    @pytest.mark.parametrize("from_client", [True, False])
    def test_of_one_direction_does_not_end_with_the_other(self, from_client: bool) -> None:
        seen = Watched()
        seen.relay.omit()
        seen.pass_on(from_client, ONE)
        seen.pass_on(not from_client, FIRST)
        seen.relay.resume()
        seen.pass_on(from_client, TWO)
        seen.pass_on(not from_client, LAST)
        assert seen.recorded == TWO

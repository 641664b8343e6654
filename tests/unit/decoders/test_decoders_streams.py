"""Packets that do not care where messages end."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsproxy.decoders.decoded import Unfit
from wsproxy.decoders.streams import Packet, Stream


def _measure(head: bytes) -> int | None:
    """A length of two bytes that counts itself, then content."""
    if head[0] == 0xFF:
        raise Unfit("no packet begins with ff")
    return int.from_bytes(head[:2], "big") if len(head) > 1 else None


def _packet(content: bytes) -> bytes:
    return (len(content) + 2).to_bytes(2, "big") + content


@given(st.lists(st.binary(max_size=40), max_size=6), st.lists(st.integers(0, 200), max_size=8))
def test_packets_are_found_wherever_the_messages_end(contents: list[bytes], cuts: list[int]) -> None:
    data = b"".join(map(_packet, contents))
    stream = Stream(_measure)
    ends = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    found = [packet.data for a, b in pairwise(ends) for packet in stream.feed(data[a:b])]
    assert found == list(map(_packet, contents))
    assert stream.waiting == 0


def test_a_large_packet_is_counted_and_not_kept() -> None:
    stream = Stream(_measure, held=10)
    data = _packet(bytes(1000))
    assert stream.feed(data[:500]) == []
    assert (stream.waiting, stream.length, len(stream.beginning)) == (500, 1002, 10)
    found = stream.feed(data[500:] + _packet(b"a"))
    assert found == [Packet(data[:10], 1002), Packet(_packet(b"a"), 3)]
    assert [packet.whole for packet in found] == [False, True]


def test_what_is_missing_is_said_until_a_message_consists_of_whole_packets() -> None:
    stream = Stream(_measure)
    stream.feed(_packet(b"abc")[:3])
    stream.lose()
    for part in (b"bc", _packet(b"abc")[:3], b"\xff", b""):
        with pytest.raises(Unfit, match="something before is missing"):
            stream.feed(part)
    assert stream.feed(_packet(b"a") + _packet(b"b")) == [Packet(_packet(b"a"), 3), Packet(_packet(b"b"), 3)]
    assert not stream.lost


def test_what_is_no_packet_loses_the_stream() -> None:
    stream = Stream(_measure)
    with pytest.raises(Unfit, match="no packet begins with ff"):
        stream.feed(b"\xff")
    assert stream.lost

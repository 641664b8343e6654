"""The relay: bytes go through as they are, and what was seen is handed on in order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.strategies import CUTS, STREAMS, bytewise, cut
from wsproxy.wire.closing import ABNORMAL, LONGEST, NO_STATUS, Closure
from wsproxy.wire.encode import encode_close, encode_frame
from wsproxy.wire.frames import HEADER_CUT, Batch
from wsproxy.wire.relay import Relay

CLIENT, SERVER = True, False
KEY = b"k3y!"


class Watched:
    """A relay, and what came out of it."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.relay = Relay(7, self.batches.append)
        self._now = 0

    def pass_on(self, from_client: bool, *reads: bytes) -> None:
        for data in reads:
            self._now += 1
            assert self.relay.receive(from_client, data) is data
            self.relay.record(from_client, data, self._now)

    def end(self, from_client: bool, how: str = "eof") -> None:
        self._now += 1
        self.relay.ended(from_client, how, self._now)

    def stream(self, from_client: bool) -> bytes:
        return b"".join(
            (header or b"") + payload
            for _, client, _, pieces, _ in self.batches
            if client is from_client
            for header, payload, _ in pieces
        )


@pytest.fixture
def seen() -> Watched:
    return Watched()


@given(st.binary(max_size=100), st.booleans())
def test_what_goes_out_is_the_very_object_that_came_in(data: bytes, from_client: bool) -> None:
    relay = Relay(1, lambda batch: None)
    assert relay.receive(from_client, data) is data


def test_every_read_that_brings_something_is_handed_on_with_its_time_and_size(seen: Watched) -> None:
    seen.pass_on(CLIENT, b"\x81", b"\x83ke", b"y!ab", b"c")
    seen.pass_on(SERVER, b"\x81\x01a\x81\x01b")
    assert seen.batches == [
        (7, CLIENT, 3, [(b"\x81\x83key!", b"ab", 1)], 4),
        (7, CLIENT, 4, [(None, b"c", 0)], 1),
        (7, SERVER, 5, [(b"\x81\x01", b"a", 0), (b"\x81\x01", b"b", 0)], 6),
    ]


@given(STREAMS, STREAMS, CUTS)
def test_everything_is_handed_on_whatever_it_is(sent: bytes, received: bytes, at: list[int]) -> None:
    seen = Watched()
    seen.pass_on(CLIENT, *cut(sent, at))
    seen.pass_on(SERVER, *cut(received, at))
    for from_client, stream in ((CLIENT, sent), (SERVER, received)):
        seen.end(from_client)
        assert seen.stream(from_client) == stream
    assert seen.relay.is_over
    seen.relay.closure()


class TestTheEnd:
    def test_comes_when_both_sides_have_ended(self, seen: Watched) -> None:
        assert not seen.relay.is_over
        seen.end(SERVER)
        assert not seen.relay.is_over
        seen.end(CLIENT)
        assert seen.relay.is_over

    def test_inside_a_header_is_a_piece_of_its_own(self, seen: Watched) -> None:
        seen.pass_on(CLIENT, b"\x81\x00\x82\xfe\x01")
        seen.end(CLIENT)
        assert seen.batches[-1] == (7, CLIENT, 2, [(b"\x82\xfe\x01", b"", HEADER_CUT)], 3)

    def test_is_reported_once_for_each_side(self, seen: Watched) -> None:
        seen.pass_on(CLIENT, b"\x82")
        seen.end(CLIENT, "reset")
        seen.end(CLIENT, "eof")
        assert len(seen.batches) == 1
        assert seen.relay.closure().how == "reset"

    def test_between_frames_brings_nothing(self, seen: Watched) -> None:
        seen.pass_on(CLIENT, b"\x82\x00")
        seen.end(CLIENT)
        assert len(seen.batches) == 1


def close(code: int | None = 1000, reason: str = "", mask: bytes = b"") -> bytes:
    return encode_close(code, reason, mask=mask)


# What happened, in order: a string is an end, bytes are a read; and the closure.
CLOSURES = {
    "nothing yet": ([], Closure("proxy", ABNORMAL, "", False, "stopped")),
    "the server closes, the client answers": (
        [(SERVER, close(1001, "bye")), (CLIENT, close(1001, mask=KEY)), (SERVER, "eof"), (CLIENT, "eof")],
        Closure("server", 1001, "bye", True, "eof"),
    ),
    "the client closes, the server answers": (
        [(CLIENT, close(4000, "done", KEY)), (SERVER, close(4000)), (SERVER, "eof"), (CLIENT, "eof")],
        Closure("client", 4000, "done", True, "eof"),
    ),
    "the first Close counts, not the answer": (
        [(CLIENT, close(1000, "a", KEY)), (SERVER, close(1011, "b"))],
        Closure("client", 1000, "a", True, "stopped"),
    ),
    "the first of two Closes of a side counts": (
        [(SERVER, close(1000, "a") + close(1011, "b")), (SERVER, close(1012, "c"))],
        Closure("server", 1000, "a", False, "stopped"),
    ),
    "a Close without a code": ([(SERVER, close(None))], Closure("server", NO_STATUS, "", False, "stopped")),
    "a Close of one byte": ([(SERVER, b"\x88\x01\x03")], Closure("server", NO_STATUS, "", False, "stopped")),
    "a Close with a code nobody may send": (
        [(SERVER, close(1005))],
        Closure("server", 1005, "", False, "stopped"),
    ),
    "a Close nobody answers": (
        [(CLIENT, close(1000, "", KEY)), (SERVER, "reset"), (CLIENT, "eof")],
        Closure("client", 1000, "", False, "reset"),
    ),
    "the client goes away": (
        [(CLIENT, "eof"), (SERVER, "eof")],
        Closure("client", ABNORMAL, "", False, "eof"),
    ),
    "the server is cut off": (
        [(SERVER, "reset"), (CLIENT, "eof")],
        Closure("server", ABNORMAL, "", False, "reset"),
    ),
    "an error": ([(SERVER, "error")], Closure("server", ABNORMAL, "", False, "error")),
    "the proxy is stopped": (
        [(CLIENT, "stopped"), (SERVER, "stopped")],
        Closure("proxy", ABNORMAL, "", False, "stopped"),
    ),
    "the proxy is stopped after a Close": (
        [(SERVER, close()), (CLIENT, "stopped"), (SERVER, "stopped")],
        Closure("server", 1000, "", False, "stopped"),
    ),
    "a Close that never ends": (
        [(SERVER, close(1000, "bye")[:-1]), (SERVER, "eof")],
        Closure("server", ABNORMAL, "", False, "eof"),
    ),
    "bad UTF-8 in the reason": (
        [(SERVER, b"\x88\x03\x03\xe8\xff")],
        Closure("server", 1000, "\ufffd", False, "stopped"),
    ),
    "frames before and behind the Close": (
        [
            (SERVER, encode_frame(9, b"x") + close(1000, "bye") + encode_frame(1, b"late")),
            (SERVER, encode_frame(9, b"")),
        ],
        Closure("server", 1000, "bye", False, "stopped"),
    ),
    "fragments and pings are no Close": (
        [(SERVER, encode_frame(1, b"ab", fin=False)[:-1]), (SERVER, b"b" + encode_frame(9, b""))],
        Closure("proxy", ABNORMAL, "", False, "stopped"),
    ),
}


@pytest.mark.parametrize(("events", "closure"), CLOSURES.values(), ids=CLOSURES.keys())
@pytest.mark.parametrize("split", [lambda data: [data], bytewise], ids=["at once", "byte by byte"])
def test_how_a_connection_ended(
    seen: Watched, events: list[tuple[bool, bytes | str]], closure: Closure, split: object
) -> None:
    for from_client, event in events:
        if isinstance(event, bytes):
            seen.pass_on(from_client, *split(event))  # type: ignore[operator]
        else:
            seen.end(from_client, event)
    assert seen.relay.closure() == closure


@given(CUTS, st.sampled_from([b"", KEY]))
def test_a_close_frame_is_understood_however_it_is_split(at: list[int], mask: bytes) -> None:
    seen = Watched()
    raw = encode_frame(1, b"x", mask=mask) + close(4999, "grüß €", mask) + encode_frame(2, b"y", mask=mask)
    seen.pass_on(CLIENT, *cut(raw, at))
    assert seen.relay.closure() == Closure("client", 4999, "grüß €", False, "stopped")


@given(CUTS, st.integers(0, 3))
def test_of_a_reason_far_too_long_the_start_is_kept_however_it_is_split(at: list[int], shift: int) -> None:
    reason = "a" * shift + "€" * LONGEST
    seen = Watched()
    seen.pass_on(SERVER, *cut(close(1000, reason), [place * 7 for place in at]))
    found = seen.relay.closure().reason
    assert reason.startswith(found)
    assert LONGEST - 6 < len(found.encode()) <= LONGEST

"""permessage-deflate: what was negotiated, and an inflater that stays in step whatever it is fed."""

import random
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode

from tests.support.strategies import CUTS, bytewise, cut
from wsproxy.wire import deflate as module
from wsproxy.wire.deflate import (
    TAIL,
    WINDOW,
    DeflateParameters,
    Inflated,
    Inflater,
    parse_extensions,
)

MIB = 1 << 20


class Sender:
    """The other end: a deflate stream of zlib, one message after the other."""

    def __init__(self, bits: int = 15, fresh: bool = False) -> None:
        self._bits = bits
        self._fresh = fresh
        self._deflate = zlib.compressobj(wbits=-bits)

    def message(self, content: bytes) -> bytes:
        data = self._deflate.compress(content) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        if self._fresh:
            self._deflate = zlib.compressobj(wbits=-self._bits)
        return data.removesuffix(TAIL)


def inflate(inflater: Inflater, *parts: bytes) -> Inflated:
    for part in parts:
        inflater.feed(part)
    return inflater.finish()


@pytest.mark.parametrize(
    ("header", "extensions"),
    [
        ("", []),
        ("permessage-deflate", [("permessage-deflate", {})]),
        ("A-b; C_d", [("a-b", {"c_d": None})]),
        ("a, b;x=1;y , c ; z", [("a", {}), ("b", {"x": "1", "y": None}), ("c", {"z": None})]),
        ("a, a;x=1", [("a", {}), ("a", {"x": "1"})]),
        ("a;x=1;x=2;X=3", [("a", {"x": "1"})]),
        ('a;x="1"', [("a", {"x": "1"})]),
        ('a;x="1, 2; 3", b', [("a", {"x": "1, 2; 3"}), ("b", {})]),
        (r'a;x="say \"hi\" \\", b', [("a", {"x": r'say "hi" \ '.strip()}), ("b", {})]),
        ('a;x=""', [("a", {"x": ""})]),
        ("a ; x = 1", [("a", {"x": "1"})]),
        (" , ,a,, ", [("a", {})]),
        ("a;", [("a", {})]),
        ("a;;x", [("a", {})]),
        ("a;=1, b", [("a", {}), ("b", {})]),
        ("a;x=, b", [("a", {"x": None}), ("b", {})]),
        ("=, (), b", [("b", {})]),
        ('a;x="open, b', [("a", {"x": None})]),
        ('"a", b', [("b", {})]),
        ("a\\, b", [("a", {}), ("b", {})]),
        ("ä, b", [("b", {})]),
    ],
)  # fmt: skip
def test_extensions_are_read_and_what_is_malformed_does_not_hide_the_rest(
    header: str, extensions: list[tuple[str, dict[str, str | None]]]
) -> None:
    assert parse_extensions(header) == extensions


@given(st.text(max_size=100) | st.text(alphabet='a;,="\\ x1', max_size=100))
def test_any_header_can_come(header: str) -> None:
    parse_extensions(header)
    DeflateParameters.negotiated(header)


@pytest.mark.parametrize(
    "hostile", ['"' * 60_000, '\\"' * 30_000, "a;" * 30_000, " " * 60_000, 'a;x="' + "\\" * 60_000]
)
def test_no_header_takes_long_to_read(hostile: str) -> None:
    parse_extensions(hostile)


@pytest.mark.parametrize(
    ("response", "parameters"),
    [
        ("", None),
        ("x-webkit-deflate-frame", None),
        ("permessage-deflate", DeflateParameters(False, False, 15, 15)),
        ("permessage-deflate; server_no_context_takeover", DeflateParameters(True, False, 15, 15)),
        ("permessage-deflate; client_no_context_takeover", DeflateParameters(False, True, 15, 15)),
        (
            "permessage-deflate; server_max_window_bits=10; client_max_window_bits=8",
            DeflateParameters(False, False, 10, 8),
        ),
        ('permessage-deflate; server_max_window_bits="9"', DeflateParameters(False, False, 9, 15)),
        ("permessage-deflate; client_max_window_bits", DeflateParameters(False, False, 15, 15)),
        ("permessage-deflate; server_max_window_bits=7", DeflateParameters(False, False, 15, 15)),
        ("permessage-deflate; server_max_window_bits=16", DeflateParameters(False, False, 15, 15)),
        ("permessage-deflate; server_max_window_bits=09", DeflateParameters(False, False, 15, 15)),
        ("permessage-deflate; server_max_window_bits=x", DeflateParameters(False, False, 15, 15)),
        ("other, permessage-deflate; server_max_window_bits=9", DeflateParameters(False, False, 9, 15)),
        (
            "permessage-deflate; server_max_window_bits=9, permessage-deflate",
            DeflateParameters(False, False, 9, 15),
        ),
    ],
)
def test_the_response_settles_the_parameters(response: str, parameters: DeflateParameters | None) -> None:
    assert DeflateParameters.negotiated(response) == parameters


def test_each_side_is_inflated_by_its_own_parameters() -> None:
    repeated = bytes(range(256)) * 20
    parameters = DeflateParameters(
        server_no_context_takeover=True,
        client_no_context_takeover=False,
        server_max_window_bits=15,
        client_max_window_bits=9,
    )
    client, server = Sender(9), Sender(15, fresh=True)
    from_client, from_server = parameters.inflater(True, MIB), parameters.inflater(False, MIB)
    for _ in range(3):
        assert inflate(from_client, client.message(repeated)).content == repeated
        assert inflate(from_server, server.message(repeated)).content == repeated


# RFC 7692 section 7.2.3: messages, and the payloads that carry them.
class TestTheExamplesOfTheRfc:
    def test_one_block(self) -> None:
        assert inflate(Inflater(), bytes.fromhex("f248cdc9c90700")).content == b"Hello"

    def test_two_fragments(self) -> None:
        assert inflate(Inflater(), bytes.fromhex("f248cd"), bytes.fromhex("c9c90700")).content == b"Hello"

    def test_the_window_of_the_message_before(self) -> None:
        inflater = Inflater()
        assert inflate(inflater, bytes.fromhex("f248cdc9c90700")).content == b"Hello"
        assert inflate(inflater, bytes.fromhex("f200110000")).content == b"Hello"

    def test_a_block_without_compression(self) -> None:
        assert inflate(Inflater(), bytes.fromhex("000500faff48656c6c6f00")).content == b"Hello"

    def test_a_final_block(self) -> None:
        inflater = Inflater()
        assert inflate(inflater, bytes.fromhex("f348cdc9c9070000")) == Inflated(b"Hello", 5, False)
        assert inflate(inflater, bytes.fromhex("f248cdc9c90700")) == Inflated(b"Hello", 5, False)

    def test_two_blocks(self) -> None:
        data = bytes.fromhex("f248050000 00ffff cac9c90700")
        assert inflate(Inflater(), data).content == b"Hello"


class TestFinalBlocks:
    def test_without_the_byte_that_should_follow_do_not_harm_the_next_message(self) -> None:
        inflater = Inflater()
        assert inflate(inflater, bytes.fromhex("f348cdc9c90700")) == Inflated(b"Hello", 5, False)
        assert inflate(inflater, bytes.fromhex("f248cdc9c90700")) == Inflated(b"Hello", 5, False)

    @pytest.mark.parametrize("fresh", [False, True])
    def test_may_stand_in_the_middle_of_a_message(self, fresh: bool) -> None:
        inflater = Inflater(no_context_takeover=fresh)
        data = bytes.fromhex("f348cdc9c90700") * 3 + b"\x00"
        for parts in ([data], bytewise(data), [data[:7], data[7:]]):
            assert inflate(inflater, *parts) == Inflated(b"Hello" * 3, 15, False)

    def test_keep_the_window(self) -> None:
        inflater = Inflater()
        inflate(inflater, bytes.fromhex("f348cdc9c9070000"))
        # Refers back to the Hello before the final block.
        assert inflate(inflater, bytes.fromhex("f200110000")).content == b"Hello"


@given(
    messages=st.lists(
        st.tuples(st.binary(max_size=2000) | st.text(max_size=500).map(str.encode), CUTS), max_size=6
    ),
    bits=st.integers(9, 15),
    fresh=st.booleans(),
)
def test_what_zlib_deflated_is_inflated_again(
    messages: list[tuple[bytes, list[int]]], bits: int, fresh: bool
) -> None:
    sender, inflater = Sender(bits, fresh), Inflater(bits, fresh, MIB)
    for content, at in messages:
        assert inflate(inflater, *cut(sender.message(content), at)) == Inflated(content, len(content), False)


@given(
    messages=st.lists(
        st.binary(max_size=300) | st.text(max_size=100).map(lambda s: s.encode() * 9), max_size=6
    ),
    bits=st.integers(9, 15),
    fresh=st.booleans(),
)
def test_what_another_implementation_deflated_is_inflated_again(
    messages: list[bytes], bits: int, fresh: bool
) -> None:
    peer = PerMessageDeflate(
        remote_no_context_takeover=False,
        local_no_context_takeover=fresh,
        remote_max_window_bits=15,
        local_max_window_bits=bits,
    )
    inflater = Inflater(bits, fresh, MIB)
    for content in messages:
        frame = peer.encode(Frame(Opcode.BINARY, content))
        assert inflate(inflater, bytes(frame.data)) == Inflated(content, len(content), False)


@given(st.lists(st.lists(st.binary(max_size=50), max_size=3), max_size=6), st.booleans(), st.integers(0, 40))
def test_any_data_can_come(messages: list[list[bytes]], fresh: bool, limit: int) -> None:
    inflater = Inflater(15, fresh, limit)
    for parts in messages:
        done = inflate(inflater, *parts)
        assert len(done.content) <= limit
        assert done.length >= len(done.content)


def test_a_window_of_8_bits_is_read_with_a_larger_one() -> None:
    assert inflate(Inflater(8), Sender(9).message(b"x" * 500)).content == b"x" * 500


@pytest.mark.parametrize("sent", [10, 99, 100, 101, 5000])
@pytest.mark.parametrize("chunk", [1, 7, 10_000])
def test_content_is_kept_up_to_the_limit_and_counted_beyond_it(sent: int, chunk: int) -> None:
    content = bytes(i % 251 for i in range(sent))
    sender, inflater = Sender(), Inflater(limit=100)
    data = sender.message(content)
    done = inflate(inflater, *(data[i : i + chunk] for i in range(0, len(data), chunk)))
    assert done == Inflated(content[:100], sent, False)
    assert done.truncated is (sent > 100)
    # The window stays whole: the next message refers back to what was not kept.
    assert inflate(inflater, sender.message(content[-100:])).content == content[-100:]


class TestBombs:
    def test_cost_no_more_memory_than_allowed_and_the_next_message_is_inflated(self) -> None:
        limit = 1 * MIB
        sender, inflater = Sender(), Inflater(limit=limit)
        bomb = sender.message(bytes(12 * MIB))
        assert len(bomb) < 20_000
        tracemalloc.start()
        try:
            done = inflate(inflater, bomb)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert most < 5 * limit
        assert (len(done.content), done.length, done.failed) == (limit, 12 * MIB, False)
        assert inflate(inflater, sender.message(b"after")) == Inflated(b"after", 5, False)

    @pytest.mark.parametrize("fresh", [False, True])
    def test_without_end_are_given_up_and_said_to_have_failed(
        self, fresh: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "DISCARD_LEAST", 1 * MIB)
        sender, inflater = Sender(fresh=fresh), Inflater(no_context_takeover=fresh, limit=1000)
        done = inflate(inflater, sender.message(bytes(4 * MIB)))
        assert done.failed
        assert done.truncated
        assert done.content == bytes(1000)
        assert 1 * MIB <= done.length <= 1 * MIB + (1 << 16)
        # Without the window the rest of the direction is lost; with a fresh one it is not.
        assert inflate(inflater, sender.message(b"after")).failed is not fresh

    def test_of_a_small_limit_keep_the_window(self) -> None:
        sender, inflater = Sender(), Inflater(limit=10)
        assert not inflate(inflater, sender.message(bytes(range(256)) * 400)).failed
        assert inflate(inflater, sender.message(bytes(range(256)))).content == bytes(range(10))

    def test_of_a_limit_of_nothing_keep_nothing_and_fail_nothing(self) -> None:
        sender, inflater = Sender(), Inflater(limit=0)
        assert inflate(inflater, sender.message(b"hello")) == Inflated(b"", 5, False)
        assert inflate(inflater, sender.message(b"hello")) == Inflated(b"", 5, False)


class TestFailures:
    GARBAGE = b"\xff\xff\xff"

    def test_end_a_stream_that_takes_the_context_over(self) -> None:
        sender, inflater = Sender(), Inflater()
        assert inflate(inflater, self.GARBAGE) == Inflated(b"", 0, True)
        assert inflate(inflater, sender.message(b"hi")) == Inflated(b"", 0, True)

    def test_are_over_with_the_message_where_every_one_starts_anew(self) -> None:
        sender, inflater = Sender(fresh=True), Inflater(no_context_takeover=True)
        assert inflate(inflater, self.GARBAGE).failed
        assert inflate(inflater, sender.message(b"hi")) == Inflated(b"hi", 2, False)

    def test_keep_what_was_inflated_before_them(self) -> None:
        inflater = Inflater()
        done = inflate(inflater, Sender().message(b"hello"), TAIL, self.GARBAGE)
        assert done == Inflated(b"hello", 5, True)
        assert done.truncated

    def test_include_a_reference_back_past_the_window(self) -> None:
        noise = random.Random(7692).randbytes(2000)
        sender, inflater = Sender(15), Inflater(9)
        assert inflate(inflater, sender.message(noise)).content == noise
        assert inflate(inflater, sender.message(noise)).failed


class TestMessagesGivenUp:
    def test_leave_the_window_to_the_next_one(self) -> None:
        deflate = zlib.compressobj(wbits=-15)
        flushed = deflate.compress(b"never finished") + deflate.flush(zlib.Z_SYNC_FLUSH)
        after = (deflate.compress(b"never was") + deflate.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)
        inflater = Inflater()
        inflater.feed(flushed)
        inflater.drop()
        assert inflate(inflater, after) == Inflated(b"never was", 9, False)

    def test_leave_nothing_behind_where_every_one_starts_anew(self) -> None:
        inflater = Inflater(no_context_takeover=True)
        inflater.feed(Sender().message(b"half a message")[:5])
        inflater.drop()
        assert inflate(inflater, Sender().message(b"hi")) == Inflated(b"hi", 2, False)


@given(
    st.lists(
        st.tuples(st.sampled_from(["usual", "final", "cut", "noise"]), st.binary(max_size=300)), max_size=8
    ),
    st.booleans(),
    st.sampled_from([0, 1, 100, MIB]),
)
def test_a_whole_message_is_inflated_as_its_parts_would_be(
    sent: list[tuple[str, bytes]], fresh: bool, limit: int
) -> None:
    sender = Sender(fresh=fresh)
    whole, parts = Inflater(15, fresh, limit), Inflater(15, fresh, limit)
    for kind, content in sent:
        data = sender.message(content)
        if kind == "final":
            data = zlib.compress(content, wbits=-15)
        elif kind == "cut":
            data = data[: len(data) // 2]
        elif kind == "noise":
            data = content
        done = whole.message(data)
        if isinstance(done, bytes):
            done = Inflated(done, len(done), False)
        same = inflate(parts, *bytewise(data))
        # How much came out before an error is no promise.
        assert done.failed is same.failed
        if not done.failed:
            assert done == same
            assert whole.window() == parts.window()


class TestTheWindow:
    def test_is_the_last_plaintext(self) -> None:
        sender, inflater = Sender(), Inflater()
        assert inflater.window() == b""
        inflate(inflater, sender.message(b"one "))
        inflate(inflater, sender.message(b"two"))
        assert inflater.window() == b"one two"

    @given(st.lists(st.integers(0, 80_000), min_size=1, max_size=8))
    def test_is_never_more_than_32_kib_and_never_less_than_there_is(self, sizes: list[int]) -> None:
        sender, inflater = Sender(), Inflater()
        everything = b""
        for number, size in enumerate(sizes):
            content = bytes((number + i) % 251 for i in range(size))
            everything += content
            inflate(inflater, *cut(sender.message(content), [50, 100]))
        assert inflater.window() == everything[-WINDOW:]

    def test_costs_little_more_than_itself(self) -> None:
        sender, inflater = Sender(), Inflater()
        messages = [sender.message(bytes(i % 251 for i in range(size))) for size in (5, 300_000, 1, 200_000)]
        tracemalloc.start()
        try:
            for data in messages:
                inflate(inflater, data)
            now, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert now < 4 * WINDOW

    @pytest.mark.parametrize("content", [b"", b"ab"])
    def test_does_not_grow_with_the_number_of_messages(self, content: bytes) -> None:
        sender, inflater = Sender(), Inflater()
        first, again = sender.message(content), sender.message(content)
        assert inflater.message(first) == content
        tracemalloc.start()
        try:
            for _ in range(20_000):
                inflater.message(again)
            now, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert now < 4 * WINDOW
        assert inflater.window() == (content * 20_001)[-WINDOW:]

    def test_is_all_it_takes_to_go_on_in_the_middle_of_a_stream(self) -> None:
        sender, inflater = Sender(), Inflater()
        inflate(inflater, sender.message(bytes(range(256)) * 3))
        late = zlib.decompressobj(-15, zdict=inflater.window())
        assert late.decompress(sender.message(bytes(range(256))) + TAIL) == bytes(range(256))


@given(
    steps=st.lists(
        st.tuples(st.text(max_size=40), st.sampled_from(["inflate", "know", "feed", "copy"])), max_size=20
    ),
    bits=st.integers(9, 15),
    fresh=st.booleans(),
    bulk=st.integers(0, 3),
)
def test_what_somebody_else_has_inflated_keeps_the_window_in_step(steps, bits, fresh, bulk) -> None:
    sender, inflater = Sender(bits, fresh), Inflater(bits, fresh)
    for word, how in steps:
        # With something far back that every message refers to, as soon as it is long enough.
        content = word.encode() * 3 + bytes(range(256)) * 40 * bulk
        payload = sender.message(content)
        if how == "copy":
            inflater = inflater.copy()
        if how == "know":
            done = inflater.know(content)
        elif how == "feed":
            inflater.feed(payload)
            done = inflater.finish()
        else:
            done = inflater.message(payload)
        assert (done if isinstance(done, bytes) else done.content) == content


def test_of_what_is_known_no_more_is_kept_than_of_what_is_inflated() -> None:
    sender, one, other = Sender(), Inflater(limit=10), Inflater(limit=10)
    for content in (b"short", b"rather a long message", b"rather a long message"):
        assert one.know(content) == other.message(sender.message(content))

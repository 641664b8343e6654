"""The edit state: the receiver decodes exactly what was decided, whatever the traffic and the decisions."""

import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.editing import Line
from tests.support.strategies import CUTS, bytewise, cut
from wsproxy.wire.deflate import DeflateParameters
from wsproxy.wire.encode import encode_close, encode_frame
from wsproxy.wire.frames import Frame
from wsproxy.wire.port import Offer
from wsproxy.wire.transit import Transit

CLIENT, SERVER = True, False

TAKEOVER = DeflateParameters()
ALONE = DeflateParameters(server_no_context_takeover=True, client_no_context_takeover=True)
SMALL = DeflateParameters(server_max_window_bits=9, client_max_window_bits=9)
TINY = DeflateParameters(server_max_window_bits=8, client_max_window_bits=8)

DEFLATES = st.sampled_from([None, TAKEOVER, ALONE, SMALL, TINY])


@dataclass
class Plan:
    """One message and what is to become of it."""

    content: str
    text: bool
    compressed: bool
    cuts: list[int]
    pings: list[bytes]
    decision: str
    """pass, edit, drop, hold, hold-edit or hold-drop"""
    replacement: bytes
    inject: bool
    switch: bool | None
    """Before it: editing on or off."""


PLANS = st.builds(
    Plan,
    content=st.one_of(st.text(max_size=30), st.sampled_from(["the same again", "grüß dich " * 30, ""])),
    text=st.booleans(),
    compressed=st.booleans(),
    cuts=st.lists(st.integers(0, 60), max_size=3),
    pings=st.lists(st.binary(max_size=8), max_size=2),
    decision=st.sampled_from(["pass", "pass", "edit", "drop", "hold", "hold-edit", "hold-drop"]),
    replacement=st.one_of(st.text(max_size=20).map(str.encode), st.just("größer ".encode() * 20)),
    inject=st.booleans(),
    switch=st.sampled_from([None, None, None, True, False]),
)


@dataclass
class Decider:
    """Carries plans out as messages are offered, and keeps those that are to be held."""

    plans: list[Plan]
    expected: dict[int, tuple[int, bytes] | None] = field(default_factory=dict)
    held: list[tuple[Transit, Plan]] = field(default_factory=list)

    def __call__(self, transit: Transit) -> None:
        if transit.opcode >= 8:
            return
        number = int(transit.original.split(b":", 1)[0])
        plan = self.plans[number]
        outcome: tuple[int, bytes] | None = (transit.opcode, transit.original)
        if plan.decision.startswith("hold"):
            assert transit.hold("hand")
            self.held.append((transit, plan))
        if plan.decision.endswith("edit"):
            outcome = (transit.opcode, plan.replacement)
        elif plan.decision.endswith("drop"):
            outcome = None
        if plan.decision == "edit":
            assert transit.replace(plan.replacement, "addon a")
        elif plan.decision == "drop":
            assert transit.drop("addon a")
        self.expected[number] = outcome

    def release(self) -> None:
        """Let the oldest of them go."""
        if not self.held:
            return
        transit, plan = self.held.pop(0)
        if plan.decision == "hold-edit":
            assert transit.replace(plan.replacement, "hand")
        elif plan.decision == "hold-drop":
            assert transit.drop("hand")
        assert transit.release("hand")


@given(st.lists(PLANS, max_size=10), DEFLATES, st.booleans(), CUTS, st.booleans())
def test_the_receiver_decodes_what_was_decided(
    plans: list[Plan], deflate: DeflateParameters | None, from_client: bool, at: list[int], late: bool
) -> None:
    line = Line(from_client, deflate)
    decider = Decider(plans)
    injected: list[tuple[int, bytes]] = []
    sent: list[tuple[int, bytes]] = []
    pings = 0
    stream = b""
    for number, plan in enumerate(plans):
        if plan.switch is not None:
            line.edit(decider if plan.switch else None)
        content = b"%d:" % number + plan.content.encode()
        opcode = 1 if plan.text else 2
        sent.append((opcode, content))
        compressed = plan.compressed and deflate is not None
        wire = line.sender.message(opcode, content, plan.cuts, compressed, plan.pings)
        pings += len([frame for frame in Frame.parse(wire) if frame.opcode == 9])
        stream += wire
        reads = cut(wire, at)
        for read in reads[: len(reads) // 2]:
            line.feed(read)
        if plan.inject:
            injected.append((2, b"injected %d" % number))
            line.inject(*injected[-1])
        for read in reads[len(reads) // 2 :]:
            line.feed(read)
        if late:
            decider.release()
    while decider.held:
        decider.release()
    line.answer()

    assert line.receiver.is_between
    expected = [decider.expected.get(number, sent[number]) for number in range(len(plans))]
    got = [message for message in line.receiver.messages if message not in injected]
    assert got == [message for message in expected if message is not None]
    assert [message for message in line.receiver.messages if message in injected] == injected
    assert len([frame for frame in line.receiver.received if frame[0] == 9]) == pings
    # What arrived is on record, byte for byte.
    assert line.recorded == stream


@given(st.lists(PLANS, max_size=8), DEFLATES, CUTS)
def test_nothing_decided_means_nothing_changed(
    plans: list[Plan], deflate: DeflateParameters | None, at: list[int]
) -> None:
    line = Line(CLIENT, deflate)
    line.edit(lambda transit: None)
    stream = b"".join(
        line.sender.message(1, plan.content.encode(), plan.cuts, plan.compressed and deflate is not None, [])
        for plan in plans
    )
    line.feed(*cut(stream, at))
    assert line.written == stream
    assert line.decided == []


PARTS = [b"\x81", b"\x05ab", b"\x88\x00", b"\x01\x03abc", b"\x80\x00", b"\x83\x02xy"]
"""Of streams that break the protocol in interesting ways."""


@given(st.lists(st.sampled_from(PARTS)) | st.binary(max_size=200).map(lambda data: [data]), CUTS)
def test_what_is_no_websocket_at_all_comes_out_as_it_went_in(parts: list[bytes], at: list[int]) -> None:
    """Whatever breaks the protocol keeps its bytes; once the sender has ended, all of them."""
    stream = b"".join(parts)
    got = b""

    def write(from_client: bool, data: bytes) -> None:
        nonlocal got
        got += data

    line = Line(SERVER)
    line._write = write  # type: ignore[method-assign]
    line.relay._port.write = write  # type: ignore[union-attr]
    line.edit(lambda transit: None)
    line.feed(*cut(stream, at))
    line.relay.ended(SERVER, "eof", 0)
    assert sorted(got) == sorted(stream)
    if not any(byte & 0x08 for byte in stream):
        # Only a control frame may overtake the fragments of a message.
        assert got == stream


def holding(by: str, kept: list[Transit] | None = None) -> Offer:
    def offer(transit: Transit) -> None:
        transit.hold(by)
        if kept is not None:
            kept.append(transit)

    return offer


def replacing(content: bytes, what: bytes | None = None) -> Offer:
    def offer(transit: Transit) -> None:
        if transit.opcode < 8 and what in (None, transit.original):
            assert transit.replace(content, "addon a")

    return offer


def dropping(which: Callable[[Transit], bool]) -> Offer:
    def offer(transit: Transit) -> None:
        if which(transit):
            assert transit.drop("addon a")

    return offer


def text(content: str) -> bytes:
    return encode_frame(1, content.encode())


class TestHolding:
    def test_keeps_what_is_behind_in_its_own_direction_and_lets_pings_pass(self) -> None:
        line = Line(SERVER)
        kept: list[Transit] = []

        def offer(transit: Transit) -> None:
            if transit.original == b"stop":
                transit.hold("hand")
                kept.append(transit)

        line.edit(offer)
        line.feed(text("before"), text("stop"), text("behind"), encode_frame(9, b"beat"), encode_close(1000))
        assert line.receiver.received == [(1, b"before"), (9, b"beat")]
        line.relay.edit(CLIENT, offer)
        kept[0].replace(b"changed", "hand")
        kept[0].release("hand")
        assert line.receiver.messages == [(1, b"before"), (1, b"changed"), (1, b"behind")]
        assert line.receiver.received[-1][0] == 8

    def test_says_how_long_and_by_whom(self) -> None:
        line = Line(SERVER)
        kept: list[Transit] = []
        line.edit(lambda transit: kept.append(transit) or (transit.hold("rule 3") and None))
        line.feed(text("stop"))
        line.now += 100
        kept[0].release("rule 3")
        [decided] = line.decided
        assert (decided.action, decided.by, decided.arrived) == ("pass", "rule 3", kept[0])
        assert decided.held > 100

    def test_ends_when_too_much_waits(self) -> None:
        line = Line(SERVER, waiting=10_000)
        line.edit(holding("hand"))
        line.feed(*[text("x" * 3000) for _ in range(4)])
        assert len(line.receiver.messages) == 2
        assert line.warnings == ["2 held messages were let go: more than 10,000 bytes were waiting"]
        assert [(d.action, d.by, d.note) for d in line.decided] == [
            ("pass", "hand, limit", "more than 10,000 bytes were waiting")
        ] * 2

    def test_of_a_ping_is_not_possible(self) -> None:
        line = Line(SERVER)
        answers: list[bool] = []
        line.edit(lambda transit: answers.append(transit.hold("hand")))
        line.feed(encode_frame(9, b"beat"))
        assert answers == [False]
        assert line.receiver.received == [(9, b"beat")]

    def test_waits_for_every_holder(self) -> None:
        transit = Transit(SERVER, 1, b"a", b"", 0)
        transit.hold("a")
        transit.hold("b")
        transit.release("a")
        assert transit.is_held
        transit.release("b")
        assert not transit.is_held

    def test_keeps_the_end_of_the_stream_back_too(self) -> None:
        line = Line(SERVER)
        kept: list[Transit] = []
        line.edit(lambda transit: kept.append(transit) or (transit.hold("hand") and None))
        line.feed(text("last"), b"\x81")
        line.relay.ended(SERVER, "eof", 0)
        assert not line.relay.is_drained(SERVER)
        assert line.drained == []
        kept[0].release("hand")
        assert line.drained == [SERVER]
        assert line.written == text("last") + b"\x81"

    def test_too_late_is_said(self) -> None:
        line = Line(SERVER)
        seen: list[Transit] = []
        line.edit(seen.append)
        line.feed(text("gone"))
        [transit] = seen
        assert transit.is_gone
        assert not transit.replace(b"", "hand")
        assert not transit.drop("hand")
        assert not transit.hold("hand")


class TestChanging:
    def test_gives_one_frame(self) -> None:
        line = Line(SERVER)
        line.edit(replacing(b"longer than before"))
        line.feed(encode_frame(1, b"one ", fin=False), encode_frame(0, b"two"))
        assert line.written == text("longer than before")

    def test_keeps_the_senders_fragments_where_the_length_is_the_same(self) -> None:
        line = Line(SERVER)
        line.edit(replacing(b"ONE TWO"))
        line.feed(encode_frame(1, b"one ", fin=False), encode_frame(0, b"two"))
        assert line.written == encode_frame(1, b"ONE ", fin=False) + encode_frame(0, b"TWO")

    def test_never_cuts_a_character(self) -> None:
        line = Line(SERVER)
        line.edit(replacing("abcü12".encode()))
        line.feed(encode_frame(1, b"1234", fin=False), encode_frame(0, b"567"))
        assert line.written == text("abcü12")

    def test_to_the_same_is_no_change(self) -> None:
        line = Line(SERVER)
        line.edit(replacing(bytes(bytearray(b"same"))))
        line.feed(text("same"))
        assert line.decided == []

    def test_can_change_the_type(self) -> None:
        line = Line(SERVER)
        line.edit(lambda transit: transit.replace(transit.original, "addon a", opcode=2) and None)
        line.feed(text("same"))
        assert line.receiver.messages == [(2, b"same")]

    def test_goes_through_the_one_way_door(self) -> None:
        """After one change, every compressed message is compressed anew; what is not compressed is not."""
        line = Line(SERVER, TAKEOVER)
        line.edit(replacing(b"changed!", b"change me"))
        messages = [b"abcabcabc", b"change me", b"abcabcabc", b"abcabcabc"]
        wires = [line.sender.message(1, message, [], True, []) for message in messages]
        line.feed(*wires, text("plain"))
        assert line.receiver.messages == [
            (1, m) for m in (b"abcabcabc", b"changed!", b"abcabcabc", b"abcabcabc", b"plain")
        ]
        assert line.written.startswith(wires[0])
        assert line.written.endswith(text("plain"))
        assert [d.action for d in line.decided] == ["edit", "recode", "recode"]
        line.edit(None)
        line.feed(line.sender.message(1, b"abcabcabc", [], True, []))
        assert line.receiver.messages[-1] == (1, b"abcabcabc")
        assert line.relay.is_editing(SERVER)

    def test_without_context_takeover_leaves_the_door_open(self) -> None:
        line = Line(SERVER, ALONE)
        line.edit(replacing(b"changed!", b"change me"))
        line.feed(line.sender.message(1, b"change me", [], True, []))
        wire = line.sender.message(1, b"abcabcabc", [], True, [])
        line.feed(wire)
        assert line.written.endswith(wire)
        line.edit(None)
        assert not line.relay.is_editing(SERVER)

    def test_of_a_control_frame_is_possible(self) -> None:
        line = Line(SERVER)
        line.edit(dropping(lambda transit: transit.opcode == 9))
        line.feed(encode_frame(9, b"beat"), text("a"))
        assert line.receiver.received == [(1, b"a")]
        assert [(d.action, d.by) for d in line.decided] == [("drop", "addon a")]


class TestWhatIsTooLarge:
    def test_passes_as_it_is_and_as_it_comes(self) -> None:
        line = Line(SERVER, limit=100)
        line.edit(dropping(lambda transit: True))
        wire = encode_frame(2, bytes(300))
        line.feed(wire[:50])
        assert line.written == wire[:50]
        line.feed(wire[50:])
        assert line.written == wire
        assert line.warnings == [
            "a message of at least 300 bytes is too large to be edited and passed as it is"
        ]

    def test_keeps_its_turn(self) -> None:
        line = Line(SERVER, limit=100)
        kept: list[Transit] = []
        line.edit(lambda transit: kept.append(transit) or (transit.hold("hand") and None))
        line.feed(text("first"), encode_frame(2, bytes(300)), encode_frame(9, b""))
        assert line.written == encode_frame(9, b"")
        kept[0].release("hand")
        assert line.receiver.messages == [(1, b"first"), (2, bytes(300))]

    @pytest.mark.parametrize("step", [7, 64, 100_000])
    def test_is_compressed_anew_behind_the_door(self, step: int) -> None:
        line = Line(CLIENT, TAKEOVER, limit=2000)
        line.edit(dropping(lambda transit: transit.original.startswith(b"drop m")))
        line.feed(line.sender.message(1, b"drop me, and remember me", [], True, []))
        large = b"".join(b"%d drop me, and remember me " % n for n in range(3000))
        wire = line.sender.message(1, large, [500, 900], True, [b"ping"])
        line.feed(*[wire[n : n + step] for n in range(0, len(wire), step)])
        line.feed(line.sender.message(1, b"drop me not: remember me", [], True, []))
        assert (1, large) in line.receiver.messages

    def test_of_a_compressed_message_that_is_changed_before_it_is_sent_is_followed(self) -> None:
        """It came while a message before it was held; that one is changed only then."""
        line = Line(SERVER, TAKEOVER, limit=2000)
        kept: list[Transit] = []
        line.edit(lambda transit: kept.append(transit) or (transit.hold("hand") and None))
        line.feed(line.sender.message(1, b"remember me well", [], True, []))
        large = b"remember me well " * 4000
        line.feed(line.sender.message(2, large, [10], True, []))
        kept[0].drop("hand")
        kept[0].release("hand")
        assert line.receiver.messages == [(2, large)]

    def test_and_never_ends_costs_no_more_than_its_limits(self) -> None:
        """A bomb behind the door: nobody follows it to its end, and nobody keeps what it becomes."""
        line = Line(SERVER, TAKEOVER, limit=2000)
        line.edit(dropping(lambda transit: True))
        line.feed(line.sender.message(1, b"x", [], True, []))
        bomb = line.sender.message(2, bytes(40 << 20), [], True, [])
        got = bytearray()
        line.relay._port.write = lambda from_client, data: got.extend(data)  # type: ignore[union-attr]
        line._write = lambda from_client, data: got.extend(data)  # type: ignore[method-assign]
        line.relay._port.record = lambda record: None  # type: ignore[union-attr]
        tracemalloc.start()
        for start in range(0, len(bomb), 4096):
            line.feed(bomb[start : start + 4096])
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 4 << 20
        assert len(got) < 4 << 20


class TestInjecting:
    def test_waits_for_the_end_of_a_fragmented_message(self) -> None:
        line = Line(SERVER)
        line.feed(encode_frame(1, b"AAA", fin=False))
        line.inject(1, b"INJ")
        assert line.receiver.messages == []
        line.feed(encode_frame(0, b"BBB") + text("next"))
        assert line.receiver.messages == [(1, b"AAABBB"), (1, b"INJ"), (1, b"next")]
        assert not line.relay.is_editing(SERVER)

    def test_of_a_ping_may_stand_between_fragments_but_not_inside_a_frame(self) -> None:
        line = Line(SERVER)
        line.feed(encode_frame(1, b"AAA", fin=False))
        line.inject(9, b"now")
        assert line.receiver.received == [(9, b"now")]
        line.feed(encode_frame(0, b"BBB")[:3])
        line.inject(9, b"then")
        line.feed(encode_frame(0, b"BBB")[3:])
        assert line.receiver.received == [(9, b"now"), (1, b"AAABBB"), (9, b"then")]

    def test_does_not_wait_for_what_is_held(self) -> None:
        line = Line(SERVER)
        kept: list[Transit] = []
        line.edit(lambda transit: kept.append(transit) or (transit.hold("hand") and None))
        line.feed(text("held"))
        line.inject(1, b"one")
        line.inject(1, b"two")
        assert line.receiver.messages == [(1, b"one"), (1, b"two")]
        kept[0].release("hand")
        assert line.receiver.messages[-1] == (1, b"held")

    def test_from_inside_an_offer_comes_behind_the_message(self) -> None:
        line = Line(SERVER)
        line.edit(lambda transit: line.inject(1, b"answer", "addon a") if transit.opcode == 1 else None)
        line.feed(text("question"))
        assert line.receiver.messages == [(1, b"question"), (1, b"answer")]

    def test_touches_no_window(self) -> None:
        line = Line(CLIENT, TAKEOVER)
        line.feed(line.sender.message(1, b"abcabc", [], True, []))
        line.inject(2, b"something else")
        line.feed(line.sender.message(1, b"abcabc", [], True, []))
        assert line.receiver.messages == [(1, b"abcabc"), (2, b"something else"), (1, b"abcabc")]
        assert not line.relay.is_editing(CLIENT)

    def test_is_masked_towards_the_server(self) -> None:
        line = Line(CLIENT)
        line.inject(1, b"hello")
        [frame] = Frame.parse(line.written)
        assert frame.mask
        assert frame.data == b"hello"

    def test_of_raw_frames_sends_them_as_they_are(self) -> None:
        line = Line(SERVER)
        line.inject(0, text("raw"), raw=True)
        assert line.written == text("raw")
        assert [(d.action, d.sent) for d in line.decided] == [("inject", text("raw"))]

    def test_of_a_close_ends_that_direction(self) -> None:
        line = Line(SERVER)
        line.inject(8, b"\x0f\xa0done")
        line.feed(text("too late"))
        assert line.receiver.received == [(8, b"\x0f\xa0done")]
        line.relay.ended(SERVER, "eof", 0)
        line.relay.ended(CLIENT, "eof", 0)
        closure = line.relay.closure()
        assert (closure.by, closure.code, closure.reason) == ("proxy", 4000, "done")


class TestSwitching:
    @pytest.mark.parametrize("step", [1, 3, 1000])
    def test_happens_between_messages(self, step: int) -> None:
        line = Line(CLIENT)
        first = line.sender.message(1, b"not this one", [4], False, [b"beat"])
        second = line.sender.message(1, b"but this one", [4], False, [])
        line.feed(first[:3])
        line.edit(replacing(b"changed"))
        rest = first[3:] + second
        line.feed(*[rest[n : n + step] for n in range(0, len(rest), step)])
        assert line.receiver.messages == [(1, b"not this one"), (1, b"changed")]
        assert line.recorded == first + second

    def test_off_goes_back_to_the_very_objects(self) -> None:
        line = Line(CLIENT)
        line.edit(lambda transit: None)
        line.feed(line.sender.message(1, b"a", [], False, []))
        line.edit(None)
        data = line.sender.message(1, b"b", [], False, [])
        assert line.relay.receive(CLIENT, data) is data

    def test_on_in_a_compressed_stream_gets_its_window_from_the_recorder(self) -> None:
        line = Line(SERVER, TAKEOVER)
        line.feed(line.sender.message(1, b"abcabcabc", [], True, []))
        seen: list[bytes] = []
        line.edit(lambda transit: seen.append(transit.original))
        for byte in bytewise(line.sender.message(1, b"abcabcabc", [], True, [])):
            line.feed(byte)
        assert seen == [b"abcabcabc"]

    def test_on_where_nobody_followed_the_window_lets_compressed_messages_pass(self) -> None:
        line = Line(SERVER, TAKEOVER)
        line.feed(line.sender.message(1, b"abcabcabc", [], True, []))
        line.relay._port.ask = lambda from_client, answer: answer(None)  # type: ignore[union-attr]
        line.edit(dropping(lambda transit: True))
        line.feed(line.sender.message(1, b"abcabcabc", [], True, []), text("plain"))
        assert line.receiver.messages == [(1, b"abcabcabc")] * 2


@pytest.mark.parametrize("before", [True, False])
def test_a_message_is_recorded_in_order_where_privacy_begins_or_ends_in_its_middle(before: bool) -> None:
    line = Line()
    line.edit(lambda transit: None)
    line.port.private = before
    wire = line.sender.message(1, b"one two three", [4, 8], False, [b"ping"])
    line.feed(wire[:9])
    line.port.private = not before
    line.feed(wire[9:30], wire[30:])
    assert [transit.original for transit in line.arrivals if transit.opcode == 1] == [b"one two three"]
    # A ping does not wait for the message it stands in.
    [ping] = [transit.wire for transit in line.arrivals if transit.opcode == 9]
    for told in (line.written, line.recorded):
        assert told.replace(ping, b"", 1) == wire.replace(ping, b"", 1)

"""A recorded session as a stream: whose ears hear what, and in which part of it."""

from pathlib import Path
from typing import Any

import pytest

from tests.data.make_capture import _deflated as deflated
from tests.support.captures import MASK, capture
from tests.unit.replay.replay_tools import answer, end, talk, text
from wsproxy.filters.parser import parse
from wsproxy.replay.pages import Brief, Pages
from wsproxy.replay.recorded import End, Recorded
from wsproxy.replay.recorded_message import RecordedMessage
from wsproxy.store.limits import Limits
from wsproxy.store.reader import Reader
from wsproxy.store.records import ClosureRecord, ConnectionRecord, FrameRecord
from wsproxy.wire.encode import encode_frame
from wsproxy.wire.transit import Transit


def told(path: Path, end: End = End.SERVER, **choice: object) -> list[str]:
    """The steps in a few words."""
    words: list[str] = []
    with Reader(path) as reader:
        for step in Recorded(reader, end, **choice).messages():  # type: ignore[arg-type]
            match step:
                case ConnectionRecord():
                    words.append(f"open {step.id}")
                case ClosureRecord():
                    words.append(f"close {step.connection}")
                case RecordedMessage():
                    way = "→" if step.from_client else "←"
                    content = "close" if step.opcode == 8 else f"{step.opcode} {step.content.decode()}"
                    words.append(f"{step.connection} {way} {content}")
    return words


def two(path: Path) -> Path:
    """Two connections that overlap."""
    with capture(path) as c:
        first = c.open()
        c.send(first, text("a"))
        second = c.open("ws://example.test/other")
        c.receive(first, answer("A"))
        c.send(second, text("b"))
        end(c, first)
        c.receive(second, answer("B"))
        end(c, second)
    return path


def test_comes_in_the_order_it_happened(path: Path) -> None:
    assert told(two(path)) == [
        "open 1",
        "1 → 1 a",
        "open 2",
        "1 ← 1 A",
        "2 → 1 b",
        "1 → close",
        "1 ← close",
        "close 1",
        "2 ← 1 B",
        "2 → close",
        "2 ← close",
        "close 2",
    ]


def test_one_connection_alone(path: Path) -> None:
    assert told(two(path), connections=[2]) == [
        "open 2",
        "2 → 1 b",
        "2 ← 1 B",
        "2 → close",
        "2 ← close",
        "close 2",
    ]


def test_a_range_begins_with_the_opening_of_what_is_in_it(path: Path) -> None:
    assert told(two(path), first=2, last=3) == ["open 2", "open 1", "1 ← 1 A", "2 → 1 b"]


def test_a_filter_leaves_out_what_it_does_not_want_and_connections_with_nothing_left(path: Path) -> None:
    assert told(two(path), wanted=parse("~text & ~b b")) == ["open 2", "2 → 1 b", "2 ← 1 B", "close 2"]


def test_a_fragmented_message_comes_whole_when_it_ended_and_says_how_it_was_cut(path: Path) -> None:
    with capture(path) as c:
        number = c.open()
        c.send(number, encode_frame(1, b"one ", fin=False, mask=MASK))
        c.send(number, encode_frame(9, b"beat", mask=MASK))
        c.send(number, encode_frame(0, b"two ", fin=False, mask=MASK))
        c.receive(number, answer("meanwhile"))
        c.send(number, encode_frame(0, b"three", mask=MASK))
        c.send(number, encode_frame(9, b"after", mask=MASK))
    with Reader(path) as reader:
        ping, meanwhile, whole, after = list(Recorded(reader).messages())[1:]
    assert isinstance(ping, RecordedMessage)
    assert isinstance(whole, RecordedMessage)
    assert isinstance(after, RecordedMessage)
    assert isinstance(meanwhile, RecordedMessage)
    assert (ping.opcode, ping.inside, after.inside) == (9, 1, 0)
    assert (whole.content, whole.first_frame, whole.number) == (b"one two three", 1, 5)
    assert [(fragment.frame, fragment.size) for fragment in whole.fragments] == [(1, 4), (3, 4), (5, 5)]
    assert whole.began < meanwhile.time < whole.time


def test_a_compressed_message_comes_inflated(path: Path) -> None:
    with capture(path) as c:
        number = c.open(extensions="permessage-deflate")
        c.send(number, encode_frame(1, deflated(b"squeezed"), rsv=4, mask=MASK))
    with Reader(path) as reader:
        [_, message] = Recorded(reader).messages()
    assert isinstance(message, RecordedMessage)
    assert (message.content, message.compressed, message.truncated) == (b"squeezed", True, False)


def test_a_large_message_comes_whole_and_one_cut_short_says_so(path: Path) -> None:
    with capture(path, Limits(inline=10, frame=100)) as c:
        number = c.open()
        c.send(number, encode_frame(2, bytes(range(90)), mask=MASK))
        c.send(number, encode_frame(2, bytes(200), mask=MASK))
    with Reader(path) as reader:
        [_, whole, short] = Recorded(reader).messages()
    assert isinstance(whole, RecordedMessage)
    assert isinstance(short, RecordedMessage)
    assert (whole.content, whole.truncated) == (bytes(range(90)), False)
    assert (len(short.content), short.length, short.truncated) == (100, 200, True)


def edited(path: Path) -> Path:
    """The proxy changed one message of each side, dropped one and said one of its own."""

    def edit(transit: Transit) -> None:
        transit.replace(transit.content.upper(), "addon rewrite")

    def drop(transit: Transit) -> None:
        transit.drop("addon drop")

    with capture(path) as c:
        number = c.open()
        c.relay(number).edit(True, edit)
        c.send(number, text("up"))
        c.send(number, encode_frame(1, b"frag", fin=False, mask=MASK))
        c.send(number, encode_frame(0, b"ments", mask=MASK))
        c.relay(number).edit(True, drop)
        c.send(number, text("gone"))
        c.relay(number).edit(True, None)
        c.relay(number).edit(False, edit)
        c.receive(number, answer("down"))
        c.relay(number).edit(False, None)
        c.relay(number).inject(False, 1, b"nobody", "rule 1")
        c.send(number, text("last"))
    return path


def test_the_server_heard_what_the_proxy_made_of_it(path: Path) -> None:
    assert told(edited(path), End.SERVER) == [
        "open 1",
        "1 → 1 UP",
        "1 → 1 FRAGMENTS",
        "1 ← 1 down",
        "1 → 1 last",
    ]


def test_the_client_heard_what_the_proxy_made_of_it(path: Path) -> None:
    assert told(edited(path), End.CLIENT) == [
        "open 1",
        "1 → 1 up",
        "1 → 1 fragments",
        "1 → 1 gone",
        "1 ← 1 DOWN",
        "1 ← 1 nobody",
        "1 → 1 last",
    ]


def test_frames_rebuild_the_very_bytes(path: Path) -> None:
    said = [
        encode_frame(1, b"odd", mask=MASK, length_bytes=8),
        encode_frame(3, b"reserved", mask=b"abcd"),
        encode_frame(1, b"unmasked"),
        encode_frame(0, b"continues nothing", rsv=5, mask=MASK),
        b"\x81\x85abcdcut",
    ]
    with capture(path) as c:
        number = c.open()
        for one in said:
            c.send(number, one)
        c.close(number)
    with Reader(path) as reader:
        recorded = Recorded(reader)
        raw = [recorded.raw(step) for step in recorded.frames() if isinstance(step, FrameRecord)]
    assert raw == said


def test_a_capture_that_is_being_written_ends_where_it_was(path: Path) -> None:
    talk(path, "ws://example.test/", "a", close=False)
    with Reader(path) as reader:
        recorded = Recorded(reader)
        with capture(path, append=True) as c:
            c.send(c.open(), text("later"))
        assert [step.content for step in recorded.messages() if isinstance(step, RecordedMessage)] == [
            b"a",
            b"a",
        ]


def long_one(path: Path) -> Path:
    """Pages of nothing but plain messages, and everything that can stand between them."""
    compressed = deflated(b"small")
    with capture(path) as c:
        first = c.open()
        for number in range(500):
            c.send(first, text(str(number)))
        second = c.open("ws://example.test/other", extensions="permessage-deflate")
        for number in range(500):
            c.send(first, text(f"a{number}"))
            c.receive(second, answer(f"b{number}" * (number % 70)))
        c.send(first, encode_frame(9, b"ping", mask=MASK))
        end(c, first)
        c.send(second, encode_frame(2, b"piece", fin=False, mask=MASK))
        for number in range(1000):
            c.receive(second, answer(f"c{number}"))
        c.send(second, encode_frame(0, b"piece", mask=MASK))
        c.receive(second, encode_frame(1, compressed, rsv=4))
        c.receive(second, encode_frame(1, b"\xff"))
        for number in range(5000):
            c.receive(second, encode_frame(2, b"%d" % number))
        end(c, second)
    return path


@pytest.mark.parametrize("choice", [{}, {"connections": {2}}, {"first": 700, "last": 6000}, {"side": False}])
def test_pages_of_plain_messages_are_read_briefly_and_say_the_same(
    path: Path, choice: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    long_one(path)
    briefly: list[Brief] = []
    brief = Pages._brief

    def noting(pages: Pages, *args: Any) -> Brief | None:
        page = brief(pages, *args)
        briefly.extend(page for page in [page] if page)
        return page

    monkeypatch.setattr(Pages, "_brief", noting)
    with Reader(path) as reader:
        quick = list(Recorded(reader, **choice).messages())
        monkeypatch.setattr(Pages, "_brief", lambda pages, *args: None)
        assert quick == list(Recorded(reader, **choice).messages())
    assert len(briefly) > 2
    assert len(quick) > 5000


def test_a_page_ends_where_its_payloads_are_many_bytes(path: Path) -> None:
    with capture(path) as c:
        number = c.open()
        for _ in range(300):
            c.receive(number, encode_frame(2, bytes(60_000)))
    with Reader(path) as reader:
        runs = [len(run) for run in Recorded(reader).runs()]
    assert sum(runs) == 301
    assert max(runs) < 100


def test_it_is_counted_without_being_read(path: Path) -> None:
    with Reader(two(path)) as reader:
        assert Recorded(reader).count() == (4, 4)
        assert Recorded(reader, connections=[2]).count() == (2, 2)

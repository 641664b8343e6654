"""What is in a capture, decoded message by message."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given

from tests.support.captures import MASK, STEP, Capture, capture
from tests.unit.decoders.decoder_tools import TREES
from wsproxy.decoders import follow
from wsproxy.decoders.api import Decoded, Decoder, Message
from wsproxy.decoders.follow import Follower, everything
from wsproxy.decoders.plain import plain_json
from wsproxy.decoders.registry import DECODERS, RegistrySession, load
from wsproxy.store.reader import Reader
from wsproxy.store.tail import FrameEvent, Tail
from wsproxy.wire.encode import encode_frame

TILL = Path(__file__).parents[3] / "addons" / "custom_decoder.py"
DEFLATE = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


@pytest.fixture(autouse=True)
def till() -> Iterator[None]:
    """The decoder of the example is known."""
    load(TILL)
    yield
    DECODERS.remove("till")


def say(c: Capture, number: int, *lines: str) -> None:
    """Lines of the till: the client sells, the server answers."""
    for line in lines:
        if line.startswith("SELL"):
            c.send(number, encode_frame(1, line.encode(), mask=MASK))
        else:
            c.receive(number, encode_frame(1, line.encode()))


def meanings(path: Path, **options: bool) -> dict[int, Decoded]:
    """What each frame completes, by its number."""
    with Reader(path) as reader:
        follower = Follower(reader, **options)
        return {
            event.frame.id: decoded
            for event, decoded in everything(reader, follower)
            if decoded is not None and type(event) is FrameEvent
        }


def test_calls_and_replies_find_each_other_on_their_connection(tmp_path: Path) -> None:
    with capture(tmp_path / "a.wsp") as c:
        one, two = c.open("ws://a.test/till"), c.open("ws://b.test/till")
        say(c, one, "SELL 7 tea")
        say(c, two, "SELL 7 milk", "SELL 8 egg")
        say(c, one, "OK 7")
        say(c, two, "NO 7 sold out")
    found = meanings(tmp_path / "a.wsp")

    assert [decoded.event for decoded in found.values()] == [
        "sell tea",
        "sell milk",
        "sell egg",
        "sell: sold",
        "sell: sold out",
    ]
    assert (found[4].pairs_with, found[4].latency) == (1, 3 * STEP)
    assert (found[5].pairs_with, found[5].error) == (2, True)
    assert [found[n].replied for n in (1, 2, 3)] == [True, True, False]


def test_a_message_is_decoded_where_it_ends(tmp_path: Path) -> None:
    import zlib

    deflater = zlib.compressobj(wbits=-15)
    packed = (deflater.compress(b"SELL 2 compressed") + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]
    large = "SELL 3 " + "x" * 100_000
    with capture(tmp_path / "a.wsp") as c:
        number = c.open("ws://a.test/till", extensions=DEFLATE)
        c.send(number, encode_frame(1, b"SELL 1 ", fin=False, mask=MASK))
        c.send(number, encode_frame(9, b"", mask=MASK))
        c.send(number, encode_frame(0, b"fragments", mask=MASK))
        c.send(number, encode_frame(1, packed, rsv=4, mask=MASK))
        c.send(number, encode_frame(1, large.encode(), mask=MASK))
        c.send(number, encode_frame(2, b"\x00binary", mask=MASK))
    found = meanings(tmp_path / "a.wsp")

    assert list(found) == [3, 4, 5, 6]
    assert found[3].event == "sell fragments"
    assert found[4].event == "sell compressed"
    assert found[5].event == large[7:].join(["sell ", ""])
    assert (found[6].decoder, found[6].notes) == ("hex", ("till gave up: no line of a till",))


def test_a_viewer_that_begins_in_the_middle_knows_what_was_before(tmp_path: Path) -> None:
    with capture(tmp_path / "a.wsp") as c:
        number = c.open()
        say(c, number, "SELL 1 tea", "OK 1", "SELL 2 milk", "OK 2")
    with Reader(tmp_path / "a.wsp") as reader:
        tail, follower = Tail(reader, after_frame=3), Follower(reader)
        [decoded] = [found for event in tail.read() if (found := follower.decoded(event))]
    assert (decoded.decoder, decoded.pairs_with) == ("till", 3)


def test_a_viewer_that_leaves_frames_out_looks_up_what_was_between(tmp_path: Path) -> None:
    with capture(tmp_path / "a.wsp") as c:
        number = c.open("ws://a.test/till")
        say(
            c,
            number,
            "SELL 1 tea",
            *[line for n in range(2, 40) for line in (f"SELL {n} x", f"OK {n}")],
            "OK 1",
        )
    with Reader(tmp_path / "a.wsp") as reader:
        follower = Follower(reader, gaps=True)
        frames = [reader.frame(n) for n in (1, 50, 78)]
        last = [follower.decoded(FrameEvent(frame, None)) for frame in frames if frame][-1]
    assert last is not None
    assert last.pairs_with == 1


def test_what_speaks_for_itself_can_be_left_out(tmp_path: Path) -> None:
    with capture(tmp_path / "a.wsp") as c:
        number = c.open()
        for _ in range(20):
            c.send(number, encode_frame(1, b'{"a":1}', mask=MASK))
            c.receive(number, encode_frame(1, b"hello you"))
        c.receive(number, encode_frame(1, b"eyJhIjogMSwgImIiOiBbMiwgM119"))
    everything_said = meanings(tmp_path / "a.wsp")
    found = meanings(tmp_path / "a.wsp", verbatim=False)

    assert len(everything_said) == 41
    assert set(everything_said) - set(found) >= set(range(30, 41))
    assert found[41].decoder == "base64"


def test_a_message_that_was_not_kept_whole_is_not_decoded(tmp_path: Path) -> None:
    from wsproxy.store.limits import Limits

    with capture(tmp_path / "a.wsp", Limits(frame=1000)) as c:
        number = c.open("ws://a.test/till")
        c.send(number, encode_frame(1, b"SELL 1 " + b"x" * 5000, mask=MASK))
        say(c, number, "SELL 2 tea")
    found = meanings(tmp_path / "a.wsp")

    assert found[1].notes == ("till gave up: not all of the message was kept",)
    assert found[2].event == "sell tea"


def test_a_connection_without_its_row_is_read_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with capture(tmp_path / "a.wsp") as c:
        say(c, c.open(), "SELL 1 tea", "SELL 2 tea")
    with Reader(tmp_path / "a.wsp") as reader:
        monkeypatch.setattr(reader, "connection", lambda number: None)
        follower = Follower(reader)
        frame = reader.frame(2)
        assert frame is not None
        decoded = follower.decoded(FrameEvent(frame, None))
    assert decoded is not None
    assert decoded.event == "sell tea"


def test_the_proxy_itself_decodes_nothing() -> None:
    import subprocess
    import sys

    code = (
        "import sys, wsproxy.engine.master; print(sorted(m for m in sys.modules if 'wsproxy.decoders' in m))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    # What it knows of long-polling is where a body falls into packets, and the sid.
    needed = ("", ".text", ".polling", ".api", ".decoded", ".memory", ".message")
    assert set(json.loads(done.stdout.replace("'", '"'))) <= {f"wsproxy.decoders{name}" for name in needed}


@given(TREES)
def test_every_tree_is_json_on_one_line(tree: object) -> None:
    line = plain_json(tree)
    assert line.isascii()
    assert line.replace("\x7f", "").isprintable()
    json.loads(line)


@pytest.mark.parametrize(
    ("tree", "line"),
    [
        (follow.Message, None),
        ({1: b"\x01"}, '{"1":{"base64":"AQ=="}}'),
        (float("nan"), '"nan"'),
        ("a\udcff", '"a\\\\xff"'),
        pytest.param(10**5000, None, id="huge"),
    ],
)
def test_what_json_lacks_becomes_something_it_has(tree: object, line: str | None) -> None:
    assert plain_json(tree) == line if line else json.loads(plain_json(tree))


class Deep(Decoder):
    """Makes trees that nobody should."""

    name = "deep"

    def decode(self, message: Message) -> Decoded:
        tree: list[object] = []
        for _ in range(5000):
            tree = [tree]
        return self.say("deep", tree=tree)


def test_a_tree_that_nobody_should_make_does_no_harm() -> None:
    DECODERS.add(Deep)
    try:
        decoded = DECODERS.session(follow.Opening(), "deep").decode(Message(1, 0, True, True, b"x"))
        assert "nested too deeply" in plain_json(decoded.tree)
    finally:
        DECODERS.remove("deep")


def test_what_no_protocol_claims_is_not_read_again_for_the_sake_of_a_later_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with capture(tmp_path / "a.wsp") as c:
        number = c.open("ws://a.test/plain")
        c.send(number, b"".join(encode_frame(1, b"tea %d" % n, mask=MASK) for n in range(400)))
    read: list[int] = []
    decode = RegistrySession.decode

    def counted(session: RegistrySession, message: Message) -> Decoded:
        read.append(message.number)
        return decode(session, message)

    with Reader(tmp_path / "a.wsp") as reader:
        follower = Follower(reader, gaps=True, caught_up=50)
        follower.decoded(FrameEvent(reader.frames_by_id([200])[0], None))
        monkeypatch.setattr(RegistrySession, "decode", counted)
        follower.decoded(FrameEvent(reader.frames_by_id([300])[0], None))
    assert read == [300]

"""What the edit state records: arrivals with their ids, what was sent, what was decided, what is withheld."""

import zlib
from pathlib import Path

import pytest

from tests.support.captures import MASK, capture
from wsproxy.store.limits import Limits
from wsproxy.store.reader import Reader
from wsproxy.store.records import FrameFlag
from wsproxy.wire.deflate import TAIL
from wsproxy.wire.encode import encode_frame
from wsproxy.wire.frames import Anomaly
from wsproxy.wire.transit import Transit

CLIENT, SERVER = True, False


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.wsp"


class Deflated:
    def __init__(self) -> None:
        self._zlib = zlib.compressobj(wbits=-15)

    def __call__(self, content: bytes) -> bytes:
        data = self._zlib.compress(content) + self._zlib.flush(zlib.Z_SYNC_FLUSH)
        return encode_frame(1, data.removesuffix(TAIL), rsv=4)


def payload(reader: Reader, number: int) -> bytes:
    return b"".join(reader.payload(number))


def test_a_message_learns_the_ids_of_its_frames(path: Path) -> None:
    seen: list[Transit] = []
    with capture(path, Limits(inline=64)) as c:
        number = c.open()
        c.relay(number).edit(CLIENT, seen.append)
        c.send(number, encode_frame(1, b"one", mask=MASK))
        c.receive(number, encode_frame(1, b"in between"))
        c.send(number, encode_frame(1, b"tw", fin=False, mask=MASK))
        c.send(number, encode_frame(9, b"ping", mask=MASK) + encode_frame(0, b"o", mask=MASK))
        large = encode_frame(2, bytes(1000), mask=MASK)
        c.send(number, large[:500])
        c.receive(number, encode_frame(1, b"in between"))
        c.send(number, large[500:])
    assert [(t.opcode, t.first_frame, t.last_frame) for t in seen] == [
        (1, 1, 1),
        (9, 4, 4),
        (1, 3, 5),
        (2, 6, 6),
    ]
    with Reader(path) as reader:
        assert payload(reader, 6) == bytes(1000)
        assert reader.decisions(0, 100) == []


def test_what_was_sent_in_place_of_a_compressed_message_can_be_read(path: Path) -> None:
    def change(transit: Transit) -> None:
        if transit.original == b"change me":
            transit.replace(b"changed", "addon a")

    deflated = Deflated()
    with capture(path) as c:
        number = c.open(extensions="permessage-deflate")
        c.relay(number).edit(SERVER, change)
        c.receive(number, deflated(b"change me"))
        c.receive(number, deflated(b"change me not"))
    with Reader(path) as reader:
        frames = {frame.id: frame for frame in reader.frames()}
        messages = reader.messages(1, 100)
        assert [messages[n].content for n in (1, 2, 3, 4)] == [
            b"change me",
            b"changed",
            b"change me not",
            b"change me not",
        ]
        edited, recoded = reader.decisions(0, 100)
    assert [FrameFlag.FROM_PROXY in frames[n].flags for n in (1, 2, 3, 4)] == [False, True, False, True]
    assert all(FrameFlag.COMPRESSED in frame.flags for frame in frames.values())
    assert (edited.action, edited.last_frame, edited.last_sent) == ("edit", 1, 2)
    assert (recoded.action, recoded.last_frame, recoded.last_sent) == ("recode", 3, 4)


def test_what_was_sent_in_fragments_is_one_message(path: Path) -> None:
    with capture(path) as c:
        number = c.open()
        c.relay(number).edit(SERVER, lambda transit: transit.replace(b"ONE TWO", "addon a") and None)
        c.receive(number, encode_frame(1, b"one ", fin=False) + encode_frame(0, b"two"))
    with Reader(path) as reader:
        [decision] = reader.decisions(0, 100)
        assert (decision.first_frame, decision.last_frame) == (1, 2)
        assert (decision.first_sent, decision.last_sent) == (3, 4)
        sent = reader.messages(3, 4)[4]
        assert (sent.first_frame, sent.frames, sent.length) == (3, 2, 7)
        assert payload(reader, 3) + payload(reader, 4) == b"ONE TWO"


def test_what_is_injected_by_hand_is_judged_like_what_peers_send(path: Path) -> None:
    with capture(path, Limits(frame=10)) as c:
        number = c.open()
        c.relay(number).inject(SERVER, 0, encode_frame(3, b"?") + encode_frame(1, b"\xff"), "hand", raw=True)
        c.relay(number).inject(SERVER, 2, bytes(100), "hand")
        c.relay(number).inject(SERVER, 0, b"\x81\x05abc", "hand", raw=True)
        c.relay(number).inject(SERVER, 0, b"\x81", "hand", raw=True)
    with Reader(path) as reader:
        frames = reader.frames()
        decisions = reader.decisions(0, 100)
    assert [frame.anomalies for frame in frames] == [
        Anomaly.UNKNOWN_OPCODE,
        Anomaly.INVALID_UTF8,
        Anomaly(0),
        Anomaly.INCOMPLETE,
        Anomaly.INCOMPLETE,
    ]
    assert (frames[2].length, frames[2].stored) == (100, 10)
    assert FrameFlag.TRUNCATED in frames[2].flags
    assert [(d.first_sent, d.last_sent) for d in decisions] == [(1, 2), (3, 3), (4, 4), (5, 5)]


class TestWhatIsWithheld:
    @staticmethod
    def redact(transit: Transit) -> None:
        if transit.opcode < 8:
            assert transit.record_as(b"[redacted]", "addon redact")

    def test_is_nowhere_in_the_file(self, path: Path) -> None:
        deflated = Deflated()
        with capture(path, Limits(inline=64)) as c:
            number = c.open(extensions="permessage-deflate")
            relay = c.relay(number)
            assert relay._port
            relay._port.private = True
            relay.edit(SERVER, self.redact)
            secret = b"hush " * 30
            c.receive(number, encode_frame(1, b"hush"))
            wire = (
                encode_frame(1, secret[:70], fin=False) + encode_frame(9, b"") + encode_frame(0, secret[70:])
            )
            for byte in wire:
                c.receive(number, bytes([byte]))
            c.receive(number, deflated(b"hush"))
            c.receive(number, encode_frame(2, b"hush", fin=False)[:4])
            c.close(number)
        assert b"hu" not in path.read_bytes()
        with Reader(path) as reader:
            frames = reader.frames()
            messages = reader.messages(1, 100)
            assert all(FrameFlag.REDACTED in frame.flags for frame in frames if frame.opcode < 8)
            # Their headers are those of the wire.
            assert [(frame.opcode, frame.length) for frame in frames] == [
                (1, 4),
                (9, 0),
                (1, 70),
                (0, 80),
                (1, frames[4].length),
                (2, 4),
            ]
            assert payload(reader, 1) == b"[redacted]"
            assert payload(reader, 3) + payload(reader, 4) == b"[redacted]"
        assert messages[5].content == b"[redacted]"

    def test_is_withheld_of_what_was_sent_in_its_place_too(self, path: Path) -> None:
        def change(transit: Transit) -> None:
            transit.replace(b"hush, and more", "addon a")
            transit.record_as(b"...", "addon redact")

        with capture(path) as c:
            number = c.open()
            c.relay(number).edit(SERVER, change)
            c.receive(number, encode_frame(1, b"hush"))
        assert b"hush" not in path.read_bytes()
        with Reader(path) as reader:
            assert [payload(reader, n) for n in (1, 2)] == [b"...", b"..."]


def test_frames_that_are_not_recorded_are_counted_in_the_edit_state_too(path: Path) -> None:
    with capture(path) as c:
        number = c.open()
        relay = c.relay(number)
        relay.omit()
        relay.edit(SERVER, lambda transit: transit.replace(b"changed", "addon a") and None)
        c.receive(number, encode_frame(1, b"not recorded"))
        c.receive(number, encode_frame(1, b"across the switch")[:5])
        relay.resume()
        c.receive(number, encode_frame(1, b"across the switch")[5:])
        c.receive(number, encode_frame(1, b"recorded"))
    assert relay.take_omitted() == (2, 14 + 19)
    with Reader(path) as reader:
        assert [payload(reader, frame.id) for frame in reader.frames()] == [b"recorded", b"changed"]


CHANGES = [
    b"short",
    b"",
    b"x" * 200,
    "läng".encode() * 300,
    b"y" * 70_000,
]


@pytest.mark.parametrize("extensions", ["", "permessage-deflate"])
@pytest.mark.parametrize("side", [CLIENT, SERVER])
@pytest.mark.parametrize("limits", [Limits(), Limits(frame=150, message=150)])
def test_what_was_sent_in_one_frame_is_recorded_as_any_other_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extensions: str, side: bool, limits: Limits
) -> None:
    def recorded(path: Path) -> list[object]:
        changes = iter(CHANGES)
        deflated = Deflated()
        mask = MASK if side else b""
        monkeypatch.setattr("wsproxy.wire.outlet.os.urandom", lambda count: b"abcd")
        with capture(path, limits) as c:
            number = c.open(extensions=extensions)
            c.relay(number).edit(side, lambda transit: transit.replace(next(changes), "addon a") and None)
            for content in (b"one", b"two", b"three", b"four", b"five"):
                frame = deflated(content) if extensions and not mask else encode_frame(1, content, mask=mask)
                (c.send if side else c.receive)(number, frame)
        with Reader(path) as reader:
            frames = [
                (f.id, f.opcode, f.flags, f.length, f.header, payload(reader, f.id)) for f in reader.frames()
            ]
            messages = {n: (m.length, m.content, m.truncated) for n, m in reader.messages(1, 100).items()}
            decisions = [(d.first_frame, d.first_sent, d.last_sent) for d in reader.decisions(0, 100)]
        return [frames, messages, decisions]

    quick = recorded(tmp_path / "quick.wsp")
    monkeypatch.setattr("wsproxy.store.edit_rows.EditRowBuilder._sent_whole", lambda *_: False)
    assert recorded(tmp_path / "slow.wsp") == quick

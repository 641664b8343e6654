"""Sessions of Engine.IO that begin over long-polling, or stay there."""

import gzip
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.captures import MASK, STEP, Capture, capture
from wsproxy.decoders import follow
from wsproxy.decoders.api import Decoded
from wsproxy.decoders.follow import Follower, everything
from wsproxy.decoders.registry import DECODERS
from wsproxy.store.reader import Reader
from wsproxy.store.records import ExchangeFlag, ExchangeRecord
from wsproxy.store.tail import FrameEvent
from wsproxy.wire.encode import encode_frame

OPEN = '0{"sid":"abcd","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}'


def said(c: Capture, number: int, line: str | bytes, from_client: bool = True) -> None:
    """One message on the WebSocket."""
    data = line if isinstance(line, bytes) else line.encode()
    opcode = 2 if isinstance(line, bytes) else 1
    if from_client:
        c.send(number, encode_frame(opcode, data, mask=MASK))
    else:
        c.receive(number, encode_frame(opcode, data))


def upgraded(c: Capture, sid: str = "abcd") -> int:
    """The session moves to a WebSocket."""
    number = c.open(f"ws://example.test/socket.io/?EIO=4&transport=websocket&sid={sid}")
    said(c, number, "2probe")
    said(c, number, "3probe", False)
    said(c, number, "5")
    return number


def meanings(path: Path) -> dict[int, Decoded]:
    """What was said, by frame, or by exchange with a minus before it."""
    found: dict[int, Decoded] = {}
    with Reader(path) as reader:
        for event, decoded in everything(reader, Follower(reader)):
            if decoded is not None:
                assert isinstance(event, FrameEvent | ExchangeRecord)
                found[-event.id if isinstance(event, ExchangeRecord) else event.frame.id] = decoded
    return found


def test_what_begins_on_polling_is_understood_on_the_websocket(tmp_path: Path) -> None:
    with capture(tmp_path / "a.wsp") as c:
        c.exchange(False, OPEN)
        c.exchange(True, "40/admin,")
        c.exchange(True, '42/admin,7["who"]')
        number = upgraded(c)
        said(c, number, '43/admin,7["ada"]', False)
        said(c, number, '40/admin,{"sid":"x"}', False)
    found = meanings(tmp_path / "a.wsp")

    assert found[-1].event == 'open sid abcd, ping every 25 s, timeout 20 s, may upgrade to ["websocket"]'
    assert found[1].event == "probe for the session abcd, which began over HTTP"
    assert (found[4].event, found[4].pairs_with, found[4].latency) == (
        'who: ack 7 "ada" /admin',
        -3,
        5 * STEP,
    )
    assert (found[5].event, found[5].pairs_with) == ('connect: connected /admin {"sid": "x"}', -2)
    assert [found[number].replied for number in (-2, -3)] == [True, True]


def test_attachments_may_come_on_the_other_transport(tmp_path: Path) -> None:
    with capture(tmp_path / "a.wsp") as c:
        c.exchange(False, OPEN)
        c.exchange(False, '452-["pair",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]\x1ebAQ==')
        number = upgraded(c)
        said(c, number, b"\2", False)
    found = meanings(tmp_path / "a.wsp")

    packet, first = found[-2].parts
    assert first.event == "attachment 1 of 2, 1 B"
    assert (
        found[4].event
        == "attachment 2 of 2, 1 B, completes emit pair attachment 1: h'01', attachment 2: h'02'"
    )
    assert [node.value for node in packet.tree["data"][1:]] == [b"\1", b"\2"]


def test_several_packets_are_parts_of_one_body(tmp_path: Path) -> None:
    with capture(tmp_path / "a.wsp") as c:
        c.exchange(False, f'{OPEN}\x1e42["a"]\x1e2')
    [body] = meanings(tmp_path / "a.wsp").values()

    assert [part.event[:8] for part in body.parts] == ["open sid", "emit a", "ping"]
    assert [part.heartbeat for part in body.parts] == [False, False, True]
    assert body.decoder == "socketio"


def test_a_session_that_stays_on_polling_is_read_to_its_end(tmp_path: Path) -> None:
    with capture(tmp_path / "a.wsp") as c:
        c.exchange(False, OPEN)
        c.exchange(True, '420["one"]\x1e421["two"]')
        c.exchange(False, "ok", method="POST")
        c.exchange(False, "431[]")
    found = meanings(tmp_path / "a.wsp")

    one, two = found[-2].parts
    assert (one.replied, two.replied) == (False, True)
    assert (found[-3].event, found[-3].decoder) == ("ok", "text")
    assert found[-4].event == "two: ack 1"


def test_sessions_do_not_mix(tmp_path: Path) -> None:
    with capture(tmp_path / "a.wsp") as c:
        for sid in ("one", "two"):
            c.exchange(True, f'420["{sid}"]', sid=sid)
        c.exchange(False, "430[]", sid="two")
        number = upgraded(c, "one")
        said(c, number, "430[]", False)
    found = meanings(tmp_path / "a.wsp")

    assert (found[-3].event, found[4].event) == ("two: ack 0", "one: ack 0")


def test_packed_bodies_and_version_3_are_read(tmp_path: Path) -> None:
    url = "http://example.test/socket.io/?EIO=3&transport=polling&sid=abcd"
    with capture(tmp_path / "a.wsp") as c:
        c.exchange(False, gzip.compress(b'8:42["ab"]2:40'), url=url, encoding="gzip")
        c.exchange(False, bytes([0, 8, 255]) + b'42["ab"]', url=url, type="application/octet-stream")
    found = meanings(tmp_path / "a.wsp")

    assert [part.event for part in found[-1].parts] == ["emit ab", "connected"]
    assert found[-2].event == "emit ab"


class TestWhatIsNoPacket:
    def test_a_refusal_is_shown_as_it_is(self, tmp_path: Path) -> None:
        with capture(tmp_path / "a.wsp") as c:
            c.exchange(False, '{"code":1,"message":"Session ID unknown"}', status=400)
        [body] = meanings(tmp_path / "a.wsp").values()
        assert (body.decoder, body.error) == ("json", True)

    def test_what_does_not_fit_says_so(self, tmp_path: Path) -> None:
        with capture(tmp_path / "a.wsp") as c:
            c.exchange(False, b"\xff\xfe")
            c.exchange(False, "not gzip", encoding="gzip")
            c.exchange(False, "9:40", url="http://example.test/socket.io/?EIO=3&transport=polling")
        notes = [decoded.notes[0] for decoded in meanings(tmp_path / "a.wsp").values()]
        assert notes[0] == "no packets: neither text nor packets of bytes"
        assert notes[1].startswith("no packets: does not inflate")
        assert notes[2] == "no packets: the last packet is shorter than its length says"

    def test_nothing_means_nothing(self, tmp_path: Path) -> None:
        with capture(tmp_path / "a.wsp") as c:
            c.exchange(False, "", status=502)
            c.exchange(False, "", error="server disconnected")
            c.exchange(True, "", length=30, flags=ExchangeFlag.REDACTED)
        assert meanings(tmp_path / "a.wsp") == {}


def test_of_a_body_that_was_cut_all_but_the_last_packet_is_read(tmp_path: Path) -> None:
    with capture(tmp_path / "a.wsp") as c:
        c.exchange(True, '42["whole"]\x1e42["cu', length=900)
    [body] = meanings(tmp_path / "a.wsp").values()

    assert [part.event for part in body.parts] == ["emit whole", '42["cu']
    assert body.notes == ("socketio gave up: not all of the message was kept",)


def test_what_is_kept_in_place_of_secrets_is_whole(tmp_path: Path) -> None:
    with capture(tmp_path / "a.wsp") as c:
        c.exchange(True, '42["login","…"]', length=900, flags=ExchangeFlag.REDACTED)
    [body] = meanings(tmp_path / "a.wsp").values()
    assert (body.event, body.notes) == ('emit login "…"', ())


class TestFromTheMiddle:
    """Who begins later, or leaves events out, is told what was before."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        with capture(tmp_path / "a.wsp") as c:
            c.exchange(False, OPEN)
            c.exchange(True, '427["who"]')
            number = upgraded(c)
            said(c, number, '437["ada"]', False)
            c.exchange(False, "6")
        return tmp_path / "a.wsp"

    @pytest.mark.parametrize("gaps", [False, True])
    def test_by_a_frame(self, path: Path, gaps: bool) -> None:
        with Reader(path) as reader:
            frame = reader.frame(4)
            assert frame is not None
            decoded = Follower(reader, gaps=gaps).decoded(FrameEvent(frame, None))
        assert decoded is not None
        assert (decoded.event, decoded.pairs_with) == ('who: ack 7 "ada"', -2)

    def test_by_a_body(self, path: Path) -> None:
        with Reader(path) as reader:
            follower = Follower(reader, gaps=True)
            [last] = reader.exchanges(2)
            decoded = follower.decoded(last)
            assert decoded is not None
            assert decoded.event == "noop"
            # Those before it were given to the session then, and mean the same.
            [_, call, _] = reader.exchanges()
            again = follower.decoded(call)
        assert again is not None
        assert again.event == "emit who [ack 7]"


def test_no_more_sessions_are_remembered_than_are_bearable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "SESSIONS", 2)
    with capture(tmp_path / "a.wsp") as c:
        for sid in "abc":
            c.exchange(True, '420["x"]', sid=sid)
    with Reader(tmp_path / "a.wsp") as reader:
        follower = Follower(reader)
        list(everything(reader, follower))
        assert [follower.session_of(sid) is None for sid in "abc"] == [True, False, False]


@given(st.binary(max_size=200), st.sampled_from(["", "gzip", "br"]), st.booleans(), st.sampled_from("34"))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_body_raises(tmp_path: Path, body: bytes, encoding: str, from_client: bool, version: str) -> None:
    record = ExchangeRecord(
        id=1, time=1, sid="", from_client=from_client, began=0, client="", server="",
        method="POST" if from_client else "GET", url=f"http://a/?EIO={version}&transport=polling",
        status=None if from_client else 200, type="", encoding=encoding, length=len(body), body=body,
        flags=ExchangeFlag(0), error=None,
    )  # fmt: skip
    path = tmp_path / "empty.wsp"
    if not path.exists():
        with capture(path):
            pass
    with Reader(path) as reader:
        Follower(reader, DECODERS.session).decoded(record)

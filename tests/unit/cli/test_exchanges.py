"""Long-polling as people and programs see it: lines, JSON, `calls`, `info`, filters."""

import gzip
import json

import pytest

from tests.support.captures import MASK, STEP, capture
from tests.unit.cli.test_jsonl import keys_of, section
from wsproxy.store.records import ExchangeFlag
from wsproxy.wire.encode import encode_frame

OPEN = '0{"sid":"abcdefgh","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}'
SID = {"sid": "abcdefgh"}
WEBSOCKET = "ws://example.test/socket.io/?EIO=4&transport=websocket&sid=abcdefgh"


@pytest.fixture
def moved(tmp_path):
    """A session that makes two calls over polling; one is answered there, one on the WebSocket."""
    path = tmp_path / "moved.wsp"
    with capture(path) as c:
        c.exchange(False, OPEN, **SID)
        c.exchange(True, '420["one"]\x1e421["two"]', **SID)
        c.exchange(False, "ok", method="POST", **SID)
        c.exchange(False, "430[1]", **SID)
        number = c.open(WEBSOCKET)
        for text in ("2probe", "5"):
            c.send(number, encode_frame(1, text.encode(), mask=MASK))
        c.receive(number, encode_frame(1, b"431[2]"))
        c.close(number)
    return path


def lines(result):
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()[1:]


def test_log_shows_bodies_as_what_they_were(wsproxy, moved):
    found = lines(wsproxy("log", moved))
    assert found[:6] == [
        "      12:00:00.000 poll abcdef ← 200         85 B open sid abcdefgh, ping every 25 s,"
        ' timeout 20 s, may upgrade to ["websocket"]',
        "      12:00:00.010 poll abcdef → POST        21 B 2 packets",
        "                   · emit one [ack 0]",
        "                   · emit two [ack 1]",
        "      12:00:00.020 poll abcdef ← 200          2 B ok",
        "      12:00:00.030 poll abcdef ← 200          6 B one: ack 0 1 (20 ms)",
    ]
    assert found[-2].endswith("two: ack 1 2 (60 ms)")


def test_raw_shows_what_was_said(wsproxy, moved, tmp_path):
    found = lines(wsproxy("log", moved, "--raw"))
    assert found[1].endswith(r'21 B 420["one"]\x1e421["two"]')
    with capture(tmp_path / "b.wsp") as c:
        c.exchange(False, gzip.compress(b"4hello"), encoding="gzip")
        c.exchange(False, "no gzip", encoding="gzip")
    [packed, broken] = lines(wsproxy("log", tmp_path / "b.wsp", "--raw"))
    assert packed.endswith("·gzip 4hello")
    assert broken.endswith("·gzip no gzip")


def test_what_went_wrong_is_said(wsproxy, tmp_path):
    with capture(tmp_path / "a.wsp") as c:
        c.exchange(False, '{"code":1,"message":"Session ID unknown\x1b"}', status=400)
        c.exchange(False, "", error="server \x1b disconnected")
        c.exchange(True, "42[", length=99)
        c.exchange(True, "", length=99, flags=ExchangeFlag.REDACTED)
        c.exchange(False, "", sid="", status=502)
    found = [line[19:] for line in lines(wsproxy("log", tmp_path / "a.wsp"))]
    assert found == [
        r'poll abcd ← 400         42 B {"code":1,"message":"Session ID unknown\x1b"}',
        r"poll abcd ← failed       0 B server \x1b disconnected",
        "poll abcd → POST        99 B ·kept 3 B 42[ (socketio gave up: not all of the message was kept)",
        "poll abcd → POST        99 B ·redacted ",
        "poll ← 502          0 B ",
    ]


def test_colours_are_those_of_the_direction_and_of_trouble(wsproxy, moved, tmp_path):
    coloured = wsproxy("log", moved, "--color", "always").stdout
    assert "\x1b[34m← 200   \x1b[0m" in coloured
    with capture(tmp_path / "a.wsp") as c:
        c.exchange(False, "no", status=400)
    assert "\x1b[31m← 400   \x1b[0m" in wsproxy("log", tmp_path / "a.wsp", "--color", "always").stdout


@pytest.mark.parametrize("width", [80, 60])
def test_a_line_is_no_wider_than_the_terminal(wsproxy, moved, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    found = [line for line in lines(wsproxy("log", moved)) if "poll" in line or "·" in line]
    assert all(len(line) <= width for line in found), found


def test_json_has_all_of_it_and_every_key_is_documented(wsproxy, moved, tmp_path):
    found = [json.loads(line) for line in wsproxy("log", moved, "--json").stdout.splitlines()]
    exchanges = [event for event in found if event["event"] == "exchange"]
    opened, said, answer, ack = exchanges

    for event in exchanges:
        decoded = event.pop("decoded", None)
        assert keys_of(event) <= section("`exchange`")
        if decoded:
            decoded.pop("tree", None)
            for part in decoded.pop("parts", [decoded]):
                part.pop("tree", None)
                assert keys_of(part) <= section("`decoded` in a frame")
    assert (opened["sid"], opened["direction"], opened["status"]) == ("abcdefgh", "receive", 200)
    assert (said["method"], said["text"], said["status"]) == ("POST", '420["one"]\x1e421["two"]', None)
    assert (answer["method"], answer["text"]) == ("POST", "ok")
    assert ack["time"] > ack["began"]


def test_json_says_which_body_had_the_call(wsproxy, moved):
    found = [
        json.loads(line)["decoded"]
        for line in wsproxy("log", moved, "--json").stdout.splitlines()[3:]
        if "decoded" in line
    ]
    by_event = {decoded.get("event"): decoded for decoded in found}
    for event in ("one: ack 0 1", "two: ack 1 2"):
        assert (by_event[event]["reply_to"], by_event[event]["reply_to_exchange"]) == (None, 2)


def test_json_unpacks_and_says_what_it_cannot_unpack(wsproxy, tmp_path):
    with capture(tmp_path / "a.wsp") as c:
        c.exchange(False, gzip.compress(b"4hello"), encoding="gzip")
        c.exchange(False, b"\xff", encoding="gzip")
    packed, broken = [
        json.loads(line) for line in wsproxy("log", tmp_path / "a.wsp", "--json").stdout.splitlines()
    ]
    assert (packed["encoding"], packed["text"]) == ("gzip", "4hello")
    assert (broken["base64"], broken["decoded"]["notes"][0][:11]) == ("/w==", "no packets:")


def test_calls_are_paired_over_both_transports(wsproxy, moved, tmp_path):
    found = [json.loads(line) for line in wsproxy("calls", moved, "--json").stdout.splitlines()]
    assert {call["method"]: (call["count"], call["unanswered"], call["max"]) for call in found} == {
        "one": (1, 0, 2 * STEP),
        "two": (1, 0, 6 * STEP),
        "probe": (1, 1, None),
    }
    with capture(tmp_path / "a.wsp") as c:
        c.exchange(True, '420["x"]')
        c.exchange(True, '421["x"]')
    assert "never answered: exchange 1, exchange 2" in wsproxy("calls", tmp_path / "a.wsp").stdout
    [call] = [json.loads(line) for line in wsproxy("calls", tmp_path / "a.wsp", "--json").stdout.splitlines()]
    assert (call["unanswered_frames"], call["unanswered_exchanges"]) == ([], [1, 2])


def test_one_connection_comes_with_its_session(wsproxy, moved):
    with capture(moved, append=True) as c:
        c.exchange(True, '42["elsewhere"]', sid="other")
    found = wsproxy("log", moved, "--connection", 1).stdout
    assert "emit one [ack 0]" in found
    assert "elsewhere" not in found
    assert "one" in wsproxy("calls", moved, "--connection", 1).stdout


class TestFilters:
    @pytest.mark.parametrize(
        ("what", "count"),
        [
            ("~event 'ack 0'", 2),
            ("~up & ~event one", 1),
            ("~down & ~event one", 1),
            ("two", 1),
            ("~b 'o[k]'", 1),
            ("~size <10", 2),
            ("~u transport=polling", 4),
            ("~d example.test & ~up", 1),
            ("~decoder socketio", 3),
            ("~noreply & ~event two", 0),
            ("~heartbeat", 0),
            ("~text | ~binary | ~control | ~op 1", 0),
            ("!~text & ~up", 1),
            ("~t 12:00:00.015..12:00:00.035", 2),
        ],
    )
    def test_operators_about_content_and_meaning_match_bodies(self, wsproxy, moved, what, count):
        result = wsproxy("log", moved, "-f", what, "--json")
        found = [json.loads(line)["event"] for line in result.stdout.splitlines()]
        assert found.count("exchange") == count

    def test_a_call_over_polling_without_an_answer_is_found(self, wsproxy, tmp_path):
        with capture(tmp_path / "a.wsp") as c:
            c.exchange(True, '420["x"]')
            c.exchange(True, '421["x"]')
            c.exchange(False, "431[]")
        found = lines(wsproxy("log", tmp_path / "a.wsp", "-f", "~noreply"))
        assert len([line for line in found if "emit" in line]) == 1 or "ack 0" in found[0]

    def test_the_exit_code_says_whether_any_body_matched(self, wsproxy, tmp_path):
        with capture(tmp_path / "a.wsp") as c:
            c.exchange(True, '42["x"]')
        assert wsproxy("log", tmp_path / "a.wsp", "-f", "~event x").exit_code == 0
        assert wsproxy("log", tmp_path / "a.wsp", "-f", "~event y").exit_code == 1
        assert wsproxy("info", tmp_path / "a.wsp", "-f", "~event x").exit_code == 0
        assert wsproxy("info", tmp_path / "a.wsp", "-f", "~event y").exit_code == 1


class TestInfo:
    def test_lists_sessions_and_where_they_went(self, wsproxy, moved):
        with capture(moved, append=True) as c:
            c.exchange(True, "42[", sid="stays")
            c.exchange(False, "no", sid="stays", status=400)
            c.exchange(False, "", sid="stays", error="gone")
            c.exchange(False, "no", sid="", status=403)
        text = wsproxy("info", moved).stdout
        assert "Long-polling 3 sessions" in text
        blocks = {
            block.split()[1]: block.splitlines() for block in text.split("\n\n") if block.startswith("poll")
        }
        assert blocks["abcdef"][1:4] == [
            "   goes on as #1",
            "   → 1 body 21 B   ← 3 bodies 93 B   in 40 ms",
            "   speaks socketio (by the path)",
        ]
        assert blocks["stays"][1:5] == [
            "   never moved to a WebSocket",
            "   → 1 body 3 B   ← 2 bodies 2 B   in 30 ms",
            "   ! 1 × refused with status 400",
            "   ! 1 request without a whole answer",
        ]
        assert "   requests of no session" in text

    def test_json_has_the_same_with_every_key_documented(self, wsproxy, moved):
        found = json.loads(wsproxy("info", moved, "--json").stdout)
        assert set(found["polling"][0]) <= section("Each of `polling`")
        [session] = found["polling"]
        assert (session["sid"], session["connections"], session["refused"]) == ("abcdefgh", [1], {})
        assert (session["send"], session["receive"]["bodies"]) == ({"bodies": 1, "bytes": 21}, 3)
        assert session["spoken"]["messages"] == 5

    def test_a_filter_counts_what_matches(self, wsproxy, moved):
        [session] = json.loads(wsproxy("info", moved, "--json", "-f", "~event one").stdout)["polling"]
        assert (session["send"]["bodies"], session["receive"]["bodies"]) == (1, 1)

    def test_no_more_sessions_are_listed_than_can_be_read(self, wsproxy, tmp_path):
        with capture(tmp_path / "a.wsp") as c:
            for number in range(25):
                c.exchange(True, "2", sid=f"s{number}")
        assert "and 5 more sessions over long-polling" in wsproxy("info", tmp_path / "a.wsp").stdout
        assert len(json.loads(wsproxy("info", tmp_path / "a.wsp", "--json").stdout)["polling"]) == 25

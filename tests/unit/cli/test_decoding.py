"""Messages decoded: `log`, `info`, `calls` and `decoders`."""

import json
from pathlib import Path

import pytest

from tests.support.captures import MASK, STEP, capture
from wsproxy.decoders.registry import DECODERS
from wsproxy.wire.encode import encode_close, encode_frame

TILL = Path(__file__).parents[3] / "addons" / "custom_decoder.py"
WITH_TILL = ("--decoder-file", TILL)


@pytest.fixture(autouse=True)
def forget():
    """What a test makes known is known to it alone."""
    yield
    DECODERS.remove("till")


@pytest.fixture
def shop(tmp_path):
    """Two calls answered, one of them with an error, one not at all; two heartbeats; a line nobody knows."""
    path = tmp_path / "shop.wsp"
    with capture(path) as c:
        number = c.open("ws://shop.test/till")
        for line in ("SELL 1 tea", "SELL 2 milk", "SELL 3 egg", ".", ".", '{"odd":1.10}'):
            c.send(number, encode_frame(1, line.encode(), mask=MASK))
        c.receive(number, encode_frame(1, b"OK 1"))
        c.receive(number, encode_frame(1, b"NO 2 sold out\x1b[31m"))
    return path


def lines_of(result):
    assert result.exit_code == 0, result.output
    # Without the day, and the opening of the connection.
    return [line[22:] for line in result.stdout.splitlines()[2:]]


def test_log_says_what_messages_mean(wsproxy, shop):
    lines = lines_of(wsproxy("log", shop, *WITH_TILL, "--color", "never"))
    assert [line.partition(" B ")[2] for line in lines] == [
        "sell tea",
        "sell milk",
        "sell egg",
        "still here",
        "still here",
        '{"odd":1.10} (till gave up: no line of a till)',
        "sell: sold (60 ms)",
        "sell: sold out\\x1b[31m (60 ms)",
    ]


def test_raw_shows_the_content_as_it_is(wsproxy, shop):
    lines = lines_of(wsproxy("log", shop, *WITH_TILL, "--raw"))
    assert lines[0].endswith("SELL 1 tea")
    assert lines[5].endswith('{"odd":1.10}')
    assert "decoded" not in wsproxy("log", shop, "--raw", "--json").stdout


def test_without_a_decoder_that_knows_more_lines_are_as_they_were(wsproxy, shop):
    assert wsproxy("log", shop).stdout == wsproxy("log", shop, "--raw").stdout


@pytest.mark.parametrize("width", [40, 60, 80])
def test_what_messages_mean_fits_the_line(wsproxy, shop, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    for line in wsproxy("log", shop, *WITH_TILL).stdout.splitlines():
        assert len(line) <= max(width, 46), line


def test_json_has_what_was_decoded(wsproxy, shop):
    frames = [json.loads(line) for line in wsproxy("log", shop, *WITH_TILL, "--json").stdout.splitlines()][1:]
    call, reply, odd = frames[0]["decoded"], frames[7]["decoded"], frames[5]["decoded"]

    assert call == {
        "decoder": "till",
        "event": "sell tea",
        "kind": "call",
        "name": "sell",
        "id": "1",
        "channel": "",
        "heartbeat": False,
        "error": False,
        "reply_to": None,
        "latency": None,
        "notes": [],
        "tree": {"word": "SELL", "number": 1, "rest": "tea"},
    }
    assert (reply["reply_to"], reply["latency"], reply["error"]) == (2, 6 * STEP, True)
    assert (odd["decoder"], odd["notes"]) == ("json", ["till gave up: no line of a till"])
    assert frames[3]["decoded"]["heartbeat"] is True


def test_json_in_json_is_spelt_as_it_came_and_harmless(wsproxy, tmp_path):
    path = tmp_path / "a.wsp"
    contents = ['{"price":1.10,"a":1,"a":2}', '{"s":"ü\x7f"}', "[1,\n2]", '{"n":NaN}', "plain"]
    with capture(path) as c:
        number = c.open()
        for content in contents:
            c.send(number, encode_frame(1, content.encode(), mask=MASK))
    output = wsproxy("log", path, "--json").stdout
    lines = output.splitlines()[1:]

    assert output.isascii()
    assert "\x7f" not in output
    assert lines[0].endswith('"tree":{"price":1.10,"a":1,"a":2}}}')
    assert [json.loads(line).get("decoded", {}).get("tree") for line in lines[1:]] == [
        {"s": "ü\x7f"},
        [1, 2],
        {"n": "nan"},
        None,
    ]


def test_every_key_of_what_was_decoded_is_documented(wsproxy, shop):
    from tests.unit.cli.test_jsonl import keys_of, section

    frames = [json.loads(line) for line in wsproxy("log", shop, *WITH_TILL, "--json").stdout.splitlines()][1:]
    for frame in frames:
        frame["decoded"].pop("tree")
        assert keys_of(frame["decoded"]) <= section("`decoded` in a frame")
    [method] = [json.loads(line) for line in wsproxy("calls", shop, *WITH_TILL, "--json").stdout.splitlines()]
    assert set(method) == section("`wsproxy calls --json`") - {"send", "receive", "null"}
    for line in wsproxy("decoders", "--json").stdout.splitlines():
        assert set(json.loads(line)) <= section("`wsproxy decoders --json`")


def test_a_decoder_is_chosen_by_name(wsproxy, shop):
    lines = lines_of(wsproxy("log", shop, *WITH_TILL, "--decoder", "hex"))
    assert lines[0].endswith("SELL 1 tea")
    frame = json.loads(wsproxy("log", shop, *WITH_TILL, "--decoder", "json", "--json").stdout.splitlines()[1])
    assert frame["decoded"]["notes"] == ["json gave up: no JSON object or array"]


@pytest.mark.parametrize("command", ["log", "info", "calls"])
@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--decoder", "jsno"), "there is no decoder 'jsno'. *Did you mean 'json'"),
        (("--decoder-option", "schema"), "'schema' is no option of a decoder"),
        (("--decoder-option", "protobuf.schema=/nowhere.pb"), "cannot read /nowhere.pb"),
        (("--decoder-file", "{broken}"), "cannot load .*: ZeroDivisionError"),
        (("--decoder-file", "{empty}"), "has no decoders in it"),
        (("--decoder-file", "{missing}"), "does not exist"),
    ],
)
def test_a_wrong_option_is_a_usage_error(wsproxy, shop, tmp_path, command, words, why):
    import re

    (tmp_path / "broken.py").write_text("1 / 0")
    (tmp_path / "empty.py").write_text("x = 1")
    words = [word.replace("{", f"{tmp_path}/").replace("}", ".py") for word in words]
    result = wsproxy(command, shop, *words)
    assert result.exit_code == 2
    assert re.search(why.replace(". *", r"\s+"), result.output), result.output


def test_calls_are_counted_by_method(wsproxy, shop):
    result = wsproxy("calls", shop, *WITH_TILL)
    assert result.exit_code == 0
    head, row, unanswered, total = result.stdout.splitlines()
    assert head.split() == ["method", "count", "p50", "p95", "max", "errors", "unanswered", "decoder"]
    assert row.split() == ["→", "sell", "3", "60", "ms", "60", "ms", "60", "ms", "1", "1", "till"]
    assert unanswered.strip() == "never answered: frame 3"
    assert total.strip() == "3 calls, 1 error, 1 never answered"


def test_calls_in_json(wsproxy, shop):
    assert json.loads(wsproxy("calls", shop, *WITH_TILL, "--json").stdout) == {
        "method": "sell",
        "decoder": "till",
        "direction": "send",
        "count": 3,
        "p50": 6 * STEP,
        "p95": 6 * STEP,
        "max": 6 * STEP,
        "errors": 1,
        "unanswered": 1,
        "unanswered_frames": [3],
        "unanswered_exchanges": [],
    }


def test_without_calls_the_answer_is_no(wsproxy, shop):
    result = wsproxy("calls", shop)
    assert result.exit_code == 1
    assert "no calls" in result.stderr
    assert result.stdout == ""
    assert wsproxy("calls", shop, *WITH_TILL, "--connection", 7).exit_code == 1


def test_percentiles_are_those_of_the_nearest_rank():
    from array import array

    from wsproxy.decoders.tally import Method

    method = Method("till", "sell", True, latencies=array("q", range(100, 0, -1)))
    assert (method.percentile(0.5), method.percentile(0.95), method.percentile(1)) == (50, 95, 100)
    assert Method("till", "sell", True).percentile(0.5) is None


def test_info_tells_what_was_spoken(wsproxy, shop):
    text = wsproxy("info", shop, *WITH_TILL).stdout
    assert "   speaks till (by the path)\n" in text
    assert "   2 heartbeats, 25% of all messages, one every 10 ms\n" in text
    assert "   → sell                         3 ×         31 B sell tea\n" in text
    assert "   ! 1 × till gave up: no line of a till\n" in text

    [connection] = json.loads(wsproxy("info", shop, *WITH_TILL, "--json").stdout)["connections"]
    spoken = connection["spoken"]
    assert (spoken["protocol"], spoken["recognised_by"], spoken["messages"]) == ("till", "path", 8)
    assert (spoken["heartbeat_share"], spoken["heartbeat_interval"]) == (0.25, STEP)
    assert spoken["types"][0] == {
        "decoder": "till",
        "name": "sell",
        "direction": "send",
        "count": 3,
        "bytes": 31,
        "sample": "sell tea",
    }


def test_info_can_do_without_decoding(wsproxy, shop):
    assert "speaks" not in wsproxy("info", shop, *WITH_TILL, "--raw").stdout
    found = json.loads(wsproxy("info", shop, "--raw", "--json").stdout)
    assert found["connections"][0]["spoken"] is None


def test_info_says_if_it_decoded_only_a_part(wsproxy, tmp_path, monkeypatch):
    from wsproxy.store import tail

    monkeypatch.setattr("wsproxy.cli.protocols.MESSAGES", 5)
    monkeypatch.setattr(tail.Tail.read, "__defaults__", (3,))
    path = tmp_path / "a.wsp"
    with capture(path) as c:
        number = c.open()
        for _ in range(12):
            c.send(number, encode_frame(1, b"hello", mask=MASK))
    found = json.loads(wsproxy("info", path, "--json").stdout)
    assert (found["decoded_whole"], found["connections"][0]["spoken"]["messages"]) == (False, 6)
    assert "by the first 100,000 messages" in wsproxy("info", path).stdout


def test_a_client_that_comes_back_is_told_with_gap_and_reason(wsproxy, tmp_path):
    path = tmp_path / "a.wsp"
    with capture(path) as c:
        first = c.open("ws://a.test/chat?token=1")
        beside = c.open("ws://a.test/chat")
        c.receive(first, encode_close(1012, ""))
        c.send(first, encode_close(1012, "", mask=MASK))
        c.close(first)
        refused = c.open("ws://a.test/chat?token=2", status=403)
        again = c.open("ws://a.test/chat?token=3")
        other = c.open("ws://a.test/other")
    found = json.loads(wsproxy("info", path, "--json").stdout)["reconnects"]

    assert found == [
        {
            "client": "127.0.0.1",
            "url": "ws://a.test/chat",
            "connections": [
                {"connection": first, "gap": None, "reason": None},
                {"connection": refused, "gap": STEP, "reason": "closed by server 1012 service restart"},
                {"connection": again, "gap": STEP, "reason": "refused: 403 Forbidden"},
            ],
        }
    ]
    assert beside not in [entry["connection"] for entry in found[0]["connections"]]
    assert other == 5
    text = wsproxy("info", path).stdout
    assert "2 reconnects of 127.0.0.1 to ws://a.test/chat\n" in text
    assert f"   #{first} closed by server 1012 service restart, 10 ms later #{refused}\n" in text


def test_decoders_are_listed_with_what_they_recognise(wsproxy):
    text = wsproxy("decoders", *WITH_TILL).stdout
    assert text.startswith("till           The tills of the shop")
    assert "subprotocol till.v1\n" in text
    assert "\njson           JSON (RFC 8259)" in text

    found = [json.loads(line) for line in wsproxy("decoders", "--json").stdout.splitlines()]
    assert {"name", "sort"} <= set(found[0])
    assert [entry["sort"] for entry in found].count("encoding") >= 11

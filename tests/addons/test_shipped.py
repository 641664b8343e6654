"""The shipped addons do what they say, between two real ends."""

import json
from typing import Any

import pytest

from tests.support.shipped import opened
from wsproxy.addon import OptionError
from wsproxy.addon.library import shipped
from wsproxy.addon.testing import Harness, Pair

DEFLATE = pytest.mark.parametrize("deflate", [False, True])


@pytest.mark.parametrize("name", shipped())
class TestEvery:
    def test_can_be_used_without_options(self, name: str) -> None:
        _, pair = opened(name)
        pair.client.send('{"a": 1}', b"\xff\x00")
        pair.server.ping(b"beat")
        pair.client.close(1000, "done")

    def test_teaches_and_has_options_that_begin_with_its_name(self, name: str) -> None:
        harness, _ = opened(name)
        [script] = harness.manager.scripts
        doc = script.module.__doc__ or ""
        assert f"wsproxy dump -s {name}" in doc
        assert len(script.summary) < 90
        for option in script.options.declared.values():
            assert option.name == name or option.name.startswith(f"{name}_")
            assert option.help.endswith(".")
            assert option.help[0].isupper()

    def test_can_be_read_in_a_minute(self, name: str) -> None:
        assert len(shipped()[name].read_text(encoding="utf-8").splitlines()) < 110


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("log_messages", {"log_messages_filter": "~nonsense"}),
        ("drop", {"drop": "("}),
        ("rewrite", {"rewrite": "/only"}),
        ("rewrite", {"rewrite": "/~all/(/x"}),
        ("rewrite", {"rewrite": r"/~all/a/\1"}),
        ("rewrite", {"rewrite": "/~nonsense/a/b"}),
        ("set_json", {"set_json": "a.b"}),
        ("set_json", {"set_json": "a..b=1"}),
        ("set_json", {"set_json": "$=1"}),
        ("set_json", {"set_json_delete": "["}),
        ("delay", {"delay": "-1"}),
        ("delay", {"delay": "nan"}),
        ("delay", {"delay": "soon"}),
        ("delay", {"delay_bandwidth": "1.5"}),
        ("chaos", {"chaos_drop": "1.5"}),
        ("chaos", {"chaos_cut": "nan"}),
        ("inject", {"inject_to": "both"}),
        ("inject", {"inject": "xyz", "inject_type": "hex"}),
        ("inject", {"inject_every": "-1"}),
        ("replay", {"replay_every": "-1"}),
        ("replay", {"replay_after": "("}),
        ("auto_reply", {"auto_reply": "/~all/${a..b}"}),
        ("redact", {"redact": "/only"}),
        ("redact", {"redact": "/(/x"}),
    ],
)
def test_a_wrong_option_is_said_in_a_sentence(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(OptionError) as caught:
        Harness(name, **options)
    assert "Traceback" not in str(caught.value)
    assert "\n" not in str(caught.value)


class TestLogMessages:
    def test_says_what_passes(self) -> None:
        harness, pair = opened("log_messages", log_messages_filter="!~b secret", log_messages_length=5)
        pair.client.send("hello there", b"\x01\x02", "a secret")
        pair.server.send("hi")
        assert harness.told == ["→ text hello", "→ binary 01 02", "← text hi"]


@DEFLATE
class TestDrop:
    def test_takes_heartbeats_away(self, deflate: bool) -> None:
        _, pair = opened("drop", deflate)
        pair.client.ping(b"beat")
        pair.server.ping(b"beat")
        pair.client.send("hello")
        assert (pair.server.pings, pair.client.pings) == ([], [])
        assert pair.server.messages == ["hello"]
        assert {(d.action, d.by) for d in pair.decided} == {("drop", "addon drop")}

    def test_takes_messages_away(self, deflate: bool) -> None:
        _, pair = opened("drop", deflate, drop=["~up & ~json type = typing", "~down & ~binary", "~close"])
        pair.client.send('{"type":"typing"}', '{"type":"text","n":1}', '{"type":"text","n":1}')
        pair.server.send(b"\x00", '{"type":"typing"}')
        pair.client.close()
        assert pair.server.messages == ['{"type":"text","n":1}', '{"type":"text","n":1}']
        assert pair.client.messages == ['{"type":"typing"}']
        assert pair.server.closed is None


@DEFLATE
class TestRewrite:
    def test_replaces_what_matches(self, deflate: bool) -> None:
        rules = [r'|~down|"price":(\d+)|"price":\g<1>00', "/hello/hullo", "/~binary/a/b"]
        _, pair = opened("rewrite", deflate, rewrite=rules)
        pair.server.send('{"price":7}', "größe 5, hello")
        pair.client.send('{"price":7}', b"\xffa\xff", fragments=2)
        assert pair.client.messages == ['{"price":700}', "größe 5, hullo"]
        assert pair.server.messages == ['{"price":7}', b"\xffb\xff"]

    def test_a_dot_is_a_line_break_too(self, deflate: bool) -> None:
        _, pair = opened("rewrite", deflate, rewrite=["/a.*z/all", "/~all/b/c/d"])
        pair.client.send("a\nz.", "b")
        assert pair.server.messages == ["all.", "c/d"]


def json_through(options: dict[str, Any], *values: Any, deflate: bool = False) -> list[Any]:
    _, pair = opened("set_json", deflate, **options)
    pair.client.send(*(value if isinstance(value, str) else json.dumps(value) for value in values))
    return pair.server.messages


@DEFLATE
class TestSetJson:
    def test_sets_and_deletes(self, deflate: bool) -> None:
        options = {
            "set_json": ["user.admin=true", "user.name=Ann", "items[*].price=0", "items[-1].last={}"],
            "set_json_delete": ["debug", "items[*].note", "tags[*]"],
        }
        value = {
            "user": {"name": "Bo"},
            "items": [{"price": 3, "note": 1}, {"price": 0}],
            "debug": 1,
            "tags": [1, 2],
        }
        [got] = json_through(options, value, deflate=deflate)
        assert json.loads(got) == {
            "user": {"name": "Ann", "admin": True},
            "items": [{"price": 0}, {"price": 0, "last": {}}],
            "tags": [],
        }
        assert " " not in got

    @pytest.mark.parametrize(
        "content", ["no json", '{"other": 1}', '["a"]', '{"user": {"admin": true}}', "7"]
    )
    def test_leaves_everything_else_alone(self, deflate: bool, content: str) -> None:
        options = {"set_json": ["user.admin=true", "x[0]=1"], "set_json_delete": ["gone", "user.gone", "[3]"]}
        assert json_through(options, content, deflate=deflate) == [content]


class TestDelay:
    def test_keeps_messages_in_order_and_lets_pings_pass(self) -> None:
        harness, pair = opened("delay", delay=0.5)
        pair.client.send("one", "two")
        pair.client.ping(b"now")
        assert (pair.server.messages, pair.server.pings) == ([], [b"now"])
        harness.advance(0.49)
        assert pair.server.messages == []
        harness.advance(0.02)
        assert pair.server.messages == ["one", "two"]

    def test_has_a_bandwidth_for_each_direction(self) -> None:
        harness, pair = opened("delay", delay=1, delay_bandwidth=1000)
        pair.client.send("x" * 2000, "y" * 1000)
        pair.server.send("z")
        harness.advance(1.1)
        assert (len(pair.server.messages), len(pair.client.messages)) == (0, 1)
        harness.advance(2)
        assert len(pair.server.messages) == 1
        harness.advance(1)
        assert len(pair.server.messages) == 2

    def test_jitters_the_same_way_with_the_same_seed(self) -> None:
        def held(seed: int) -> list[int]:
            harness, pair = opened("delay", delay=0, delay_jitter=1.0, delay_seed=seed)
            for _ in range(5):
                pair.client.send("x")
                harness.advance(1)
            assert len(pair.server.messages) == 5
            return [decided.held for decided in pair.decided]

        assert held(1) == held(1)
        assert held(1) != held(2)
        assert len(set(held(1))) == 5
        assert max(held(1)) < 10**9

    def test_of_others_does_not_matter(self) -> None:
        _, pair = opened("delay", delay_filter="~binary")
        pair.client.send("x")
        assert pair.server.messages == ["x"]


def hit(mishap: str, *contents: str | bytes, **options: Any) -> tuple[Harness, Pair]:
    """Messages of which every one is hit by one kind of mishap."""
    others = {"chaos_drop": 0, "chaos_duplicate": 0, "chaos_reorder": 0}
    harness, pair = opened("chaos", **{**others, f"chaos_{mishap}": 1, **options})
    for content in contents:
        if pair.client.peer.is_open and pair.is_open:
            pair.client.send(content)
    return harness, pair


class TestChaos:
    def test_drops(self) -> None:
        _, pair = hit("drop", "a", "b")
        assert pair.server.messages == []

    def test_duplicates(self) -> None:
        _, pair = hit("duplicate", "a", b"\xff")
        assert pair.server.messages == ["a", "a", b"\xff", b"\xff"]

    def test_reorders_and_does_not_keep_the_last_one(self) -> None:
        harness, pair = hit("reorder", "first", "second", chaos_filter="~b first")
        assert pair.server.messages == ["second", "first"]
        pair.client.send("first again")
        assert pair.server.messages == ["second", "first"]
        harness.advance(1)
        assert pair.server.messages == ["second", "first", "first again"]

    def test_corrupts_one_character_or_byte(self) -> None:
        _, pair = hit("corrupt", "grüß dich", bytes(20), "")
        text, data, empty = pair.server.messages
        assert isinstance(text, str)
        assert isinstance(data, bytes)
        assert sum(a != b for a, b in zip(text, "grüß dich", strict=True)) == 1
        assert sum(byte != 0 for byte in data) == 1
        assert len(data) == 20
        assert empty == ""

    def test_truncates(self) -> None:
        _, pair = hit("truncate", "grüß dich", bytes(20))
        text, data = pair.server.messages
        assert isinstance(text, str)
        assert "grüß dich".startswith(text)
        assert len(text) < 9
        assert len(data) < 20

    def test_closes_with_a_code(self) -> None:
        _, pair = hit("close", "a", chaos_code=1013)
        assert pair.server.messages == ["a"]
        assert pair.server.closed == (1013, "chaos")
        assert pair.client.closed == (1013, "chaos")
        assert pair.closure is not None
        assert pair.closure.by == "proxy"

    def test_cuts(self) -> None:
        _, pair = hit("cut", "a")
        assert pair.client.is_cut
        assert pair.server.is_cut

    def test_does_the_same_again_with_the_same_seed(self) -> None:
        def happened(seed: int) -> list[str | bytes]:
            harness, pair = opened(
                "chaos", chaos_seed=seed, chaos_drop=0.2, chaos_duplicate=0.2, chaos_reorder=0.2
            )
            for number in range(60):
                pair.client.send(str(number))
            harness.advance(1)
            return pair.server.messages

        assert happened(1) == happened(1)
        assert happened(1) != happened(2)

    def test_does_not_depend_on_the_other_direction(self) -> None:
        def happened(talkative: bool) -> list[str | bytes]:
            _, pair = opened("chaos", chaos_drop=0.5, chaos_duplicate=0, chaos_reorder=0)
            for number in range(40):
                if talkative:
                    pair.server.send("noise")
                pair.client.send(str(number))
            return pair.server.messages

        assert happened(True) == happened(False)
        assert 5 < len(happened(True)) < 35


@DEFLATE
class TestRedact:
    SAID = '{"user":"ann","password":"pa\\"ss", "token" : "abc"}'
    KEPT = '{"user":"ann","password":"…", "token" : "…"}'

    def test_sends_the_secret_and_keeps_it_out_of_the_capture(self, deflate: bool) -> None:
        _, pair = opened("redact", deflate)
        pair.client.send(self.SAID, "nothing special", fragments=3)
        assert pair.server.messages == [self.SAID, "nothing special"]
        assert pair.recorded == [self.KEPT.encode(), b"nothing special"]

    def test_of_url_and_heads(self, deflate: bool) -> None:
        harness = Harness("redact", redact="/example/…")
        pair = harness.open(
            "wss://example.com/chat?token=s3cret&room=1",
            headers={"Cookie": "session=s3cret", "X-Fine": "yes"},
            deflate=deflate,
        )
        assert pair.recorded_url == "wss://….com/chat?token=…&room=1"
        kept = pair.recorded_request.decode()
        assert "s3cret" not in kept
        assert "\r\nCookie: …\r\n" in kept
        assert "X-Fine: yes" in kept
        assert bytes(pair.request) == pair.facts.request

    def test_of_a_header_that_goes_on_in_the_next_line(self, deflate: bool) -> None:
        pair = Harness("redact").open(deflate=deflate)
        assert pair.facts.redacted(b"GET / HTTP/1.1\r\ncookie: a;\r\n b\r\nHost: x\r\n\r\n") == (
            "GET / HTTP/1.1\r\ncookie: …\r\nHost: x\r\n\r\n".encode()
        )

    def test_of_control_frames(self, deflate: bool) -> None:
        _, pair = opened("redact", deflate, redact="/s3cret/…")
        pair.server.close(4000, "s3cret")
        assert pair.client.closed == (4000, "s3cret")
        assert b"s3cret" not in b"".join(pair.recorded)
        assert pair.recorded[0] == b"\x0f\xa0" + "…".encode()


class TestDowngrade:
    def test_refuses_compression(self) -> None:
        pair = Harness("downgrade").open(deflate=True)
        assert pair.facts.extensions == ""
        assert "sec-websocket-extensions" not in pair.request.headers
        pair.client.send("hello")
        assert pair.server.messages == ["hello"]

    def test_leaves_compression_where_it_may(self) -> None:
        pair = Harness("downgrade", downgrade_deflate="false").open(deflate=True)
        assert pair.facts.extensions.startswith("permessage-deflate")

    def test_chooses_a_subprotocol_of_those_offered(self) -> None:
        harness = Harness("downgrade", downgrade_subprotocol="v1")
        assert harness.open(subprotocols=["v3", "v2", "v1"]).facts.subprotocol == "v1"
        assert harness.open(subprotocols=["v3", "v2"]).facts.subprotocol == "v3"
        assert harness.open().facts.subprotocol is None

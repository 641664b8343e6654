"""The shipped addons that say something of their own: after a while, to what matches, out of a capture."""

from pathlib import Path

import pytest

from tests.support.captures import MASK, capture
from tests.support.shipped import opened
from wsproxy.wire.encode import encode_frame

DEFLATE = pytest.mark.parametrize("deflate", [False, True])


@DEFLATE
class TestInject:
    def test_when_a_connection_opens(self, deflate: bool) -> None:
        _, pair = opened("inject", deflate, inject="hello", inject_on_open=True)
        assert pair.server.messages == ["hello"]

    def test_after_a_message_that_matches(self, deflate: bool) -> None:
        _, pair = opened("inject", deflate, inject="00ff", inject_type="hex", inject_after="~b now")
        pair.client.send("not yet", "now", "over")
        assert pair.server.messages == ["not yet", "now", b"\x00\xff", "over"]
        assert [(d.action, d.by) for d in pair.decided] == [("inject", "addon inject")]

    def test_every_few_seconds(self, deflate: bool) -> None:
        harness, pair = opened("inject", deflate, inject="tick", inject_to="client", inject_every=5)
        harness.advance(11)
        assert pair.client.messages == ["tick", "tick"]
        pair.client.close()
        harness.advance(11)
        assert pair.client.messages == ["tick", "tick"]


@DEFLATE
class TestReplay:
    @pytest.fixture
    def session(self, tmp_path: Path) -> Path:
        path = tmp_path / "session.wsp"
        with capture(path) as c:
            number = c.open()
            c.send(number, encode_frame(1, b"one", mask=MASK))
            c.receive(number, encode_frame(1, b"ONE"))
            c.send(number, encode_frame(9, b"ping", mask=MASK))
            c.send(number, encode_frame(2, b"\x02", mask=MASK))
        return path

    def test_when_a_connection_opens_at_the_recorded_pace(self, deflate: bool, session: Path) -> None:
        harness, pair = opened("replay", deflate, replay=str(session), replay_on_open=True)
        harness.advance(0.015)
        assert pair.server.messages == ["one"]
        harness.advance(1)
        assert pair.server.messages == ["one", b"\x02"]
        assert {(d.action, d.by) for d in pair.decided} == {("inject", "addon replay")}

    def test_to_the_client_after_a_message_that_matches(self, deflate: bool, session: Path) -> None:
        options = {"replay_to": "client", "replay_after": "~b again", "replay_speed": 0.0}
        harness, pair = opened("replay", deflate, replay=str(session), **options)
        pair.client.send("not yet", "again")
        harness.advance(0.1)
        assert pair.client.messages == ["ONE"]

    def test_every_few_seconds_and_only_where_wanted(self, deflate: bool, session: Path) -> None:
        options = {"replay": str(session), "replay_every": 5.0, "replay_until": 1, "replay_speed": 0.0}
        harness, pair = opened("replay", deflate, **options, replay_url="/chat")
        harness.advance(11)
        assert pair.server.messages == ["one", "one"]
        harness, pair = opened("replay", deflate, **options, replay_url="/elsewhere")
        harness.advance(11)
        assert pair.server.messages == []


@DEFLATE
class TestAutoReply:
    def test_answers_in_place_of_the_server(self, deflate: bool) -> None:
        rule = '|~json method = balance|{"id":${id},"for":${user.name},"nothing":${no}}'
        _, pair = opened("auto_reply", deflate, auto_reply=[rule, "/~b ^hi$/hi ${x}"])
        pair.client.send('{"method":"balance","id":7,"user":{"name":"Ä\\""}}', "hi", '{"method":"other"}')
        pair.server.send('{"method":"balance"}')
        assert pair.server.messages == ['{"method":"other"}']
        assert pair.client.messages == [
            '{"id":7,"for":"Ä\\"","nothing":null}',
            "hi null",
            '{"method":"balance"}',
        ]

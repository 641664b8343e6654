"""What an addon sees of a message and a frame, and what it can do with them."""

from typing import Any

import pytest

from tests.unit.addon.conftest import Bench
from wsproxy.addon import Connection, Frame, Message, TooLate, parse_filter
from wsproxy.wire.transit import Transit


def through(bench: Bench, hook: Any, content: bytes = b"hello", opcode: int = 1) -> Transit:
    """One message past one hook that does not raise."""
    bench.manager.on_failure = _raise
    bench.add(ws_message=lambda connection, message: hook(message) and None)
    return bench.message(content, opcode)


def frame_through(bench: Bench, hook: Any, content: bytes = b"beat", opcode: int = 9) -> Transit:
    """One frame likewise."""
    bench.manager.on_failure = _raise
    bench.add(ws_frame=lambda connection, frame: hook(frame) and None)
    return bench.message(content, opcode)


def _raise(error: BaseException) -> None:
    raise error


class TestMessage:
    def test_says_what_arrived(self, bench: Bench) -> None:
        seen: list[Message] = []
        through(bench, seen.append, b'{"a": 1}')
        [message] = seen
        assert (message.from_client, message.type, message.time) == (True, "text", 2.0)
        assert (message.content, message.text, message.json()) == (b'{"a": 1}', '{"a": 1}', {"a": 1})
        [frame] = message.frames
        assert (frame.name, frame.fin, frame.rsv, frame.masked) == ("text", True, 0, True)
        assert frame.payload == b'{"a": 1}'
        assert message.connection.id == 7

    @pytest.mark.parametrize(
        ("hook", "content"),
        [
            (lambda m: setattr(m, "text", "größer"), "größer".encode()),
            (lambda m: setattr(m, "content", b"bytes"), b"bytes"),
            (lambda m: setattr(m, "content", bytearray(b"bytes")), b"bytes"),
            (lambda m: m.set_json({"ä": [1, None]}), '{"ä":[1,null]}'.encode()),
            (lambda m: m.replace("new"), b"new"),
        ],
    )
    def test_is_replaced(self, bench: Bench, hook: Any, content: bytes) -> None:
        transit = through(bench, hook)
        assert (transit.content, transit.sent_opcode, transit.by) == (content, 1, ("addon mine",))

    def test_can_change_its_type(self, bench: Bench) -> None:
        transit = through(bench, lambda m: m.replace(b"\xff", "binary"))
        assert (transit.content, transit.sent_opcode) == (b"\xff", 2)

    @pytest.mark.parametrize(
        ("hook", "words"),
        [
            (lambda m: m.replace(b"\xff"), "must be UTF-8"),
            (lambda m: m.replace("\ud800"), "half a character"),
            (lambda m: m.replace(None), "str or bytes, not NoneType"),
            (lambda m: m.replace("x", "txt"), "'text' or 'binary', not 'txt'"),
            (lambda m: setattr(m, "text", b"x"), "text must be str"),
            (lambda m: m.set_json(float("nan")), "not JSON compliant"),
            (lambda m: m.json(), "Expecting value"),
            (lambda m: m.delay(-1), "no time to wait"),
            (lambda m: m.delay(float("nan")), "no time to wait"),
        ],
    )
    def test_refuses_what_cannot_be(self, bench: Bench, hook: Any, words: str) -> None:
        with pytest.raises(ValueError, match=words):
            through(bench, hook)

    @pytest.mark.parametrize("content", [b"NaN", b"[-Infinity]", b"[" * 100_000, b"\xff", b""])
    def test_that_is_no_json_is_no_json(self, bench: Bench, content: bytes) -> None:
        with pytest.raises(ValueError, match=r"."):
            through(bench, lambda m: m.json(), content)

    def test_too_much_is_refused(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("wsproxy.addon.checks.MOST", 10)
        with pytest.raises(ValueError, match="11 bytes are too many"):
            through(bench, lambda m: m.replace("x" * 11))

    def test_broken_text_can_be_forced_and_keeps_its_bytes_when_edited(self, bench: Bench) -> None:
        assert through(bench, lambda m: m.replace(b"\xff", force=True)).content == b"\xff"
        bench.manager.unload("mine")
        edited = through(bench, lambda m: setattr(m, "text", m.text.replace("a", "b")), b"a\xffa")
        assert edited.content == b"b\xffb"

    def test_is_held_until_it_is_released(self, bench: Bench) -> None:
        seen: list[Message] = []
        transit = through(bench, lambda m: (m.hold(), m.hold(), seen.append(m)))
        seen[0].release()
        assert seen[0].is_held
        seen[0].release()
        seen[0].release()
        assert not transit.is_held

    def test_is_delayed(self, bench: Bench) -> None:
        transit = through(bench, lambda m: m.delay(2))
        assert transit.is_held
        assert [seconds for seconds, _ in bench.link.due] == [2]
        bench.link.ring()
        assert not transit.is_held

    def test_is_dropped_and_sent_after_all(self, bench: Bench) -> None:
        assert through(bench, lambda m: m.drop()).is_dropped
        bench.manager.unload("mine")
        assert not through(bench, lambda m: (m.drop(), m.replace("x"))).is_dropped

    def test_shows_itself_to_who_debugs(self, bench: Bench) -> None:
        seen: list[object] = []
        through(bench, lambda m: seen.extend([repr(m), repr(m.frames[0]), repr(m.connection), m.original]))
        url = "wss://example.com:8443/chat?token=s3cret"
        assert seen == [
            "<Message to server, text, 5 bytes>",
            "<Frame to server, text, 5 bytes>",
            f"<Connection 7 {url}>",
            b"hello",
        ]

    def test_matches_filters_as_it_is_now(self, bench: Bench) -> None:
        wanted = parse_filter("~up & ~text & ~b tea")
        seen: list[bool] = []

        def hook(message: Message) -> None:
            seen.append(message.matches(wanted))
            message.text = "tea"
            seen.append(message.matches(wanted))

        through(bench, hook)
        assert seen == [False, True]

    def test_that_is_nested_too_deeply_is_no_json(self, bench: Bench) -> None:
        deep: list[object] = []
        for _ in range(100_000):
            deep = [deep]
        with pytest.raises((ValueError, RecursionError)):
            through(bench, lambda m: m.set_json(deep))

    def test_too_late_is_said(self, bench: Bench) -> None:
        seen: list[Message] = []
        transit = through(bench, seen.append)
        transit.went()
        [message] = seen
        for decide in (message.drop, message.hold, lambda: message.replace("x"), lambda: message.delay(1)):
            with pytest.raises(TooLate, match="has been sent"):
                decide()
        message.release()

    def test_is_recorded_as_something_else_where_the_addon_says_so(self, bench: Bench) -> None:
        with pytest.raises(RuntimeError, match="needs `redacts = True`"):
            through(bench, lambda m: m.record_as("…"))
        bench.manager.unload("mine")
        assert not bench.manager.wants_privacy
        bench.add(redacts=True, ws_message=lambda connection, message: message.record_as("secret"))
        assert bench.manager.wants_privacy
        transit = bench.message(b"password")
        assert (transit.recorded, transit.content, transit.by) == (b"secret", b"password", ("addon mine",))

    def test_is_recorded_empty_where_a_redacting_addon_raises(self, bench: Bench) -> None:
        def ws_message(connection: Connection, message: Message) -> None:
            raise KeyError("x")

        bench.add(redacts=True, ws_message=ws_message)
        assert bench.message(b"password").recorded == b""


class TestFrame:
    def test_of_control_can_be_dropped_or_changed(self, bench: Bench) -> None:
        assert frame_through(bench, lambda f: f.drop()).is_dropped
        bench.manager.unload("mine")
        transit = frame_through(bench, lambda f: f.replace("else"))
        assert transit.content == b"else"

    def test_too_late_is_said(self, bench: Bench) -> None:
        seen: list[Frame] = []
        transit = frame_through(bench, seen.append)
        transit.went()
        [frame] = seen
        with pytest.raises(TooLate, match="has been sent"):
            frame.drop()
        with pytest.raises(TooLate, match="has been sent"):
            frame.replace("x")

    def test_says_what_it_is(self, bench: Bench) -> None:
        seen: list[Frame] = []
        frame_through(bench, seen.append, b"\x03\xe8", 8)
        [frame] = seen
        assert (frame.opcode, frame.name, frame.is_control, frame.from_client) == (8, "close", True, True)
        assert (frame.payload, frame.time, frame.connection.id) == (b"\x03\xe8", 2.0, 7)

    @pytest.mark.parametrize("decide", [Frame.drop, lambda f: f.replace(b""), lambda f: f.record_as(b"")])
    def test_of_a_message_can_only_be_looked_at(self, bench: Bench, decide: Any) -> None:
        with pytest.raises(TypeError, match=r"only control frames can be .*, not text frames; ws_message"):
            frame_through(bench, decide, opcode=1)

    def test_has_at_most_125_bytes_unless_forced(self, bench: Bench) -> None:
        with pytest.raises(ValueError, match="at most 125 bytes"):
            frame_through(bench, lambda f: f.replace(bytes(126)))
        bench.manager.unload("mine")
        assert len(frame_through(bench, lambda f: f.replace(bytes(126), force=True)).content) == 126

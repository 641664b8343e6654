"""What an addon sees of a connection, and what it can do with it."""

import asyncio
from typing import Any

import pytest

from tests.unit.addon.conftest import Bench
from wsproxy.addon import Connection, TooLate
from wsproxy.addon.testing import Harness
from wsproxy.wire.closing import Closure
from wsproxy.wire.encode import encode_frame

OVER = Closure("server", 1001, "bye", True, "eof")


@pytest.fixture
def connection(bench: Bench) -> Connection:
    """As the addon `mine` has it."""
    seen: list[Connection] = []
    bench.add(ws_open=lambda connection: seen.append(connection))
    return seen[0]


def test_what_is_known(connection: Connection, bench: Bench) -> None:
    assert (connection.id, connection.host) == (7, "example.com")
    assert connection.url == "wss://example.com:8443/chat?token=s3cret"
    assert (connection.subprotocol, connection.extensions) == ("v2", "permessage-deflate")
    assert (connection.client, connection.server) == ("127.0.0.1:5000", "192.0.2.1:8443")
    assert (connection.opened, connection.is_open, connection.closure) == (1.5, True, None)
    assert connection.request.path == "/chat?token=s3cret"
    assert connection.request.headers["host"] == "example.com"
    assert connection.response is not None
    assert connection.response.status == 101
    bench.manager.closed(bench.facts, OVER)
    assert not connection.is_open
    assert connection.closure == OVER


def test_each_addon_has_a_state_of_its_own(bench: Bench) -> None:
    seen: list[tuple[str, int]] = []

    def counting(name: str) -> Any:
        def ws_message(connection: Connection, message: object) -> None:
            connection.state[name] = connection.state.get(name, 0) + 1
            seen.append(*connection.state.items())

        return ws_message

    bench.add("a", ws_message=counting("a"))
    bench.add("b", ws_message=counting("b"))
    bench.message()
    bench.message()
    assert seen == [("a", 1), ("b", 1), ("a", 2), ("b", 2)]


class TestSending:
    def test_text_and_bytes_to_either_side(self, connection: Connection, bench: Bench) -> None:
        connection.send("ü")
        connection.send(b"x", to="client")
        connection.send(b"x", type="text")
        connection.send("x", type="binary")
        assert bench.link.sent == [
            (True, 1, "ü".encode(), False),
            (False, 2, b"x", False),
            (True, 1, b"x", False),
            (True, 2, b"x", False),
        ]
        assert set(bench.link.by) == {"addon mine"}

    def test_frames(self, connection: Connection, bench: Bench) -> None:
        connection.send_frame("ping", "now", to="client")
        connection.send_frame(1, b"a", to="client", fin=False)
        connection.send_frame(0xB, to="server", rsv=2, force=True)
        connection.send_raw(b"\x81", to="client")
        assert bench.link.sent == [
            (False, 9, b"now", False),
            (False, 1, encode_frame(1, b"a", fin=False), True),
            (True, 11, encode_frame(11, rsv=2, mask=bytes(4)), True),
            (False, 0, b"\x81", True),
        ]

    def test_a_close_frame_to_one_or_both(self, connection: Connection, bench: Bench) -> None:
        connection.close(4001, "go", to="client")
        connection.close(None)
        connection.close(1006, force=True, to="server")
        assert bench.link.sent == [
            (False, 8, b"\x0f\xa1go", False),
            (True, 8, b"", False),
            (False, 8, b"", False),
            (True, 8, b"\x03\xee", False),
        ]

    def test_the_end(self, connection: Connection, bench: Bench) -> None:
        connection.cut()
        assert bench.link.cuts == ["addon mine"]

    @pytest.mark.parametrize(
        ("call", "words"),
        [
            (lambda c: c.send(b"\xff", type="text"), "must be UTF-8"),
            (lambda c: c.send(7), "str or bytes, not int"),
            (lambda c: c.send("x", to="both"), "'server' or 'client', not 'both'"),
            (lambda c: c.send("x", type="ping"), "'text' or 'binary', not 'ping'"),
            (lambda c: c.send_frame("pingg"), "'pingg' is no opcode"),
            (lambda c: c.send_frame(16), "16 is no opcode"),
            (lambda c: c.send_frame(True), "True is no opcode"),
            (lambda c: c.send_frame("ping", bytes(126)), "at most 125 bytes .* force=True"),
            (lambda c: c.send_frame("ping", fin=False), "cannot be fragmented; .* force=True"),
            (lambda c: c.send_frame(3), "0x3 is reserved; .* force=True"),
            (lambda c: c.send_frame("text", rsv=4), "reserved bits .* force=True"),
            (lambda c: c.send_frame("text", rsv=8, force=True), "rsv has 3"),
            (lambda c: c.close(1006), "1006 is no close code .* force=True"),
            (lambda c: c.close(65536, force=True), "has two bytes"),
            (lambda c: c.close("1000"), "a close code is a number, not '1000'"),
            (lambda c: c.close(1000, "\ud800"), "surrogates not allowed"),
            (lambda c: c.close(None, "why"), "a reason needs a code"),
            (lambda c: c.close(1000, "ü" * 62), "at most 123 bytes, not 124"),
            (lambda c: c.close(to="me"), "'server', 'client' or 'both', not 'me'"),
            (lambda c: c.every(0, print), "too often"),
            (lambda c: c.later(-1, print), "no time to wait"),
        ],
    )
    def test_refuses_what_cannot_be(
        self, connection: Connection, bench: Bench, call: Any, words: str
    ) -> None:
        with pytest.raises(ValueError, match=words):
            call(connection)
        assert bench.link.sent == []
        assert bench.link.due == []

    def test_is_too_late_on_a_closed_connection(self, connection: Connection, bench: Bench) -> None:
        bench.manager.closed(bench.facts, OVER)
        calls: list[Any] = [
            lambda: connection.send("x"),
            connection.close,
            connection.cut,
            lambda: connection.every(1, print),
        ]
        for call in calls:
            with pytest.raises(TooLate, match="the connection is closed"):
                call()
        connection.tell("that was it")
        assert bench.link.told == ["that was it"]


class TestTimers:
    def test_repeat_until_they_are_cancelled(self, connection: Connection, bench: Bench) -> None:
        calls: list[int] = []
        timer = connection.every(5, lambda: calls.append(1))
        assert calls == []
        bench.link.ring()
        bench.link.ring()
        assert calls == [1, 1]
        timer.cancel()
        bench.link.ring()
        assert calls == [1, 1]
        assert bench.link.due == []

    def test_happen_once(self, connection: Connection, bench: Bench) -> None:
        calls: list[int] = []
        connection.later(5, lambda: calls.append(1))
        bench.link.ring()
        bench.link.ring()
        assert calls == [1]

    def test_end_with_the_connection_and_with_their_addon(self, connection: Connection, bench: Bench) -> None:
        calls: list[int] = []
        connection.every(5, lambda: calls.append(1))
        bench.manager.unload("mine")
        bench.link.ring()
        bench.add("other", ws_open=lambda connection: connection.every(5, lambda: calls.append(2)) and None)
        bench.manager.closed(bench.facts, OVER)
        bench.link.ring()
        assert calls == []

    def test_go_on_after_an_exception_which_is_told_once(self, connection: Connection, bench: Bench) -> None:
        nothing: dict[str, None] = {}
        connection.every(5, lambda: nothing["x"])
        bench.link.ring()
        bench.link.ring()
        assert len(bench.link.due) == 1
        [told] = bench.told
        assert told.startswith("addon mine failed in a timer: KeyError: 'x' (")

    async def test_may_be_async(self, connection: Connection, bench: Bench) -> None:
        calls: list[int] = []

        async def call() -> None:
            await asyncio.sleep(0)
            calls.append(1)
            raise ValueError("later")

        connection.later(1, call)
        bench.link.ring()
        await asyncio.gather(*bench.link.tasks)
        assert calls == [1]
        assert "addon mine failed in a timer: ValueError: later" in bench.told[0]


class TestHandshake:
    async def test_can_be_changed_before_it_goes_out(self, bench: Bench) -> None:
        def ws_handshake(connection: Connection) -> None:
            assert (connection.id, connection.response, connection.server) == (0, None, "")
            request = connection.request
            assert (request.subprotocols, request.extensions) == (["v2", "v1"], "permessage-deflate")
            request.subprotocols = ["v1"]
            request.extensions = ""
            request.headers["x-odd"] = "b"
            request.headers.add("X-New", "1")

        bench.add(ws_handshake=ws_handshake)
        facts = bench.connection(0)
        await bench.manager.handshake(facts)
        assert bench.told == []
        assert bytes(facts.asked) == (
            b"GET /chat?token=s3cret HTTP/1.1\r\nHost: example.com\r\nSec-WebSocket-Protocol: v1\r\n"
            b"x-odd: b\r\nX-New: 1\r\n\r\n"
        )

    async def test_untouched_is_untouched(self, bench: Bench) -> None:
        bench.add(ws_handshake=lambda connection: connection.request.headers.get("host") and None)
        facts = bench.connection(0)
        await bench.manager.handshake(facts)
        assert bytes(facts.asked) == facts.request

    async def test_is_as_before_where_the_hook_raises(self, bench: Bench) -> None:
        async def ws_handshake(connection: Connection) -> None:
            del connection.request.headers["host"]
            await asyncio.sleep(0)
            connection.request.headers["x"] = "a\r\nb"

        bench.add(ws_handshake=ws_handshake)
        facts = bench.connection(0)
        await bench.manager.handshake(facts)
        assert bytes(facts.asked) == facts.request
        assert "ValueError: the value of x has a line break" in bench.told[0]

    async def test_cannot_be_changed_later(self, bench: Bench) -> None:
        bench.add(ws_open=lambda connection: connection.request.headers.clear())
        facts = bench.connection(0)
        await bench.manager.handshake(facts)
        facts.accepted(8, b"", None, "", "", 0)
        bench.manager.opened(facts)
        assert "TypeError: the upgrade request has been sent" in bench.told[-1]
        assert bytes(facts.asked) == facts.request

    async def test_and_url_are_redacted_for_the_capture(self, bench: Bench) -> None:
        bench.add(ws_handshake=lambda connection: connection.redact(r"token=\w+", "token=…"))
        facts = bench.connection(0)
        assert facts.redacted_text(facts.url) == facts.url
        await bench.manager.handshake(facts)
        assert facts.is_redacted
        assert facts.redacted_text(facts.url) == "wss://example.com:8443/chat?token=…"
        assert facts.redacted(facts.request) == facts.request.replace(b"s3cret", "…".encode())
        assert bytes(facts.asked) == facts.request

    async def test_redaction_says_what_is_wrong(self, bench: Bench) -> None:
        bench.add("a", ws_handshake=lambda connection: connection.redact("("))
        bench.add("b", ws_open=lambda connection: connection.redact("a"))
        await bench.manager.handshake(bench.connection(0))
        assert "TooLate: the handshake is in the capture already" in bench.told[0]
        assert "missing ), unterminated subpattern" in bench.told[1]


@pytest.mark.parametrize(
    ("url", "destination"),
    [
        ("ws://127.0.0.1:8081", (False, "127.0.0.1", 8081)),
        ("wss://example.com/", (True, "example.com", 443)),
        ("ws://[::1]", (False, "::1", 80)),
    ],
)
def test_a_request_can_be_sent_to_another_server(url, destination) -> None:
    class Redirecting:
        def ws_handshake(self, connection) -> None:
            connection.redirect(url)

    pair = Harness(Redirecting()).open()
    assert pair.facts.destination == destination
    assert pair.facts.url == "ws://example.com/"


@pytest.mark.parametrize("url", ["http://h", "ws://h/path", "h:80", "ws://", ""])
def test_what_is_no_server_is_refused(url) -> None:
    class Redirecting:
        def ws_handshake(self, connection) -> None:
            connection.redirect(url)

    with pytest.raises(ValueError, match="is no server"):
        Harness(Redirecting()).open()


def test_an_open_connection_stays_where_it_is() -> None:
    class Redirecting:
        def ws_open(self, connection) -> None:
            connection.redirect("ws://h")

    with pytest.raises(TooLate):
        Harness(Redirecting()).open()

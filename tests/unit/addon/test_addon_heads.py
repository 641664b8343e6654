"""Heads as addons see them: names in any case, order and repetition kept."""

import pytest

from wsproxy.addon import Headers, Request, Response
from wsproxy.wire.handshake import Head


@pytest.fixture
def headers() -> Headers:
    return Headers([("Host", "x"), ("Cookie", "a"), ("cookie", "b"), ("Last", "z")])


class TestHeaders:
    def test_are_a_dict_in_any_case(self, headers: Headers) -> None:
        assert headers["HOST"] == "x"
        assert headers["Cookie"] == "a, b"
        assert headers.get("none", "-") == "-"
        assert list(headers) == ["Host", "Cookie", "Last"]
        assert len(headers) == 3
        assert "last" in headers
        assert 3 not in headers
        with pytest.raises(KeyError):
            headers["none"]

    def test_keep_order_and_place(self, headers: Headers) -> None:
        headers["COOKIE"] = "c"
        headers.add("Cookie", "d")
        assert headers.fields == (("Host", "x"), ("COOKIE", "c"), ("Last", "z"), ("Cookie", "d"))
        assert headers.get_all("cookie") == ["c", "d"]
        headers.set_all("cookie", ["1", "2"])
        assert headers.fields == (("Host", "x"), ("cookie", "1"), ("cookie", "2"), ("Last", "z"))

    def test_are_removed_all_of_a_name(self, headers: Headers) -> None:
        del headers["cookie"]
        assert headers.fields == (("Host", "x"), ("Last", "z"))
        with pytest.raises(KeyError):
            del headers["cookie"]

    def test_give_bytes_that_are_no_text_back(self) -> None:
        raw = b"GET / HTTP/1.1\r\nX-Odd: \xff\xfe\r\n\r\n"
        assert bytes(Request(Head.parse(raw))) == raw
        assert Headers(Head.parse(raw).fields).raw == ((b"X-Odd", b"\xff\xfe"),)

    @pytest.mark.parametrize(
        ("name", "value", "words"),
        [
            ("X", "a\r\nY: b", "line break"),
            ("X", "a\0", "line break or a zero"),
            ("X", b"a", "must be a str, not bytes"),
            ("X Y", "a", "cannot be the name"),
            ("", "a", "cannot be the name"),
        ],
    )
    def test_refuse_what_would_break_the_head(
        self, headers: Headers, name: str, value: str, words: str
    ) -> None:
        with pytest.raises(ValueError, match=words):
            headers[name] = value

    def test_compare_and_show(self, headers: Headers) -> None:
        assert headers == Headers(headers.fields)
        assert headers != Headers()
        assert repr(Headers([("A", "b")])) == "Headers([('A', 'b')])"

    def test_cannot_be_changed_when_it_is_too_late(self, headers: Headers) -> None:
        headers.freeze("too late")
        for change in (lambda: headers.add("a", "b"), lambda: headers.update(a="b"), headers.clear):
            with pytest.raises(TypeError, match="too late"):
                change()


class TestRequest:
    def test_says_what_is_offered(self) -> None:
        raw = b"GET /a?b HTTP/1.1\r\nSec-WebSocket-Protocol: v2, v1\r\nsec-websocket-protocol: v0\r\n\r\n"
        request = Request(Head.parse(raw))
        assert (request.path, request.subprotocols, request.extensions) == ("/a?b", ["v2", "v1", "v0"], "")
        assert repr(request) == "<GET /a?b HTTP/1.1>"
        assert Request(Head.parse(b"")).path == ""

    def test_offers_something_else(self) -> None:
        request = Request(Head.parse(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
        request.subprotocols = ["a", "b"]
        request.extensions = "permessage-deflate"
        assert bytes(request) == (
            b"GET / HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Protocol: a, b\r\n"
            b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
        )
        request.subprotocols = []
        request.extensions = ""
        assert bytes(request) == b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
        with pytest.raises(ValueError, match="a list of str"):
            request.subprotocols = "v1"  # type: ignore[assignment]


def test_a_response_cannot_be_changed() -> None:
    response = Response(Head.parse(b"HTTP/1.1 403 Forbidden\r\nServer: x\r\n\r\n"))
    assert (response.status, response.headers["server"]) == (403, "x")
    assert repr(response) == "<HTTP/1.1 403 Forbidden>"
    with pytest.raises(TypeError, match="cannot be changed by ws_ hooks"):
        response.headers["server"] = "y"

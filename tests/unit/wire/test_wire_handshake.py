"""The opening handshake: what was agreed, and every finding by its own test."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsproxy.wire.deflate import DeflateParameters
from wsproxy.wire.handshake import Handshake, Head, accept_for

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

REQUEST = {
    "": "GET /chat HTTP/1.1",
    "Host": "server.example.com",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}
RESPONSE = {
    "": "HTTP/1.1 101 Switching Protocols",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Accept": ACCEPT,
}


def head(fields: dict[str, str], **changes: str | list[str] | None) -> bytes:
    """A head; `changes` replace fields (`_` for `-`, `start` for the start line), None removes one."""
    changed: dict[str, str | list[str] | None] = {**fields}
    for name, value in changes.items():
        changed["" if name == "start" else name.replace("_", "-")] = value
    start = changed.pop("")
    assert isinstance(start, str)
    lines = [start]
    for name, value in changed.items():
        for one in value if isinstance(value, list) else [] if value is None else [value]:
            lines.append(f"{name}: {one}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


def request(**changes: str | list[str] | None) -> bytes:
    return head(REQUEST, **changes)


def response(**changes: str | list[str] | None) -> bytes:
    return head(RESPONSE, **changes)


def test_the_example_of_the_rfc_is_accepted_with_its_value() -> None:
    # Section 1.3.
    assert accept_for(KEY) == ACCEPT
    assert Handshake.of(request(), response()) == Handshake(None, "", None, False, ())


class TestHead:
    def test_has_a_start_line_and_fields_in_order(self) -> None:
        found = Head.parse(b"GET / HTTP/1.1\r\nHost:  a \r\nx-y:\tb:c\r\nHost: d\r\n\r\n")
        assert found == Head("GET / HTTP/1.1", (("Host", "a"), ("x-y", "b:c"), ("Host", "d")))

    def test_finds_fields_whatever_their_case(self) -> None:
        found = Head.parse(b"GET / HTTP/1.1\r\nUPGRADE: a\r\nupgrade: B, c ,,\r\n\r\n")
        assert found.all("Upgrade") == ["a", "B, c ,,"]
        assert found.get("uPGRADE") == "a, B, c ,,"
        assert found.tokens("upgrade") == ["a", "b", "c"]
        assert (found.all("x"), found.get("x"), found.tokens("x")) == ([], "", [])

    def test_joins_folded_lines(self) -> None:
        found = Head.parse(b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\td\r\nE:\r\n f\r\n\r\n")
        assert found.fields == (("A", "b c d"), ("E", "f"))

    def test_leaves_out_what_is_no_field(self) -> None:
        found = Head.parse(b"GET / HTTP/1.1\r\n folded onto nothing\r\nno colon\r\nA: b\r\n\r\n")
        assert found.fields == (("A", "b"),)

    @pytest.mark.parametrize(
        "raw", [b"GET / HTTP/1.1\nA: b\n\n", b"GET / HTTP/1.1\r\nA: b", b"GET / HTTP/1.1\r\nA: b\r"]
    )
    def test_may_have_bare_line_feeds_and_no_end(self, raw: bytes) -> None:
        assert Head.parse(raw) == Head("GET / HTTP/1.1", (("A", "b"),))

    def test_keeps_bytes_that_are_not_utf8(self) -> None:
        [(_, value)] = Head.parse(b"GET / HTTP/1.1\r\nA: \xff\xc3\xbc\r\n\r\n").fields
        assert value.encode("utf-8", "surrogateescape") == b"\xff\xc3\xbc"

    @pytest.mark.parametrize(
        ("start", "status"),
        [
            ("HTTP/1.1 101 Switching Protocols", 101),
            ("HTTP/1.1 404", 404),
            ("HTTP/1.1", None),
            ("", None),
            ("HTTP/1.1 abc", None),
            ("HTTP/1.1 1e2", None),
            ("HTTP/1.1 -10", None),
            ("HTTP/1.1 \u0661\u0660\u0661", None),
            ("HTTP/1.1 20", None),
            ("HTTP/1.1 2000", None),
            ("HTTP/1.1 " + "9" * 5000, None),
            ("GET / HTTP/1.1", None),
        ],
    )
    def test_of_a_response_has_a_status_of_three_digits(self, start: str, status: int | None) -> None:
        assert Head.parse(start.encode()).status == status


def test_subprotocol_and_extensions_are_those_of_the_response() -> None:
    agreed = Handshake.of(
        request(Sec_WebSocket_Protocol="chat.v1, chat.v2", Sec_WebSocket_Extensions="permessage-deflate"),
        response(Sec_WebSocket_Protocol="chat.v2", Sec_WebSocket_Extensions="permessage-deflate"),
    )
    assert agreed == Handshake("chat.v2", "permessage-deflate", DeflateParameters(), False, ())


def test_an_extension_this_program_does_not_know_is_noticed() -> None:
    offer = "x-other, permessage-deflate; client_max_window_bits"
    accepted = "permessage-deflate; client_max_window_bits=10, x-other"
    agreed = Handshake.of(
        request(Sec_WebSocket_Extensions=offer), response(Sec_WebSocket_Extensions=accepted)
    )
    assert agreed.other_extensions
    assert agreed.deflate == DeflateParameters(client_max_window_bits=10)
    assert agreed.findings == ()


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"start": "POST /chat HTTP/1.1"}, "the request method is 'POST', not GET"),
        ({"start": "GET /chat HTTP/1.0"}, "the request is HTTP/1.0, an upgrade needs HTTP/1.1"),
        ({"Upgrade": None}, "the request has no 'Upgrade: websocket'"),
        ({"Upgrade": "h2c"}, "the request has no 'Upgrade: websocket'"),
        ({"Connection": None}, "the request has no 'Connection: Upgrade'"),
        ({"Connection": "keep-alive"}, "the request has no 'Connection: Upgrade'"),
        ({"Sec_WebSocket_Version": None}, "Sec-WebSocket-Version is missing, it must be 13"),
        ({"Sec_WebSocket_Version": "8"}, "Sec-WebSocket-Version is '8', it must be 13"),
        ({"Sec_WebSocket_Version": ["13", "13"]}, "Sec-WebSocket-Version is '13, 13', it must be 13"),
        ({"Sec_WebSocket_Key": None}, "the request has 0 Sec-WebSocket-Key headers, not one"),
        ({"Sec_WebSocket_Key": [KEY, KEY]}, "the request has 2 Sec-WebSocket-Key headers, not one"),
        ({"Sec_WebSocket_Key": ""}, "Sec-WebSocket-Key is not 16 bytes in base64"),
        ({"Sec_WebSocket_Key": "c2hvcnQ="}, "Sec-WebSocket-Key is not 16 bytes in base64"),
        ({"Sec_WebSocket_Key": KEY[:-1]}, "Sec-WebSocket-Key is not 16 bytes in base64"),
        ({"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZ!=="}, "Sec-WebSocket-Key is not 16 bytes in base64"),
        ({"Sec_WebSocket_Key": "\udcff"}, "Sec-WebSocket-Key is not 16 bytes in base64"),
    ],
)
def test_what_is_wrong_with_a_request_is_said(
    changes: dict[str, str | list[str] | None], finding: str
) -> None:
    # Of a refused upgrade too: it may be why.
    [found] = Handshake.of(request(**changes), b"HTTP/1.1 400 Bad Request\r\n\r\n").findings
    assert found == f"{finding} (RFC 6455 section 4.1)"


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"Upgrade": None}, "the response has no 'Upgrade: websocket' (RFC 6455 section 4.2.2)"),
        ({"Connection": "close"}, "the response has no 'Connection: Upgrade' (RFC 6455 section 4.2.2)"),
        ({"Sec_WebSocket_Accept": None}, "the response has no Sec-WebSocket-Accept (RFC 6455 section 4.2.2)"),
        (
            {"Sec_WebSocket_Accept": ACCEPT.lower()},
            "Sec-WebSocket-Accept does not belong to the client's key (RFC 6455 section 4.2.2)",
        ),
        (
            {"Sec_WebSocket_Protocol": ["a", "b"]},
            "the server chose more than one subprotocol (RFC 6455 section 4.2.2)",
        ),
        (
            {"Sec_WebSocket_Protocol": "c"},
            "the server chose the subprotocol 'c', which was not offered (RFC 6455 section 4.1)",
        ),
        (
            {"Sec_WebSocket_Protocol": "A"},
            "the server chose the subprotocol 'A', which was not offered (RFC 6455 section 4.1)",
        ),
        (
            {"Sec_WebSocket_Protocol": "a, b"},
            "the server chose the subprotocol 'a, b', which was not offered (RFC 6455 section 4.1)",
        ),
        (
            {"Sec_WebSocket_Extensions": "permessage-deflate, permessage-deflate"},
            "the server accepted 'permessage-deflate' twice (RFC 6455 section 9.1)",
        ),
        (
            {"Sec_WebSocket_Extensions": "x-other"},
            "the server accepted 'x-other', which was not offered (RFC 6455 section 9.1)",
        ),
        (
            {"Sec_WebSocket_Extensions": "permessage-deflate; server_no_context_takeover=1"},
            "server_no_context_takeover has a value (RFC 7692 section 7.1.1)",
        ),
        (
            {"Sec_WebSocket_Extensions": "permessage-deflate; server_max_window_bits=16"},
            "server_max_window_bits is '16', it must be 8 to 15 (RFC 7692 section 7.1.2)",
        ),
        (
            {"Sec_WebSocket_Extensions": "permessage-deflate; server_max_window_bits"},
            "server_max_window_bits is None, it must be 8 to 15 (RFC 7692 section 7.1.2)",
        ),
        (
            {"Sec_WebSocket_Extensions": "permessage-deflate; client_max_window_bits=10"},
            "the server set client_max_window_bits, which was not offered (RFC 7692 section 7.1.2.2)",
        ),
        (
            {"Sec_WebSocket_Extensions": "permessage-deflate; level=9"},
            "permessage-deflate has no parameter 'level' (RFC 7692 section 7.1)",
        ),
    ],
)
def test_what_is_wrong_with_a_response_is_said(
    changes: dict[str, str | list[str] | None], finding: str
) -> None:
    asked = request(Sec_WebSocket_Protocol="a, b", Sec_WebSocket_Extensions="permessage-deflate")
    assert Handshake.of(asked, response(**changes)).findings == (finding,)


@pytest.mark.parametrize(
    "extensions",
    [
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; server_max_window_bits=8; client_max_window_bits=15",
    ],
)
def test_nothing_is_wrong_with_legal_parameters(extensions: str) -> None:
    asked = request(Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits")
    assert Handshake.of(asked, response(Sec_WebSocket_Extensions=extensions)).findings == ()


def test_headers_may_be_lists_in_any_case() -> None:
    asked = request(Upgrade="h2c, WebSocket", Connection="keep-alive, UPGRADE")
    assert Handshake.of(asked, response(Connection=["close", "upgrade"])).findings == ()


def test_of_a_refusal_only_the_request_is_judged() -> None:
    assert Handshake.of(request(), b"HTTP/1.1 403 Forbidden\r\n\r\n").findings == ()
    assert Handshake.of(request(), b"").findings == ()


def test_a_key_of_any_bytes_has_an_accept_value() -> None:
    # The key is bytes to the server; the digest is taken over what was sent.
    asked = request(Sec_WebSocket_Key="\udcff\u20ac")
    accept = accept_for(b"\xff\xe2\x82\xac".decode("latin-1"))
    findings = Handshake.of(asked, response(Sec_WebSocket_Accept=accept)).findings
    assert findings == ("Sec-WebSocket-Key is not 16 bytes in base64 (RFC 6455 section 4.1)",)


HEADS = st.binary(max_size=200) | st.lists(
    st.sampled_from([request(), response()]).flatmap(lambda raw: st.sampled_from(raw.split(b"\r\n")))
    | st.binary(max_size=30),
    max_size=8,
).map(b"\r\n".join)


@given(HEADS, HEADS, st.booleans())
def test_any_heads_can_come(asked: bytes, answered: bytes, accepted: bool) -> None:
    Handshake.of(asked, b"HTTP/1.1 101 X\r\n" + answered if accepted else answered)

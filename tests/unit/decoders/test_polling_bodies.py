"""Bodies of Engine.IO's long-polling, taken apart."""

import gzip
import json
import zlib
from urllib.parse import quote_plus

import brotli
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wsproxy.decoders import polling
from wsproxy.decoders.api import Unfit
from wsproxy.decoders.polling import LIMIT, MOST, Body, opened, packed, packets


def taken(
    body: bytes | str, version: str = "4", whole: bool = True, from_client: bool = False
) -> list[bytes]:
    """The packets of a body, those that were cut in brackets."""
    content = body.encode() if isinstance(body, str) else body
    found = packets(content, whole, version, 1, 2, from_client)
    return [b"[%s]" % message.content if message.truncated else message.content for message in found]


class TestVersion4:
    def test_packets_are_separated_and_bytes_are_base64(self) -> None:
        # https://github.com/socketio/engine.io-protocol#http-long-polling-1
        assert taken("4hello\x1e2\x1e4world") == [b"4hello", b"2", b"4world"]
        [text, data] = packets(b"4hello\x1ebAQIDBA==", True, "4", 7, 8, False)
        assert opened(text, "4") == (True, b"4hello")
        assert opened(data, "4") == (False, b"\1\2\3\4")
        assert (data.number, data.time, data.from_client) == (7, 8, False)

    def test_base64_that_begins_with_a_four_is_bytes_and_no_type(self) -> None:
        [message] = packets(b"b4AQI", True, "4", 1, 2, True)
        assert opened(message, "4") == (False, b"\xe0\x04\x08")

    def test_of_a_body_that_was_cut_the_last_packet_was(self) -> None:
        assert taken("4hello\x1e4wor", whole=False) == [b"4hello", b"[4wor]"]
        assert taken("4a\x1e4€".encode()[:-1], whole=False) == [b"4a", b"[4]"]


class TestVersion3:
    """https://github.com/socketio/engine.io-protocol/tree/v3#encoding"""

    def test_a_length_stands_before_each_packet(self) -> None:
        body = '96:0{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,'
        body += '"pingTimeout":5000}'
        assert taken(body + "2:40", "3") == [body[3:].encode(), b"40"]

    def test_the_length_is_in_characters(self) -> None:
        # The document's own example: "€", and bytes.
        [text, data] = packets("2:4€10:b4AQIDBA==".encode(), True, "3", 1, 2, False)
        assert text.content == "4€".encode()
        assert opened(data, "3") == (False, b"\1\2\3\4")

    @pytest.mark.parametrize("size", [4, 3, 6], ids=["as JavaScript", "as Python", "as bytes"])
    def test_whatever_its_author_counts_in(self, size: int) -> None:
        assert taken(f"{size}:4a\N{GRINNING FACE}2:40", "3") == ["4a\N{GRINNING FACE}".encode(), b"40"]

    def test_in_binary_the_length_is_of_bytes(self) -> None:
        # The same example where a client takes binary answers.
        body = bytes([0, 4, 255]) + "4€".encode() + bytes([1, 5, 255, 4, 1, 2, 3, 4])
        [text, data] = packets(body, True, "3", 1, 2, False)
        assert (text.is_text, text.content) == (True, "4€".encode())
        assert opened(data, "3") == (False, b"\1\2\3\4")

    def test_of_a_body_that_was_cut_the_last_packet_was(self) -> None:
        assert taken("2:408:4hel", "3", whole=False) == [b"40", b"[4hel]"]
        assert taken("2:401", "3", whole=False) == [b"40"]
        assert taken(bytes([0, 2, 255]) + b"40" + bytes([0, 1]), "3", whole=False) == [b"40"]
        assert taken(bytes([0, 2, 255]) + b"40" + bytes([0, 9, 255]) + b"4", "3", whole=False) == [
            b"40",
            b"[4]",
        ]

    @pytest.mark.parametrize(
        "body", ["hello", ":40", "5:40", "-1:40", "9" * 30, b"\0\x0b\xff4", b"\0\xff4", b"\1\3"]
    )
    def test_what_does_not_add_up_is_refused(self, body: str | bytes) -> None:
        with pytest.raises(Unfit):
            taken(body, "3")


class TestJsonp:
    def test_an_answer_calls_a_function_with_the_text(self) -> None:
        said = '4["a","\u2028"]\x1e2'
        assert taken(f"___eio[3]({json.dumps(said)});") == ['4["a","\u2028"]'.encode(), b"2"]
        assert taken('___eio[0]("2:40");', "3") == [b"40"]

    def test_a_request_is_a_form(self) -> None:
        # The client escapes line breaks, since browsers change them in forms.
        said = '42["a","one\\\\ntwo"]'
        assert taken(f"d={quote_plus(said)}", from_client=True) == [rb'42["a","one\ntwo"]']

    def test_an_empty_form_is_nothing(self) -> None:
        assert taken("d=", from_client=True) == []
        assert taken("d=", "3", from_client=True) == []


def test_nothing_is_no_packet() -> None:
    assert taken("") == []
    assert taken("", "3") == []


def test_there_is_a_limit_to_packets() -> None:
    assert len(taken("2\x1e" * (MOST - 1) + "2")) == MOST
    with pytest.raises(Unfit, match="more than 10,000 packets"):
        taken("2\x1e" * MOST + "2")
    with pytest.raises(Unfit):
        taken("1:2" * (MOST + 5), "3")


RAW = zlib.compressobj(wbits=-15)
SAID = b'42["hello"]' * 20
PACKED = {
    "gzip": gzip.compress(SAID),
    "x-gzip": gzip.compress(SAID),
    "deflate": zlib.compress(SAID),
    "br": brotli.compress(SAID),
    "Identity": SAID,
    "": SAID,
    "gzip, br": brotli.compress(gzip.compress(SAID)),
}


class TestContentEncoding:
    @pytest.mark.parametrize("encoding", PACKED)
    def test_is_undone(self, encoding: str) -> None:
        assert Body(PACKED[encoding], encoding).unpacked() == (SAID, True)

    def test_deflate_is_read_without_its_header_too(self) -> None:
        data = RAW.compress(SAID) + RAW.flush()
        assert Body(data, "deflate").unpacked() == (SAID, True)

    @pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
    def test_of_what_was_cut_as_much_as_there_is(self, encoding: str) -> None:
        whole = bytes(range(256)) * 40
        data = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress}[encoding](whole)
        content, is_whole = Body(data[:-30], encoding, len(data)).unpacked()
        assert whole.startswith(content)
        assert not is_whole

    @pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
    def test_a_bomb_is_cut(self, encoding: str) -> None:
        whole = bytes(LIMIT * 3)
        data = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress}[encoding](whole)
        content, is_whole = Body(data, encoding).unpacked()
        assert (len(content), is_whole) == (LIMIT, False)

    @pytest.mark.parametrize("encoding", ["zstd", "gzip", "br", "deflate", "br, br, br, br"])
    def test_what_cannot_be_undone_is_said(self, encoding: str) -> None:
        with pytest.raises(Unfit):
            Body(b"neither of them", encoding).unpacked()


CONTENTS = st.lists(
    st.tuples(st.just(True), st.text(max_size=20).map(lambda text: b"4" + text.replace("\x1e", "").encode()))
    | st.tuples(st.just(False), st.binary(max_size=20)),
    min_size=1,
    max_size=6,
)


@given(CONTENTS, st.sampled_from("34"))
def test_what_is_put_together_comes_apart_again(contents: list[tuple[bool, bytes]], version: str) -> None:
    body = packed(contents, version)
    assert [opened(message, version) for message in packets(body, True, version, 1, 2, True)] == contents


@given(st.binary(max_size=300), st.sampled_from("34"), st.booleans(), st.booleans())
@example(b"d=", "3", True, True)
@example(b"1:\xf0", "3", True, False)
def test_no_body_raises_anything_but_unfit(body: bytes, version: str, whole: bool, from_client: bool) -> None:
    try:
        for message in packets(body, whole, version, 1, 2, from_client):
            opened(message, version)
    except Unfit:
        pass


@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate", "br", "gzip, br", "x", ",", "identity"]))
def test_no_encoding_raises_anything_but_unfit(body: bytes, encoding: str) -> None:
    try:
        content, _ = polling.Body(body, encoding).unpacked()
    except Unfit:
        return
    assert len(content) <= LIMIT

"""Messages that no protocol claims, each read by its encoding."""

import gzip
import json
import random
import time
import zlib
from collections import Counter
from typing import Any

import cbor2
import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.decoders.decoder_tools import FIELDS, binary, text, wire
from wsproxy.decoders import cbor, compressed, msgpack_, protobuf, xml_
from wsproxy.decoders.api import Context, Decoded, Decoder, Message, Node, Opening, Unfit
from wsproxy.decoders.generic import ENCODINGS, Generic
from wsproxy.decoders.json_ import Pairs
from wsproxy.demo.image import gradient_png


def read(message: Message, **options: str) -> Decoded:
    given_options = {name.replace("_", "."): value for name, value in options.items()}
    return Generic(Opening(), Context(given_options)).decode(message)


def of(decoder: type[Decoder]) -> Decoder:
    return decoder(Opening(), Context())


@pytest.mark.parametrize(
    ("message", "decoder", "event"),
    [
        (text('{"a":1}'), "json", '{"a":1}'),
        (binary(b" [1,2]"), "json", " [1,2]"),
        (text("hello"), "text", "hello"),
        (text("{not json"), "text", "{not json"),
        (text("<a>1</a>"), "xml", "<a>1</a>"),
        (text("<not xml"), "text", "<not xml"),
        (text("name=ada&age=36"), "form", "name=ada&age=36"),
        (text("a=b"), "text", "a=b"),
        (text("eyJhIjogMSwgImIiOiBbMiwgM119"), "base64", 'base64 of JSON: {"a": 1, "b": [2, 3]}'),
        (text("thisisnotreallybase64atall=="), "text", "thisisnotreallybase64atall=="),
        (binary("grüße".encode()), "text", "grüße"),
        (binary(b"\x00\x01"), "hex", "00 01"),
        (binary(msgpack.packb({"type": "move", "x": 1.5})), "msgpack", '{"type": "move", "x": 1.5}'),
        (binary(cbor2.dumps({"type": "move", "at": b"\1"})), "cbor", '{"type": "move", "at": h\'01\'}'),
        (binary(bytes.fromhex("0a057374617274108a01")), "protobuf", '{1: "start", 2: 138}'),
        (binary(gzip.compress(b'{"a":1}')), "gzip", 'gzip of 7 B json: {"a":1}'),
        (binary(zlib.compress(b"hello hello hello")), "gzip", "zlib of 17 B text: hello hello hello"),
        (binary(b""), "hex", ""),
        (text(""), "text", ""),
    ],
)
def test_each_encoding_is_told_from_the_others(message: Message, decoder: str, event: str) -> None:
    decoded = read(message)
    assert (decoded.decoder, decoded.event, decoded.notes) == (decoder, event, ())
    decoded.tree  # noqa: B018 - never raises


def test_noise_is_hardly_ever_taken_for_something() -> None:
    # Short noise is anything; the sizes are such that there is something to tell it by.
    source = random.Random(3)
    found = Counter(read(binary(source.randbytes(size))).decoder for size in (12, 16, 24, 40, 64, 200) * 500)
    assert found.pop("hex") + found.pop("text", 0) > 2970, found


def test_an_image_is_shown_with_its_size() -> None:
    picture = gradient_png(40, 30)
    decoded = read(binary(picture))
    assert decoded.decoder == "file"
    assert decoded.name == "image/png"
    assert decoded.event.startswith("PNG image ")
    assert decoded.event.endswith(f", {len(picture):,} B")
    assert (decoded.tree["width"], decoded.tree["height"]) == (40, 30)
    assert decoded.tree["content"] == picture


def test_of_a_file_the_beginning_is_enough() -> None:
    picture = gradient_png(40, 30)
    decoded = read(Message(1, 0, False, False, picture[:100], len(picture)))
    assert decoded.event.endswith(f", {len(picture):,} B")


@pytest.mark.parametrize("start", [b"BM", b"\xff\xfb", b"\xff\xf1"])
def test_two_bytes_make_no_file(start: bytes) -> None:
    assert read(binary(start + bytes(range(0x80, 0x90)))).decoder != "file"


def test_a_bomb_is_inflated_up_to_the_limit() -> None:
    bomb = gzip.compress(bytes(compressed.LIMIT * 4))
    assert len(bomb) < 100_000
    decoded = read(binary(bomb))
    assert decoded.notes == (f"only the first {compressed.LIMIT:,} B were inflated",)


def test_compression_in_compression_ends_somewhere() -> None:
    content = b"hello"
    for _ in range(10):
        content = gzip.compress(content)
    assert read(binary(content)).event.count("gzip of") == compressed.LEVELS


@pytest.mark.parametrize(
    "content",
    [gzip.compress(b"x" * 100, mtime=0)[:-9], gzip.compress(b"x", mtime=0) + b"more", b"\x78\x9c" + bytes(9)],
)
def test_what_does_not_inflate_to_its_end_is_not_compressed(content: bytes) -> None:
    with pytest.raises(Unfit):
        compressed.inflate(content)


KEYS = st.text(max_size=5) | st.integers(-(2**63), 2**63 - 1)
PACKABLE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(PACKABLE)
def test_messagepack_is_written_as_it_was(value: Any) -> None:
    data = msgpack.packb(value)
    tree = msgpack_.unpack(data)
    assert tree == value
    assert msgpack_.pack(tree, data) == data


def test_extensions_and_times_of_messagepack_are_labelled_and_kept() -> None:
    data = msgpack.packb([msgpack.ExtType(5, b"abc"), msgpack.Timestamp(1_700_000_000, 5)])
    tree = msgpack_.unpack(data)
    assert tree[0] == Node("extension 5", b"abc", b"abc")
    assert (tree[1].label, tree[1].value) == ("extension -1, time", "2023-11-14T22:13:20.000000005Z")
    assert msgpack_.pack(tree, data) == data
    tree[0] = Node("extension 5", b"other", b"abc")
    assert msgpack_.unpack(msgpack_.pack(tree, data))[0].value == b"other"


@pytest.mark.parametrize("data", [b"\x82\x01\x02\x01\x03", b"\x81\x91\x01\x02", b"\x82\xa0\x01\x90\x02"])
def test_doubtful_keys_of_messagepack_lose_nothing(data: bytes) -> None:
    assert isinstance(msgpack_.unpack(data), Pairs)


def test_an_unusual_spelling_is_not_pretended() -> None:
    with pytest.raises(Unfit, match="shortest"):
        msgpack_.pack([1], b"\x91\xcd\x00\x01")
    with pytest.raises(Unfit, match="style of its own"):
        cbor.dump([1], b"\x81\x19\x00\x01")
    with pytest.raises(Unfit, match="shortest"):
        of(protobuf.Protobuf).reencode([], binary(b"\x08\x81\x00\x10\x01"))


@given(PACKABLE)
def test_cbor_is_written_as_it_was(value: Any) -> None:
    data = cbor2.dumps(value)
    tree = cbor.load(data)
    assert cbor.dump(tree, data) == data


def test_names_that_collide_cost_no_more_than_others() -> None:
    # Written by hand: a dict of these takes half a minute to make.
    names = [(number * (2**61 - 1)).to_bytes(10) for number in range(1000, 21_000)]
    data = b"\xb9" + len(names).to_bytes(2) + b"".join(b"\xc2\x4a" + name + b"\x00" for name in names)
    started = time.process_time()
    tree = cbor.load(data)
    assert time.process_time() - started < 5
    assert len(tree) == 20_000
    small = cbor2.dumps({2**70: -(2**70), 5: 2**64})
    assert cbor.load(small)[5] == 2**64
    assert cbor.dump(cbor.load(small), small) == small


def test_guesses_at_inner_messages_are_bounded() -> None:
    content: Any = b"\x08\x01" * 100_000 + b"\xff"
    for _ in range(25):
        content = wire([(1, content)])
    started = time.process_time()
    assert protobuf.dump(protobuf.tree_of(protobuf.parse(content))) == content
    assert time.process_time() - started < 3


def test_tags_of_cbor_are_said_and_not_carried_out() -> None:
    endless: list[Any] = []
    endless.append(endless)
    tree = cbor.load(cbor2.dumps(endless, value_sharing=True))
    assert tree == Node("tag 28", [Node("tag 29", 0)])

    huge = cbor.load(bytes.fromhex("c4821b7fffffffffffffff01"))
    assert huge == Node("tag 4, decimal fraction", [2**63 - 1, 1])


@pytest.mark.parametrize(
    "content",
    [
        b"\x81" * 100_000,
        b"\x9b" + b"\x7f" * 8,
        b"\x5b" + b"\xff" * 8,
        b"\xdd\xff\xff\xff\xff",
        b"\x91" * 900 + b"\1",
    ],
)
def test_claims_of_size_and_depth_are_refused(content: bytes) -> None:
    for read_it in (cbor.load, msgpack_.unpack):
        with pytest.raises(Unfit):
            read_it(content)


def test_xml_keeps_its_order() -> None:
    root = xml_.parse('<iq type="get"><q xmlns="a"/>text<!-- c --><p>1</p></iq>')
    assert root == Node(
        "iq", [{"type": "get"}, Node("q", [{"xmlns": "a"}]), "text", Node("comment", " c "), Node("p", ["1"])]
    )
    assert xml_.attributes(root) == {"type": "get"}
    assert [inner.label for inner in xml_.elements(root)] == ["q", "p"]
    assert xml_.text_of(root) == "text"


@pytest.mark.parametrize(
    "content",
    [
        '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]><a>&c;</a>',
        "<a>" * 5000 + "</a>" * 5000,
        "<a/><b/>",
        "<a>\x00</a>",
    ],
)
def test_dangerous_or_broken_xml_is_text(content: str) -> None:
    with pytest.raises(Unfit):
        xml_.parse(content)
    assert read(text(content)).decoder == "text"


def test_form_data_is_edited_field_by_field() -> None:
    message = text("name=Ada+L%2e&city=London")
    decoder = Generic(Opening(), Context())
    tree = decoder.decode(message).tree
    assert tree == [["name", "Ada L."], ["city", "London"]]
    assert decoder.reencode(tree, message) == message.content
    tree[1][1] = "Paris & more"
    assert decoder.reencode(tree, message) == b"name=Ada+L%2e&city=Paris+%26+more"


CONTENTS = st.one_of(
    st.binary(max_size=80),
    st.text(max_size=30).map(str.encode),
    PACKABLE.map(msgpack.packb),
    PACKABLE.map(cbor2.dumps),
    FIELDS.map(wire),
    st.binary(max_size=30).map(gzip.compress),
    st.binary(max_size=30).map(zlib.compress),
    PACKABLE.map(lambda value: json.dumps(value, default=repr).encode()),
)


@given(CONTENTS, st.booleans(), st.integers(0, 40))
def test_whatever_comes_is_read_by_something_and_written_back_exactly_or_not_at_all(
    content: bytes, is_text: bool, cut: int
) -> None:
    for data in (content, content[:-cut], content[cut:]):
        message = Message(1, 0, True, is_text, data)
        decoder = Generic(Opening(), Context())
        decoded = decoder.decode(message)
        tree = decoded.tree
        assert not (isinstance(tree, Node) and tree.label == "no tree"), tree
        try:
            written = decoder.reencode(tree, message)
        except Unfit:
            continue
        assert written == data


@given(CONTENTS, st.booleans())
def test_every_encoding_alone_reads_it_or_says_unfit(content: bytes, is_text: bool) -> None:
    for encoding in ENCODINGS:
        try:
            of(encoding).decode(Message(1, 0, True, is_text, content))
        except Unfit:
            continue


def test_every_encoding_says_what_it_is() -> None:
    for encoding in ENCODINGS:
        assert encoding.__doc__
        assert encoding.matches
        assert encoding.name == encoding.name.lower()


def test_dumps_are_in_the_usual_form() -> None:
    from wsproxy.decoders.hexdump import hexdump

    assert list(hexdump(b"\x00hello\x1b[31m and more", 16)) == [
        "00000010  00 68 65 6c 6c 6f 1b 5b  33 31 6d 20 61 6e 64 20  |.hello.[31m and |",
        "00000020  6d 6f 72 65                                       |more|",
    ]

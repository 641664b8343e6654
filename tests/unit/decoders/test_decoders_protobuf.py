"""Protocol Buffers, with a schema and without."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from tests.unit.decoders.decoder_tools import FIELDS, binary, wire
from wsproxy.decoders import protobuf
from wsproxy.decoders.api import Context, Decoded, Message, Node, Opening, Unfit
from wsproxy.decoders.generic import Generic
from wsproxy.errors import UsageError

PROTO = """
syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
enum Size { SMALL = 0; LARGE = 1; }
message Item { string name = 1; int64 cents = 2; bytes picture = 3; Size size = 4; }
message Order {
  repeated Item items = 1;
  map<string, int32> extras = 2;
  google.protobuf.Timestamp at = 3;
  double tip = 4;
}
"""


def read(message: Message, **options: str) -> Decoded:
    given_options = {name.replace("_", "."): value for name, value in options.items()}
    return Generic(Opening(), Context(given_options)).decode(message)


@given(FIELDS)
def test_protocol_buffers_are_written_as_they_were_without_their_schema(
    fields: list[tuple[int, Any]],
) -> None:
    data = wire(fields)
    assert protobuf.dump(protobuf.tree_of(protobuf.parse(data))) == data


def test_the_wire_alone_tells_texts_inner_messages_and_numbers() -> None:
    data = wire([(1, "ada"), (2, [(1, 5), (2, "tea")]), (3, 1.5), (4, b"\xff\x00")])
    decoded = read(binary(data))
    assert decoded.event == '{1: "ada", 2: {1: 5, 2: "tea"}, 3: 1.5, 4: h\'ff 00\'}'
    assert decoded.tree[1] == Node(
        "field 2, message", [Node("field 1, varint", 5), Node("field 2, text", "tea")]
    )


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("proto") / "shop.proto"
    file.write_text(PROTO)
    return file


ORDER = wire(
    [
        (1, [(1, "tea"), (2, 320), (3, b"\x89P"), (4, 1)]),
        (2, [(1, "milk"), (2, 2)]),
        (3, [(1, 1_700_000_000)]),
        (4, 1.5),
    ]
)


def test_with_a_schema_fields_have_names(schema: Path) -> None:
    decoded = read(binary(ORDER), protobuf_schema=str(schema), protobuf_message="Order")
    assert (decoded.decoder, decoded.name, decoded.notes) == ("protobuf", "Order", ())
    assert decoded.tree == {
        "items": [{"name": "tea", "cents": 320, "picture": b"\x89P", "size": "LARGE"}],
        "extras": {"milk": 2},
        "at": "2023-11-14T22:13:20Z",
        "tip": 1.5,
    }


def test_with_a_schema_a_message_can_be_edited(schema: Path) -> None:
    options = {"protobuf.schema": str(schema), "protobuf.message": "shop.Order"}
    decoder = Generic(Opening(), Context(options))
    message = binary(ORDER)
    tree = decoder.decode(message).tree
    assert decoder.reencode(tree, message) == ORDER

    tree["items"][0]["cents"] = 280
    tree["items"][0]["picture"] = b"\xff\xff\xfe"
    edited = decoder.decode(binary(decoder.reencode(tree, message))).tree
    assert (edited["items"][0]["cents"], edited["items"][0]["picture"]) == (280, b"\xff\xff\xfe")

    tree["nothing"] = 1
    with pytest.raises(Unfit, match="no field"):
        decoder.reencode(tree, message)


def test_a_descriptor_set_does_as_well_and_the_type_may_differ_by_direction(
    schema: Path, tmp_path: Path
) -> None:
    from wsproxy.decoders.protobuf_schema import _compiled

    made = tmp_path / "shop.pb"
    made.write_bytes(_compiled(schema))
    options = {"protobuf_schema": str(made), "protobuf_send": "Order", "protobuf_receive": "Item"}
    assert read(binary(ORDER), **options).name == "Order"
    assert read(binary(wire([(1, "tea")]), from_client=False), **options).tree == {"name": "tea"}


def test_what_does_not_fit_the_schema_is_said(schema: Path) -> None:
    options = {"protobuf_schema": str(schema), "protobuf_message": "Item"}
    broken = read(binary(b"\x0a\x50abc"), **options)
    assert broken.notes[0].startswith("protobuf gave up: not a shop.Item")
    odd = read(binary(wire([(1, "tea"), (77, 1)])), **options)
    assert odd.notes == ("1 fields are not in the schema",)


def test_a_schema_that_cannot_be_used_is_a_usage_error(schema: Path, tmp_path: Path) -> None:
    noise = tmp_path / "noise.pb"
    noise.write_bytes(b"\xff" * 30)
    wrong = tmp_path / "wrong.proto"
    wrong.write_text("message {")
    for options, why in (
        ({"protobuf_schema": str(tmp_path / "missing.pb")}, "cannot read"),
        ({"protobuf_schema": str(tmp_path / "missing.proto")}, "cannot read"),
        ({"protobuf_schema": str(noise)}, "is no descriptor set"),
        ({"protobuf_schema": str(wrong)}, "cannot compile"),
        ({"protobuf_schema": str(schema)}, "has 2 types of messages"),
        ({"protobuf_schema": str(schema), "protobuf_message": "Tea"}, "has no message 'Tea'"),
    ):
        with pytest.raises(UsageError, match=why):
            read(binary(b""), **options)

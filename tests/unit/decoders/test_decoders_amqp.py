"""AMQP 1.0."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.decoders import transcripts
from tests.unit.decoders.decoder_tools import Talk
from tests.unit.decoders.transcripts import pairs, story
from wsproxy.decoders.amqp_types import Reader
from wsproxy.decoders.api import Node, Opening, Unfit
from wsproxy.decoders.json_ import Pairs
from wsproxy.decoders.registry import DECODERS


def _talk() -> Talk:
    return Talk(DECODERS.session(Opening("ws://example.test/$servicebus/websocket", "amqp")))


def test_a_conversation_reads_like_a_story() -> None:
    assert story(transcripts.AMQP) == [
        "> 2 in one: AMQP 1.0 | open c1 to example.test",
        "< header: AMQP 1.0",
        "< open: open broker to anybody",
        "> begin channel 0",
        "< begin: begin channel 3",
        "> attach sender queue",
        "< attach: attach receiver queue",
        "> beginning of frame, 20 of 28 B so far",
        '> transfer queue 7 B "hi" [0]',
        "< transfer: accepted 0",
        "< heartbeat",
        '> close: "amqp:illegal" not so now',
        "< close: close",
    ]
    assert pairs(transcripts.AMQP) == {2: 1, 3: 1, 5: 4, 7: 6, 10: 9, 13: 12}


def test_the_fields_of_a_frame_and_the_message_are_named() -> None:
    messages = transcripts.told(transcripts.AMQP)
    assert messages[0].parts[1].tree == {
        "frame": "open", "channel": 0, "container-id": "c1", "hostname": "example.test",
    }  # fmt: skip
    assert messages[5].tree["target"] == Node("target", {"address": "queue"})
    assert messages[8].tree["message"] == {"amqp-value": "hi"}


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("40", None),
        ("41", True),
        ("5600", False),
        ("43", 0),
        ("45", []),
        ("50ff", 255),
        ("51ff", -1),
        ("54fe", -2),
        ("600102", 258),
        ("71ffffffff", -1),
        ("81ffffffffffffffff", -1),
        ("723f800000", 1.0),
        ("823ff0000000000000", 1.0),
        ("7300000041", "A"),
        ("8300000000000003e8", Node("time", "1970-01-01T00:00:01.000Z", bytes.fromhex("00000000000003e8"))),
        ("837fffffffffffffff", Node("time", "9223372036854775807 ms", bytes.fromhex("7fffffffffffffff"))),
        (
            "98000102030405060708090a0b0c0d0e0f",
            Node("UUID", "00010203-0405-0607-0809-0a0b0c0d0e0f", bytes(range(16))),
        ),
        ("7400000001", Node("decimal", b"\0\0\0\1", b"\0\0\0\1")),
        ("a0020102", b"\1\2"),
        ("b1000000026869", "hi"),
        ("c003024143", [True, 0]),
        ("c10502a1016143", {"a": 0}),
        ("c103024341", Pairs([(0, True)])),
        ("e004025001ff", [1, 255]),
        ("00532445", Node("described 36", [], "36")),
    ],
)
def test_every_type_is_read(data: str, value: object) -> None:
    reader = Reader(bytes.fromhex(data))
    assert reader.value() == value
    assert reader.left == 0


@pytest.mark.parametrize(
    "data",
    [
        b"\xf0\0\0\0\5\xff\xff\xff\xff\x43",
        b"\xd0\0\0\0\4\xff\xff\xff\xff",
        b"\0" * 1000,
        b"\xb0\xff\xff\xff\xff",
        b"\x01",
        b"",
    ],
)
def test_claims_are_not_believed(data: bytes) -> None:
    with pytest.raises(Unfit):
        Reader(data).value()


@given(st.binary(max_size=100))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    reader = Reader(data)
    try:
        while reader.left:
            reader.value()
    except Unfit:
        pass


def test_another_version_is_said_to_be_one() -> None:
    decoded = _talk().sent(b"AMQP\0\0\x09\1")
    assert decoded.notes == ("amqp gave up: AMQP 0.0.9.1, not 1.0",)


@pytest.mark.parametrize(
    "content", [b"\0\0\0\1\2\0\0\0", b"\0\0\0\x0c\2\0\0\0\x43abc", b"GET / HTTP/1.1\r\n"]
)
def test_what_is_no_frame_is_shown_with_a_note(content: bytes) -> None:
    assert _talk().sent(content).notes[0].startswith("amqp gave up: ")

"""WAMP, in each serialization."""

import cbor2
import msgpack
import pytest

from tests.unit.decoders import transcripts
from tests.unit.decoders.decoder_tools import Talk
from tests.unit.decoders.transcripts import pairs, story
from wsproxy.decoders.api import Kind, Opening
from wsproxy.decoders.registry import DECODERS


def _talk(subprotocol: str = "wamp.2.json") -> Talk:
    return Talk(DECODERS.session(Opening("ws://example.test/", subprotocol)))


def test_json_reads_like_a_story() -> None:
    assert story(transcripts.WAMP) == [
        '> hello "realm1"',
        "< hello: welcome session 9129137332",
        "> subscribe com.topic",
        "< subscribe: com.topic as 55",
        "> publish com.topic(1.10)",
        "< com.topic: published",
        '< event com.topic(colour: "red")',
        "> call com.add2(2, 3)",
        "< com.add2: result(5)",
        "> register com.mul2",
        "< register: com.mul2 as 77",
        "< invoke com.mul2(2, 3)",
        "> com.mul2: yield(6)",
        "> call com.none()",
        "< com.none: error wamp.error.no_such_procedure",
        "> goodbye wamp.close.normal",
        "< goodbye wamp.close.goodbye_and_out",
    ]
    assert pairs(transcripts.WAMP) == {2: 1, 4: 3, 6: 5, 9: 8, 11: 10, 13: 12, 15: 14}


def test_messagepack_reads_the_same() -> None:
    assert story(transcripts.WAMP_MSGPACK) == [
        '> hello "realm1"',
        "< hello: welcome session 9129137332",
        "> call com.add2(2, h'03')",
        "< com.add2: progress(5)",
        "< com.add2: result(5)",
    ]
    assert pairs(transcripts.WAMP_MSGPACK) == {2: 1, 4: 3, 5: 3}


def test_several_messages_may_be_in_one() -> None:
    assert story(transcripts.WAMP_CBOR_BATCHED) == [
        '> hello "realm1"',
        "< hello: welcome session 9129137332",
        "> 2 in one: call com.a() | call com.b(h'01')",
        '< 2 in one: com.b: result() | com.a: result("x")',
    ]
    assert pairs(transcripts.WAMP_CBOR_BATCHED) == {2: 1, 4: 3}
    assert story(transcripts.WAMP_JSON_BATCHED) == [
        '> hello "realm1"',
        "< hello: welcome session 9129137332",
        '> 2 in one: call com.a() | call com.b("x")',
        "< 2 in one: com.b: result() | com.a: result()",
    ]
    assert pairs(transcripts.WAMP_JSON_BATCHED) == {2: 1, 4: 3}


@pytest.mark.parametrize(
    ("first", "is_json"), [(b'[48,1,{},"a",[1]]', True), (msgpack.packb([48, 1, {}, "a", [1]]), False)]
)
def test_without_a_subprotocol_the_bytes_tell_the_serialization(first: bytes, is_json: bool) -> None:
    talk = Talk(DECODERS.session(Opening(), "wamp"))
    assert talk.sent(first.decode() if is_json else first).event == "call a(1)"


def test_ids_are_those_of_a_direction() -> None:
    talk = _talk()
    talk.sent('[48,1,{},"a"]')
    talk.received("[68,1,5,{}]")
    assert talk.sent("[70,1,{},[1]]").pairs_with == 2
    assert talk.received("[50,1,{},[1]]").pairs_with == 1


def test_progress_is_a_partial_answer() -> None:
    talk = _talk()
    talk.sent('[48,1,{"receive_progress":true},"a"]')
    progress = talk.received('[50,1,{"progress":true},[1]]')
    assert (progress.kind, progress.event) == (Kind.PARTIAL, "a: progress(1)")
    assert talk.received("[50,1,{}]").kind is Kind.REPLY


def test_topics_of_patterns_are_those_of_the_event() -> None:
    talk = _talk()
    talk.sent('[32,1,{"match":"prefix"},"com."]')
    talk.received("[33,1,7]")
    event = talk.received('[36,7,1,{"topic":"com.a"},[1],{"b":2}]')
    assert (event.event, event.channel) == ("event com.a(1, b: 2)", "com.a")


def test_the_end_of_a_subscription_has_its_name() -> None:
    talk = _talk()
    talk.sent('[32,1,{},"com.a"]')
    talk.received("[33,1,7]")
    assert talk.sent("[34,2,7]").event == "unsubscribe com.a"
    assert talk.received("[35,2]").event == "unsubscribe: unsubscribed"


def test_logins_and_refusals_are_shown() -> None:
    talk = _talk()
    assert talk.sent('[1,"r",{"roles":{},"authid":"ada"}]').event == 'hello "r" as ada'
    assert talk.received('[4,"ticket",{}]').event == "hello: challenge ticket"
    assert talk.sent('[5,"secret",{}]').event == "authenticate"
    refused = talk.received('[3,{"message":"no"},"wamp.error.not_authorized"]')
    assert (refused.event, refused.error) == (
        'hello: abort wamp.error.not_authorized {"message": "no"}',
        True,
    )


def test_a_cancelled_call_waits_for_its_error() -> None:
    talk = _talk()
    talk.sent('[48,1,{},"a"]')
    assert talk.sent('[49,1,{"mode":"kill"}]').event == 'cancel 1 {"mode": "kill"}'
    assert (
        talk.received('[8,48,1,{},"wamp.error.canceled",["gone"]]').event
        == 'a: error wamp.error.canceled("gone")'
    )


@pytest.mark.parametrize(
    ("subprotocol", "content", "edited"),
    [
        ("wamp.2.json", b'[48, 1, {}, "a", [1.10]]', b'[48, 1, {}, "a", [1.10], {"x": 1}]'),
        (
            "wamp.2.msgpack",
            msgpack.packb([48, 1, {}, "a", [1]]),
            msgpack.packb([48, 1, {}, "a", [1], {"x": 1}]),
        ),
        ("wamp.2.cbor", cbor2.dumps([48, 1, {}, "a", [1]]), cbor2.dumps([48, 1, {}, "a", [1], {"x": 1}])),
    ],
)
def test_an_edited_message_is_written_in_its_serialization(
    subprotocol: str, content: bytes, edited: bytes
) -> None:
    talk = _talk(subprotocol)
    message = talk.message(content.decode() if subprotocol.endswith("json") else content, True)
    tree = talk.session.decode(message).tree
    assert talk.session.reencode([*tree, {"x": 1}], message) == edited


@pytest.mark.parametrize(
    ("subprotocol", "content", "why"),
    [
        ("wamp.2.json", "{}", "no message of WAMP"),
        ("wamp.2.json", "[99,1]", "no message of WAMP: 99"),
        ("wamp.2.json", "[48,1]", "a call is too short"),
        ("wamp.2.json.batched", "[48,1,{}]", "a message without its end"),
        ("wamp.2.cbor.batched", b"\0\0\0\xff\x80", "a message is cut short"),
        ("wamp.2.flatbuffers", b"\0\1\2\3", "WAMP in flatbuffers is not read here"),
    ],
)
def test_what_is_no_message_is_shown_with_a_note(subprotocol: str, content: str | bytes, why: str) -> None:
    assert _talk(subprotocol).sent(content).notes[0] == f"wamp gave up: {why}"

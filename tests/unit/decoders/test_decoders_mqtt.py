"""MQTT."""

import pytest

from tests.unit.decoders import transcripts
from tests.unit.decoders.decoder_tools import Talk
from tests.unit.decoders.transcripts import mqtt, mqtt_text, pairs, story
from wsproxy.decoders.api import Kind, Message, Node, Opening
from wsproxy.decoders.registry import DECODERS

CONNECT_5 = mqtt(1, 0, mqtt_text("MQTT") + b"\5\2\0\x3c\0" + mqtt_text("c"))


def _talk() -> Talk:
    return Talk(DECODERS.session(Opening("ws://example.test/mqtt", "mqtt")))


def _publish(topic: str, payload: bytes, flags: int = 0, more: bytes = b"") -> bytes:
    return mqtt(3, flags, mqtt_text(topic) + more + payload)


def test_version_3_1_1_reads_like_a_story() -> None:
    assert story(transcripts.MQTT) == [
        "> CONNECT as sensor-1, MQTT 3.1.1, keep alive 60 s",
        "< CONNECT: CONNACK accepted",
        "> SUBSCRIBE sensors/# qos 1 [id 1]",
        "< SUBSCRIBE: SUBACK granted qos 1 sensors/#",
        "> beginning of PUBLISH, 9 of 26 B so far",
        '> 2 in one: PUBLISH sensors/a qos 1 retain 11 B {"t":21.50} [id 7] | PINGREQ',
        "< 2 in one: PUBLISH: PUBACK sensors/a | PINGREQ: PINGRESP",
        "< PUBLISH sensors/b qos 2 2 B h'ff 00' [id 1]",
        "> PUBLISH: PUBREC sensors/b",
        "< PUBREL id 1",
        "> PUBLISH: PUBCOMP sensors/b",
        "> UNSUBSCRIBE sensors/# [id 2]",
        "< UNSUBSCRIBE: UNSUBACK sensors/#",
        "> DISCONNECT",
    ]
    assert pairs(transcripts.MQTT) == {2: 1, 4: 3, 7: 6, 9: 8, 11: 8, 13: 12}


def test_version_5_reads_the_same_with_its_reasons() -> None:
    assert story(transcripts.MQTT_5) == [
        "> CONNECT as sensor-1, MQTT 5.0, keep alive 60 s, user ada, will to will/topic",
        "< CONNECT: CONNACK success",
        "> PUBLISH sensors/a qos 0 1 B 1",
        "> PUBLISH sensors/a qos 0 1 B 2",
        "> PUBLISH sensors/a qos 1 1 B 3 [id 1]",
        "< PUBLISH: PUBACK not authorized: never sensors/a",
        "< DISCONNECT server shutting down",
    ]
    assert pairs(transcripts.MQTT_5) == {2: 1, 6: 5}


def test_everything_of_a_connect_is_in_the_tree() -> None:
    talk = _talk()
    tree = talk.sent(transcripts.MQTT_5.messages[0][1]).tree
    assert tree == {
        "packet": "CONNECT",
        "protocol": "MQTT",
        "version": 5,
        "clean start": True,
        "keep alive": 60,
        "client id": "sensor-1",
        "will": {
            "properties": {"will delay interval": 1},
            "topic": "will/topic",
            "payload": "gone",
            "qos": 1,
            "retain": True,
        },
        "user name": "ada",
        "password": "secret",
        "properties": {"session expiry interval": 10},
    }


def test_what_is_published_is_shown_as_what_it_is() -> None:
    talk = _talk()
    decoded = talk.sent(_publish("a/b", b'{"t":21.50}', flags=1))
    assert decoded.event == 'PUBLISH a/b qos 0 retain 11 B {"t":21.50}'
    assert isinstance(decoded.tree["payload"], Node)
    assert talk.sent(_publish("a/b", b"\x89PNG\r\n\x1a\n" + bytes(50))).event.startswith(
        "PUBLISH a/b qos 0 58 B h'89"
    )


def test_a_large_packet_over_many_messages_is_followed() -> None:
    talk = _talk()
    data = _publish("a", bytes(100_000))
    assert talk.sent(data[:1]).event == "beginning of PUBLISH, 1 B so far"
    assert talk.sent(data[1:50_000]).event == "part of PUBLISH, 50,000 of 100,007 B so far"
    assert talk.sent(data[50_000:]).event.startswith("PUBLISH a qos 0 100,000 B")


def test_a_packet_that_claims_far_more_than_is_kept_is_counted() -> None:
    talk = _talk()
    talk.sent(b"\x30\xff\xff\xff\x7f\0\1a")
    for _ in range(5):
        talk.sent(bytes(1 << 20))
    assert talk.sent(b"x").event == "part of PUBLISH, 5,242,889 of 268,435,460 B so far"


def test_after_a_gap_it_goes_on_where_packets_begin_again() -> None:
    talk = _talk()
    talk.sent(CONNECT_5)
    talk.session.missed(Message(9, 0, True, False, b"", 10))
    lost = talk.sent(_publish("a", b"x", more=b"\0")[:4])
    assert lost.notes == (
        "mqtt gave up: it is not known where a packet begins, as something before is missing",
    )
    found = talk.sent(_publish("a", b"x", more=b"\0"))
    assert (found.event, found.notes) == ("PUBLISH a qos 0 1 B x", ("packets before it are missing",))


def test_without_a_connect_version_5_shows_where_nothing_else_fits() -> None:
    talk = _talk()
    assert talk.received(mqtt(2, 0, b"\0\0\0")).event == "CONNACK success"
    assert talk.received(mqtt(14, 0, b"\x8d\0")).event == "DISCONNECT keep alive timeout"


@pytest.mark.parametrize(
    ("packet", "event"),
    [
        (mqtt(2, 0, b"\0\5"), "CONNACK not authorized"),
        (mqtt(9, 0, b"\0\1\0\x80"), "SUBACK granted qos 0, failure id 1"),
        (mqtt(2, 0, b"\0\x63"), "CONNACK return code 99"),
    ],
)
def test_failures_are_marked_and_in_words(packet: bytes, event: str) -> None:
    decoded = _talk().received(packet)
    assert (decoded.event, decoded.error) == (event, True)


def test_a_failed_receipt_is_the_last_answer() -> None:
    talk = _talk()
    talk.sent(CONNECT_5)
    talk.sent(_publish("a", b"x", flags=4, more=b"\0\1\0"))
    assert talk.received(mqtt(5, 0, b"\0\1\x97\0")).kind is Kind.REPLY


def test_subscriptions_of_version_5_show_their_options() -> None:
    talk = _talk()
    talk.sent(CONNECT_5)
    event = talk.sent(mqtt(8, 2, b"\0\1\0" + mqtt_text("a/#") + b"\x2d")).event
    assert event == "SUBSCRIBE a/# qos 1 no local retain as published retain handling 2 [id 1]"


@pytest.mark.parametrize(
    "content",
    [
        "text",
        b"\0",
        b"\x36\0",
        b"\x10\xff\xff\xff\xff\1",
        mqtt(4, 0, b"\0"),
        mqtt(12, 0, b"x"),
        mqtt(3, 0, b"\xff\xffa"),
        CONNECT_5[:-3] + b"\0\0x",
    ],
)
def test_what_is_malformed_is_shown_with_a_note(content: str | bytes) -> None:
    assert _talk().sent(content).notes[0].startswith("mqtt gave up: ")

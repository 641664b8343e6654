"""
What the libraries of Node say to each other, read by the decoders from the capture of the proxy between them.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.support.node import missing
from tests.support.traffic import Talk, between

pytestmark = [
    pytest.mark.alike,
    pytest.mark.node,
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
]

ADMIN = [
    "> emit whoami [ack 0] /admin",
    '< whoami: ack 0 "an admin" /admin',
    "> disconnect /admin",
]


def _whole(talk: Talk, how: str) -> list[str]:
    """The story of a conversation of which every call was answered, and every message can be written."""
    talk.check(how.partition(" ")[0], how.partition(" ")[2])
    assert talk.open_calls == []
    assert talk.written() == len(talk.messages)
    return talk.story


@pytest.mark.parametrize("version", [2, 4])
async def test_socket_io_that_begins_with_polling(tmp_path: Path, version: int) -> None:
    [talk] = await between(tmp_path, "socketio.mjs", version=version, transports=["polling", "websocket"])

    story = _whole(talk, "socketio path")
    sid = talk.opened.url.partition("sid=")[2].partition("&")[0]
    assert sid
    assert story[:9] == [
        f"> probe for the session {sid}, which began over HTTP",
        "< probe: answered",
        f"> upgrade of the session {sid}: it goes on here",
        '> emit say "hello" [ack 0]',
        '< say: ack 0 "HELLO"',
        '> emit picture attachment 1: "…" [ack 1]',
        "> attachment 1 of 1, 3 B, completes emit picture attachment 1: h'01 02 03' [ack 1]",
        '< picture: ack 1 attachment 1: "…", {"turned": true}',
        "< attachment 1 of 1, 3 B, completes ack 1 attachment 1: h'03 02 01', {\"turned\": true}",
    ]
    assert [line for line in story if "/admin" in line][2:5] == ADMIN
    assert talk.heartbeats == ["ping", "pong"]
    pings = {
        message.from_client
        for message, said in zip(talk.messages, talk.decoded, strict=True)
        if said.event == "ping"
    }
    assert pings == {version == 2}


async def test_socket_io_in_messagepack(tmp_path: Path) -> None:
    [talk] = await between(tmp_path, "socketio.mjs", version=4, msgpack=True, transports=["websocket"])

    story = _whole(talk, "socketio path")
    assert story[0].endswith(", ping every 0.3 s, timeout 2 s")
    assert story[3:8] == [
        '< emit welcome {"to": "you"}',
        '> emit say "hello" [ack 0]',
        '< say: ack 0 "HELLO"',
        "> emit picture h'01 02 03' [ack 1]",
        "< picture: ack 1 h'03 02 01', {\"turned\": true}",
    ]
    assert story[10:13] == ADMIN


async def test_engine_io_alone(tmp_path: Path) -> None:
    [talk] = await between(tmp_path, "engineio.mjs")

    story = _whole(talk, "engineio path")
    assert story[1:5] == ['> {"say":"hello"}', "> 01 02 03", '< {"say":"hello"}', "< 01 02 03"]
    assert talk.heartbeats == ["ping", "pong"]


async def test_sockjs(tmp_path: Path) -> None:
    [talk] = await between(tmp_path, "sockjs.mjs")

    talk.check("sockjs", "path")
    assert talk.written() == len(talk.messages)
    assert talk.story == [
        "< open",
        "> call add(1, 2)",
        "> 3",
        '> notify smile("😀 \u200d \u0301")',
        "< call add(1, 2)",
        "< add: 3",
        '< notify smile("😀 \u200d \u0301")',
        "> notify bye()",
        '< close 3000 "bye"',
    ]


async def test_graphql(tmp_path: Path) -> None:
    [talk] = await between(tmp_path, "graphql.mjs")

    story = _whole(talk, "graphql subprotocol")
    assert [line[:60] for line in story] == [
        '> connection_init {"token": "x"}',
        "< connection_init: connection_ack",
        "> query add(a: 1, b: 2)",
        '< Add: next {"add": 3}',
        "< Add: complete",
        "> query fail",
        '< fail: next {"fail": null} errors [{"message": "it failed",',
        "< fail: complete",
        "> query nothing",
        '< nothing: error [{"message": "Cannot query field \\"nothing\\',
        '> subscribe onMessage(room: "a")',
        '< onMessage: next {"onMessage": {"text": "hello a"}}',
        '< onMessage: next {"onMessage": {"text": "bye a"}}',
        "< onMessage: complete",
        "> subscribe forever",
        '< forever: next {"forever": 1}',
        "> complete: forever is not wanted any more",
    ]
    assert [bool(said.error) for said in talk.decoded].count(True) == 2


async def test_graphql_by_the_older_library(tmp_path: Path) -> None:
    [talk] = await between(tmp_path, "graphql.mjs", legacy=True)

    story = _whole(talk, "graphql subprotocol")
    assert story[-8:] == [
        '> start onMessage(room: "a")',
        '< onMessage: data {"onMessage": {"text": "hello a"}}',
        '< onMessage: data {"onMessage": {"text": "bye a"}}',
        "< onMessage: complete",
        "> start forever",
        '< forever: data {"forever": 1}',
        "> stop: forever is not wanted any more",
        "> connection_terminate",
    ]
    assert talk.heartbeats == ["ka"]


@pytest.mark.parametrize("sockjs", [False, True], ids=["plain", "in SockJS"])
async def test_stomp(tmp_path: Path, sockjs: bool) -> None:
    [talk] = await between(tmp_path, "stomp.mjs", sockjs=sockjs)

    story = _whole(talk, "sockjs path" if sockjs else "stomp subprotocol")
    assert {said.decoder for said in talk.decoded} == ({"sockjs", "stomp"} if sockjs else {"stomp"})
    story = story[1:] if sockjs else story
    assert story[0].startswith("> CONNECT, version 1.2,1.1,1.0, heart-beat ")
    assert story[1].startswith("< CONNECT: CONNECTED 1.1, STOMP-JS/1.3.0, session ")
    assert story[2:] == [
        "> SUBSCRIBE /topic/a id sub-0",
        '> SEND /app/hello 13 B {"text":"hi"}',
        '< MESSAGE /topic/a for sub-0 13 B {"text":"hi"}',
        "> DISCONNECT [receipt close-1]",
        "< DISCONNECT: RECEIPT",
    ]
    assert talk.heartbeats == ["heart-beat"]


async def test_stomp_over_several_messages(tmp_path: Path) -> None:
    [talk] = await between(tmp_path, "stomp.mjs", split=True)

    talk.check("stomp", "subprotocol")
    assert [line[:40] for line in talk.story[3:7]] == [
        "> beginning of frame, 1,000 B so far",
        "> part of frame, 2,000 B so far",
        "> part of frame, 3,000 B so far",
        '> SEND /app/hello 3,011 B {"text":"xxxxx',
    ]


@pytest.mark.parametrize("msgpack", [False, True], ids=["json", "messagepack"])
async def test_signalr(tmp_path: Path, msgpack: bool) -> None:
    [talk] = await between(tmp_path, "signalr.mjs", msgpack=msgpack)

    assert _whole(talk, "signalr messages") == [
        f"> handshake {'messagepack' if msgpack else 'json'} 1",
        "< handshake: accepted",
        '> invoke Send("hello", 1)',
        '< invoke Receive("hello", 1)',
        "< Send: 2",
        "> invoke Fail()",
        '< Fail: error "it failed"',
        "> stream Counter(2)",
        "< Counter: item 0",
        "< Counter: item 1",
        "< Counter: done",
        '> invoke Forget("me")',
        "> close",
    ]
    assert talk.heartbeats == ["ping"]


def _without_ids(story: list[str]) -> list[str]:
    """Without the parts of packets, and the ids that are drawn by lot."""
    return [line.partition(" [id ")[0] for line in story if " so far" not in line]


async def test_mqtt(tmp_path: Path) -> None:
    [talk] = await between(tmp_path, "mqtt.mjs", version=4)

    talk.check("mqtt", "subprotocol")
    assert talk.open_calls == []
    story = _without_ids(talk.story)
    sent = [line[2:72] for line in story if line[0] == ">"]
    assert sent[:4] == [
        "CONNECT as node, MQTT 3.1.1, keep alive 1 s, will to gone",
        "SUBSCRIBE sensors/# qos 2",
        'PUBLISH sensors/a qos 0 retain 11 B {"t":21.50}',
        "PUBLISH sensors/b qos 1 2 B h'ff 00'",
    ]
    assert "PUBLISH sensors/c qos 2 100,000 B " + "x" * 36 in sent
    assert sent[-2:] == ["UNSUBSCRIBE sensors/#", "DISCONNECT"]
    heard = [line[2:] for line in story if line[0] == "<"]
    assert heard[:2] == ["CONNECT: CONNACK accepted", "SUBSCRIBE: SUBACK granted qos 2 sensors/#"]
    for line in ("PUBLISH: PUBACK sensors/b", "PUBLISH: PUBREC sensors/c", "PUBLISH: PUBCOMP sensors/c"):
        assert line in heard
        assert line in sent
    # The client writes packets field by field: that is more messages than packets.
    assert len(talk.story) > 2 * len(story)
    assert talk.heartbeats == ["PINGREQ", "PINGREQ: PINGRESP"]


async def test_mqtt_5(tmp_path: Path) -> None:
    [talk] = await between(tmp_path, "mqtt.mjs", version=5)

    talk.check("mqtt", "subprotocol")
    assert talk.open_calls == []
    assert _without_ids(talk.said(True)) == [
        "CONNECT as node, MQTT 5.0, keep alive 1 s, will to gone",
        "SUBSCRIBE sensors/# qos 1",
        'PUBLISH sensors/a qos 0 retain 11 B {"t":21.50}',
        "PUBLISH sensors/b qos 1 2 B h'ff 00'",
        "PUBLISH sensors/b qos 1 5 B again",
        "PUBLISH forbidden qos 1 2 B no",
        "UNSUBSCRIBE sensors/#",
        "DISCONNECT success",
    ]
    assert talk.said(False) == [
        "CONNECT: CONNACK success",
        "SUBSCRIBE: SUBACK granted qos 1 sensors/#",
        'PUBLISH sensors/a qos 0 11 B {"t":21.50}',
        "PUBLISH sensors/b qos 0 2 B h'ff 00'",
        "PUBLISH: PUBACK sensors/b",
        "PUBLISH sensors/alias qos 0 5 B again",
        "PUBLISH: PUBACK sensors/b",
        "PUBLISH: PUBACK not authorized: never forbidden",
        "UNSUBSCRIBE: UNSUBACK success sensors/#",
    ]
    # The second time the topic went over the wire as its alias only.
    [again] = [said for said in talk.decoded if said.event.startswith("PUBLISH sensors/b qos 1 5 B again")]
    assert again.tree["topic"] == ""
    assert again.tree["properties"]["user property"] == [["k", "v"]]


async def test_amqp(tmp_path: Path) -> None:
    [talk] = await between(tmp_path, "amqp.mjs")

    talk.check("amqp", "subprotocol")
    assert talk.open_calls == []
    assert talk.said(True) == [
        "AMQP 1.0 with SASL",
        "sasl-init PLAIN",
        "AMQP 1.0",
        "open client to anybody, idle time-out 600 ms",
        "begin channel 0",
        "attach sender queue",
        'transfer queue 64 B "hello" [0]',
        "transfer queue 3 B h'01 02 03' [1]",
        'transfer queue 16 B "bad" [2]',
        "close",
    ]
    assert talk.said(False) == [
        "header: AMQP 1.0 with SASL",
        'sasl-mechanisms ["PLAIN"]',
        "sasl-init: sasl-outcome 0",
        "header: AMQP 1.0",
        "open: open broker to anybody",
        "begin: begin channel 0",
        "attach: attach receiver queue",
        "flow queue credit 1000",
        "transfer: accepted 0",
        "transfer: accepted 1",
        "transfer: rejected 2",
        "close: close",
    ]
    [greeting] = [said for said in talk.decoded if '"hello"' in said.event]
    assert greeting.tree["message"]["application-properties"] == {"colour": "red"}
    assert greeting.tree["message"]["properties"] == {"subject": "greeting"}
    assert talk.heartbeats == ["heartbeat"]


async def test_json_rpc(tmp_path: Path) -> None:
    [talk] = await between(tmp_path, "jsonrpc.mjs")

    assert _whole(talk, "jsonrpc messages") == [
        '> call rpc.on("tick")',
        '< rpc.on: {"tick": "ok"}',
        "> call add(1, 2)",
        "< notify tick(1)",
        "< add: 3",
        "> call fail()",
        '< fail: error -32000 Error "it failed"',
        '> notify log({"text": "hi"})',
        "< error -32601 Method not found",
    ]


SCRIPTED: dict[str, list[str]] = {
    "phoenix": [
        '> join {"name": "ada"} room:lobby',
        "< join: ok",
        '> push say {"text": "hi"} room:lobby',
        "< say: ok",
        '< receive said {"text": "hi"} room:lobby',
        "> push fail room:lobby",
        "< fail: error",
        "> push file 3 B h'01 02 03' room:lobby",
        "< file: ok 2 B h'09 08'",
        "> leave room:lobby",
        "< leave: ok",
        "< close room:lobby",
    ],
    "actioncable": [
        "< welcome",
        '> subscribe ChatChannel(room: "1")',
        '< subscribe: confirmed ChatChannel(room: "1")',
        '> perform speak {"text": "hi"} ChatChannel(room: "1")',
        '< message {"text": "hi", "action": "speak"} ChatChannel(room: "1")',
        "> subscribe SecretChannel",
        "< subscribe: rejected SecretChannel",
        '> unsubscribe ChatChannel(room: "1")',
    ],
    "pusher": [
        "< connected socket 1.2",
        "> subscribe my-channel",
        "< subscribe: succeeded my-channel",
        '< news {"price": 1.10} my-channel',
        "> unsubscribe my-channel",
    ],
    "xmpp": [
        "> open example.test",
        "< open: open example.test id s1",
        "< features (mechanisms)",
        "> auth PLAIN",
        "< auth: success",
        "> open example.test",
        "< open: open example.test id s1",
        "< features (bind)",
        "> iq set urn:ietf:params:xml:ns:xmpp-bind",
        "< iq set urn:ietf:params:xml:ns:xmpp-bind: result (bind)",
        "> presence available",
        '> message to bo@example.test "hi & ho"',
        "> iq get jabber:iq:roster",
        "< iq get jabber:iq:roster: error item-not-found",
        "> close",
        "< close",
    ],
}
HEARTBEATS: dict[str, list[str]] = {
    "phoenix": ["heartbeat", "heartbeat: ok"],
    "actioncable": ["ping"],
    "pusher": ["ping", "pong"],
    "xmpp": [],
}
HOW = {"phoenix": "path", "actioncable": "subprotocol", "pusher": "path", "xmpp": "subprotocol"}


@pytest.mark.parametrize("protocol", SCRIPTED)
async def test_clients_whose_server_says_what_is_documented(tmp_path: Path, protocol: str) -> None:
    options: dict[str, Any] = {"protocol": protocol}
    [talk] = await between(tmp_path, "scripted.mjs", **options)

    talk.check(protocol, HOW[protocol])
    assert talk.open_calls == []
    assert talk.story == SCRIPTED[protocol]
    assert talk.heartbeats == HEARTBEATS[protocol]
    assert talk.written() == (0 if protocol == "xmpp" else len(talk.messages))

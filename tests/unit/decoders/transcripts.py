"""
What peers of each protocol say, message by message: as its documentation shows it, or in short what the
peers of `tests/e2e/test_protocols_*.py` say.

`C` is a message of the client, `S` one of the server; text for `str`, binary for `bytes`.
"""

from dataclasses import dataclass

import cbor2
import msgpack

from tests.unit.decoders.decoder_tools import Talk
from wsproxy.decoders.api import Decoded, Opening
from wsproxy.decoders.registry import DECODERS

Content = str | bytes
C, S = True, False


@dataclass(frozen=True)
class Transcript:
    """One conversation."""

    decoder: str
    messages: tuple[tuple[bool, Content], ...]
    url: str = "ws://example.test/"
    subprotocol: str | None = None
    how: str = "messages"
    """By what it is recognised."""


def signalr(*values: object) -> bytes:
    """Messages of SignalR in MessagePack, each behind its length."""
    packed = [msgpack.packb(value) for value in values]
    return b"".join(_varint(len(piece)) + piece for piece in packed)


def _varint(number: int) -> bytes:
    found = b""
    while number > 0x7F:
        found += bytes([number & 0x7F | 0x80])
        number >>= 7
    return found + bytes([number])


def mqtt(kind: int, flags: int, body: bytes) -> bytes:
    """One packet of MQTT."""
    return bytes([kind << 4 | flags]) + _varint(len(body)) + body


def mqtt_text(text: str) -> bytes:
    data = text.encode()
    return len(data).to_bytes(2, "big") + data


SOCKETIO = Transcript(
    "socketio",
    (
        (C, "2probe"),
        (S, "3probe"),
        (C, "5"),
        (C, "40"),
        (S, '40{"sid":"zyxw"}'),
        (C, '40/admin,{"token":"x"}'),
        (S, '40/admin,{"sid":"vuts"}'),
        (S, '42["welcome",{"to":"you","price":1.10}]'),
        (C, '420["say","hello"]'),
        (S, '430["HELLO"]'),
        (C, '42/admin,12["whoami"]'),
        (S, '43/admin,12["an admin"]'),
        (C, '451-7["picture",{"_placeholder":true,"num":0},{"name":"a.png"}]'),
        (C, b"\1\2\3"),
        (S, '461-7[{"_placeholder":true,"num":0}]'),
        (S, b"\3\2\1"),
        (S, "2"),
        (C, "3"),
        (C, "41/admin,"),
        (S, '44/secret,{"message":"not authorized"}'),
    ),
    "ws://example.test/socket.io/?EIO=4&transport=websocket&sid=abcd",
    how="path",
)
SOCKETIO_DIRECT = Transcript(
    "socketio",
    (
        (S, '0{"sid":"abcd","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'),
        (C, "40"),
        (S, '40{"sid":"zyxw"}'),
        (C, '42["hello"]'),
    ),
)
SOCKETIO_MSGPACK = Transcript(
    "socketio",
    (
        (S, '0{"sid":"abcd","upgrades":[],"pingInterval":25000,"pingTimeout":20000}'),
        (C, msgpack.packb({"type": 0, "nsp": "/"})),
        (S, msgpack.packb({"type": 0, "nsp": "/", "data": {"sid": "zyxw"}})),
        (C, msgpack.packb({"type": 2, "nsp": "/", "id": 3, "data": ["say", b"\1\2"]})),
        (S, msgpack.packb({"type": 3, "nsp": "/", "id": 3, "data": ["ok"]})),
    ),
    "ws://example.test/socket.io/?EIO=4&transport=websocket",
    how="path",
)
ENGINEIO = Transcript(
    "engineio",
    (
        (S, '0{"sid":"abcd","upgrades":[],"pingInterval":25000,"pingTimeout":20000}'),
        (C, '4{"say":"hello"}'),
        (S, "4hello"),
        (C, b"\4[1, 2]"),
        (C, "b4AQID"),
        (S, "6"),
        (S, "1"),
    ),
    "ws://example.test/engine.io/?EIO=3&transport=websocket",
    how="path",
)
SIGNALR = Transcript(
    "signalr",
    (
        (C, '{"protocol":"json","version":1}\x1e'),
        (S, "{}\x1e"),
        (S, '{"type":6}\x1e'),
        (C, '{"arguments":["hello",1],"invocationId":"0","target":"Send","type":1}\x1e'),
        (
            S,
            '{"type":1,"target":"Receive","arguments":["hello"]}\x1e{"type":3,"invocationId":"0","result":42}\x1e',
        ),
        (C, '{"type":4,"invocationId":"1","target":"Counter","arguments":[2]}\x1e'),
        (S, '{"type":2,"invocationId":"1","item":0}\x1e'),
        (C, '{"type":5,"invocationId":"1"}\x1e'),
        (C, '{"type":1,"invocationId":"2","target":"Fail","arguments":[]}\x1e'),
        (S, '{"type":3,"invocationId":"2","error":"it failed"}\x1e'),
        (S, '{"type":8,"sequenceId":4}\x1e'),
        (S, '{"type":7,"error":"gone","allowReconnect":true}\x1e'),
    ),
)
SIGNALR_MSGPACK = Transcript(
    "signalr",
    (
        (C, '{"protocol":"messagepack","version":1}\x1e'),
        (S, b"{}\x1e" + signalr([6])),
        (C, signalr([1, {}, "0", "Send", ["hello", b"\1\2"], []])),
        (S, signalr([1, {}, None, "Receive", ["hello"]], [3, {}, "0", 3, 42])),
        (C, signalr([1, {}, "1", "Fail", []])),
        (S, signalr([3, {}, "1", 1, "it failed"])),
        (C, signalr([4, {}, "2", "Counter", [300], ["3"]])),
        (S, signalr([2, {}, "2", "x" * 130])),
        (S, signalr([3, {}, "2", 2])),
        (S, signalr([7, None, True])),
    ),
)
SIGNALR_ASPNET = Transcript(
    "signalr-aspnet",
    (
        (S, '{"C":"d-1,0|A,1","S":1,"M":[]}'),
        (C, '{"H":"chathub","M":"Send","A":["ada","hello"],"I":0}'),
        (S, '{"C":"d-1,1|A,1","M":[{"H":"ChatHub","M":"broadcast","A":["ada","hello"]}]}'),
        (S, '{"I":"0","R":"fine"}'),
        (S, "{}"),
        (C, '{"H":"chathub","M":"Fail","A":[],"I":1}'),
        (S, '{"I":"1","E":"it failed"}'),
    ),
    "wss://example.test/signalr/connect?transport=webSockets&clientProtocol=2.1&connectionToken=t",
    how="path",
)
GRAPHQL = Transcript(
    "graphql",
    (
        (C, '{"type":"connection_init","payload":{"token":"x"}}'),
        (S, '{"type":"connection_ack"}'),
        (S, '{"type":"ping"}'),
        (C, '{"type":"pong"}'),
        (
            C,
            '{"id":"1","type":"subscribe","payload":{"query":"subscription S($room: ID!) '
            '{ onMessage(room: $room) { text } }","variables":{"room":"a"}}}',
        ),
        (S, '{"id":"1","type":"next","payload":{"data":{"onMessage":{"text":"hi"}}}}'),
        (C, '{"id":"2","type":"subscribe","payload":{"query":"{ hero(id: 1) { name } }"}}'),
        (S, '{"id":"2","type":"next","payload":{"data":{"hero":null},"errors":[{"message":"no hero"}]}}'),
        (S, '{"id":"2","type":"complete"}'),
        (C, '{"id":"3","type":"subscribe","payload":{"query":"{ nothing }"}}'),
        (S, '{"id":"3","type":"error","payload":[{"message":"no such field"}]}'),
        (C, '{"id":"1","type":"complete"}'),
    ),
    subprotocol="graphql-transport-ws",
    how="subprotocol",
)
GRAPHQL_LEGACY = Transcript(
    "graphql",
    (
        (C, '{"type":"connection_init","payload":{}}'),
        (S, '{"type":"connection_ack","payload":{"connectionTimeoutMs":300000}}'),
        (S, '{"type":"ka"}'),
        (
            C,
            '{"id":"1","type":"start","payload":{"data":"{\\"query\\":\\"subscription { onCreate { id } }\\",'
            '\\"variables\\":{}}","extensions":{"authorization":{"host":"h"}}}}',
        ),
        (S, '{"id":"1","type":"start_ack"}'),
        (S, '{"id":"1","type":"data","payload":{"data":{"onCreate":{"id":7}}}}'),
        (C, '{"id":"1","type":"stop"}'),
        (S, '{"id":"1","type":"complete"}'),
        (C, '{"type":"connection_terminate"}'),
    ),
    subprotocol="graphql-ws",
    how="subprotocol",
)
STOMP = Transcript(
    "stomp",
    (
        (C, "CONNECT\naccept-version:1.2\nhost:example.test\nheart-beat:10000,0\n\n\0"),
        (S, "CONNECTED\nversion:1.2\nsession:s1\nserver:broker\n\n\0\n"),
        (C, "SUBSCRIBE\nid:sub-0\ndestination:/topic/a\nack:client-individual\nreceipt:r-1\n\n\0"),
        (S, "RECEIPT\nreceipt-id:r-1\n\n\0"),
        (C, 'SEND\ndestination:/topic/a\ncontent-type:application/json\ncontent-length:9\n\n{"a":1.0}\0'),
        (
            S,
            "MESSAGE\nsubscription:sub-0\nmessage-id:7\nack:a-7\ndestination:/topic/a\nnote:a\\cb\\nc\n\n"
            '{"a":1.0}\0',
        ),
        (C, "ACK\nid:a-7\n\n\0"),
        (S, "\n"),
        (C, "SEND\ndestination:/queue/gone\nreceipt:r-2\n\nhello\0"),
        (S, "ERROR\nreceipt-id:r-2\nmessage:no such queue\n\nsorry\0"),
        (C, "DISCONNECT\n\n\0"),
    ),
    subprotocol="v12.stomp",
    how="subprotocol",
)
SOCKJS = Transcript(
    "sockjs",
    (
        (S, "o"),
        (C, '["CONNECT\\naccept-version:1.1,1.0\\nheart-beat:10000,10000\\n\\n\\u0000"]'),
        (S, 'a["CONNECTED\\nversion:1.1\\nheart-beat:0,0\\n\\n\\u0000"]'),
        (S, "h"),
        (C, '["SEND\\ndestination:/app/hello\\n\\nhi\\u0000"]'),
        (S, 'c[3000,"Go away!"]'),
    ),
    "ws://example.test/ws/123/abcdefgh/websocket",
    how="path",
)
WAMP = Transcript(
    "wamp",
    (
        (C, '[1,"realm1",{"roles":{"caller":{}}}]'),
        (S, '[2,9129137332,{"roles":{"broker":{}}}]'),
        (C, '[32,1,{},"com.topic"]'),
        (S, "[33,1,55]"),
        (C, '[16,2,{"acknowledge":true},"com.topic",[1.10]]'),
        (S, "[17,2,888]"),
        (S, '[36,55,888,{},[],{"colour":"red"}]'),
        (C, '[48,3,{},"com.add2",[2,3]]'),
        (S, "[50,3,{},[5]]"),
        (C, '[64,4,{},"com.mul2"]'),
        (S, "[65,4,77]"),
        (S, "[68,1,77,{},[2,3]]"),
        (C, "[70,1,{},[6]]"),
        (C, '[48,5,{},"com.none"]'),
        (S, '[8,48,5,{},"wamp.error.no_such_procedure"]'),
        (C, '[6,{},"wamp.close.normal"]'),
        (S, '[6,{},"wamp.close.goodbye_and_out"]'),
    ),
    subprotocol="wamp.2.json",
    how="subprotocol",
)
WAMP_MSGPACK = Transcript(
    "wamp",
    (
        (C, msgpack.packb([1, "realm1", {"roles": {"caller": {}}}])),
        (S, msgpack.packb([2, 9129137332, {"roles": {}}])),
        (C, msgpack.packb([48, 3, {}, "com.add2", [2, b"\3"]])),
        (S, msgpack.packb([50, 3, {"progress": True}, [5]])),
        (S, msgpack.packb([50, 3, {}, [5]])),
    ),
    subprotocol="wamp.2.msgpack",
    how="subprotocol",
)


def _batched(*values: bytes) -> bytes:
    return b"".join(len(value).to_bytes(4, "big") + value for value in values)


WAMP_CBOR_BATCHED = Transcript(
    "wamp",
    (
        (C, _batched(cbor2.dumps([1, "realm1", {"roles": {"caller": {}}}]))),
        (S, _batched(cbor2.dumps([2, 9129137332, {"roles": {}}]))),
        (C, _batched(cbor2.dumps([48, 3, {}, "com.a"]), cbor2.dumps([48, 4, {}, "com.b", [b"\1"]]))),
        (S, _batched(cbor2.dumps([50, 4, {}]), cbor2.dumps([50, 3, {}, ["x"]]))),
    ),
    subprotocol="wamp.2.cbor.batched",
    how="subprotocol",
)
WAMP_JSON_BATCHED = Transcript(
    "wamp",
    (
        (C, '[1,"realm1",{"roles":{"caller":{}}}]\x18'),
        (S, '[2,9129137332,{"roles":{}}]\x18'),
        (C, '[48,3,{},"com.a"]\x18[48,4,{},"com.b",["x"]]\x18'),
        (S, "[50,4,{}]\x1e[50,3,{}]\x1e"),
    ),
    subprotocol="wamp.2.json.batched",
    how="subprotocol",
)
_MQTT_CONNECT = mqtt(1, 0, mqtt_text("MQTT") + b"\4\2\0\x3c" + mqtt_text("sensor-1"))
_MQTT_PUBLISH = mqtt(3, 0b0011, mqtt_text("sensors/a") + b"\0\7" + b'{"t":21.50}')
MQTT = Transcript(
    "mqtt",
    (
        (C, _MQTT_CONNECT),
        (S, mqtt(2, 0, b"\0\0")),
        (C, mqtt(8, 2, b"\0\1" + mqtt_text("sensors/#") + b"\1")),
        (S, mqtt(9, 0, b"\0\1\1")),
        (C, _MQTT_PUBLISH[:9]),
        (C, _MQTT_PUBLISH[9:] + mqtt(12, 0, b"")),
        (S, mqtt(4, 0, b"\0\7") + mqtt(13, 0, b"")),
        (S, mqtt(3, 0b0100, mqtt_text("sensors/b") + b"\0\1" + b"\xff\0")),
        (C, mqtt(5, 0, b"\0\1")),
        (S, mqtt(6, 2, b"\0\1")),
        (C, mqtt(7, 0, b"\0\1")),
        (C, mqtt(10, 2, b"\0\2" + mqtt_text("sensors/#"))),
        (S, mqtt(11, 0, b"\0\2")),
        (C, mqtt(14, 0, b"")),
    ),
    subprotocol="mqtt",
    how="subprotocol",
)
MQTT_5 = Transcript(
    "mqtt",
    (
        (
            C,
            mqtt(
                1, 0,
                mqtt_text("MQTT") + b"\5\xee\0\x3c" + b"\5\x11\0\0\0\x0a" + mqtt_text("sensor-1")
                + b"\5\x18\0\0\0\1" + mqtt_text("will/topic") + mqtt_text("gone")
                + mqtt_text("ada") + mqtt_text("secret"),
            ),
        ),
        (S, mqtt(2, 0, b"\0\0" + b"\3\x22\0\x0a")),
        (C, mqtt(3, 0, mqtt_text("sensors/a") + b"\x0d\x23\0\1\x26\0\1k\0\4v\xc3\xa9l" + b"1")),
        (C, mqtt(3, 0, mqtt_text("") + b"\3\x23\0\1" + b"2")),
        (C, mqtt(3, 2, mqtt_text("sensors/a") + b"\0\1" + b"\0" + b"3")),
        (S, mqtt(4, 0, b"\0\1\x87" + b"\x08\x1f\0\5never")),
        (S, mqtt(14, 0, b"\x8b" + b"\0")),
    ),
    subprotocol="mqtt",
    how="subprotocol",
)  # fmt: skip
JSONRPC = Transcript(
    "jsonrpc",
    (
        (C, '{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}'),
        (S, '{"jsonrpc":"2.0","id":1,"result":"0x9ce5"}'),
        (
            S,
            '{"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":"0x9ce5","result":{"n":1}}}',
        ),
        (C, '[{"jsonrpc":"2.0","id":2,"method":"add","params":[1.10,2]},{"jsonrpc":"2.0","method":"log"}]'),
        (S, '[{"jsonrpc":"2.0","id":2,"result":3.10}]'),
        (C, '{"jsonrpc":"2.0","id":"a","method":"textDocument/hover","params":{"line":1}}'),
        (S, '{"jsonrpc":"2.0","id":"a","error":{"code":-32601,"message":"Method not found"}}'),
        (S, '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}'),
        (S, '{"jsonrpc":"2.0","id":1,"method":"ping"}'),
        (C, '{"jsonrpc":"2.0","id":1,"result":{}}'),
    ),
)
PHOENIX = Transcript(
    "phoenix",
    (
        (C, '["3","3","room:lobby","phx_join",{"token":"x"}]'),
        (S, '["3","3","room:lobby","phx_reply",{"status":"ok","response":{}}]'),
        (C, '["3","4","room:lobby","new_msg",{"body":"hi"}]'),
        (S, '["3",null,"room:lobby","new_msg",{"body":"hi"}]'),
        (S, '["3","4","room:lobby","phx_reply",{"status":"error","response":{"reason":"no"}}]'),
        (C, '[null,"5","phoenix","heartbeat",{}]'),
        (S, '[null,"5","phoenix","phx_reply",{"status":"ok","response":{}}]'),
        (C, b"\0\1\1\x0a\4" + b"36room:lobbyfile" + b"\1\2\3"),
        (S, b"\1\1\1\x0a\2" + b"36room:lobbyok" + b"\3\2\1"),
        (S, b"\2\x0a\4" + b"room:lobbyfile" + b"\1\2"),
        (S, b"\0\1\x0a\4" + b"3room:lobbyfile" + b"\1\2"),
        (S, '["3","3","room:lobby","phx_close",{}]'),
    ),
    "ws://example.test/socket/websocket?vsn=2.0.0",
    how="path",
)
PHOENIX_1 = Transcript(
    "phoenix",
    (
        (C, '{"topic":"room:lobby","event":"phx_join","payload":{},"ref":"1"}'),
        (S, '{"topic":"room:lobby","event":"phx_reply","payload":{"status":"ok","response":{}},"ref":"1"}'),
        (S, '{"topic":"room:lobby","event":"phx_error","payload":{},"ref":null}'),
    ),
    "ws://example.test/socket/websocket?vsn=1.0.0",
    how="path",
)
ACTIONCABLE = Transcript(
    "actioncable",
    (
        (S, '{"type":"welcome"}'),
        (S, '{"type":"ping","message":1700000000}'),
        (C, '{"command":"subscribe","identifier":"{\\"channel\\":\\"ChatChannel\\",\\"room\\":\\"1\\"}"}'),
        (
            S,
            '{"identifier":"{\\"channel\\":\\"ChatChannel\\",\\"room\\":\\"1\\"}","type":"confirm_subscription"}',
        ),
        (
            C,
            '{"command":"message","identifier":"{\\"channel\\":\\"ChatChannel\\",\\"room\\":\\"1\\"}",'
            '"data":"{\\"action\\":\\"speak\\",\\"text\\":\\"hi\\"}"}',
        ),
        (S, '{"identifier":"{\\"channel\\":\\"ChatChannel\\",\\"room\\":\\"1\\"}","message":{"text":"hi"}}'),
        (C, '{"command":"subscribe","identifier":"{\\"channel\\":\\"Secret\\"}"}'),
        (S, '{"identifier":"{\\"channel\\":\\"Secret\\"}","type":"reject_subscription"}'),
        (S, '{"type":"disconnect","reason":"unauthorized","reconnect":false}'),
    ),
    subprotocol="actioncable-v1-json",
    how="subprotocol",
)
XMPP = Transcript(
    "xmpp",
    (
        (C, '<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" to="example.com" version="1.0" />'),
        (
            S,
            '<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" from="example.com" id="TR84"/>',
        ),
        (
            S,
            '<stream:features xmlns:stream="http://etherx.jabber.org/streams">'
            '<bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/></stream:features>',
        ),
        (C, '<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="PLAIN">AGFkYQ==</auth>'),
        (S, '<failure xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><not-authorized/></failure>'),
        (C, '<iq xmlns="jabber:client" type="get" id="r1"><query xmlns="jabber:iq:roster"/></iq>'),
        (S, '<iq xmlns="jabber:client" type="result" id="r1"><query xmlns="jabber:iq:roster"/></iq>'),
        (
            S,
            '<iq xmlns="jabber:client" type="get" id="p1" from="a.com"><ping xmlns="urn:xmpp:ping"/></iq>',
        ),
        (C, '<iq xmlns="jabber:client" type="result" id="p1" to="a.com"/>'),
        (
            C,
            '<message xmlns="jabber:client" to="bo@a.com/x" type="chat"><body>hi &amp; ho</body></message>',
        ),
        (
            S,
            '<presence xmlns="jabber:client" from="bo@a.com/x"><show>away</show>'
            "<status>tea</status></presence>",
        ),
        (C, '<close xmlns="urn:ietf:params:xml:ns:xmpp-framing"/>'),
    ),
    subprotocol="xmpp",
    how="subprotocol",
)


def _amqp(channel: int, body: bytes, kind: int = 0) -> bytes:
    return (8 + len(body)).to_bytes(4, "big") + b"\2" + bytes([kind]) + channel.to_bytes(2, "big") + body


def _performative(code: int, *values: bytes) -> bytes:
    inside = b"".join(values)
    return b"\0\x53" + bytes([code, 0xC0, len(inside) + 1, len(values)]) + inside


def _str(text: str) -> bytes:
    return b"\xa1" + bytes([len(text)]) + text.encode()


_TARGET = b"\0\x53\x29\xc0\x08\1" + _str("queue")
_AMQP_ATTACH = _performative(0x12, _str("link-1"), b"\x43", b"\x42", b"\x40", b"\x40", b"\x40", _TARGET)
_AMQP_TRANSFER = _amqp(
    0, _performative(0x14, b"\x43", b"\x43", b"\xa0\1\0", b"\x43", b"\x42") + b"\0\x53\x77" + _str("hi")
)
_AMQP_CLOSE = _performative(0x18, b"\0\x53\x1d\xc0\x1b\2" + b"\xa3\x0camqp:illegal" + _str("not so now"))
AMQP = Transcript(
    "amqp",
    (
        (C, b"AMQP\0\1\0\0" + _amqp(0, _performative(0x10, _str("c1"), _str("example.test")))),
        (S, b"AMQP\0\1\0\0"),
        (S, _amqp(0, _performative(0x10, _str("broker")))),
        (C, _amqp(0, _performative(0x11, b"\x40", b"\x43", b"\x52\x64", b"\x52\x64"))),
        (S, _amqp(3, _performative(0x11, b"\x60\0\0", b"\x43", b"\x52\x64", b"\x52\x64"))),
        (C, _amqp(0, _AMQP_ATTACH)),
        (S, _amqp(3, _AMQP_ATTACH.replace(b"\x43\x42", b"\x43\x41"))),
        (C, _AMQP_TRANSFER[:20]),
        (C, _AMQP_TRANSFER[20:]),
        (S, _amqp(3, _performative(0x15, b"\x41", b"\x43", b"\x43", b"\x41", b"\0\x53\x24\x45"))),
        (S, _amqp(0, b"")),
        (C, _amqp(0, _AMQP_CLOSE)),
        (S, _amqp(0, _performative(0x18))),
    ),
    subprotocol="amqp",
    how="subprotocol",
)  # fmt: skip
CDP = Transcript(
    "cdp",
    (
        (C, '{"id":1,"method":"Target.attachToTarget","params":{"targetId":"T","flatten":true}}'),
        (S, '{"method":"Target.attachedToTarget","params":{"sessionId":"S1"}}'),
        (S, '{"id":1,"result":{"sessionId":"S1"}}'),
        (C, '{"id":2,"method":"Runtime.evaluate","params":{"expression":"1+1"},"sessionId":"S1"}'),
        (S, '{"id":2,"result":{"result":{"type":"number","value":2}},"sessionId":"S1"}'),
        (C, '{"id":3,"method":"Page.nothing"}'),
        (S, '{"id":3,"error":{"code":-32601,"message":"\'Page.nothing\' wasn\'t found"}}'),
    ),
    "ws://127.0.0.1:9222/devtools/browser/0e1b-11",
    how="path",
)
BIDI = Transcript(
    "bidi",
    (
        (C, '{"id":1,"method":"session.status","params":{}}'),
        (S, '{"type":"success","id":1,"result":{"ready":true,"message":""}}'),
        (C, '{"id":2,"method":"browsingContext.navigate","params":{"context":"c1","url":"http://a/"}}'),
        (S, '{"type":"event","method":"browsingContext.load","params":{"context":"c1","url":"http://a/"}}'),
        (S, '{"type":"error","id":2,"error":"invalid argument","message":"no"}'),
    ),
)
PUSHER = Transcript(
    "pusher",
    (
        (
            S,
            '{"event":"pusher:connection_established","data":"{\\"socket_id\\":\\"1.2\\",\\"activity_timeout\\":120}"}',
        ),
        (C, '{"event":"pusher:subscribe","data":{"auth":"","channel":"my-channel"}}'),
        (S, '{"event":"pusher_internal:subscription_succeeded","data":"{}","channel":"my-channel"}'),
        (S, '{"event":"my-event","data":"{\\"price\\":1.10}","channel":"my-channel"}'),
        (C, '{"event":"client-typing","data":{"who":"ada"},"channel":"my-channel"}'),
        (C, '{"event":"pusher:ping","data":{}}'),
        (S, '{"event":"pusher:pong","data":"{}"}'),
        (C, '{"event":"pusher:subscribe","data":{"channel":"private-x"}}'),
        (S, '{"event":"pusher:subscription_error","data":{"status":403},"channel":"private-x"}'),
        (S, '{"event":"pusher:error","data":{"code":4201,"message":"Pong reply not received"}}'),
    ),
    "ws://example.test/app/key?protocol=7&client=js",
    how="path",
)

ALL = {name.lower(): value for name, value in list(globals().items()) if isinstance(value, Transcript)}
"""By their names here."""


def told(transcript: Transcript) -> list[Decoded]:
    """What each message means to the session of the registry."""
    talk = Talk(DECODERS.session(Opening(transcript.url, transcript.subprotocol)))
    return [
        (talk.sent if from_client else talk.received)(content) for from_client, content in transcript.messages
    ]


def story(transcript: Transcript) -> list[str]:
    """The event of each message, behind the direction."""
    return [
        f"{'>' if from_client else '<'} {decoded.event}"
        for (from_client, _), decoded in zip(transcript.messages, told(transcript), strict=True)
    ]


def pairs(transcript: Transcript) -> dict[int, int]:
    """The numbers of answers, from 1, with those of what they answer, packet by packet."""
    return {
        number: part.pairs_with
        for number, decoded in enumerate(told(transcript), 1)
        for part in decoded.each()
        if part.pairs_with is not None
    }

"""Socket.IO and Engine.IO."""

import pytest

from tests.unit.decoders import transcripts
from tests.unit.decoders.decoder_tools import Talk
from tests.unit.decoders.transcripts import pairs, story
from wsproxy.decoders.api import Context, Kind, Message, Node, Opening, Unfit
from wsproxy.decoders.registry import DECODERS
from wsproxy.decoders.socketio import HELD, SocketIO
from wsproxy.decoders.socketio_packets import MOST


def _talk(query: str = "EIO=4&transport=websocket") -> Talk:
    return Talk(DECODERS.session(Opening(f"ws://example.test/socket.io/?{query}")))


def test_a_session_that_began_over_http_reads_like_a_story() -> None:
    assert story(transcripts.SOCKETIO) == [
        "> probe for the session abcd, which began over HTTP",
        "< probe: answered",
        "> upgrade of the session abcd: it goes on here",
        "> connect",
        '< connect: connected {"sid": "zyxw"}',
        '> connect /admin {"token": "x"}',
        '< connect: connected /admin {"sid": "vuts"}',
        '< emit welcome {"to": "you", "price": 1.10}',
        '> emit say "hello" [ack 0]',
        '< say: ack 0 "HELLO"',
        "> emit whoami [ack 12] /admin",
        '< whoami: ack 12 "an admin" /admin',
        '> emit picture attachment 1: "…", {"name": "a.png"} [ack 7]',
        "> attachment 1 of 1, 3 B, completes emit picture attachment 1: h'01 02 03',"
        ' {"name": "a.png"} [ack 7]',
        '< picture: ack 7 attachment 1: "…"',
        "< attachment 1 of 1, 3 B, completes ack 7 attachment 1: h'03 02 01'",
        "< ping",
        "> pong",
        "> disconnect /admin",
        '< error /secret {"message": "not authorized"}',
    ]
    assert pairs(transcripts.SOCKETIO) == {2: 1, 5: 4, 7: 6, 10: 9, 12: 11, 15: 13}


def test_a_session_without_polling_says_how_it_lives() -> None:
    assert story(transcripts.SOCKETIO_DIRECT) == [
        "< open sid abcd, ping every 25 s, timeout 20 s",
        "> connect",
        '< connect: connected {"sid": "zyxw"}',
        "> emit hello",
    ]
    assert pairs(transcripts.SOCKETIO_DIRECT) == {3: 2}


def test_packets_of_the_parser_for_messagepack_are_read() -> None:
    assert story(transcripts.SOCKETIO_MSGPACK) == [
        "< open sid abcd, ping every 25 s, timeout 20 s",
        "> connect",
        '< connect: connected {"sid": "zyxw"}',
        "> emit say h'01 02' [ack 3]",
        '< say: ack 3 "ok"',
    ]
    assert pairs(transcripts.SOCKETIO_MSGPACK) == {3: 2, 5: 4}


def test_engine_io_alone_is_read_by_what_is_inside() -> None:
    assert story(transcripts.ENGINEIO) == [
        "< open sid abcd, ping every 25 s, timeout 20 s",
        '> {"say":"hello"}',
        "< hello",
        "> [1, 2]",
        "> 01 02 03",
        "< noop",
        "< close",
    ]
    assert pairs(transcripts.ENGINEIO) == {}


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("/socket.io/?EIO=4&transport=websocket", "socketio"),
        ("/any/path?EIO=3&transport=websocket&sid=a", "socketio"),
        ("/engine.io/?EIO=4&transport=websocket", "engineio"),
        ("/socket.io/", ""),
    ],
)
def test_the_query_decides(url: str, name: str) -> None:
    assert DECODERS.session(Opening(f"ws://example.test{url}")).name == name


def test_heartbeats_are_those_of_the_version() -> None:
    talk = _talk("EIO=3&transport=websocket")
    ping, pong = talk.sent("2"), talk.received("3")
    assert (ping.event, ping.heartbeat, pong.heartbeat) == ("ping", True, True)
    assert not talk.sent("2probe").heartbeat


def test_attachments_fill_the_tree_of_their_packet() -> None:
    talk = _talk()
    packet = talk.sent('452-["two",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]')
    assert packet.tree["data"][1] == Node("attachment 2", "…", "…")

    first, second = talk.sent(b"a"), talk.sent(b"bc")

    assert packet.tree["data"][1:] == [Node("attachment 2", b"bc", b"bc"), Node("attachment 1", b"a", b"a")]
    assert first.event == "attachment 1 of 2, 1 B"
    assert second.event.startswith("attachment 2 of 2, 2 B, completes emit two attachment 2: h'62 63'")
    assert second.tree["packet"]["data"] == packet.tree["data"]


def test_version_3_marks_binary_messages_with_a_four() -> None:
    talk = _talk("EIO=3&transport=websocket")
    packet = talk.received('451-["file",{"_placeholder":true,"num":0}]')
    message = talk.message(b"\4\1\2", False)
    attachment = talk.session.decode(message)

    assert packet.tree["data"][1].value == b"\1\2"
    assert talk.session.reencode({**attachment.tree, "bytes": b"\3"}, message) == b"\4\3"


def test_attachments_of_both_directions_do_not_mix() -> None:
    talk = _talk()
    sent = talk.sent('451-["a",{"_placeholder":true,"num":0}]')
    received = talk.received('451-["b",{"_placeholder":true,"num":0}]')
    talk.received(b"b")
    talk.sent(b"a")
    assert (sent.tree["data"][1].value, received.tree["data"][1].value) == (b"a", b"b")


def test_an_attachment_that_was_not_kept_leaves_its_place_empty() -> None:
    talk = _talk()
    packet = talk.sent('452-["two",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')
    talk.session.missed(Message(2, 0, True, False, b"", 10))
    talk.sent(b"b")
    assert [node.value for node in packet.tree["data"][1:]] == ["…", b"b"]
    assert talk.sent('42["next"]').notes == ()


def test_attachments_that_never_came_are_said() -> None:
    talk = _talk()
    talk.sent('452-["two",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')
    talk.sent(b"a")
    assert talk.sent('42["next"]').notes == ("1 attachments of the packet before never came",)


def test_a_packet_that_claims_attachments_without_end_is_bounded() -> None:
    talk = Talk(SocketIO(Opening("ws://a/?EIO=4&transport=websocket"), Context()))
    packet = talk.sent(f'45{MOST}-["many",{{"_placeholder":true,"num":0}},{{"_placeholder":true,"num":8}}]')
    for _ in range(10):
        talk.sent(bytes(HELD // 8))
    assert [type(node.value) for node in packet.tree["data"][1:]] == [bytes, str]

    note = _talk().sent(f'45{MOST + 1}-["many"]').notes[0]
    assert note == "not Socket.IO inside Engine.IO: more than 10,000 attachments"


def test_a_namespace_is_told_from_its_query() -> None:
    talk = _talk("EIO=3&transport=websocket")
    talk.sent("40/admin?token=x")
    connected = talk.received("40/admin")
    assert (connected.pairs_with, connected.channel) == (1, "/admin")


def test_ids_are_those_of_a_namespace_and_a_direction() -> None:
    talk = _talk()
    talk.sent('42/a,1["one"]')
    talk.sent('42/b,1["two"]')
    talk.received('421["three"]')
    assert [talk.received("43/b,1[]").pairs_with, talk.received("43/a,1[]").pairs_with] == [2, 1]
    assert talk.received("431[]").pairs_with is None
    assert talk.sent("431[]").pairs_with == 3


@pytest.mark.parametrize(
    "text", ["42hello", "42[]", "43{}", "49[1]", "451-", "421-[1]", '42["a"', "4", "4hello"]
)
def test_what_is_not_socket_io_is_shown_as_it_is_with_a_note(text: str) -> None:
    decoded = _talk().sent(text)
    assert decoded.notes[0].startswith("not Socket.IO inside Engine.IO: ")
    assert decoded.event == text[1:] or not text[1:]


def test_an_edited_packet_is_written_for_the_wire() -> None:
    talk = _talk()
    message = talk.message('42/admin,12["say","hello",1.10]', True)
    tree = talk.session.decode(message).tree
    tree["data"][1] = "bye"
    tree["namespace"] = "/"
    del tree["ack"]
    assert talk.session.reencode(tree, message) == b'42["say","bye",1.10]'


@pytest.mark.parametrize(
    "text", ["40/admin", "40/admin,", '0{"sid":"a"}', "2probe", "6", '461-0[{"_placeholder":true,"num":0}]']
)
def test_packets_without_content_are_written_as_they_came(text: str) -> None:
    talk = _talk()
    message = talk.message(text, True)
    assert talk.session.reencode(talk.session.decode(message).tree, message) == message.content


def test_an_attachment_is_not_edited_where_it_is_only_shown() -> None:
    talk = _talk()
    message = talk.message('451-["file",{"_placeholder":true,"num":0}]', True)
    packet = talk.session.decode(message)
    talk.sent(b"a")
    tree = packet.tree
    tree["data"][1] = Node("attachment 1", b"b", b"a")
    with pytest.raises(Unfit, match="an attachment is edited in the message that carries it"):
        talk.session.reencode(tree, message)


def test_errors_are_marked() -> None:
    talk = _talk()
    talk.sent("40/secret,")
    refused = talk.received('44/secret,{"message":"no"}')
    assert (refused.error, refused.kind, refused.pairs_with) == (True, Kind.REPLY, 1)

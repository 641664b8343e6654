"""SignalR of ASP.NET Core and of ASP.NET before it."""

import pytest

from tests.unit.decoders import transcripts
from tests.unit.decoders.decoder_tools import Talk
from tests.unit.decoders.transcripts import pairs, signalr, story
from wsproxy.decoders.api import Kind, Opening, Unfit
from wsproxy.decoders.registry import DECODERS


def _talk(decoder: str = "signalr") -> Talk:
    return Talk(DECODERS.session(Opening(), decoder))


def test_json_reads_like_a_story() -> None:
    assert story(transcripts.SIGNALR) == [
        "> handshake json 1",
        "< handshake: accepted",
        "< ping",
        '> invoke Send("hello", 1)',
        '< 2 in one: invoke Receive("hello") | Send: 42',
        "> stream Counter(2)",
        "< Counter: item 0",
        "> cancel Counter",
        "> invoke Fail()",
        '< Fail: error "it failed"',
        "< ack 4",
        "< close gone, may reconnect",
    ]
    assert pairs(transcripts.SIGNALR) == {2: 1, 5: 4, 7: 6, 8: 6, 10: 9}


def test_messagepack_reads_the_same() -> None:
    assert story(transcripts.SIGNALR_MSGPACK) == [
        "> handshake messagepack 1",
        "< 2 in one: handshake: accepted | ping",
        "> invoke Send(\"hello\", h'01 02')",
        '< 2 in one: invoke Receive("hello") | Send: 42',
        "> invoke Fail()",
        '< Fail: error "it failed"',
        '> stream Counter(300) with streams ["3"]',
        '< Counter: item "' + "x" * 130 + '"',
        "< Counter: done",
        "< close , may reconnect",
    ]
    assert pairs(transcripts.SIGNALR_MSGPACK) == {2: 1, 4: 3, 6: 5, 8: 7, 9: 7}


def test_hubs_of_before_core_read_the_same() -> None:
    assert story(transcripts.SIGNALR_ASPNET) == [
        "< started",
        '> invoke chathub.Send("ada", "hello")',
        '< invoke ChatHub.broadcast("ada", "hello")',
        '< chathub.Send: "fine"',
        "< keep-alive",
        "> invoke chathub.Fail()",
        '< chathub.Fail: error "it failed"',
    ]
    assert pairs(transcripts.SIGNALR_ASPNET) == {4: 2, 7: 6}


def test_blazor_is_messagepack_by_another_name() -> None:
    talk = _talk()
    assert talk.sent(b'{"protocol":"blazorpack","version":1}\x1e').event == "handshake blazorpack 1"
    assert talk.received(b"{}\x1e").event == "handshake: accepted"
    assert (
        talk.sent(signalr([1, {}, "0", "StartCircuit", ["http://a/"]])).event
        == 'invoke StartCircuit("http://a/")'
    )


def test_a_refused_handshake_is_an_error() -> None:
    talk = _talk()
    talk.sent('{"protocol":"smoke","version":1}\x1e')
    refused = talk.received('{"error":"unknown protocol"}\x1e')
    assert (refused.event, refused.error) == ("handshake: refused unknown protocol", True)


def test_calls_of_both_sides_have_ids_of_their_own() -> None:
    talk = _talk()
    talk.sent('{"type":1,"invocationId":"1","target":"A","arguments":[]}\x1e')
    talk.received('{"type":1,"invocationId":"1","target":"B","arguments":[]}\x1e')
    assert talk.sent('{"type":3,"invocationId":"1","result":1}\x1e').pairs_with == 2
    assert talk.received('{"type":3,"invocationId":"1"}\x1e').event == "A: done"


def test_a_cancelled_stream_is_still_paired() -> None:
    talk = _talk()
    talk.sent('{"type":4,"invocationId":"1","target":"Count","arguments":[]}\x1e')
    cancel = talk.sent('{"type":5,"invocationId":"1"}\x1e')
    assert (cancel.event, cancel.pairs_with, cancel.kind) == ("cancel Count", 1, Kind.CONTROL)


def test_edited_records_are_written_for_the_wire() -> None:
    talk = _talk()
    message = talk.message('{"type":1,"target":"A","arguments":[1.10]}\x1e{"type":6}\x1e', False)
    tree = talk.session.decode(message).tree
    tree[0]["arguments"].append("x")
    assert (
        talk.session.reencode(tree, message)
        == b'{"type":1,"target":"A","arguments":[1.10,"x"]}\x1e{"type":6}\x1e'
    )


def test_edited_messagepack_is_written_behind_its_new_length() -> None:
    talk = _talk()
    message = talk.message(signalr([1, {}, "0", "Send", ["a"], []], [3, {}, "1", 3, 1]), True)
    tree = talk.session.decode(message).tree
    tree[0]["arguments"] = ["b" * 200]
    tree[1] = {"type": 3, "headers": {}, "invocationId": "1", "error": "no"}
    assert talk.session.reencode(tree, message) == signalr(
        [1, {}, "0", "Send", ["b" * 200], []], [3, {}, "1", 1, "no"]
    )
    with pytest.raises(Unfit, match="has no place for that"):
        talk.session.reencode([tree[0] | {"colour": "red"}, tree[1]], message)
    with pytest.raises(Unfit, match="the type of a message cannot be edited"):
        talk.session.reencode([tree[1], tree[0]], message)


@pytest.mark.parametrize(
    "content",
    ['{"type":1}', '{"type":99}\x1e', "[1]\x1e", b"\x05abc", b"\xff\xff\xff\xff\xff\xff", signalr([99])],
)
def test_what_is_no_message_is_shown_with_a_note(content: str | bytes) -> None:
    assert _talk().received(content).notes[0].startswith("signalr gave up: ")

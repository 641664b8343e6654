"""STOMP."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.decoders import transcripts
from tests.unit.decoders.decoder_tools import Talk
from tests.unit.decoders.transcripts import pairs, story
from wsproxy.decoders.api import Kind, Node, Opening, Unfit
from wsproxy.decoders.json_ import Pairs
from wsproxy.decoders.registry import DECODERS
from wsproxy.decoders.stomp_frames import COMMANDS, HELD, Frame, Frames


def _talk(subprotocol: str = "v12.stomp") -> Talk:
    return Talk(DECODERS.session(Opening("ws://example.test/", subprotocol)))


def test_a_conversation_reads_like_a_story() -> None:
    assert story(transcripts.STOMP) == [
        "> CONNECT example.test, version 1.2, heart-beat 10000,0",
        "< CONNECT: CONNECTED 1.2, broker, session s1",
        "> SUBSCRIBE /topic/a id sub-0 ack client-individual [receipt r-1]",
        "< SUBSCRIBE: RECEIPT",
        '> SEND /topic/a 9 B {"a":1.0}',
        '< MESSAGE /topic/a for sub-0 9 B {"a":1.0} [ack a-7]',
        "> MESSAGE: ACK a-7",
        "< heart-beat",
        "> SEND /queue/gone 5 B hello [receipt r-2]",
        "< SEND: ERROR no such queue 5 B sorry",
        "> DISCONNECT",
    ]
    assert pairs(transcripts.STOMP) == {2: 1, 4: 3, 7: 6, 10: 9}


def test_a_frame_may_take_several_messages() -> None:
    talk = _talk()
    assert talk.sent("SEND\ndestination:/a\n").event == "beginning of frame, 20 B so far"
    assert talk.sent("\nhel").event == "part of frame, 24 B so far"
    assert talk.sent("lo\0").event == "SEND /a 5 B hello"


def test_several_frames_may_share_a_message() -> None:
    decoded = _talk().received(
        "MESSAGE\nsubscription:1\ndestination:/a\n\nx\0\nMESSAGE\nsubscription:1\ndestination:/b\n\ny\0"
    )
    assert [part.channel for part in decoded.parts] == ["/a", "/b"]


def test_a_body_with_nul_has_a_length() -> None:
    decoded = _talk().sent(b"SEND\ndestination:/a\ncontent-length:3\n\na\0b\0")
    assert decoded.tree == {
        "command": "SEND",
        "headers": {"destination": "/a", "content-length": "3"},
        "body": b"a\0b",
    }


def test_headers_are_unescaped_but_not_in_the_first_version() -> None:
    frame = "MESSAGE\ndestination:/a\\cb\\\\\n\n\0"
    assert _talk("v11.stomp").received(frame).channel == "/a:b\\"
    assert _talk("v10.stomp").received(frame).channel == "/a\\cb\\\\"

    talk = _talk("stomp")
    talk.received("CONNECTED\nversion:1.0\n\n\0")
    assert talk.received(frame).channel == "/a\\cb\\\\"


def test_a_header_that_occurs_twice_is_kept_twice() -> None:
    decoded = _talk().received("MESSAGE\ndestination:/a\ndestination:/b\n\n\0")
    assert decoded.channel == "/a"
    assert decoded.tree["headers"] == Pairs([("destination", "/a"), ("destination", "/b")])


def test_messages_to_be_acknowledged_one_by_one_are_calls() -> None:
    talk = _talk()
    talk.sent("SUBSCRIBE\nid:0\ndestination:/a\nack:client-individual\n\n\0")
    message = talk.received("MESSAGE\nsubscription:0\nack:7\ndestination:/a\n\n\0")
    refused = talk.sent("NACK\nid:7\n\n\0")
    assert (message.kind, refused.pairs_with, refused.error) == (Kind.CALL, 2, True)

    talk.sent("SUBSCRIBE\nid:1\ndestination:/b\n\n\0")
    assert (
        talk.received("MESSAGE\nsubscription:1\nmessage-id:8\ndestination:/b\n\n\0").kind is Kind.NOTIFICATION
    )


def test_an_edited_frame_is_written_with_its_length() -> None:
    talk = _talk()
    message = talk.message('\nSEND\r\ncontent-length:7\r\nto:a\\cb\r\n\r\n{"a":1}\0\n', True)
    tree = talk.session.decode(message).tree
    assert isinstance(tree["body"], Node)
    tree["body"].value["a"] = 100
    tree["headers"]["to"] = "c:d\n"
    assert (
        talk.session.reencode(tree, message)
        == b'\nSEND\r\ncontent-length:9\r\nto:c\\cd\\n\r\n\r\n{"a":100}\0\n'
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"command": "SHOUT"}, "'SHOUT' is no command of STOMP"),
        ({"headers": {"a": 1}}, "command and headers are text"),
        ({"body": b"a\0"}, "a body with NUL needs a content-length"),
        ({"more": 1}, "a frame has command, headers and body"),
    ],
)
def test_what_is_no_frame_is_not_written(change: dict[str, object], why: str) -> None:
    talk = _talk()
    message = talk.message("SEND\ndestination:/a\n\nx\0", True)
    with pytest.raises(Unfit, match=why):
        talk.session.reencode(talk.session.decode(message).tree | change, message)


def test_a_part_of_a_frame_is_not_written() -> None:
    talk = _talk()
    message = talk.message("SEND\ndestination:/a\n\nx", True)
    decoded = talk.session.decode(message)
    with pytest.raises(Unfit, match="only a message of exactly one frame is written"):
        talk.session.reencode(decoded.tree, message)


TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r\0"), max_size=10)


@given(
    st.sampled_from(COMMANDS),
    st.lists(st.tuples(TEXT.filter(lambda name: name != "content-length"), TEXT), max_size=4),
    st.binary(max_size=30),
    st.lists(st.integers(0, 120), max_size=4),
)
def test_frames_are_found_wherever_the_messages_end(
    command: str, headers: list[tuple[str, str]], body: bytes, cuts: list[int]
) -> None:
    if command in ("CONNECT", "STOMP", "CONNECTED"):
        headers = [(name.replace(":", ""), value) for name, value in headers]
        headers = [(name.replace("\n", ""), value.replace("\n", "")) for name, value in headers]
    frame = Frame(command, (*headers, ("content-length", str(len(body)))), body)
    data = frame.written() + b"\n" + frame.written()
    frames = Frames()
    ends = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    found = [one for a, b in pairwise(ends) for one in frames.feed(data[a:b])]
    assert found == [frame, frame]
    assert frames.waiting == 0


def test_a_frame_without_end_is_given_up() -> None:
    frames = Frames()
    with pytest.raises(Unfit, match=f"a frame of more than {HELD:,} B"):
        frames.feed(b"SEND\n\n" + bytes([65]) * HELD)
    assert frames.feed(b"SEND\n\n\0") == [Frame("SEND", (), b"")]


@pytest.mark.parametrize(
    "content", ["hello", "GET / HTTP/1.1\n\n\0", "SEND\nno colon\n\n\0", "SEND\ncontent-length:1\n\nabc\0"]
)
def test_what_is_no_frame_is_shown_with_a_note(content: str) -> None:
    assert _talk().sent(content).notes[0].startswith("stomp gave up: ")

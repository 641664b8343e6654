"""Channels of Phoenix."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.decoders import transcripts
from tests.unit.decoders.decoder_tools import Talk
from tests.unit.decoders.transcripts import pairs, story
from wsproxy.decoders.api import Opening, Unfit
from wsproxy.decoders.registry import DECODERS


def _talk() -> Talk:
    return Talk(DECODERS.session(Opening("ws://example.test/socket/websocket?vsn=2.0.0")))


def test_version_2_reads_like_a_story() -> None:
    assert story(transcripts.PHOENIX) == [
        '> join {"token": "x"} room:lobby',
        "< join: ok",
        '> push new_msg {"body": "hi"} room:lobby',
        '< receive new_msg {"body": "hi"} room:lobby',
        '< new_msg: error {"reason": "no"}',
        "> heartbeat",
        "< heartbeat: ok",
        "> push file 3 B h'01 02 03' room:lobby",
        "< file: ok 3 B h'03 02 01'",
        "< receive file 2 B h'01 02' room:lobby",
        "< receive file 2 B h'01 02' room:lobby",
        "< close room:lobby",
    ]
    assert pairs(transcripts.PHOENIX) == {2: 1, 5: 3, 7: 6, 9: 8}


def test_version_1_reads_the_same() -> None:
    assert story(transcripts.PHOENIX_1) == [
        "> join room:lobby",
        "< join: ok",
        "< error room:lobby",
    ]
    assert pairs(transcripts.PHOENIX_1) == {2: 1}


def test_the_path_needs_the_version_too() -> None:
    assert DECODERS.session(Opening("ws://example.test/live/websocket?vsn=2.0.0")).name == "phoenix"
    assert DECODERS.session(Opening("ws://example.test/socket/websocket")).name == ""


def test_an_edited_message_is_written_as_the_array_it_is() -> None:
    talk = _talk()
    message = talk.message('["3","4","room:a","say",{"body":"hi","price":1.10}]', True)
    tree = talk.session.decode(message).tree
    assert tree["topic"] == "room:a"
    tree["payload"]["body"] = "bye"
    assert talk.session.reencode(tree, message) == b'["3","4","room:a","say",{"body":"bye","price":1.10}]'
    del tree["ref"]
    with pytest.raises(Unfit, match="version 2 has exactly the parts join_ref, ref, topic, event, payload"):
        talk.session.reencode(tree, message)


def test_an_edited_binary_message_is_written_with_its_sizes() -> None:
    talk = _talk()
    message = talk.message(b"\0\1\1\6\4" + b"34room:afile" + b"\1\2\3", True)
    tree = talk.session.decode(message).tree
    assert tree == {
        "kind": "push", "join_ref": "3", "ref": "4", "topic": "room:a", "event": "file", "payload": b"\1\2\3",
    }  # fmt: skip
    tree["topic"] = "room:lobby"
    assert talk.session.reencode(tree, message) == b"\0\1\1\x0a\4" + b"34room:lobbyfile" + b"\1\2\3"
    tree["topic"] = "x" * 256
    with pytest.raises(Unfit, match="at most 255 B"):
        talk.session.reencode(tree, message)


@given(st.lists(st.text(max_size=20), min_size=4, max_size=4), st.binary(max_size=30))
def test_binary_messages_are_written_as_they_came(strings: list[str], payload: bytes) -> None:
    parts = [string.encode() for string in strings]
    talk = _talk()
    message = talk.message(b"\0" + bytes(map(len, parts)) + b"".join(parts) + payload, True)
    decoded = talk.session.decode(message)
    assert decoded.notes == ()
    assert talk.session.reencode(decoded.tree, message) == message.content


@pytest.mark.parametrize(
    "content",
    ["[]", '["1","2","a","b"]', "[1,2,3,4,5]", "{}", b"", b"\3", b"\0\1\1\6\4abc", b"\0\1\0\0\0\xff"],
)
def test_what_is_no_message_is_shown_with_a_note(content: str | bytes) -> None:
    assert _talk().sent(content).notes[0].startswith("phoenix gave up: ")

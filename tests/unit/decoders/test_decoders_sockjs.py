"""SockJS, and what is inside it."""

import pytest

from tests.unit.decoders import transcripts
from tests.unit.decoders.decoder_tools import Talk
from tests.unit.decoders.transcripts import pairs, story
from wsproxy.decoders.api import Context, Opening, Unfit
from wsproxy.decoders.registry import DECODERS
from wsproxy.decoders.sockjs import SockJs

URL = "ws://example.test/ws/123/abcdefgh/websocket"


def _talk() -> Talk:
    return Talk(DECODERS.session(Opening(URL)))


def test_stomp_inside_is_read_as_if_it_had_come_alone() -> None:
    assert story(transcripts.SOCKJS) == [
        "< open",
        "> CONNECT, version 1.1,1.0, heart-beat 10000,10000",
        "< CONNECT: CONNECTED 1.1",
        "< heartbeat",
        "> SEND /app/hello 2 B hi",
        '< close 3000 "Go away!"',
    ]
    assert pairs(transcripts.SOCKJS) == {3: 2}


def test_the_raw_address_is_not_sockjs() -> None:
    assert DECODERS.session(Opening("ws://example.test/ws/websocket")).name == ""
    assert DECODERS.session(Opening("ws://example.test/ws/12/abcdefgh/websocket")).name == ""


def test_what_is_inside_is_recognised_by_the_address_without_sockjs() -> None:
    talk = Talk(DECODERS.session(Opening("ws://example.test/app/key/000/abcdefgh/websocket?protocol=7")))
    decoded = talk.received('a["{\\"event\\":\\"pusher:pong\\",\\"data\\":{}}"]')
    assert (decoded.decoder, decoded.event) == ("pusher", "pong")


def test_several_messages_in_one_frame_are_each_read() -> None:
    talk = _talk()
    talk.sent('["{\\"jsonrpc\\":\\"2.0\\",\\"id\\":1,\\"method\\":\\"a\\"}"]')
    message = talk.message(
        'a["{\\"jsonrpc\\":\\"2.0\\",\\"id\\":1,\\"result\\":1}","{\\"jsonrpc\\":\\"2.0\\",\\"method\\":\\"b\\"}"]',
        False,
    )
    decoded = talk.session.decode(message)
    assert [part.event for part in decoded.parts] == ["a: 1", "notify b()"]
    tree = decoded.tree
    tree[0]["result"] = 2
    assert talk.session.reencode(tree, message) == message.content.replace(b'result\\":1', b'result\\":2')


def test_a_client_may_send_a_single_string() -> None:
    talk = _talk()
    message = talk.message('"hello"', True)
    decoded = talk.session.decode(message)
    assert decoded.event == "hello"
    assert talk.session.reencode("bye", message) == b'"bye"'


def test_without_a_decoder_inside_the_text_is_shown() -> None:
    talk = Talk(SockJs(Opening(URL), Context()))
    message = talk.message('a["hello"]', False)
    assert talk.session.decode(message).event == "hello"
    assert talk.session.reencode("bye", message) == b'a["bye"]'


@pytest.mark.parametrize(
    "content",
    [
        'a["smile \\ud83d\\ude00 and \\u200d"]',
        'a["smile 😀"]',
        'a["line\\nend \\u0000"]',
        "a[]",
        "o",
        "h",
        'c[1000,"bye"]',
    ],
)
def test_what_is_not_edited_is_written_as_it_came(content: str) -> None:
    talk = _talk()
    message = talk.message(content, False)
    assert talk.session.reencode(talk.session.decode(message).tree, message) == message.content


def test_frames_that_say_nothing_cannot_be_edited() -> None:
    talk = _talk()
    for content in ("o", "h"):
        message = talk.message(content, False)
        talk.session.decode(message)
        with pytest.raises(Unfit, match="there is nothing to edit in it"):
            talk.session.reencode("x", message)


@pytest.mark.parametrize("content", ["x", "a", "a{}", "a[1]", "c[1]", 'm"a"'])
def test_what_is_no_frame_is_shown_with_a_note(content: str) -> None:
    assert _talk().received(content).notes[0].startswith("sockjs gave up: ")

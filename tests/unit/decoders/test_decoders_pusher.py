"""Pusher Channels."""

import json

import pytest

from tests.unit.decoders import transcripts
from tests.unit.decoders.decoder_tools import Talk
from tests.unit.decoders.transcripts import pairs, story
from wsproxy.decoders.api import Node, Opening
from wsproxy.decoders.registry import DECODERS


def _talk() -> Talk:
    return Talk(DECODERS.session(Opening("wss://ws.example.test/app/key?protocol=7")))


def test_a_conversation_reads_like_a_story() -> None:
    assert story(transcripts.PUSHER) == [
        "< connected socket 1.2",
        "> subscribe my-channel",
        "< subscribe: succeeded my-channel",
        '< my-event {"price": 1.10} my-channel',
        '> client-typing {"who": "ada"} my-channel',
        "> ping",
        "< pong",
        "> subscribe private-x",
        '< subscribe: failed private-x {"status": 403}',
        '< error {"code": 4201, "message": "Pong reply not received"}',
    ]
    assert pairs(transcripts.PUSHER) == {3: 2, 9: 8}


def test_the_string_inside_is_edited_as_what_it_is() -> None:
    talk = _talk()
    message = talk.message('{"event":"e","data":"{\\"price\\":1.10}","channel":"c"}', False)
    tree = talk.session.decode(message).tree
    assert isinstance(tree["data"], Node)
    tree["data"].value["price"] = 2
    assert json.loads(talk.session.reencode(tree, message))["data"] == '{"price":2}'


def test_a_sign_in_is_answered() -> None:
    talk = _talk()
    talk.sent('{"event":"pusher:signin","data":{"auth":"a","user_data":"{}"}}')
    assert talk.received('{"event":"pusher:signin_success","data":{}}').pairs_with == 1


def test_who_said_something_on_a_presence_channel_is_shown() -> None:
    decoded = _talk().received('{"event":"client-x","data":{"a":1},"channel":"presence-c","user_id":"ada"}')
    assert decoded.event == 'client-x {"a": 1} by ada presence-c'


@pytest.mark.parametrize("content", ["{}", "[]", '{"event":1}', "hello"])
def test_what_is_no_message_is_shown_with_a_note(content: str) -> None:
    assert _talk().received(content).notes[0].startswith("pusher gave up: ")

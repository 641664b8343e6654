"""Action Cable."""

import json

import pytest

from tests.unit.decoders import transcripts
from tests.unit.decoders.decoder_tools import Talk
from tests.unit.decoders.transcripts import pairs, story
from wsproxy.decoders.api import Opening
from wsproxy.decoders.registry import DECODERS


def _talk() -> Talk:
    return Talk(DECODERS.session(Opening("ws://example.test/cable", "actioncable-v1-json")))


def test_a_conversation_reads_like_a_story() -> None:
    assert story(transcripts.ACTIONCABLE) == [
        "< welcome",
        "< ping",
        '> subscribe ChatChannel(room: "1")',
        '< subscribe: confirmed ChatChannel(room: "1")',
        '> perform speak {"text": "hi"} ChatChannel(room: "1")',
        '< message {"text": "hi"} ChatChannel(room: "1")',
        "> subscribe Secret",
        "< subscribe: rejected Secret",
        "< disconnect unauthorized, reconnect: false",
    ]
    assert pairs(transcripts.ACTIONCABLE) == {4: 3, 8: 7}


def test_pings_of_old_servers_are_heartbeats() -> None:
    assert _talk().received('{"identifier":"_ping","message":1}').heartbeat


def test_an_identifier_that_is_no_json_is_the_channel() -> None:
    assert _talk().sent('{"command":"subscribe","identifier":"chat"}').channel == "chat"


def test_the_strings_inside_are_edited_as_what_they_are() -> None:
    talk = _talk()
    message = talk.message(
        '{"command":"message","identifier":"{\\"channel\\":\\"A\\"}","data":"{\\"action\\":\\"speak\\",\\"n\\":1.10}"}',
        True,
    )
    tree = talk.session.decode(message).tree
    tree["data"].value["action"] = "shout"
    written = json.loads(talk.session.reencode(tree, message))
    assert written["data"] == '{"action":"shout","n":1.10}'


@pytest.mark.parametrize("content", ["{}", "[]", '{"identifier":"a"}', "hello"])
def test_what_is_no_message_is_shown_with_a_note(content: str) -> None:
    assert _talk().received(content).notes[0].startswith("actioncable gave up: ")

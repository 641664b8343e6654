"""The protocols that drive browsers."""

import pytest

from tests.unit.decoders import transcripts
from tests.unit.decoders.decoder_tools import Talk
from tests.unit.decoders.transcripts import pairs, story
from wsproxy.decoders.api import Opening
from wsproxy.decoders.registry import DECODERS


def test_devtools_reads_like_a_story() -> None:
    assert story(transcripts.CDP) == [
        '> Target.attachToTarget {"targetId": "T", "flatten": true}',
        '< event Target.attachedToTarget {"sessionId": "S1"}',
        '< Target.attachToTarget: {"sessionId": "S1"}',
        '> Runtime.evaluate {"expression": "1+1"}',
        '< Runtime.evaluate: {"result": {"type": "number", "value": 2}}',
        "> Page.nothing",
        "< Page.nothing: error -32601 'Page.nothing' wasn't found",
    ]
    assert pairs(transcripts.CDP) == {3: 1, 5: 4, 7: 6}


def test_bidi_reads_like_a_story() -> None:
    assert story(transcripts.BIDI) == [
        '> {"id":1,"method":"session.status","params":{}}',
        '< session.status: {"ready": true, "message": ""}',
        '> browsingContext.navigate {"context": "c1", "url": "http://a/"}',
        '< event browsingContext.load {"context": "c1", "url": "http://a/"}',
        "< browsingContext.navigate: error invalid argument: no",
    ]
    assert pairs(transcripts.BIDI) == {2: 1, 5: 3}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/devtools/page/1A", "cdp"),
        ("/devtools/inspector.html", "cdp"),
        ("/devtools/", ""),
        ("/session/6a9f0a4e-7b5c-4ef8-8f4a-1c0a3d1d2e3f", "bidi"),
        ("/session", ""),
    ],
)
def test_the_path_decides(path: str, name: str) -> None:
    assert DECODERS.session(Opening(f"ws://127.0.0.1{path}")).name == name


def test_ids_are_those_of_a_session() -> None:
    talk = Talk(DECODERS.session(Opening(), "cdp"))
    talk.sent('{"id":1,"method":"Page.enable","sessionId":"A"}')
    talk.sent('{"id":1,"method":"Page.reload","sessionId":"B"}')
    assert talk.received('{"id":1,"result":{},"sessionId":"A"}').event == "Page.enable: {}"
    assert talk.received('{"id":1,"result":{},"sessionId":"B"}').event == "Page.reload: {}"


@pytest.mark.parametrize("decoder", ["cdp", "bidi"])
@pytest.mark.parametrize("content", ["{}", "[]", '{"id":1}', '{"type":"other"}'])
def test_what_is_no_message_is_shown_with_a_note(decoder: str, content: str) -> None:
    talk = Talk(DECODERS.session(Opening(), decoder))
    assert talk.received(content).notes[0].startswith(f"{decoder} gave up: ")

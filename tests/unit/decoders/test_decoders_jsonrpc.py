"""JSON-RPC."""

import pytest

from tests.unit.decoders import transcripts
from tests.unit.decoders.decoder_tools import Talk
from tests.unit.decoders.transcripts import pairs, story
from wsproxy.decoders.api import Opening
from wsproxy.decoders.registry import DECODERS


def _talk() -> Talk:
    return Talk(DECODERS.session(Opening(), "jsonrpc"))


def test_a_conversation_reads_like_a_story() -> None:
    assert story(transcripts.JSONRPC) == [
        '> call eth_subscribe("newHeads")',
        '< eth_subscribe: "0x9ce5"',
        '< notify eth_subscription newHeads {"n": 1}',
        "> 2 in one: call add(1.10, 2) | notify log()",
        "< add: 3.10",
        '> call textDocument/hover({"line": 1})',
        "< textDocument/hover: error -32601 Method not found",
        "< error -32700 Parse error",
        "< call ping()",
        "> ping: {}",
    ]
    assert pairs(transcripts.JSONRPC) == {2: 1, 5: 4, 7: 6, 10: 9}


def test_ids_are_told_apart_by_type_and_direction() -> None:
    talk = _talk()
    talk.sent('{"jsonrpc":"2.0","id":1,"method":"a"}')
    talk.sent('{"jsonrpc":"2.0","id":"1","method":"b"}')
    talk.received('{"jsonrpc":"2.0","id":1,"method":"c"}')
    assert talk.received('{"jsonrpc":"2.0","id":"1","result":null}').event == "b: null"
    assert talk.received('{"jsonrpc":"2.0","id":1,"result":null}').event == "a: null"
    assert talk.sent('{"jsonrpc":"2.0","id":1,"result":null}').event == "c: null"


def test_a_batch_is_answered_call_by_call() -> None:
    talk = _talk()
    talk.sent('[{"jsonrpc":"2.0","id":1,"method":"a"},{"jsonrpc":"2.0","id":2,"method":"b"}]')
    decoded = talk.received(
        '[{"jsonrpc":"2.0","id":2,"result":2},{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"no","data":[1]}}]'
    )
    assert decoded.event == "2 in one: b: 2 | a: error 1 no [1]"
    assert decoded.error


def test_an_edited_batch_of_one_is_written_as_a_batch() -> None:
    talk = _talk()
    message = talk.message('[{"jsonrpc":"2.0","id":1,"method":"a","params":[1.10]}]', True)
    tree = talk.session.decode(message).tree
    tree[0]["method"] = "b"
    assert talk.session.reencode(tree, message) == b'[{"jsonrpc":"2.0","id":1,"method":"b","params":[1.10]}]'


def test_numbers_of_any_size_are_ids() -> None:
    talk = _talk()
    talk.sent('{"jsonrpc":"2.0","id":123456789012345678901234567890,"method":"a"}')
    assert talk.received('{"jsonrpc":"2.0","id":123456789012345678901234567890,"result":1}').pairs_with == 1


@pytest.mark.parametrize(
    "content",
    ["{}", "[]", "[1]", '{"jsonrpc":"1.0","method":"a"}', '{"jsonrpc":"2.0","id":1}', '{"jsonrpc":"2.0"'],
)
def test_what_is_no_message_is_shown_with_a_note(content: str) -> None:
    assert _talk().sent(content).notes[0].startswith("jsonrpc gave up: ")

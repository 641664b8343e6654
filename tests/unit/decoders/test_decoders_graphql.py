"""GraphQL over WebSockets, and what is read of a document."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.decoders import transcripts
from tests.unit.decoders.decoder_tools import Talk
from tests.unit.decoders.transcripts import pairs, story
from wsproxy.decoders.api import Opening
from wsproxy.decoders.graphql_document import operation
from wsproxy.decoders.registry import DECODERS


def _talk() -> Talk:
    return Talk(DECODERS.session(Opening(), "graphql"))


def test_the_present_protocol_reads_like_a_story() -> None:
    assert story(transcripts.GRAPHQL) == [
        '> connection_init {"token": "x"}',
        "< connection_init: connection_ack",
        "< ping",
        "> pong",
        '> subscribe onMessage(room: "a")',
        '< S: next {"onMessage": {"text": "hi"}}',
        "> query hero(id: 1)",
        '< hero: next {"hero": null} errors [{"message": "no hero"}]',
        "< hero: complete",
        "> query nothing",
        '< nothing: error [{"message": "no such field"}]',
        "> complete: S is not wanted any more",
    ]
    assert pairs(transcripts.GRAPHQL) == {2: 1, 6: 5, 8: 7, 9: 7, 11: 10, 12: 5}


def test_the_older_one_and_appsync_read_the_same() -> None:
    assert story(transcripts.GRAPHQL_LEGACY) == [
        "> connection_init",
        '< connection_init: connection_ack {"connectionTimeoutMs": 300000}',
        "< ka",
        "> start onCreate",
        "< start_ack 1",
        '< onCreate: data {"onCreate": {"id": 7}}',
        "> stop: onCreate is not wanted any more",
        "< complete",
        "> connection_terminate",
    ]
    assert pairs(transcripts.GRAPHQL_LEGACY) == {2: 1, 6: 4, 7: 4}


@pytest.mark.parametrize(
    ("document", "variables", "wanted", "shown"),
    [
        ("{ hero }", None, "", "query: hero"),
        ("query { a: hero(id: 1) { name } b }", None, "", "query: hero(id: 1), b"),
        (
            'mutation M { add(text: "a, b)", tags: ["x", "y"]) { id } }',
            None,
            "",
            'mutation: add(text: "a, b)", tags: ["x", "y"])',
        ),
        (
            "subscription S($r: ID! = 1) { on(room: $r) @live(x: 1) { id } }",
            {"r": "a"},
            "",
            'subscription: on(room: "a")',
        ),
        ("subscription S($r: ID!) { on(room: $r) }", {}, "", "subscription: on(room: $r)"),
        ("query A { a } query B { b }", None, "B", "query: b"),
        ("fragment F on T { x } query A { a { ...F } }", None, "", "query: a"),
        ("{ ...F } fragment F on T { x }", None, "", "query: ...F"),
        ("# a comment {\nquery { a, b, c, d, e, f }", None, "", "query: a, b, c, d, e, …"),
        (
            "query { a(in: {x: {y: [1, -2.5]}, z: null}) }",
            None,
            "",
            "query: a(in: {x: {y: [1, -2.5]}, z: null})",
        ),
        ('{ a(text: """block "quoted" """) }', None, "", 'query: a(text: """block "quoted" """)'),
    ],
)
def test_what_an_operation_is_about(document: str, variables: Any, wanted: str, shown: str) -> None:
    found = operation(document, wanted, variables)
    assert found is not None
    assert f"{found.kind}: {found.fields}" == shown


@given(st.text('query{}()[]:$!=@"#., \nabc...', max_size=60), st.sampled_from(["", "a"]))
def test_no_document_raises(document: str, wanted: str) -> None:
    operation(document, wanted, {"a": 1})


@pytest.mark.parametrize(
    "document", ["{" * 10_000, "{a(" * 5_000, '"""' * 5_000, "query " * 3_000, "{a " + "x:" * 9_000]
)
def test_a_document_that_never_ends_takes_no_time(document: str) -> None:
    operation(document)


def test_persisted_queries_are_shown_by_what_they_have() -> None:
    decoded = _talk().sent(
        '{"id":"1","type":"subscribe","payload":{"operationName":"Hero","variables":{"id":1}}}'
    )
    assert (decoded.event, decoded.name) == ('subscribe Hero {"id": 1}', "Hero")


def test_results_with_errors_are_errors() -> None:
    talk = _talk()
    talk.sent('{"id":"1","type":"subscribe","payload":{"query":"{ a }"}}')
    assert talk.received('{"id":"1","type":"next","payload":{"data":null,"errors":[{"message":"no"}]}}').error
    assert not talk.received('{"id":"1","type":"next","payload":{"data":{"a":1}}}').error


def test_an_edited_operation_is_written_back() -> None:
    talk = _talk()
    message = talk.message(transcripts.GRAPHQL_LEGACY.messages[3][1], True)
    tree = talk.session.decode(message).tree
    inner = tree["payload"]["data"].value
    inner["variables"] = {"n": 1}
    written = json.loads(talk.session.reencode(tree, message))
    assert json.loads(written["payload"]["data"]) == {
        "query": "subscription { onCreate { id } }",
        "variables": {"n": 1},
    }


@pytest.mark.parametrize(
    "content", ["[]", "{}", '{"type":"hello"}', '{"type":"subscribe","id":"1"}', "hello"]
)
def test_what_is_of_neither_protocol_is_shown_with_a_note(content: str) -> None:
    assert _talk().received(content).notes[0].startswith("graphql gave up: ")

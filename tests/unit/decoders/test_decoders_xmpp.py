"""XMPP."""

import pytest

from tests.unit.decoders import transcripts
from tests.unit.decoders.decoder_tools import Talk
from tests.unit.decoders.transcripts import pairs, story
from wsproxy.decoders.api import Opening
from wsproxy.decoders.registry import DECODERS


def _talk() -> Talk:
    return Talk(DECODERS.session(Opening("ws://example.test/", "xmpp")))


def test_a_conversation_reads_like_a_story() -> None:
    assert story(transcripts.XMPP) == [
        "> open example.com",
        "< open: open example.com id TR84",
        "< features (bind)",
        "> auth PLAIN",
        "< auth: failure not-authorized",
        "> iq get jabber:iq:roster",
        "< iq get jabber:iq:roster: result (query)",
        "< iq get urn:xmpp:ping from a.com",
        "> iq get urn:xmpp:ping: result",
        '> message to bo@a.com/x "hi & ho"',
        '< presence away "tea" from bo@a.com/x',
        "> close",
    ]
    assert pairs(transcripts.XMPP) == {2: 1, 5: 4, 7: 6, 9: 8}


@pytest.mark.parametrize(
    ("content", "event", "heartbeat"),
    [
        (" ", "keep-alive", True),
        ('<r xmlns="urn:xmpp:sm:3"/>', "asks for an acknowledgement", True),
        ('<a xmlns="urn:xmpp:sm:3" h="7"/>', "acknowledges 7", True),
        ('<presence type="unavailable"/>', "presence unavailable", False),
        (
            '<message type="groupchat" from="r@a/n"><body>hi</body></message>',
            'message groupchat from r@a/n "hi"',
            False,
        ),
        ('<message from="b@a"><composing xmlns="x"/></message>', "message from b@a (composing)", False),
        (
            '<stream:error xmlns:stream="s"><conflict xmlns="e"/><text xmlns="e">bye</text></stream:error>',
            'stream error conflict "bye"',
            False,
        ),
        ('<success xmlns="urn:ietf:params:xml:ns:xmpp-sasl"/>', "success", False),
    ],
)
def test_each_element_says_what_it_is(content: str, event: str, heartbeat: bool) -> None:
    decoded = _talk().received(content)
    assert (decoded.event, decoded.heartbeat) == (event, heartbeat)


def test_an_error_answers_with_its_condition() -> None:
    talk = _talk()
    talk.sent('<iq type="set" id="1"><query xmlns="jabber:iq:roster"/></iq>')
    decoded = talk.received(
        '<iq type="error" id="1"><query xmlns="jabber:iq:roster"/><error type="auth">'
        '<forbidden xmlns="e"/><text xmlns="e">not yours</text></error></iq>'
    )
    assert (decoded.event, decoded.error, decoded.pairs_with) == (
        'iq set jabber:iq:roster: error forbidden "not yours"', True, 1,
    )  # fmt: skip


@pytest.mark.parametrize(
    "content", ["hello", "<a><b></a>", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "<a/><b/>", "<a>" * 5000]
)
def test_what_is_not_one_element_is_shown_with_a_note(content: str) -> None:
    assert _talk().received(content).notes[0].startswith("xmpp gave up: ")

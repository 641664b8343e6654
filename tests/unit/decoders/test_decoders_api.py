"""What decoders share: several packets in a message, calls, memory, sessions inside sessions."""

import pytest

from tests.unit.decoders.decoder_tools import SECOND, Talk, talk, text
from wsproxy.decoders.api import (
    Context,
    Decoded,
    Decoder,
    Kind,
    Memory,
    Message,
    Node,
    Opening,
    Session,
    Unfit,
    is_deeper,
    several,
)
from wsproxy.decoders.registry import NESTED, Registry


class Letters(Decoder):
    """`?x` calls x, `!x` answers it, `+x` answers with more to come, others are said. Words."""

    name = "letters"
    subprotocols = ("letters",)

    def decode(self, message: Message) -> Decoded:
        return self.several([self._one(message, word) for word in (message.text or "").split()])

    def _one(self, message: Message, word: str) -> Decoded:
        if word[0] == "?":
            return self.call(message, word[1:], f"call {word[1:]}", word, channel="room")
        if word[0] in "!+":
            return self.reply(message, word[1:], word, last=word[0] == "!")
        return self.say(word, Kind.CONTROL, word, heartbeat=word == ".")


@pytest.fixture
def conversation() -> Talk:
    return Talk(Letters(Opening(), Context()))


def test_an_answer_finds_the_call_of_the_other_side(conversation: Talk) -> None:
    conversation.sent("?a")
    conversation.received("?a")
    answer = conversation.received("!a")

    assert (answer.pairs_with, answer.latency, answer.name, answer.channel) == (
        1,
        2 * SECOND,
        "call a",
        "room",
    )
    assert answer.event == "call a: !a"
    assert conversation.sent("!a").pairs_with == 2


def test_a_call_is_answered_once_but_in_as_many_parts_as_it_likes(conversation: Talk) -> None:
    conversation.sent("?a")
    parts = [conversation.received(word) for word in ("+a", "+a", "!a", "!a")]

    assert [part.kind for part in parts] == [Kind.PARTIAL, Kind.PARTIAL, Kind.REPLY, Kind.REPLY]
    assert [part.pairs_with for part in parts] == [1, 1, 1, None]


def test_ids_of_different_types_are_different() -> None:
    class Numbers(Letters):
        def decode(self, message: Message) -> Decoded:
            method, number = message.json
            return (
                self.call(message, number, "m", "m") if method == "call" else self.reply(message, number, "r")
            )

    conversation = Talk(Numbers(Opening(), Context()))
    for content in ('["call", 1]', '["call", "1"]', '["call", true]', '["call", 1.0]'):
        conversation.sent(content)
    answers = [conversation.received(f"[0, {number}]").pairs_with for number in ('"1"', "true", "1", "2")]
    assert answers == [2, 3, 1, None]


def test_several_packets_are_one_message(conversation: Talk) -> None:
    both = conversation.sent("?a ?b")
    assert (both.event, both.kind, both.id) == ("2 in one: ?a | ?b", Kind.CALL, None)
    assert [part.id for part in both.each()] == ["a", "b"]

    beats = conversation.sent(". .")
    assert (beats.heartbeat, beats.name) == (True, ".")
    assert not conversation.sent(". x").heartbeat
    assert conversation.sent("x").parts == ()
    assert several("letters", []).event == "nothing"
    assert list(several("letters", [both, beats]).each()) == [*both.each(), *beats.each()]


def test_a_tree_is_made_when_it_is_looked_at(conversation: Talk) -> None:
    looked: list[int] = []

    def tree() -> list[int]:
        looked.append(1)
        return [1]

    decoded = Letters(Opening(), Context()).say("x", tree=tree)
    assert looked == []
    assert (decoded.tree, looked) == ([1], [1])
    assert several("letters", [decoded, decoded]).tree == [[1], [1]]


def test_a_memory_forgets_the_oldest() -> None:
    memory: Memory[str, int] = Memory(2)
    for n, name in enumerate("abca"):
        memory[name] = n
    assert ("b" in memory, len(memory), memory.forgotten) == (False, 2, 2)
    assert (memory.get("c"), memory.pop("a"), memory.pop("a"), list(memory.values())) == (2, 3, None, [2])


class Box(Decoder):
    """`[...]`: what is inside is read by whoever fits."""

    name = "box"
    subprotocols = ("box",)

    def __init__(self, opening: Opening, context: Context) -> None:
        super().__init__(opening, context)
        self.inside: Session | None = context.inner(Opening(subprotocol="box")) if context.inner else None

    def decode(self, message: Message) -> Decoded:
        content = message.text or ""
        if not (content.startswith("[") and content.endswith("]")):
            raise Unfit("no box")
        if self.inside is None:
            return self.say("too many boxes")
        inner = self.inside.decode(message.part(content[1:-1].encode()))
        return self.say(f"box of {inner.event}", notes=inner.notes)


def test_what_is_wrapped_has_a_session_of_its_own_and_that_ends_somewhere() -> None:
    registry = Registry(())
    registry.add(Box)
    conversation, _ = talk(registry, subprotocol="box")

    assert conversation.sent("[[tea]]").event == "box of box of tea"
    assert conversation.sent("[[tea]]").notes == ("box gave up: no box",)
    assert conversation.sent("[" * 50 + "]" * 50).event == "box of " * NESTED + "too many boxes"


def test_depth_is_measured_without_recursion() -> None:
    tree: object = Node("x", {"a": ()})
    for _ in range(100_000):
        tree = [tree]
    assert is_deeper(tree, 200)
    assert not is_deeper([[[]]], 3)
    assert is_deeper([[[]]], 1)


def test_an_opening_is_read_whatever_it_says() -> None:
    opening = Opening("wss://a.test/a%20b/c?x=1&x=2&y=", request=b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
    assert opening.path == "/a b/c"
    assert opening.query == {"x": ["1", "2"], "y": [""]}
    assert opening.request_head.get("host") == "a.test"
    assert (Opening("ws://[").path, Opening("ws://[").query) == ("", {})


def test_a_message_is_read_as_text_and_json_of_either_opcode() -> None:
    assert text(' {"a": 1}').json == {"a": 1}
    assert text("[" * 100_000).json is None
    assert text("1").json is None
    assert text("a\udcff").text is None
    part = text("abc").part(b"b", is_text=False)
    assert (part.content, part.is_text, part.number, part.truncated) == (b"b", False, 1, False)

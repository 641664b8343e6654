"""Which decoder reads a connection, and that none can do harm."""

import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.decoders.decoder_tools import SECOND, talk
from wsproxy.decoders.api import (
    CERTAIN,
    IMPOSSIBLE,
    LIKELY,
    UNKNOWN,
    Decoded,
    Decoder,
    Kind,
    Message,
    Opening,
    Tree,
    Unfit,
)
from wsproxy.decoders.registry import LOOKED_AT, STRIKES, Registry
from wsproxy.errors import UsageError


class Till(Decoder):
    """Sales by number."""

    name = "till"
    subprotocols = ("till.v*",)

    @classmethod
    def recognises(cls, opening: Opening) -> bool:
        return opening.path == "/till" and "shop" in opening.query

    @classmethod
    def score(cls, message: Message) -> int:
        return LIKELY if re.match(r"(SELL|OK|NO) \d+", message.text or "") else UNKNOWN

    def decode(self, message: Message) -> Decoded:
        match = re.fullmatch(r"(SELL|OK|NO) (\d+) ?(.*)", message.text or "")
        if not match:
            raise Unfit("not a word of the till")
        if match[1] == "SELL":
            return self.call(message, match[2], "sell", f"sell {match[3]}", tree=match[3])
        return self.reply(message, match[2], match[1].lower(), error=match[1] == "NO")

    def reencode(self, tree: Tree, message: Message) -> bytes:
        return f"SELL {int(tree)}".encode()


class Loud(Decoder):
    """Whatever is in capitals."""

    name = "loud"

    @classmethod
    def score(cls, message: Message) -> int:
        text = message.text or ""
        return CERTAIN if text.endswith("!") else LIKELY if text.isupper() else IMPOSSIBLE

    def decode(self, message: Message) -> Decoded:
        return self.say("loud", Kind.NOTIFICATION)


@pytest.fixture
def registry() -> Registry:
    registry = Registry(())
    registry.add(Till)
    return registry


def test_the_subprotocol_decides_first(registry: Registry) -> None:
    conversation, session = talk(registry, subprotocol="TILL.v2")

    assert conversation.sent("SELL 7 tea").decoder == "till"
    assert session.how == "subprotocol"


def test_the_path_decides_without_a_subprotocol(registry: Registry) -> None:
    _, session = talk(registry, "ws://example.test/till?shop=3")
    assert (session.name, session.how) == ("till", "path")

    _, session = talk(registry, "ws://example.test/till")
    assert session.name == ""


def test_two_messages_that_agree_decide_and_the_decoder_knows_what_was_before(registry: Registry) -> None:
    conversation, session = talk(registry)

    assert conversation.sent("SELL 7 tea").decoder == "text"
    assert conversation.received("hello").decoder == "text"
    answer = conversation.received("OK 7")

    assert session.how == "messages"
    assert (answer.decoder, answer.pairs_with, answer.latency) == ("till", 1, 2 * SECOND)


def test_a_single_likely_message_decides_nothing(registry: Registry) -> None:
    conversation, session = talk(registry)
    conversation.sent("SELL 7 tea")
    for _ in range(20):
        assert conversation.received("hello").decoder == "text"
    assert session.name == ""


def test_what_begins_late_is_not_recognised_any_more(registry: Registry) -> None:
    conversation, _ = talk(registry)
    for _ in range(LOOKED_AT):
        conversation.sent("hello")
        conversation.received("hello")
    conversation.sent("SELL 7 tea")
    assert conversation.received("OK 7").decoder == "text"


def test_a_message_that_can_hardly_be_anything_else_is_read_at_once(registry: Registry) -> None:
    registry.add(Loud)
    conversation, session = talk(registry)

    assert conversation.sent("HELLO!").decoder == "loud"
    assert session.name == ""
    assert conversation.sent("HELLO").decoder == "loud"
    assert session.name == "loud"


def test_an_impossible_message_ends_a_candidacy(registry: Registry) -> None:
    registry.add(Loud)
    conversation, session = talk(registry)
    for content in ("HELLO", "hello", "HELLO", "HELLO"):
        conversation.sent(content)
    assert session.name == ""


def test_a_decoder_can_be_chosen_by_name(registry: Registry) -> None:
    conversation, session = talk(registry, decoder="till")
    assert conversation.sent("SELL 7 tea").decoder == "till"
    assert session.how == "chosen"

    conversation, _ = talk(registry, subprotocol="till.v1", decoder="hex")
    assert conversation.sent("SELL").event == "53 45 4c 4c"


def test_an_unknown_name_is_answered_with_the_nearest(registry: Registry) -> None:
    with pytest.raises(UsageError, match=r"there is no decoder 'tlil'.*Did you mean 'till'"):
        registry.session(Opening(), "tlil")


def test_a_decoder_that_gives_up_says_so_and_reads_on(registry: Registry) -> None:
    conversation, _ = talk(registry, subprotocol="till.v1")

    strange = conversation.sent('{"a":1}')
    assert (strange.decoder, strange.notes) == ("json", ("till gave up: not a word of the till",))
    assert conversation.sent("SELL 7 tea").decoder == "till"


def test_a_message_that_is_not_whole_is_not_decoded_but_missed(registry: Registry) -> None:
    heard: list[int] = []

    class Careful(Till):
        name = "careful"
        size_limit = 10

        def missed(self, message: Message) -> None:
            heard.append(message.number)

    registry.add(Careful)
    session = registry.session(Opening(), "careful")
    cut = session.decode(Message(1, 0, True, True, b"SELL 7", length=100))
    large = session.decode(Message(2, 0, True, True, b"SELL 7 tea and more"))

    assert heard == [1, 2]
    assert cut.notes == ("careful gave up: not all of the message was kept",)
    assert large.notes == ("careful gave up: 19 B are more than it reads of one message",)


class Broken(Decoder):
    """Fails in every way."""

    name = "broken"
    failing = ""

    def __init__(self, opening: Opening, context: Any) -> None:
        super().__init__(opening, context)
        if self.failing == "made":
            raise KeyError("made")

    @classmethod
    def recognises(cls, opening: Opening) -> bool:
        if cls.failing == "recognises":
            raise KeyError("recognises")
        return cls.failing in ("made", "tree", "missed", "wrong", "event")

    @classmethod
    def score(cls, message: Message) -> int:
        raise KeyError("score")

    def decode(self, message: Message) -> Decoded:
        if self.failing == "wrong":
            return "text"  # type: ignore[return-value]

        def tree() -> Tree:
            raise KeyError("tree")

        return self.say("fine", tree=tree)

    def missed(self, message: Message) -> None:
        raise KeyError("missed")


@pytest.mark.parametrize(
    ("failing", "notes"),
    [
        ("recognises", ()),
        ("score", ()),
        ("made", ("broken gave up: KeyError: 'made'",)),
        ("wrong", ("broken gave up: TypeError: decode() returned str, not Decoded",)),
        ("tree", ()),
    ],
)
def test_nothing_raises_out_of_a_session(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, failing: str, notes: tuple[str, ...]
) -> None:
    monkeypatch.setattr(Broken, "failing", failing)
    registry.add(Broken)
    conversation, session = talk(registry)

    decoded = conversation.sent("hello")
    assert decoded.notes == notes
    assert decoded.tree is not None
    session.missed(conversation.message("x", True))


def test_a_decoder_that_fails_at_a_missed_message_is_given_up(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Broken, "failing", "missed")
    registry.add(Broken)
    conversation, session = talk(registry)
    session.missed(conversation.message("x", True))

    decoded = conversation.sent("hello")
    assert (decoded.decoder, decoded.notes) == ("text", ("broken gave up: KeyError: 'missed'",))


def test_a_decoder_that_is_slow_again_and_again_is_given_up(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsproxy.decoders.registry.SLOW", 0.01)

    class Slow(Till):
        name = "slow"

        def decode(self, message: Message) -> Decoded:
            time.sleep(0.02)
            return self.say("slow")

    registry.add(Slow)
    conversation, _ = talk(registry, decoder="slow")
    for _ in range(STRIKES):
        assert conversation.sent("hello").decoder == "slow"
    given_up = conversation.sent("hello")
    assert given_up.decoder == "text"
    assert "slow was given up" in given_up.notes[0]


def test_a_decoder_added_later_is_asked_first_and_replaces_its_namesake(registry: Registry) -> None:
    class Other(Till):
        name = "other"

    class Newer(Till):
        """The newer one."""

    registry.add(Other)
    assert talk(registry, subprotocol="till.v1")[1].name == "other"
    registry.add(Newer)
    assert registry.all() == [Newer, Other]
    registry.remove("till")
    assert registry.all() == [Other]


@pytest.mark.parametrize("name", ["", "Till", "a till", None])
def test_a_decoder_needs_a_usable_name(registry: Registry, name: Any) -> None:
    nameless = type("Nameless", (Till,), {"name": name})
    with pytest.raises(ValueError, match="Nameless has no usable name"):
        registry.add(nameless)


def test_an_edited_tree_is_written_by_the_decoder_that_reads_the_connection(registry: Registry) -> None:
    conversation, session = talk(registry, subprotocol="till.v1")
    message = conversation.message("SELL 7", True)
    session.decode(message)

    assert session.reencode("8", message) == b"SELL 8"
    with pytest.raises(Unfit, match="ValueError"):
        session.reencode("tea", message)


MESSAGES = st.builds(
    Message,
    st.integers(1, 100),
    st.integers(0, 10**18),
    st.booleans(),
    st.booleans(),
    st.one_of(
        st.binary(max_size=100),
        st.text(max_size=30).map(str.encode),
        st.sampled_from([b"SELL 1 tea", b"OK 1", b"HELLO!", b'{"a":1.10}', b"[" * 2000, b"{}"]),
    ),
    st.one_of(st.none(), st.integers(0, 200)),
)


@given(st.lists(MESSAGES, max_size=30), st.sampled_from([None, "till.v1"]))
def test_whatever_comes_something_is_shown(messages: list[Message], subprotocol: str | None) -> None:
    registry = Registry(())
    registry.add(Till)
    registry.add(Loud)
    session = registry.session(Opening("ws://[bad", subprotocol))
    for message in messages:
        decoded = session.decode(message)
        assert decoded.decoder
        assert decoded.event or not message.content
        assert decoded.tree is not None or decoded.decoder in ("till", "loud")

"""`addons/custom_decoder.py`: what it teaches works."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from wsproxy.config import shared_dir
from wsproxy.decoders.api import Kind, Message, Opening
from wsproxy.decoders.registry import DECODERS, RegistrySession, load


@pytest.fixture
def session() -> Iterator[RegistrySession]:
    load(Path(shared_dir("addons"), "custom_decoder.py"))
    yield DECODERS.session(Opening("ws://shop.test/till"))
    DECODERS.remove("till")


def message(number: int, from_client: bool, text: str) -> Message:
    return Message(number, number * 1_000_000, from_client, True, text.encode())


def test_the_example_reads_calls_replies_and_heartbeats(session: RegistrySession) -> None:
    call = session.decode(message(1, True, "SELL 7 green tea"))
    beat = session.decode(message(2, True, "."))
    reply = session.decode(message(3, False, "NO 7 sold out"))

    assert (call.kind, call.name, call.event) == (Kind.CALL, "sell", "sell green tea")
    assert beat.heartbeat
    assert (reply.kind, reply.event, reply.error) == (Kind.REPLY, "sell: sold out", True)
    assert (reply.pairs_with, reply.latency) == (1, 2_000_000)


def test_the_example_writes_what_was_edited(session: RegistrySession) -> None:
    sent = message(1, True, "SELL 7 tea")
    tree = session.decode(sent).tree
    assert session.reencode(tree, sent) == sent.content
    tree["rest"] = "milk"
    assert session.reencode(tree, sent) == b"SELL 7 milk"


def test_the_example_says_what_it_does_not_know(session: RegistrySession) -> None:
    decoded = session.decode(message(1, True, "hello"))
    assert (decoded.decoder, decoded.notes) == ("text", ("till gave up: no line of a till",))

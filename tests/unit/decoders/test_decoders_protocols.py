"""What holds for the decoders of all protocols."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.decoders.decoder_tools import SECOND, Talk
from tests.unit.decoders.transcripts import ALL, Transcript, told
from wsproxy.decoders.api import Message, Opening, Unfit
from wsproxy.decoders.registry import BUILTIN, DECODERS, Registry, RegistrySession

BY_NAME = pytest.mark.parametrize("transcript", ALL.values(), ids=ALL)
NAMES = sorted(decoder.name for decoder in Registry(BUILTIN).all())
READ_ONLY = {"amqp", "mqtt", "xmpp"}


def _session(transcript: Transcript) -> RegistrySession:
    return DECODERS.session(Opening(transcript.url, transcript.subprotocol))


def _messages(transcript: Transcript) -> list[Message]:
    talk = Talk(_session(transcript))
    return [talk.message(content, from_client) for from_client, content in transcript.messages]


def test_every_protocol_has_a_transcript() -> None:
    assert {transcript.decoder for transcript in ALL.values()} == set(NAMES)


@BY_NAME
def test_it_is_recognised(transcript: Transcript) -> None:
    session = _session(transcript)
    for message in _messages(transcript):
        session.decode(message)
    assert (session.name, session.how) == (transcript.decoder, transcript.how)


@BY_NAME
def test_no_message_is_left_to_a_fallback(transcript: Transcript) -> None:
    for decoded in told(transcript):
        assert not decoded.verbatim or transcript.decoder in ("engineio", "bidi"), decoded
        assert not decoded.notes


# SignalR's and Socket.IO's own greeting, and BiDi, look like themselves to no other decoder either; what is
# told apart by the handshake alone cannot be recognised by messages.
BY_MESSAGES = {
    name: transcript
    for name, transcript in ALL.items()
    if transcript.decoder not in ("engineio", "sockjs", "xmpp", "amqp", "phoenix")
    and name not in ("wamp_msgpack", "wamp_cbor_batched", "wamp_json_batched", "socketio_msgpack")
}


@pytest.mark.parametrize("transcript", BY_MESSAGES.values(), ids=BY_MESSAGES)
def test_it_is_recognised_by_its_messages_alone(transcript: Transcript) -> None:
    session = DECODERS.session(Opening("ws://example.test/"))
    for message in _messages(transcript):
        session.decode(message)
    assert (session.name, session.how) == (transcript.decoder, "messages")


@BY_NAME
def test_what_is_not_edited_is_written_as_it_came(transcript: Transcript) -> None:
    session = _session(transcript)
    messages = _messages(transcript)
    decoded = {message: session.decode(message).tree for message in messages}
    written = 0
    for message in messages:
        try:
            assert session.reencode(decoded[message], message) == message.content
            written += 1
        except Unfit:
            continue
    assert written == 0 if transcript.decoder in READ_ONLY else written >= len(messages) / 2


def _read_all(session: RegistrySession, messages: list[Message]) -> None:
    for message in messages:
        decoded = session.decode(message)
        assert decoded.decoder
        assert decoded.event or not message.content.strip()
        for part in decoded.each():
            assert isinstance(part.event, str)
            assert isinstance(part.name, str)
            assert isinstance(part.channel, str)
            assert part.id is None or isinstance(part.id, str)
        tree = decoded.tree
        try:
            assert session.reencode(tree, message) == message.content
        except Unfit:
            continue


CONTENTS = [content for transcript in ALL.values() for _, content in transcript.messages]


_CHANGES = ("cut", "grow", "replace", "number", "nest", "other", "direction", "kind", "again")


@st.composite
def mutations(draw: st.DrawFn, transcript: Transcript) -> list[Message]:
    """Real messages, some cut, repeated, out of order, with other bytes in them, or of another protocol."""
    found: list[Message] = []
    for message in _messages(transcript):
        data = bytearray(message.content)
        from_client, is_text = message.from_client, message.is_text
        for _ in range(draw(st.integers(0, 3))):
            at = draw(st.integers(0, len(data)))
            change = draw(st.sampled_from(_CHANGES))
            if change == "cut":
                del data[at:]
            elif change == "grow":
                data[at:at] = draw(st.binary(min_size=1, max_size=8))
            elif change == "replace":
                data[at : at + 1] = draw(
                    st.sampled_from([b"", b"\0", b"\xff", b"[", b"{", b'"', b"-1", b"null", b"\n"])
                )
            elif change == "number":
                data[at : at + 1] = str(draw(st.sampled_from([0, -1, 10**30, 2**64]))).encode()
            elif change == "nest":
                data[at:at] = draw(st.sampled_from([b"[", b'{"a":', b"\x91", b"\x81"])) * draw(
                    st.integers(1, 2000)
                )
            elif change == "other":
                other = draw(st.sampled_from(CONTENTS))
                data = bytearray(other.encode() if isinstance(other, str) else other)
            elif change == "direction":
                from_client = not from_client
            elif change == "kind":
                is_text = not is_text
            else:
                found.append(Message(len(found), len(found) * SECOND, from_client, is_text, bytes(data)))
        found.append(Message(len(found), len(found) * SECOND, from_client, is_text, bytes(data)))
    return found


@given(st.data(), st.sampled_from(sorted(ALL)), st.booleans())
def test_mutations_of_real_traffic_never_raise(data: st.DataObject, name: str, chosen: bool) -> None:
    transcript = ALL[name]
    messages = data.draw(mutations(transcript))
    opening = Opening(transcript.url, transcript.subprotocol)
    _read_all(DECODERS.session(opening, transcript.decoder if chosen else None), messages)


# What JSON can be anything of, where a protocol expects something of its own.
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def wrong_types(draw: st.DrawFn, transcript: Transcript) -> list[Message]:
    """The same messages with the members of their JSON replaced by anything."""
    found: list[Message] = []
    for message in _messages(transcript):
        text = message.text or ""
        start = next((at for at, char in enumerate(text) if char in "[{"), len(text))
        try:
            value = json.loads(text[start:].rstrip("\x1e"))
        except ValueError:
            continue
        places = list(value) if isinstance(value, dict) else list(range(len(value)))
        if places:
            value[draw(st.sampled_from(places))] = draw(ANY_JSON)
        end = "\x1e" if text.endswith("\x1e") else ""
        content = (text[:start] + json.dumps(value) + end).encode()
        found.append(Message(message.number, message.time, message.from_client, message.is_text, content))
    return found


@given(st.data(), st.sampled_from(sorted(ALL)))
def test_members_of_the_wrong_type_never_raise(data: st.DataObject, name: str) -> None:
    transcript = ALL[name]
    messages = data.draw(wrong_types(transcript))
    opening = Opening(transcript.url, transcript.subprotocol)
    _read_all(DECODERS.session(opening, transcript.decoder), messages)


@given(
    st.lists(st.tuples(st.booleans(), st.booleans(), st.binary(max_size=200)), max_size=10),
    st.sampled_from(NAMES),
)
def test_noise_never_raises(noise: list[tuple[bool, bool, bytes]], decoder: str) -> None:
    session = DECODERS.session(Opening(), decoder)
    _read_all(session, [Message(n, n, *one) for n, one in enumerate(noise, 1)])


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.binary(min_size=1, max_size=100)), max_size=20))
def test_noise_is_taken_for_no_protocol(noise: list[tuple[bool, bool, bytes]]) -> None:
    session = DECODERS.session(Opening("ws://example.test/"))
    for n, one in enumerate(noise, 1):
        session.decode(Message(n, n, *one))
    assert session.name == ""


@pytest.mark.parametrize(
    "content",
    [b'{"type":"hello","data":1}', b'["a",1]', b'{"event":"x","payload":{}}', b'{"id":1,"method":"x"}'],
)
def test_plain_json_is_taken_for_no_protocol(content: bytes) -> None:
    session = DECODERS.session(Opening("ws://example.test/"))
    for number in range(1, 21):
        assert session.decode(Message(number, number, number % 2 == 0, True, content)).decoder == "json"
    assert session.name == ""


@BY_NAME
def test_a_missed_message_is_survived(transcript: Transcript) -> None:
    messages = _messages(transcript)
    for left_out in range(len(messages)):
        session = DECODERS.session(Opening(transcript.url, transcript.subprotocol), transcript.decoder)
        for number, message in enumerate(messages):
            if number == left_out:
                cut = Message(
                    message.number,
                    message.time,
                    message.from_client,
                    message.is_text,
                    b"",
                    len(message.content),
                )
                assert "not all of the message was kept" in session.decode(cut).notes[0]
            else:
                session.decode(message)
        # Afterwards it reads on: the last message is never a part of another one.
        if left_out < len(messages) - 2:
            assert session.decode(messages[-1]).decoder == told(transcript)[-1].decoder

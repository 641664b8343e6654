"""Messages for the tests of decoders, without a capture."""

import struct
from typing import Any

from hypothesis import strategies as st

from wsproxy.decoders.api import Decoded, Message, Node, Opening, Session
from wsproxy.decoders.json_ import Pairs
from wsproxy.decoders.registry import Registry, RegistrySession

SECOND = 1_000_000_000

TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.binary(max_size=50),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=4)
        | st.builds(Node, st.text(max_size=5), inner)
        | st.lists(st.tuples(st.text(max_size=3), inner), max_size=3).map(Pairs)
    ),
    max_leaves=20,
)
"""Whatever a decoder may put into a tree."""


class Talk:
    """
    Feeds a session one message after the other, numbered from 1, a second apart.

        talk = Talk(MyDecoder(Opening(), Context()))
        assert talk.sent('SELL 1 tea').kind is Kind.CALL
        assert talk.received("OK 1").pairs_with == 1
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.number = 0

    def sent(self, content: str | bytes) -> Decoded:
        """A message of the client: text for `str`, binary for `bytes`."""
        return self.session.decode(self.message(content, True))

    def received(self, content: str | bytes) -> Decoded:
        """A message of the server."""
        return self.session.decode(self.message(content, False))

    def message(self, content: str | bytes, from_client: bool) -> Message:
        """The next message, not yet fed to the session."""
        self.number += 1
        is_text = isinstance(content, str)
        data = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
        return Message(self.number, self.number * SECOND, from_client, is_text, data)


def talk(
    registry: Registry, url: str = "ws://example.test/", subprotocol: str | None = None, **more: str
) -> tuple[Talk, RegistrySession]:
    """A conversation that the registry follows, and its session."""
    session = registry.session(Opening(url, subprotocol), **more)  # type: ignore[arg-type]
    return Talk(session), session


def text(content: str, from_client: bool = True) -> Message:
    """One text message."""
    return Message(1, SECOND, from_client, True, content.encode("utf-8", "surrogateescape"))


def binary(content: bytes, from_client: bool = True) -> Message:
    """One binary message."""
    return Message(1, SECOND, from_client, False, content)


FIELD_VALUES = st.integers(0, 2**64 - 1) | st.text(max_size=8) | st.binary(max_size=8)


def wire(fields: list[tuple[int, Any]]) -> bytes:
    """Protocol Buffers by their specification."""

    def varint(value: int) -> bytes:
        out = bytearray()
        while value > 127:
            out.append(value & 127 | 128)
            value >>= 7
        return bytes([*out, value])

    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        elif isinstance(value, float):
            out += varint(number << 3 | 1) + struct.pack("<d", value)
        else:
            data = (
                value.encode()
                if isinstance(value, str)
                else wire(value)
                if isinstance(value, list)
                else value
            )
            out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


FIELDS = st.lists(
    st.tuples(
        st.integers(1, 5000), FIELD_VALUES | st.lists(st.tuples(st.integers(1, 40), FIELD_VALUES), max_size=3)
    ),
    max_size=6,
)

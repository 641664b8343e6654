"""
Hypothesis strategies for what goes over a WebSocket, legal and not, and ways to cut it up.
"""

import itertools

from hypothesis import settings
from hypothesis import strategies as st

from wsproxy.wire.encode import encode_frame


def few(count: int) -> int:
    """For `max_examples`: `count` of them, or as many fewer as the profile `brief` has."""
    usual = settings.get_profile("fast").max_examples
    return min(count, max(1, count * settings.default.max_examples // usual))


KEYS = st.one_of(st.just(b""), st.binary(min_size=4, max_size=4))
"""Masking keys, and none."""

EDGES = (0, 1, 2, 124, 125, 126, 127, 128, 65_534, 65_535, 65_536, 65_537)
"""Payload lengths around the places where the form of the header changes."""

PAYLOADS = st.one_of(
    st.binary(max_size=40),
    st.binary(max_size=300),
    st.sampled_from([bytes(n) for n in EDGES if n < 1000]),
    st.text(max_size=40).map(str.encode),
)
"""Small payloads, often text."""


@st.composite
def frames(draw: st.DrawFn, payloads: st.SearchStrategy[bytes] = PAYLOADS) -> bytes:
    """One whole frame with any opcode, any reserved bits, any mask, and sometimes too long a length."""
    payload = draw(payloads)
    fewest = 0 if len(payload) < 126 else 2 if len(payload) < 1 << 16 else 8
    return encode_frame(
        draw(st.integers(0, 15)),
        payload,
        fin=draw(st.booleans()),
        rsv=draw(st.sampled_from([0, 0, 0, 1, 2, 4, 7])),
        mask=draw(KEYS),
        length_bytes=draw(st.sampled_from([n for n in (0, 2, 8) if n >= fewest])),
    )


STREAMS = st.one_of(
    st.binary(max_size=400),
    st.lists(frames(), max_size=8).map(b"".join),
    st.tuples(st.lists(frames(), max_size=4).map(b"".join), st.binary(max_size=20)).map(b"".join),
)
"""Whole frames, whole frames with something behind them, and noise."""

CUTS = st.lists(st.integers(0, 2000), max_size=10)
"""Where to cut a stream; for `cut`."""


def cut(stream: bytes, at: list[int]) -> list[bytes]:
    """`stream` in pieces, some of them perhaps empty."""
    edges = [0, *sorted(min(place, len(stream)) for place in at), len(stream)]
    return [stream[start:stop] for start, stop in itertools.pairwise(edges)]


def bytewise(stream: bytes) -> list[bytes]:
    """`stream` byte by byte."""
    return [stream[i : i + 1] for i in range(len(stream))]

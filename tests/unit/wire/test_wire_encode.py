"""Building frames: tables of bytes beside the frames they are, legal and not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.strategies import EDGES, KEYS
from wsproxy.wire.encode import encode_close, encode_frame, encode_header
from wsproxy.wire.frames import Frame, header_length

HELLO = b"Hello"

# RFC 6455 section 5.7, in its order.
EXAMPLES = [
    ("81 05 48 65 6c 6c 6f", encode_frame(1, HELLO)),
    ("81 85 37 fa 21 3d 7f 9f 4d 51 58", encode_frame(1, HELLO, mask=b"\x37\xfa\x21\x3d")),
    ("01 03 48 65 6c", encode_frame(1, b"Hel", fin=False)),
    ("80 02 6c 6f", encode_frame(0, b"lo")),
    ("89 05 48 65 6c 6c 6f", encode_frame(9, HELLO)),
    ("8a 85 37 fa 21 3d 7f 9f 4d 51 58", encode_frame(10, HELLO, mask=b"\x37\xfa\x21\x3d")),
    ("82 7e 01 00", encode_header(2, 256)),
    ("82 7f 00 00 00 00 00 01 00 00", encode_header(2, 65_536)),
]


@pytest.mark.parametrize(("wire", "frame"), EXAMPLES)
def test_the_examples_of_the_rfc_are_built_byte_for_byte(wire: str, frame: bytes) -> None:
    assert frame == bytes.fromhex(wire)


@pytest.mark.parametrize(
    ("length", "header"),
    [
        (0, "82 00"),
        (125, "82 7d"),
        (126, "82 7e 00 7e"),
        (65_535, "82 7e ff ff"),
        (65_536, "82 7f 00 00 00 00 00 01 00 00"),
        ((1 << 63) - 1, "82 7f 7f ff ff ff ff ff ff ff"),
        (1 << 63, "82 7f 80 00 00 00 00 00 00 00"),
        ((1 << 64) - 1, "82 7f ff ff ff ff ff ff ff ff"),
    ],
)
def test_the_length_takes_the_fewest_bytes(length: int, header: str) -> None:
    assert encode_header(2, length) == bytes.fromhex(header)


@pytest.mark.parametrize(
    ("length", "length_bytes", "header"),
    [
        (5, 2, "81 7e 00 05"),
        (5, 8, "81 7f 00 00 00 00 00 00 00 05"),
        (300, 8, "81 7f 00 00 00 00 00 00 01 2c"),
    ],
)
def test_a_length_can_be_written_longer_than_it_need_be(length: int, length_bytes: int, header: str) -> None:
    assert encode_header(1, length, length_bytes=length_bytes) == bytes.fromhex(header)


def test_every_reserved_bit_and_opcode_can_be_sent() -> None:
    for opcode in range(16):
        for rsv in range(8):
            [frame] = Frame.parse(encode_frame(opcode, b"x", rsv=rsv, fin=bool(rsv & 1)))
            assert (frame.opcode, frame.rsv, frame.fin) == (opcode, rsv, bool(rsv & 1))


@pytest.mark.parametrize(
    "wrong",
    [
        {"opcode": 16},
        {"opcode": -1},
        {"rsv": 8},
        {"rsv": -1},
        {"mask": b"abc"},
        {"mask": b"abcde"},
        {"length": -1},
        {"length": 1 << 64},
        {"length": 126, "length_bytes": 0},
        {"length": 1 << 16, "length_bytes": 2},
        {"length": 5, "length_bytes": 1},
        {"length": 5, "length_bytes": 4},
    ],
)
def test_what_does_not_fit_its_field_is_refused(wrong: dict[str, int | bytes]) -> None:
    arguments: dict[str, object] = {"opcode": 1, "length": 5, **wrong}
    with pytest.raises(ValueError, match=r"bits|bytes"):
        encode_header(arguments.pop("opcode"), arguments.pop("length"), **arguments)  # type: ignore[arg-type]


@given(
    st.integers(0, 15), st.one_of(st.binary(max_size=300), st.sampled_from([bytes(n) for n in EDGES])), KEYS
)
def test_what_was_built_is_read_again(opcode: int, payload: bytes, mask: bytes) -> None:
    raw = encode_frame(opcode, payload, mask=mask)
    [frame] = Frame.parse(raw)
    assert (frame.opcode, frame.data, frame.mask, frame.raw) == (opcode, payload, mask, raw)
    assert header_length(frame.header) == len(payload)


@pytest.mark.parametrize(
    ("code", "reason", "wire"),
    [
        (None, "", "88 00"),
        (1000, "", "88 02 03 e8"),
        (1001, "bye", "88 05 03 e9 62 79 65"),
        (0, "", "88 02 00 00"),
        (65_535, "", "88 02 ff ff"),
    ],
)
def test_close_frames_carry_code_and_reason(code: int | None, reason: str, wire: str) -> None:
    assert encode_close(code, reason) == bytes.fromhex(wire)


def test_a_close_frame_of_a_client_is_masked() -> None:
    [frame] = Frame.parse(encode_close(1000, "grüß dich", mask=b"abcd"))
    assert frame.mask == b"abcd"
    assert frame.data == b"\x03\xe8" + "grüß dich".encode()


@pytest.mark.parametrize("code", [-1, 65_536])
def test_a_status_code_that_is_no_two_bytes_is_refused(code: int) -> None:
    with pytest.raises(ValueError, match="two bytes"):
        encode_close(code)

"""Masking: RFC 6455 section 5.3, with the example of section 5.7."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsproxy.wire.mask import apply_mask, rotate_key

KEY = st.binary(min_size=4, max_size=4)


def test_the_masked_hello_of_the_rfc_is_unmasked() -> None:
    assert apply_mask(b"\x7f\x9f\x4d\x51\x58", b"\x37\xfa\x21\x3d") == b"Hello"


@given(st.binary(max_size=300), KEY)
def test_masking_twice_gives_the_data_back(data: bytes, key: bytes) -> None:
    assert apply_mask(apply_mask(data, key), key) == data


@given(st.binary(max_size=300), KEY)
def test_masking_is_the_key_repeated_and_xored(data: bytes, key: bytes) -> None:
    assert apply_mask(data, key) == bytes(byte ^ key[i % 4] for i, byte in enumerate(data))


@given(st.binary(max_size=300), KEY, st.integers(0, 300))
def test_a_payload_can_be_unmasked_in_parts_with_the_key_turned(data: bytes, key: bytes, at: int) -> None:
    at = min(at, len(data))
    parts = apply_mask(data[:at], key) + apply_mask(data[at:], rotate_key(key, at))
    assert parts == apply_mask(data, key)


@pytest.mark.parametrize("offset", [0, 1, 4, 1 << 63])
def test_without_a_mask_there_is_nothing_to_turn(offset: int) -> None:
    assert rotate_key(b"", offset) == b""

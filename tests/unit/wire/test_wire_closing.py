"""Close frames: what they may say (RFC 6455 sections 5.5.1 and 7.4)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsproxy.wire.closing import LONGEST, Close, is_sendable
from wsproxy.wire.frames import Anomaly

NONE = Anomaly(0)


@pytest.mark.parametrize(
    ("codes", "sendable"),
    [
        ((0, 1, 999), False),
        ((1000, 1001, 1002, 1003), True),
        ((1004, 1005, 1006), False),
        ((1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014), True),
        ((1015, 1016, 2000, 2999), False),
        ((3000, 3999, 4000, 4999), True),
        ((5000, 65_535), False),
    ],
)
def test_only_some_codes_may_be_sent(codes: tuple[int, ...], sendable: bool) -> None:
    for code in codes:
        assert is_sendable(code) is sendable
        close = Close.parse(code.to_bytes(2, "big"))
        assert close == Close(code, "", NONE if sendable else Anomaly.INVALID_CLOSE_CODE)


@pytest.mark.parametrize(
    ("payload", "close"),
    [
        (b"", Close(None, "", NONE)),
        (b"\x03", Close(None, "", Anomaly.CLOSE_TOO_SHORT)),
        (b"\x03\xe8", Close(1000, "", NONE)),
        (b"\x03\xe9going away", Close(1001, "going away", NONE)),
        (b"\x03\xe8" + "grüß €".encode(), Close(1000, "grüß €", NONE)),
        (b"\x03\xe8\xff", Close(1000, "\ufffd", Anomaly.INVALID_UTF8)),
        (b"\x03\xe8ok\xe2\x82", Close(1000, "ok\ufffd", Anomaly.INVALID_UTF8)),
        (b"\x03\xed\xc3", Close(1005, "\ufffd", Anomaly.INVALID_UTF8 | Anomaly.INVALID_CLOSE_CODE)),
    ],
)
def test_code_and_reason_are_read_and_judged(payload: bytes, close: Close) -> None:
    assert Close.parse(payload) == close


@pytest.mark.parametrize("character", ["x", "é", "€", "😀"])
@pytest.mark.parametrize("shift", range(4))
def test_a_reason_far_too_long_is_cut_and_the_cut_is_not_called_bad_utf8(character: str, shift: int) -> None:
    reason = "a" * shift + character * LONGEST
    close = Close.parse(b"\x03\xe8" + reason.encode())
    assert close.anomalies == NONE
    assert reason.startswith(close.reason)
    assert len(close.reason.encode()) > LONGEST - 2 - 4


def test_bad_utf8_in_a_reason_far_too_long_is_still_found() -> None:
    close = Close.parse(b"\x03\xe8\xff" + "€".encode() * LONGEST)
    assert close.anomalies == Anomaly.INVALID_UTF8
    assert close.reason[:2] == "\ufffd€"


@given(st.binary(max_size=200))
def test_any_payload_can_come(payload: bytes) -> None:
    close = Close.parse(payload)
    assert (close.code is None) is (len(payload) < 2)

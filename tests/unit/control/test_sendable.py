"""What may be sent, and what only with force."""

import pytest

from wsproxy.control import sendable
from wsproxy.errors import UsageError
from wsproxy.wire.encode import close_payload, encode_frame
from wsproxy.wire.frames import Opcode

LEGAL = [
    (Opcode.TEXT, b""),
    (Opcode.TEXT, "é".encode()),
    (Opcode.BINARY, b"\xff" * 200),
    (Opcode.PING, bytes(125)),
    (Opcode.PONG, b""),
    (Opcode.CLOSE, b""),
    (Opcode.CLOSE, close_payload(1000, "é" * 61)),
    (Opcode.CLOSE, close_payload(4999)),
]
ILLEGAL = [
    (Opcode.TEXT, b"\xc3", "text must be UTF-8"),
    (Opcode.PING, bytes(126), "at most 125 bytes of payload, not 126"),
    (Opcode.CLOSE, b"\x03", "a code of two bytes and a reason"),
    (Opcode.CLOSE, close_payload(1005), "1005 is no close code"),
    (Opcode.CLOSE, close_payload(2999), "2999 is no close code"),
    (Opcode.CLOSE, close_payload(1000) + b"\xff", "the reason is not UTF-8"),
    (Opcode.CLOSE, close_payload(1000, "x" * 124), "at most 125 bytes"),
]


@pytest.mark.parametrize(("opcode", "content"), LEGAL)
def test_what_peers_accept_may_be_sent(opcode, content):
    sendable.check(opcode, content, force=False)


@pytest.mark.parametrize(("opcode", "content", "why"), ILLEGAL)
def test_what_no_peer_accepts_needs_force(opcode, content, why):
    with pytest.raises(UsageError, match=why) as refused:
        sendable.check(opcode, content, force=False)
    assert "--force" in refused.value.hint
    sendable.check(opcode, content, force=True)


def test_raw_frames_may_say_anything_but_are_whole():
    odd = encode_frame(3, b"x", rsv=7, fin=False, length_bytes=8)
    sendable.check_frames(odd + encode_frame(0xF), force=False)
    for cut in (odd[:1], odd[:9], odd[:-1], odd + odd[:-1]):
        with pytest.raises(UsageError):
            sendable.check_frames(cut, force=False)
        sendable.check_frames(cut, force=True)
    with pytest.raises(UsageError, match="no bytes"):
        sendable.check_frames(b"", force=True)


def test_the_payload_of_a_close_frame():
    assert sendable.closing(None, "", force=False) == b""
    assert sendable.closing(4000, "é", force=False) == b"\x0f\xa0\xc3\xa9"
    assert sendable.closing(1006, "", force=True) == b"\x03\xee"
    assert len(sendable.closing(1000, "x" * 124, force=True)) == 126


@pytest.mark.parametrize(
    ("code", "reason", "force"),
    [(None, "x", True), (-1, "", True), (65536, "", True), (1000, "\udc80", True), (1006, "", False)],
)
def test_what_has_no_bytes_or_is_not_forced_is_refused(code, reason, force):
    with pytest.raises(UsageError):
        sendable.closing(code, reason, force)

"""The capture that filters are tried on."""

import zlib
from pathlib import Path
from typing import Any

import pytest

from tests.support.captures import MASK, capture
from tests.unit.filters.filter_tools import decide
from wsproxy.wire.encode import encode_frame

JSON = b'{"a": {"b": [1, "ada"]}, "a b": true, "big": 12345678901234567890}'


def _deflate(compressor: Any, content: bytes) -> bytes:
    return (compressor.compress(content) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of everything."""
    made = tmp_path_factory.mktemp("filters") / "everything.wsp"
    with capture(made) as c:
        chat = c.open("wss://ada.test:8443/chat?token=1", subprotocol="chat.v1")
        c.send(chat, encode_frame(1, JSON, mask=MASK))  # 1
        c.receive(chat, encode_frame(1, "grüß Ada".encode()))  # 2
        c.receive(chat, encode_frame(2, bytes(range(256))))  # 3
        c.receive(chat, encode_frame(9, b"beat"))  # 4
        c.send(chat, encode_frame(10, b"beat", mask=MASK))  # 5
        c.send(chat, encode_frame(1, "frag grü".encode()[:-1], fin=False, mask=MASK))  # 6
        c.send(chat, encode_frame(9, b"between", mask=MASK))  # 7
        c.send(chat, encode_frame(0, "ü ment".encode()[1:], fin=False, mask=MASK))  # 8
        c.send(chat, encode_frame(0, b" end", mask=MASK))  # 9
        c.send(chat, encode_frame(1, b'{"a": "' + b"x" * 70_000 + b' needle"}', mask=MASK))  # 10
        c.send(chat, encode_frame(2, b"\xff" * 70_000, fin=False, mask=MASK))  # 11
        c.send(chat, encode_frame(0, b"tail", mask=MASK))  # 12
        c.receive(chat, encode_frame(1, b"\xff\xfe"))  # 13
        c.receive(chat, encode_frame(3, b"reserved"))  # 14
        c.receive(chat, encode_frame(0, b"of nothing"))  # 15
        c.receive(chat, encode_frame(1, b"cut off", fin=False))  # 16
        c.receive(chat, encode_frame(1, b"b", fin=False))  # 17
        c.receive(chat, encode_frame(0, b""))  # 18
        packed = c.open("ws://bob.test/packed", extensions="permessage-deflate")
        ours, theirs = zlib.compressobj(wbits=-15), zlib.compressobj(wbits=-15)
        c.send(packed, encode_frame(1, _deflate(ours, JSON), rsv=4, mask=MASK))  # 19
        c.send(packed, encode_frame(1, _deflate(ours, JSON), rsv=4, mask=MASK))  # 20
        data = _deflate(theirs, b"needle " * 50)
        c.receive(packed, encode_frame(2, data[:5], rsv=4, fin=False))  # 21
        c.receive(packed, encode_frame(0, data[5:]))  # 22
        c.receive(packed, encode_frame(1, b"no deflate", rsv=4))  # 23
        c.send(packed, encode_frame(1, b"", mask=MASK))  # 24
        c.open("ws://carol.test/refused", status=403, body=b"no")
        for payload in (b"", b"\x03", b"\x03\xe8", b"\x0f\xa1app", b"\x03\xe8" + b"z" * 70_000):
            last = c.open("ws://dave.test/")
            c.receive(last, encode_frame(8, payload))  # 25 to 29
            c.close(last)
        c.close(chat)
        for word in (b"one", b"two", b"three", b"four"):
            c.send(packed, encode_frame(1, word, mask=MASK))  # 30 to 33
        c.send(packed, encode_frame(1, b"in two", fin=False, mask=MASK))  # 34
        c.send(packed, encode_frame(0, b" parts", mask=MASK))  # 35
        c.receive(packed, encode_frame(2, b"a", fin=False))  # 36
        c.send(packed, encode_frame(9, b"", mask=MASK))  # 37
        c.receive(packed, encode_frame(0, b"b"))  # 38
    decide(made, "edit", (1, 1), (30, 30))
    decide(made, "pass", (2, 2), held=5)
    decide(made, "drop", (6, 9), held=7)
    decide(made, "inject", None, (34, 35))
    decide(made, "recode", (20, 20), (31, 31))
    decide(made, "drop", (37, 37))
    decide(made, "edit", (36, 38), held=1)
    return made

"""
Make the small capture that is kept of every schema version: `python -m tests.data.make_capture`.

It is made once, by the program that introduced the version, and never again: it stands for the
captures people have. There is something of everything in it; `tests/unit/store/test_store_schema.py`
says what. `.gitignore` keeps captures out of the repository, so add it with `git add --force`.
"""

import sqlite3
import sys
import zlib
from pathlib import Path

from tests.support.captures import MASK, START, capture
from wsproxy.store.limits import Limits
from wsproxy.store.records import ReplayRecord
from wsproxy.store.schema import VERSION
from wsproxy.wire.deflate import TAIL
from wsproxy.wire.encode import encode_close, encode_frame
from wsproxy.wire.transit import Transit

FOLDER = Path(__file__).parent


def main() -> None:
    path = FOLDER / f"schema-{VERSION}.wsp"
    if path.exists():
        sys.exit(f"{path} is kept as it is")
    with capture(path, Limits(inline=64, frame=150)) as c:
        chat = c.open(
            "wss://example.test/chat",
            subprotocol="chat.v1",
            extensions="permessage-deflate",
            tls={"server": {"version": "TLSv1.3", "sni": "example.test"}},
        )
        c.send(chat, encode_frame(1, b'{"user":"ada"}', mask=MASK))
        c.receive(chat, encode_frame(1, _deflated("grüß dich".encode()), rsv=4))
        c.receive(chat, encode_frame(9, b"beat"))
        c.send(chat, encode_frame(10, b"beat", mask=MASK))
        c.send(chat, encode_frame(2, b"one ", fin=False, mask=MASK))
        c.send(chat, encode_frame(0, b"two", mask=MASK))

        large = encode_frame(2, bytes(range(100)), mask=MASK)
        c.send(chat, large[:50])
        c.send(chat, large[50:])
        c.receive(chat, encode_frame(2, bytes(200)))
        c.receive(chat, encode_frame(3, b"?", mask=MASK))

        refused = c.open(status=403, body=b"no such room")
        c.close(refused)
        c.open("ws://nobody.test/", status=None, error="connection refused")

        for what, decide in (("edit", _edit), ("drop", _drop), ("keep", _hold)):
            c.relay(chat).edit(True, decide)
            c.send(chat, encode_frame(1, what.encode(), mask=MASK))
        c.relay(chat).let_go("hand", "")
        c.relay(chat).edit(True, None)
        c.relay(chat).inject(False, 1, b"nobody said this", "rule 1")

        c.receive(chat, encode_close(1001, "bye"))
        c.send(chat, encode_close(1001, mask=MASK))
        c.send(chat, b"\x81")
        c.close(chat)

        again = c.open("wss://example.test/chat", replay_of=ReplayRecord(0, "/captures/chat.wsp", START, 7))
        c.replayed(again, True, encode_frame(1, b"said again", mask=MASK), 12)
        c.replayed(again, False, encode_frame(1, b"heard again"), 15)
        c.close(again)

        c.exchange(False, '0{"sid":"abcd","upgrades":["websocket"]}')
        c.exchange(True, '42["said"]', length=100)
        c.exchange(False, "", error="server disconnected")
        polled = c.open("wss://example.test/socket.io/?EIO=4&transport=websocket&sid=abcd")
        c.close(polled)
    with sqlite3.connect(path) as db:
        # No disk is filled for it.
        row = (1, START, START + 1_000_000_000, 10, 3, 300, "database or disk is full")
        db.execute("INSERT INTO gap VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        db.execute("UPDATE meta SET value = ? WHERE key = 'created'", (START,))
        db.execute("UPDATE meta SET value = ? WHERE key = 'ended'", (START + 10_000_000_000,))
    db.close()
    print(path)


def _edit(transit: Transit) -> None:
    transit.replace(b"EDIT", "addon rewrite")


def _drop(transit: Transit) -> None:
    transit.drop("addon drop")


def _hold(transit: Transit) -> None:
    transit.hold("hand")


def _deflated(content: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-15)
    return (deflate.compress(content) + deflate.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)


if __name__ == "__main__":
    main()

"""What the tests of the store share."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.captures import START
from wsproxy.store.limits import Limits
from wsproxy.store.reader import Reader
from wsproxy.store.records import ConnectionRecord, FrameRecord
from wsproxy.store.tail import Event, FrameEvent, Tail
from wsproxy.wire.frames import Batch, FrameScanner, header_mask
from wsproxy.wire.handshake import Handshake
from wsproxy.wire.mask import apply_mask

REPOSITORY = Path(__file__).parents[3]
"""Where children of the tests find what the tests import."""

AT_ONCE = Limits(interval=0)
"""Nothing is gathered: every batch is a transaction as soon as the thread gets to it."""


def until(condition: Callable[[], bool], what: str = "it", timeout: float = 20) -> None:
    """Wait for another thread or process, whose only trace is what it wrote."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen in {timeout} s"
        time.sleep(0.002)


class Said:
    """A `tell` that can be waited for."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self._changed = threading.Condition()

    def __call__(self, message: str) -> None:
        with self._changed:
            self.messages.append(message)
            self._changed.notify_all()

    def wait_for(self, text: str, timeout: float = 20) -> str:
        """The first message with `text` in it."""
        with self._changed:
            assert self._changed.wait_for(lambda: any(text in m for m in self.messages), timeout), text
        return next(m for m in self.messages if text in m)


def events(path: Path, limit: int = 1000) -> list[Event]:
    """Everything in a capture, read in pages."""
    with Reader(path) as reader:
        tail = Tail(reader)
        found: list[Event] = []
        while page := tail.read(limit):
            found += page
        return found


def frames(path: Path) -> list[FrameRecord]:
    """All frames in a capture."""
    return [event.frame for event in events(path) if isinstance(event, FrameEvent)]


def counts(path: Path) -> tuple[int, int]:
    """How many connections and frames are to be seen now."""
    with Reader(path) as reader:
        return reader.counts()


def stream(reader: Reader, connection: int, from_client: bool) -> bytes:
    """The wire bytes of one direction, rebuilt from header, mask and payload."""
    found = b""
    after = 0
    while page := reader.frames(after, 3, connection):
        after = page[-1].id
        for frame in page:
            if frame.from_client is from_client:
                payload = b"".join(reader.payload(frame.id))
                mask = header_mask(frame.header) if len(frame.header) > 1 and payload else b""
                found += frame.header + (apply_mask(payload, mask) if mask else payload)
    return found


NOTHING = Handshake.of(b"", b"")


def batch(connection: int, raw: bytes, now: int = START) -> Batch:
    return (connection, False, now, FrameScanner().feed(raw), len(raw))


def record(**changes: object) -> ConnectionRecord:
    values: dict[str, object] = {
        "id": 0, "opened": START, "url": "ws://example.test/", "client": "", "server": "", "mode": "regular",
        "http_version": "HTTP/1.1", "request": b"", "response": b"", "status": 101, "body": b"",
        "body_length": 0, "subprotocol": None, "extensions": "", "findings": (), "error": None, "tls": {},
    }  # fmt: skip
    return ConnectionRecord(**{**values, **changes})  # type: ignore[arg-type]


@contextmanager
def locked(path: Path) -> Iterator[Callable[[], None]]:
    """
    Another program is writing to the file: to the recorder, a disk that takes its time.

    Until the end of the block, or until what it gives is called.
    """
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")

    def release() -> None:
        if db.in_transaction:
            db.execute("ROLLBACK")

    try:
        yield release
    finally:
        release()
        db.close()

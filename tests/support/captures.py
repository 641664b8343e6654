"""
Small real captures: the recorder and the relay, driven by hand, at times the test knows.

    with capture(path) as c:
        chat = c.open("wss://example.test/chat")
        c.send(chat, encode_frame(1, b"hello", mask=MASK))
        c.receive(chat, encode_frame(1, b"hi"))
        c.close(chat)
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from wsproxy.store.limits import Limits
from wsproxy.store.recorder import Recorder
from wsproxy.store.records import ConnectionRecord, ExchangeFlag, ExchangeRecord, ReplayRecord
from wsproxy.store.replay_rows import Replayed
from wsproxy.wire.deflate import Inflater
from wsproxy.wire.encode import encode_close, encode_frame
from wsproxy.wire.frames import FrameScanner
from wsproxy.wire.handshake import Handshake, accept_for
from wsproxy.wire.port import Port
from wsproxy.wire.relay import Relay

START = 1_709_640_000_000_000_000
"""When captures begin, ns: 2024-03-05 12:00:00 UTC, a Tuesday."""
STEP = 10_000_000
"""Ns between two things that happen."""
MASK = b"\x37\xfa\x21\x3d"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


class Capture:
    """Writes one capture; every call happens `STEP` after the one before."""

    def __init__(self, path: Path, limits: Limits | None = None, append: bool = False) -> None:
        self.path = path
        self.now = START
        self.said: list[str] = []
        self.recorder = Recorder(
            path, limits=limits, program="wsproxy test", tell=self.said.append, append=append
        )
        self._relays: dict[int, Relay] = {}

    def open(
        self,
        url: str = "ws://example.test/chat",
        *,
        subprotocol: str | None = None,
        extensions: str = "",
        status: int | None = 101,
        body: bytes = b"",
        error: str | None = None,
        tls: dict[str, Any] | None = None,
        response: bytes | None = None,
        replay_of: ReplayRecord | None = None,
        request: bytes | None = None,
    ) -> int:
        """A handshake, accepted unless `status` says otherwise. Returns the connection's number."""
        offers = f"Sec-WebSocket-Protocol: {subprotocol}\r\n" if subprotocol else ""
        accepts = offers
        if extensions:
            offers += f"Sec-WebSocket-Extensions: {extensions}\r\n"
            accepts += f"Sec-WebSocket-Extensions: {extensions}\r\n"
        if request is None:
            request = (
                "GET /chat HTTP/1.1\r\nHost: example.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{offers}\r\n"
            ).encode()
        if response is None:
            phrase = {101: "Switching Protocols", 403: "Forbidden", 404: "Not Found"}
            response = (
                (
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    f"Sec-WebSocket-Accept: {accept_for(KEY)}\r\n{accepts}\r\n"
                ).encode()
                if status == 101
                else f"HTTP/1.1 {status} {phrase[status]}\r\n\r\n".encode()
                if status
                else b""
            )
        handshake = Handshake.of(request, response)
        record = ConnectionRecord(
            0,
            self._tick(),
            url,
            "127.0.0.1:50000",
            "127.0.0.1:443" if status else "",
            "regular",
            "HTTP/1.1",
            request,
            response,
            status,
            body,
            len(body),
            handshake.subprotocol,
            handshake.extensions,
            handshake.findings,
            error,
            tls or {},
        )
        number = self.recorder.open(record, handshake, replay_of)
        relay = self._relays[number] = Relay(number, self.recorder.add)
        relay.prepare(
            Port(
                connection=number,
                deflate=handshake.deflate,
                opaque=handshake.other_extensions,
                limit=1 << 24,
                waiting=1 << 23,
                record=self.recorder.record,
                clock=self._tick,
                write=lambda from_client, data: None,
                ask=partial(self._ask, number),
                warn=self.said.append,
                drained=lambda from_client: None,
            )
        )
        return number

    def relay(self, connection: int) -> Relay:
        """To edit and inject with; what is sent by hand goes nowhere."""
        return self._relays[connection]

    def send(self, connection: int, data: bytes) -> None:
        """Bytes from the client: frames, or parts of frames."""
        self._read(connection, True, data)

    def receive(self, connection: int, data: bytes) -> None:
        """Bytes from the server."""
        self._read(connection, False, data)

    def _read(self, connection: int, from_client: bool, data: bytes) -> None:
        relay = self._relays[connection]
        relay.receive(from_client, data)
        relay.record(from_client, data, self._tick())

    def replayed(self, connection: int, from_client: bool, data: bytes, original: int) -> None:
        """One frame of a replay: the message that ended with frame `original` in the original capture."""
        pieces = FrameScanner().feed(data)
        batch = (connection, from_client, self._tick(), pieces, len(data))
        self.recorder.replayed(Replayed(batch, ((len(pieces) - 1, original),)))

    def close(self, connection: int, how: str = "eof") -> None:
        """Both TCP streams end, the server's first."""
        relay = self._relays[connection]
        now = self._tick()
        relay.ended(False, how, now)
        relay.ended(True, how, now)
        self.recorder.close(connection, relay.closure(), now)

    def exchange(
        self,
        from_client: bool,
        body: str | bytes,
        *,
        sid: str = "abcd",
        status: int | None = None,
        url: str = "",
        method: str | None = None,
        encoding: str = "",
        length: int | None = None,
        flags: ExchangeFlag | None = None,
        type: str = "text/plain",
        error: str | None = None,
    ) -> None:
        """A body of long-polling: of a `POST`, or of the answer to a `GET`, unless told otherwise."""
        data = body.encode() if isinstance(body, str) else body
        query = f"EIO=4&transport=polling{f'&sid={sid}' if sid else ''}"
        now = self._tick()
        self.recorder.exchange(
            ExchangeRecord(
                id=0,
                time=now,
                sid=sid,
                from_client=from_client,
                began=now - STEP,
                client="127.0.0.1:50000",
                server="127.0.0.1:80",
                method=method or ("POST" if from_client else "GET"),
                url=url or f"http://example.test/socket.io/?{query}",
                status=None if from_client or error else status or 200,
                type=type,
                encoding=encoding,
                length=len(data) if length is None else length,
                body=data,
                flags=flags or ExchangeFlag(0 if length in (None, len(data)) else 1),
                error=error,
            )
        )

    def omit(self) -> None:
        """Frames are not recorded from now on."""
        for relay in self._relays.values():
            relay.omit()
        self.recorder.switch(False, self._tick())

    def resume(self) -> None:
        """They are again."""
        counts = [(0, 0)]
        for relay in self._relays.values():
            relay.resume()
            counts.append(relay.take_omitted())
        self.recorder.switch(True, self._tick(), sum(n for n, _ in counts), sum(size for _, size in counts))

    def stop(self) -> None:
        """Finish the capture."""
        self.recorder.stop()

    def _ask(self, connection: int, from_client: bool, answer: Callable[[Inflater | None], None]) -> None:
        """As the engine does, but waiting for the recorder's thread."""
        answers: SimpleQueue[Inflater | None] = SimpleQueue()
        self.recorder.ask(connection, from_client, answers.put)
        answer(answers.get(timeout=10))

    def _tick(self) -> int:
        now = self.now
        self.now += STEP
        return now


@contextmanager
def capture(path: Path, limits: Limits | None = None, append: bool = False) -> Iterator[Capture]:
    """A capture that is finished at the end of the `with` block."""
    made = Capture(path, limits, append)
    try:
        yield made
    finally:
        made.stop()


def chat(path: Path) -> Path:
    """
    Two connections: an ordinary conversation of seven frames, and one that was refused.

    Frames 1 and 2 are texts, 3 and 4 ping and pong, 5 a binary one, 6 and 7 the closing handshake.
    """
    with capture(path) as c:
        number = c.open(
            "wss://example.test/chat", subprotocol="chat.v1", tls={"server": {"version": "TLSv1.3"}}
        )
        c.send(number, encode_frame(1, b'{"user":"ada"}', mask=MASK))
        c.receive(number, encode_frame(1, "grüß dich".encode()))
        c.receive(number, encode_frame(9, b"beat"))
        c.send(number, encode_frame(10, b"beat", mask=MASK))
        c.receive(number, encode_frame(2, b"\x89PNG\r\n\x1a\n"))
        c.send(number, encode_close(1000, "bye", mask=MASK))
        c.receive(number, encode_close(1000))
        c.close(number)
        refused = c.open("ws://example.test/secret", status=403, body=b"no entry")
        del refused
    return path

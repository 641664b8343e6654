"""
The server behind the proxies: answers, counts or pushes messages, as the path and the client say.

    /answer          answers every message with one of 64 bytes
    /load[/deflate]  takes commands in messages:
                     `expect N`: says `ok`, counts N messages, says `done`
                     `push N`: sends N messages of 128 bytes of JSON
    /rest            answers POST with 64 bytes of JSON

It is a process of its own: `python -m tests.bench.peers.origin CERTIFICATE` (a PEM file with its key)
prints a line of JSON with the ports for plain connections and for TLS, and ends with its stdin.
"""

import asyncio
import json
import ssl
import sys
from collections.abc import Callable
from typing import cast

import uvloop

from tests.bench.peers.frames import CommandReader, FrameCounter, records, text
from tests.bench.peers.sending import Sending
from wsproxy.wire.encode import encode_close, encode_frame
from wsproxy.wire.frames import Opcode
from wsproxy.wire.handshake import accept_for

_ANSWER = text(64, from_client=False)
_OK = encode_frame(Opcode.TEXT, b"ok")
_DONE = encode_frame(Opcode.TEXT, b"done")
_TOGETHER = 128
_PUSHED = {deflate: records(False, _TOGETHER, deflate) for deflate in (False, True)}
REST_BODY = json.dumps({"answer": "0123456789abcdef0123456789abcdef", "number": 123}).encode().ljust(64)
_REST = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n"
    b"Content-Length: %d\r\n\r\n" % len(REST_BODY)
) + REST_BODY


class _Server(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's own class, which no standard one is a base of.
        self._transport = cast(asyncio.Transport, transport)
        self._sending = Sending(self._transport)
        self._take: Callable[[bytes], None] = self._http
        self._buffer = b""
        self._counter = FrameCounter()
        self._commands = CommandReader()
        self._deflate = False
        self._left = 0

    def data_received(self, data: bytes) -> None:
        self._take(data)

    def pause_writing(self) -> None:
        self._sending.pause()

    def resume_writing(self) -> None:
        self._sending.resume()

    def _http(self, data: bytes) -> None:
        self._buffer += data
        while b"\r\n\r\n" in self._buffer and self._take == self._http:
            head, _, rest = self._buffer.partition(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            path = lines[0].split(" ")[1]
            fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
            if "sec-websocket-key" in fields:
                self._buffer = b""
                self._upgrade(path, fields)
                if rest:
                    self._take(rest)
                return
            size = int(fields.get("content-length", 0))
            if len(rest) < size:
                return
            self._buffer = rest[size:]
            self._transport.write(_REST)

    def _upgrade(self, path: str, fields: dict[str, str]) -> None:
        self._deflate = path.endswith("/deflate") and "permessage-deflate" in fields.get(
            "sec-websocket-extensions", ""
        )
        answer = (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept_for(fields['sec-websocket-key'])}\r\n"
        )
        if self._deflate:
            answer += "Sec-WebSocket-Extensions: permessage-deflate\r\n"
        self._take = self._answer if path.startswith("/answer") else self._command
        self._transport.write(answer.encode() + b"\r\n")

    def _answer(self, data: bytes) -> None:
        count = self._counter.feed(data)
        if count:
            self._transport.write(_ANSWER * count)
        if self._counter.closing:
            self._transport.write(encode_close(1000))
            self._transport.close()

    def _command(self, data: bytes) -> None:
        for command in self._commands.feed(data):
            verb, _, number = command.partition(" ")
            if verb == "expect":
                self._left = int(number)
                self._take = self._count
                self._transport.write(_OK)
            elif verb == "push":
                self._sending.start(_PUSHED[self._deflate], int(number))

    def _count(self, data: bytes) -> None:
        self._left -= self._counter.feed(data)
        if self._left <= 0:
            self._take = self._command
            self._transport.write(_DONE)


async def _serve(certificate: str) -> None:
    loop = asyncio.get_running_loop()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    ports: dict[str, int] = {}
    servers: list[asyncio.Server] = []
    for name, secure in (("ws", None), ("wss", context)):
        server = await loop.create_server(_Server, "127.0.0.1", 0, ssl=secure, backlog=1024)
        servers.append(server)
        ports[name] = server.sockets[0].getsockname()[1]
    print(json.dumps(ports), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    for server in servers:
        server.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(sys.argv[1]))

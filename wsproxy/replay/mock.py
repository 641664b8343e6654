"""
A recorded server for real clients: listens, on one port with and without TLS, and acts out a capture.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
import sys
from collections.abc import Collection, Coroutine
from http import HTTPStatus
from typing import Any

from wsproxy.decoders.polling import LIMIT
from wsproxy.errors import WsproxyError
from wsproxy.replay.acting import Acting, Tell
from wsproxy.replay.catalogue import Answer, Catalogue, Likeness
from wsproxy.replay.exchanges import Exchanges
from wsproxy.replay.heard import Ear
from wsproxy.replay.live import Live
from wsproxy.replay.mock_negotiate import hub_of, negotiated, preflight_headers
from wsproxy.replay.mock_polling import Polling, origin_headers
from wsproxy.replay.performer import Performer, origin_of
from wsproxy.replay.polled_session import PolledSession
from wsproxy.store.reader import Reader
from wsproxy.wire.encode import encode_frame
from wsproxy.wire.frames import FrameScanner, Opcode
from wsproxy.wire.handshake import Head, accept_for
from wsproxy.wire.polling import is_polling

_HEAD = 64 * 1024
"""Bytes of a request's head."""
_PATIENCE = 30.0
"""Seconds for a client to say what it wants."""
_FAREWELL = 5.0
"""Seconds for the last bytes to be taken."""
_TLS = 0x16
"""The first byte of a TLS handshake (RFC 8446 section 5.1)."""
_NO_LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class MockServer:
    """
    Acts as the server of a capture, for any number of clients at once.

    Args:
        reader: the capture; used in the thread of the event loop.
        acting: how.
        tell: told what happens.
        connections: only these; all where empty.
        ignored_query: names in the query that do not count; `*` for all.
        tls: for clients that speak TLS; without it they are refused.

    Raises:
        sqlite3.Error: the capture is damaged.
    """

    def __init__(
        self,
        reader: Reader,
        acting: Acting,
        tell: Tell,
        *,
        connections: Collection[int] = (),
        ignored_query: Collection[str] = (),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        likeness = Likeness(ignored_query)
        self.catalogue = Catalogue(reader, connections, likeness)
        sids = {reader.sid(number) for number in connections} if connections else None
        self.polling = Polling(reader, acting, likeness, sids)
        self._reader = reader
        self._acting = acting
        self._tell = tell
        self._tls = tls
        self._exchanges: Exchanges | None = None
        if acting.by == "match":
            self._exchanges = Exchanges(reader, self.catalogue.numbers, acting.matching)
        self._listener: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._clients = 0

    @property
    def paths(self) -> list[str]:
        """What can be asked for, over long-polling too; each once, in order."""
        return list(dict.fromkeys(self.catalogue.paths + self.polling.paths))

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> tuple[str, int]:
        """
        Listen.

        Returns:
            Address and port.

        Raises:
            WsproxyError: it cannot.
        """
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._listener = socket.create_server((host, port), family=family, backlog=1024)
        except OSError as error:
            raise WsproxyError(
                f"cannot listen on {host} port {port}: {(error.strerror or str(error)).lower()}",
                "Choose another port with -p, or -p 0 for any free one",
            ) from error
        self._listener.setblocking(False)
        self._spawn(self._accept(self._listener))
        address = self._listener.getsockname()
        return str(address[0]), int(address[1])

    async def stop(self) -> None:
        """End everything."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.polling.close()
        if self._listener is not None:
            self._listener.close()
        if self._exchanges is not None:
            self._exchanges.close()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, address = await loop.sock_accept(listener)
            except OSError as error:
                # Too many open files, as a rule: some will be closed.
                self._tell({"event": "trouble", "why": f"cannot accept a client: {error.strerror or error}"})
                await asyncio.sleep(0.1)
                continue
            self._clients += 1
            client = f"{address[0]}:{address[1]}" if ":" not in address[0] else f"[{address[0]}]:{address[1]}"
            self._spawn(self._serve(sock, self._clients, client))

    async def _serve(self, sock: socket.socket, number: int, client: str) -> None:
        """One client, from its first byte to its end."""
        loop = asyncio.get_running_loop()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def tell(event: dict[str, Any]) -> None:
            self._tell({"client": number, "from": client, **event})

        reader = asyncio.StreamReader(_HEAD)
        writer: asyncio.StreamWriter | None = None
        reset = False
        try:
            async with asyncio.timeout(_PATIENCE):
                secure = await _first_byte(sock) == _TLS
                if secure and self._tls is None:
                    tell({"event": "refused", "why": "it speaks TLS, and there is no certificate"})
                    return
                protocol = asyncio.StreamReaderProtocol(reader)
                transport, _ = await loop.connect_accepted_socket(
                    lambda: protocol, sock, ssl=self._tls if secure else None
                )
                writer = asyncio.StreamWriter(transport, protocol, reader, loop)
                request = await reader.readuntil(b"\r\n\r\n")
            while _is_poll(asked := Head.parse(request)) or hub_of(asked) is not None:
                if not await self._plain(asked, reader, writer, tell):
                    return
                try:
                    async with asyncio.timeout(_PATIENCE):
                        request = await reader.readuntil(b"\r\n\r\n")
                except (EOFError, TimeoutError):
                    # It needs the connection no more.
                    return
            reset = await self._answer(request, reader, writer, tell)
        except (OSError, EOFError, asyncio.LimitOverrunError, TimeoutError) as error:
            tell({"event": "lost", "why": _why(error)})
        except asyncio.CancelledError:
            raise
        except Exception as error:
            # One broken client never hurts another.
            tell({"event": "trouble", "why": f"{type(error).__name__}: {error}"})
        finally:
            if writer is None:
                sock.close()
            else:
                _end(writer, reset)
        if writer is not None:
            with contextlib.suppress(OSError, TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), _FAREWELL)
            # One that reads nothing any more is not waited for.
            writer.transport.abort()

    async def _plain(
        self, asked: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tell: Tell
    ) -> bool:
        """
        Answer one request that wants no WebSocket yet: long-polling, or negotiating with a hub of SignalR.

        Returns:
            Another may follow on this connection.
        """
        method, target = asked.start.split(" ")[:2]
        length = asked.get("Content-Length") or "0"
        if not length.isdigit() or int(length) > LIMIT or asked.get("Transfer-Encoding"):
            await _refuse(
                writer, "413 Content Too Large", f"At most {LIMIT:,} bytes, and their number first.\n"
            )
            return False
        body = await reader.readexactly(int(length))
        hub = hub_of(asked)
        if hub is None:
            reply = await self.polling.answer(method, target, body, tell)
        else:
            reply = negotiated(asked, hub, self.catalogue, tell)
        if reader.at_eof():
            self.polling.put_back(target, reply)
            return False
        head = [
            f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}",
            f"Content-Type: {reply.type}",
            f"Content-Length: {len(reply.body)}",
            *(f"{name}: {value}" for name, value in (*origin_headers(asked), *preflight_headers(asked))),
        ]
        writer.write(("\r\n".join(head) + "\r\n\r\n").encode("utf-8", "surrogateescape") + reply.body)
        await writer.drain()
        return "close" not in asked.tokens("Connection")

    async def _answer(
        self, request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tell: Tell
    ) -> bool:
        asked = Head.parse(request)
        words = asked.start.split(" ")
        target = words[1] if len(words) > 1 else ""
        if "websocket" not in asked.tokens("Upgrade") or not asked.get("Sec-WebSocket-Key"):
            tell({"event": "refused", "target": target, "why": "it asks for no WebSocket"})
            await _refuse(writer, "426 Upgrade Required", "This is a recorded WebSocket server.\n")
            return False
        session = self.polling.session(target)
        moved_to = self.catalogue.of_session(session.recorded) if session else None
        if session and moved_to is None:
            tell(
                {"event": "refused", "target": target, "why": "the recorded session stayed with long-polling"}
            )
            await _refuse(writer, "400 Bad Request", "The recorded session stayed with long-polling.\n")
            return False
        answer = self.catalogue.answer(request, moved_to)
        if answer is None:
            tell({"event": "unrecorded", "target": target, "then": self._acting.unmatched})
            if self._acting.unmatched == "live":
                await self._pass_on(request, asked, (reader, writer), tell)
            else:
                paths = "".join(f"  {path}\n" for path in self.paths[:50])
                await _refuse(writer, "404 Not Found", f"Nothing was recorded for this. There is:\n{paths}")
            return False
        record = answer.record
        tell({"event": "open", "target": target, "recorded": record.id, "status": record.status})
        if answer.head:
            writer.write(answer.head)
            await writer.drain()
        if not answer.accepts:
            return False
        return await self._act(answer, request, (reader, writer), tell, session)

    async def _act(
        self,
        answer: Answer,
        request: bytes,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        tell: Tell,
        before: PolledSession | None,
    ) -> bool:
        number = answer.record.id
        relatives = [number, *(other for other in self.catalogue.relatives(number) if other != number)]
        performer = Performer(
            self._reader, answer, self._acting, self._exchanges, relatives, request, streams, tell, before
        )
        await performer.run()
        tell({"event": "closed", "recorded": number, **performer.ended})
        return performer.reset

    async def _pass_on(
        self,
        request: bytes,
        asked: Head,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        tell: Tell,
    ) -> None:
        """A connection of which nothing was recorded goes to the server itself."""
        reader, writer = streams
        base = self._acting.live or self._default_origin()

        async def heard(opcode: int, content: bytes) -> None:
            with contextlib.suppress(OSError):
                writer.write(encode_frame(opcode, content))
                await writer.drain()

        live = Live(base, request, self._acting.insecure, heard)
        try:
            peer = await live.open()
        except OSError as error:
            tell({"event": "live_failed", "why": str(error)})
            await _refuse(writer, "502 Bad Gateway", f"{error}\n")
            return
        lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
        lines.append(f"Sec-WebSocket-Accept: {accept_for(asked.get('Sec-WebSocket-Key'))}")
        if peer.subprotocol:
            lines.append(f"Sec-WebSocket-Protocol: {peer.subprotocol}")
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        scanner, ear = FrameScanner(), Ear(True, None)
        payload = b""
        try:
            while data := await reader.read(1 << 16):
                for said in ear.hear(scanner.feed(data)):
                    if said.opcode == Opcode.CLOSE:
                        payload = said.content
                        await heard(Opcode.CLOSE, payload)
                        return
                    if said.opcode == Opcode.PING:
                        await heard(Opcode.PONG, said.content)
                    elif said.opcode in (Opcode.TEXT, Opcode.BINARY):
                        await live.say(said.opcode, said.content)
        finally:
            await live.close(payload)

    def _default_origin(self) -> str:
        numbers = self.catalogue.numbers
        record = self._reader.connection(numbers[0]) if numbers else None
        return origin_of(record.url) if record else "ws://127.0.0.1"


def _end(writer: asyncio.StreamWriter, reset: bool) -> None:
    """End TCP: with a FIN, or a RST."""
    if reset:
        sock = writer.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        writer.transport.abort()
    else:
        writer.close()


def _is_poll(asked: Head) -> bool:
    """Whether a request is one of long-polling, and not of the WebSocket behind it."""
    words = asked.start.split(" ")
    return len(words) == 3 and is_polling(words[0], words[1]) and "websocket" not in asked.tokens("Upgrade")


def _why(error: Exception) -> str:
    if isinstance(error, EOFError):
        return "it left in the middle of its request"
    if isinstance(error, TimeoutError):
        return f"it has not said in {_PATIENCE:g} s what it wants"
    if isinstance(error, asyncio.LimitOverrunError):
        return "its request is too long"
    if isinstance(error, ConnectionError):
        return "it broke the connection off"
    return str(error)


async def _first_byte(sock: socket.socket) -> int:
    """The first byte a client sends, which is left where it is; -1 if it sends none."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            data = sock.recv(1, socket.MSG_PEEK)
            return data[0] if data else -1
        except (BlockingIOError, InterruptedError):
            pass
        ready = loop.create_future()
        loop.add_reader(sock.fileno(), _resolve, ready)
        try:
            await ready
        finally:
            loop.remove_reader(sock.fileno())


def _resolve(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)


async def _refuse(writer: asyncio.StreamWriter, status: str, text: str) -> None:
    body = text.encode()
    lines = (
        f"HTTP/1.1 {status}",
        "Content-Type: text/plain",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
    await writer.drain()

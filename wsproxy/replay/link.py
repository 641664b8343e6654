"""
One connection of a replay: a socket to the server, what goes out on it and what comes in.

The frames are ours to make and to read (`wsproxy.wire`), so odd ones go out as they are, and come in.
Follows what the recorder would of a relayed connection with the same `Relay`, of which it is the client
itself.
"""

import asyncio
import contextlib
import os
import struct
import time
from collections.abc import Callable
from typing import Any, cast

from wsproxy.errors import RefusedError, ReplayError
from wsproxy.replay.heard import Ear, Heard
from wsproxy.replay.journal import MODE, Journal, Unrecorded
from wsproxy.replay.refusal import LONGEST, body_of, is_whole
from wsproxy.replay.target import Request
from wsproxy.store.records import ConnectionRecord
from wsproxy.store.replay_rows import Replayed
from wsproxy.wire.closing import ABNORMAL, Close, Closure
from wsproxy.wire.encode import encode_frame
from wsproxy.wire.frames import Batch, Opcode, Piece
from wsproxy.wire.handshake import Handshake, Head
from wsproxy.wire.relay import Relay

_LONGEST_HEAD = 1 << 18
_BODY_TIMEOUT = 2.0
"""Seconds for the body of a refusal."""
_FLUSH = 1 << 16
"""Bytes that are gathered at most before they are written."""
_KEYS = 1024
"""Masking keys made at a time."""
_KEY = struct.Struct("4s")


class Link(asyncio.Protocol):
    """
    Args:
        original: the number of the connection in the original capture.
        request: the handshake.
        journal: records it, or does not.
        on_heard: told each message and control frame of the server; returns the frame that ended the same
            message in the original, 0 if there is none.
        on_over: told when TCP has ended.
    """

    def __init__(
        self,
        original: int,
        request: Request,
        journal: Journal | Unrecorded,
        on_heard: Callable[["Link", Heard], int],
        on_over: Callable[["Link"], None],
    ) -> None:
        self.original = original
        self.request = request
        self.number = 0
        """In the capture of the replay; 0 until the handshake was answered."""
        self.handshake: Handshake | None = None
        """What was agreed, once it was."""
        self.said = 0
        """Messages and control frames that went out, but for answers to pings and to closing."""
        self.server_close: Close | None = None
        """The server's first Close frame."""
        self.client_close: Close | None = None
        self.over = asyncio.Event()
        """TCP has ended."""
        self._journal = journal
        self._on_heard = on_heard
        self._on_over = on_over
        self._transport: asyncio.Transport | None = None
        self._head = b""
        self._body_over = asyncio.Event()
        self._answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._relay: Relay | None = None
        self._ear: Ear | None = None
        self._out: list[bytes] = []
        self._out_size = 0
        self._out_links: list[tuple[int, int]] = []
        self._out_frames = 0
        self._flushing = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._loop = asyncio.get_running_loop()
        self._keys: list[bytes] = []
        self._aborted = False

    # The handshake.

    async def open(self, timeout: float) -> None:
        """
        Wait for the answer to the handshake.

        Raises:
            RefusedError: it is not 101.
            ReplayError: none came.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._answered
        except TimeoutError:
            self.abort()
            why = f"no answer to the handshake from {self.request.target.url}, after {timeout:g} s"
            self._record(None, why)
            raise ReplayError(why) from None
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            self._record(None, why)
            raise ReplayError(f"the handshake with {self.request.target.url} failed: {why}") from None
        head = Head.parse(self._response)
        if head.status == 101:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_BODY_TIMEOUT):
                await self._body_over.wait()
        body = body_of(self._response, self._rest)
        self._record(head.status, None, body)
        self.abort()
        raise RefusedError(self.request.target.url, head.start, head.status, body)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As of `asyncio.Protocol`."""
        # Those of uvloop are none by their type.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self.request.head)

    def data_received(self, data: bytes) -> None:
        """As of `asyncio.Protocol`."""
        if self._relay:
            self._incoming(data)
            return
        self._head += data
        if self._answered.done():
            self._rest = self._head[len(self._response) :]
            if is_whole(self._response, self._rest):
                self._body_over.set()
            return
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            if len(self._head) > _LONGEST_HEAD:
                self._answered.set_exception(ConnectionError("what came is no answer of HTTP"))
            return
        self._response, self._rest = self._head[: end + 4], self._head[end + 4 :]
        if Head.parse(self._response).status == 101:
            self._record(101, None)
            rest, self._rest = self._rest, b""
            self._answered.set_result(None)
            if rest:
                self._incoming(rest)
            return
        if is_whole(self._response, self._rest):
            self._body_over.set()
        self._answered.set_result(None)

    _closing = b""
    """The payload of the server's Close frame."""
    _response = b""
    _rest = b""

    def _record(self, status: int | None, error: str | None, body: bytes = b"") -> None:
        handshake = Handshake.of(self.request.head, self._response)
        transport = self._transport
        record = ConnectionRecord(
            0,
            time.time_ns(),
            self.request.target.url,
            _address(transport, "sockname"),
            _address(transport, "peername"),
            MODE,
            "HTTP/1.1",
            self.request.head,
            self._response,
            status,
            body[:LONGEST],
            len(body),
            handshake.subprotocol,
            handshake.extensions,
            handshake.findings,
            error,
            _tls(transport, self.request.target.host),
        )
        self.number = self._journal.open(record, handshake, self.original)
        if status == 101:
            self.handshake = handshake
            self._relay = Relay(self.number, self._found)
            self._ear = Ear(False, handshake.deflate)

    # What goes out.

    @property
    def is_open(self) -> bool:
        """Messages can be sent."""
        return self.handshake is not None and not self.over.is_set() and self.client_close is None

    @property
    def address(self) -> str:
        """Our own end, `host:port`."""
        return _address(self._transport, "sockname")

    def key(self) -> bytes:
        """A new masking key (RFC 6455 section 5.3)."""
        if not self._keys:
            random = os.urandom(4 * _KEYS)
            self._keys = [key for (key,) in _KEY.iter_unpack(random)]
        return self._keys.pop()

    def say(self, frames: bytes, count: int, original: int) -> None:
        """
        Send frames, soon: what is said in one turn of the event loop goes out together.

        Args:
            frames: whole ones, masked or not.
            count: how many.
            original: the frame that ended this message in the original; 0 if there is none.
        """
        self._out.append(frames)
        self._out_size += len(frames)
        self._out_frames += count
        if original:
            self._out_links.append((self._out_frames - 1, original))
            self.said += 1
        if self._out_size >= _FLUSH:
            self.flush()
        elif not self._flushing:
            self._flushing = True
            self._loop.call_soon(self.flush)

    def say_at_once(self, data: bytes, pieces: list[Piece], originals: list[int]) -> None:
        """
        Send messages now.

        Args:
            data: all of them on the wire.
            pieces: a frame for each.
            originals: the frames that ended them in the original.
        """
        self.flush()
        if self._transport is None or self.over.is_set():
            return
        self._transport.write(data)
        self.said += len(pieces)
        # The relay would find the same frames, and nothing in them to keep in mind.
        batch = (self.number, True, time.time_ns(), pieces, len(data))
        self._journal.add(Replayed(batch, tuple(enumerate(originals))))

    def flush(self) -> None:
        """Write what was said."""
        self._flushing = False
        if not self._out or self._relay is None or self._transport is None or self.over.is_set():
            return
        data = self._out[0] if len(self._out) == 1 else b"".join(self._out)
        self._transport.write(data)
        self._relay.record(True, data, time.time_ns())
        self._out = []
        self._out_size = self._out_frames = 0
        self._out_links = []

    def close(self, content: bytes, original: int = 0) -> None:
        """Send a Close frame; a second one is not sent."""
        if self.is_open:
            self.client_close = Close.parse(content)
            self.say(encode_frame(Opcode.CLOSE, content, mask=self.key()), 1, original)
            self.flush()

    def end(self) -> None:
        """End TCP in order."""
        self.flush()
        if self._transport:
            self._transport.close()

    def abort(self) -> None:
        """Break the connection off."""
        self.flush()
        if self._transport:
            self._aborted = True
            self._transport.abort()

    async def room(self) -> None:
        """Return when the server takes more."""
        if not self._writable.is_set():
            await self._writable.wait()

    @property
    def is_full(self) -> bool:
        """The server takes no more for now."""
        return not self._writable.is_set()

    def pause_writing(self) -> None:
        """As of `asyncio.Protocol`."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """As of `asyncio.Protocol`."""
        self._writable.set()

    # What comes in.

    def _incoming(self, data: bytes) -> None:
        assert self._relay
        self._relay.record(False, data, time.time_ns())
        # Only now is what came on record: an answer must not stand before it.
        if self.server_close is not None and self.client_close is None:
            self.close(self._closing)
        if self._journal.is_full and self._transport and not self._paused:
            self._paused = True
            self._transport.pause_reading()
            self._waiting = self._loop.create_task(self._read_again())

    _paused = False
    _waiting: asyncio.Task[None] | None = None

    async def _read_again(self) -> None:
        await self._journal.room()
        self._paused = False
        if self._transport and not self._transport.is_closing():
            self._transport.resume_reading()

    def _found(self, batch: Batch) -> None:
        """The relay's sink."""
        if batch[1]:
            pieces = len(batch[3])
            links = tuple(link for link in self._out_links if link[0] < pieces)
            self._journal.add(Replayed(batch, links))
            return
        assert self._ear
        linked: list[tuple[int, int]] = []
        for heard in self._ear.hear(batch[3]):
            original = self._on_heard(self, heard)
            if original:
                linked.append((heard.place, original))
            if heard.opcode == Opcode.PING:
                if self.is_open:
                    self.say(encode_frame(Opcode.PONG, heard.content, mask=self.key()), 1, 0)
            elif heard.opcode == Opcode.CLOSE and self.server_close is None:
                self.server_close = Close.parse(heard.content)
                self._closing = heard.content[:125]
        self._journal.add(Replayed(batch, tuple(linked)))

    def eof_received(self) -> bool:
        """As of `asyncio.Protocol`."""
        if not self._answered.done():
            self._answered.set_exception(ConnectionError("the server ended the connection"))
        self._body_over.set()
        if self._relay:
            self._relay.ended(False, "eof", time.time_ns())
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """As of `asyncio.Protocol`."""
        if not self._answered.done():
            why = "the server reset the connection" if error else "the server ended the connection"
            self._answered.set_exception(ConnectionError(why))
            # It may be that nobody asks any more.
            self._answered.exception()
        self._body_over.set()
        self.over.set()
        self._writable.set()
        relay = self._relay
        if relay:
            how = "reset" if isinstance(error, ConnectionResetError) else "error" if error else "eof"
            now = time.time_ns()
            if self._aborted:
                relay.ended(True, "reset", now)
            relay.ended(False, "reset" if self._aborted else how, now)
            relay.ended(True, how, now)
            self.closure = relay.closure()
            self._journal.close(self.number, self.closure)
        self._on_over(self)

    closure = Closure(None, ABNORMAL, "", False, "stopped")
    """How it ended, once it is `over`."""


def _address(transport: asyncio.Transport | None, which: str) -> str:
    found = transport.get_extra_info(which) if transport else None
    if not isinstance(found, tuple) or len(found) < 2:
        return ""
    host = f"[{found[0]}]" if ":" in found[0] else found[0]
    return f"{host}:{found[1]}"


def _tls(transport: asyncio.Transport | None, name: str) -> dict[str, Any]:
    tls = transport.get_extra_info("ssl_object") if transport else None
    if tls is None:
        return {}
    cipher = tls.cipher()
    return {
        "server": {
            "version": tls.version(),
            "cipher": cipher[0] if cipher else None,
            "alpn": tls.selected_alpn_protocol(),
            "sni": name,
        }
    }

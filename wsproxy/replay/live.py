"""The server itself, for what was not recorded."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidURI, WebSocketException
from websockets.typing import Subprotocol

from wsproxy.wire.handshake import Head

_OWN = frozenset(
    {
        "host",
        "upgrade",
        "connection",
        "sec-websocket-key",
        "sec-websocket-version",
        "sec-websocket-extensions",
        "sec-websocket-protocol",
        "content-length",
        "proxy-connection",
    }
)


class Live:
    """
    A connection to the real server on behalf of a client, opened when it is first needed.

    Args:
        base: `ws://host:port` or `wss://host:port`.
        request: the head of the client's upgrade request, which is repeated.
        insecure: accept any certificate.
        heard: told what the server says: opcode 1 or 2 and content, or 8 and the payload of its Close.
    """

    def __init__(
        self, base: str, request: bytes, insecure: bool, heard: Callable[[int, bytes], Awaitable[None]]
    ) -> None:
        asked = Head.parse(request)
        words = asked.start.split(" ")
        target = words[1] if len(words) > 1 else "/"
        if not target.startswith("/"):
            parts = urlsplit(target)
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self.url = base.rstrip("/") + target
        self._headers = [(name, value) for name, value in asked.fields if name.lower() not in _OWN]
        self._offered = [
            Subprotocol(name.strip())
            for name in asked.get("Sec-WebSocket-Protocol").split(",")
            if name.strip()
        ]
        self._insecure = insecure
        self._heard = heard
        self._peer: ClientConnection | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> ClientConnection:
        """
        The connection.

        Raises:
            OSError: it cannot be opened; the message says why.
        """
        if self._peer is None:
            context: ssl.SSLContext | None = None
            if self.url.startswith("wss:"):
                context = ssl.create_default_context()
                if self._insecure:
                    context.check_hostname = False
                    context.verify_mode = ssl.CERT_NONE
            try:
                self._peer = await connect(
                    self.url,
                    additional_headers=self._headers,
                    subprotocols=self._offered or None,
                    user_agent_header=None,
                    ssl=context,
                    proxy=None,
                    max_size=None,
                    ping_interval=None,
                )
            except (OSError, InvalidURI, WebSocketException, TimeoutError) as error:
                raise OSError(f"cannot reach {self.url}: {error or type(error).__name__}") from error
            self._task = asyncio.ensure_future(self._listen(self._peer))
        return self._peer

    async def say(self, opcode: int, content: bytes) -> None:
        """
        A message of the client.

        Raises:
            OSError: the server cannot be reached, or is gone.
        """
        peer = await self.open()
        try:
            await peer.send(content, text=opcode == 1)
        except ConnectionClosed as error:
            raise OSError(f"{self.url} has closed the connection") from error

    async def close(self, payload: bytes) -> None:
        """The client has closed, or is gone."""
        if self._peer is not None:
            code = int.from_bytes(payload[:2], "big") if len(payload) > 1 else 1000
            with contextlib.suppress(WebSocketException, OSError, ValueError):
                await self._peer.close(code, payload[2:].decode("utf-8", "replace"))
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _listen(self, peer: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for message in peer:
                is_text = isinstance(message, str)
                await self._heard(
                    1 if is_text else 2, message.encode() if isinstance(message, str) else message
                )
        code = peer.close_code
        if code is not None and code not in (1005, 1006):
            await self._heard(8, code.to_bytes(2, "big") + (peer.close_reason or "").encode())
        else:
            await self._heard(8, b"")

"""The way to the origin: straight, through a proxy by CONNECT, or through it in absolute form."""

import asyncio
import base64
import contextlib
import hashlib
import http.client
import os
import ssl
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.typing import Origin

from wsproxy.wire.encode import encode_close, encode_frame
from wsproxy.wire.frames import Frame, Opcode

TIMEOUT = 5.0
"""Seconds for connecting, and for each polling request."""

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455 section 1.3."""

_ACCEPT = "sec-websocket-accept"


class Route:
    """
    How to reach the endpoints of one origin.

    Args:
        url: the origin's, `ws://host:port` or `wss://host:port`.
        proxy: `http://host:port`, or None to go straight; the environment is not asked.
        tls: whom to trust, for `wss` only.
        keeps_cut: whether a connection that dies without a Close frame is expected to arrive so.
    """

    def __init__(self, url: str, proxy: str | None, tls: ssl.SSLContext | None, keeps_cut: bool) -> None:
        self.url = url.rstrip("/")
        self.proxy = proxy
        self.keeps_cut = keeps_cut
        parts = urlsplit(self.url)
        self.scheme = parts.scheme
        self.host = parts.hostname or ""
        self.port = parts.port or (443 if parts.scheme == "wss" else 80)
        self._tls = tls if parts.scheme == "wss" else None
        self._http_url = f"http{self.url.removeprefix('ws')}"

    def connect(self, path: str, **options: Any) -> connect:
        """
        A WebSocket to `path`, to be used with `async with`.

        It offers permessage-deflate as browsers do, and says it comes from the origin's own page.
        Through a proxy it goes by CONNECT.
        """
        return connect(
            self.url + path,
            origin=Origin(self._http_url),
            proxy=self.proxy,
            ssl=self._tls,
            open_timeout=TIMEOUT,
            close_timeout=TIMEOUT,
            ping_interval=None,
            **options,
        )

    async def fetch(self, method: str, path: str, body: str | None = None) -> tuple[int, str]:
        """
        An ordinary HTTP request: through a proxy in absolute form, with TLS by CONNECT.

        Returns:
            The status and the body.

        Raises:
            OSError: no connection, or no answer in time.
            http.client.HTTPException: the answer is not HTTP.
        """
        return await asyncio.to_thread(self._fetch, method, path, body)

    def _fetch(self, method: str, path: str, body: str | None) -> tuple[int, str]:
        host, port = _address(self.proxy) if self.proxy else (self.host, self.port)
        connection: http.client.HTTPConnection
        if self._tls is None:
            connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
            target = self._http_url + path if self.proxy else path
        else:
            connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=self._tls)
            target = path
            if self.proxy:
                connection.set_tunnel(self.host, self.port)
        try:
            connection.request(method, target, body, {"Origin": self._http_url})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    async def echo_in_absolute_form(self, path: str, text: str) -> str:
        """
        Send `text` to an echoing endpoint through the proxy without CONNECT, as some clients do.

        The handshake goes to the proxy with the whole URL in its first line (RFC 9112 section 3.2.2).

        Returns:
            What came back, after a Close frame in both directions.

        Raises:
            ValueError: the answer is not what RFC 6455 asks for; the message says what it is.
            OSError: no connection.
        """
        if self.proxy is None:
            raise ValueError("absolute form is for proxies")
        host, port = _address(self.proxy)
        reader, writer = await asyncio.open_connection(host, port)
        try:
            return await self._echo_in_absolute_form(reader, writer, path, text)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _echo_in_absolute_form(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, text: str
    ) -> str:
        key = base64.b64encode(os.urandom(16)).decode()
        lines = (
            f"GET {self._http_url}{path} HTTP/1.1",
            f"Host: {urlsplit(self.url).netloc}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            f"Origin: {self._http_url}",
        )
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        if head[0].split(" ")[1:2] != ["101"]:
            raise ValueError(f"the answer to the handshake is {head[0]!r}")
        fields = (line.partition(":") for line in head[1:])
        accepted = next((value.strip() for name, _, value in fields if name.lower() == _ACCEPT), "")
        accept = base64.b64encode(hashlib.sha1((key + _GUID).encode()).digest()).decode()
        if accepted != accept:
            raise ValueError(f"Sec-WebSocket-Accept is {accepted!r}, not {accept!r}")

        writer.write(encode_frame(Opcode.TEXT, text.encode(), mask=os.urandom(4)))
        answer = await _frame(reader)
        writer.write(encode_close(1000, mask=os.urandom(4)))
        end = await _frame(reader)
        if answer.opcode != Opcode.TEXT or end.opcode != Opcode.CLOSE:
            raise ValueError(f"opcodes {answer.opcode} and {end.opcode} came, not 1 and 8")
        return answer.data.decode()


async def _frame(reader: asyncio.StreamReader) -> Frame:
    raw = b""
    while not (frames := Frame.parse(raw)):
        # A byte at a time, so that nothing of the next frame is taken; these frames are small.
        raw += await reader.readexactly(1)
    return frames[0]


def _address(proxy: str) -> tuple[str, int]:
    parts = urlsplit(proxy)
    return parts.hostname or "", parts.port or 80

"""One WebSocket, as one addon sees it."""

import re
from typing import Any, Literal

from wsproxy.addon import checks
from wsproxy.addon.facts import Facts, Link
from wsproxy.addon.heads import Request, Response
from wsproxy.addon.options import Options
from wsproxy.addon.owner import RAISED, Call, Owner, Timer, TooLate
from wsproxy.wire.closing import Closure
from wsproxy.wire.encode import encode_frame
from wsproxy.wire.frames import Opcode

_MASK = bytes(4)
"""A masking key that leaves the payload readable in a dump; any is legal (RFC 6455 section 5.3)."""


class Connection:
    """
    One WebSocket: what is known about it, and what can be done with it.

    What is sent here was sent by nobody: it is not offered to addons, it goes out uncompressed, and
    never in the middle of another message. Everything that sends raises `TooLate` when the
    connection is closed, and ValueError for what cannot be sent.
    """

    __slots__ = ("_facts", "_owner")

    def __init__(self, facts: Facts, owner: Owner) -> None:
        self._facts = facts
        self._owner = owner

    # What is known.

    @property
    def id(self) -> int:
        """Its number in the capture, 1 and up; 0 in `ws_handshake`."""
        return self._facts.id

    @property
    def url(self) -> str:
        """`ws://` or `wss://`."""
        return self._facts.url

    @property
    def host(self) -> str:
        """The host in the URL, without a port."""
        return self._facts.host

    @property
    def request(self) -> Request:
        """The upgrade request: `path`, `headers`, `subprotocols`, `extensions`."""
        return self._facts.asked

    @property
    def response(self) -> Response | None:
        """The answer to it: `status`, `headers`; None in `ws_handshake`."""
        return self._facts.answered if self._facts.response else None

    @property
    def subprotocol(self) -> str | None:
        """As the server chose it."""
        return self._facts.subprotocol

    @property
    def extensions(self) -> str:
        """As the server accepted them, e.g. `permessage-deflate`."""
        return self._facts.extensions

    @property
    def client(self) -> str:
        """The client's address, `host:port`."""
        return self._facts.client

    @property
    def server(self) -> str:
        """The server's address, `host:port`; empty in `ws_handshake`."""
        return self._facts.server

    @property
    def opened(self) -> float:
        """When the upgrade was accepted, seconds since the epoch; 0 in `ws_handshake`."""
        return self._facts.opened / 1e9

    @property
    def is_open(self) -> bool:
        """Something can be sent."""
        return self._facts.is_open

    @property
    def closure(self) -> Closure | None:
        """How it ended: `by`, `code`, `reason`, `clean`, `how`; None while it is open."""
        return self._facts.closure

    @property
    def state(self) -> dict[Any, Any]:
        """For whatever this addon wants to keep about this connection; survives a reload."""
        return self._facts.states.setdefault(self._owner.by, {})

    @property
    def options(self) -> Options:
        """The addon's options."""
        return self._owner.options

    # What can be done.

    def send(
        self,
        content: str | bytes,
        to: checks.Side = "server",
        type: checks.Type | None = None,
        *,
        force: bool = False,
    ) -> None:
        """
        Send a message.

        Args:
            content: str or bytes.
            to: `server` or `client`.
            type: `text` or `binary`; by default str is text and bytes are binary.
            force: allow text that is not UTF-8.
        """
        otherwise = Opcode.TEXT if isinstance(content, str) else Opcode.BINARY
        opcode, data = checks.content_of(content, type, otherwise, force)
        from_client = checks.to_server(to)
        self._link().inject(from_client, opcode, data, self._owner.by)

    def send_frame(
        self,
        opcode: str | int,
        payload: str | bytes = b"",
        to: checks.Side = "server",
        *,
        fin: bool = True,
        rsv: int = 0,
        force: bool = False,
    ) -> None:
        """
        Send one frame, e.g. a ping.

        Args:
            opcode: a name (`ping`, `pong`, `text`, `continuation`, ...) or a number, 0 to 15.
            payload: at most 125 bytes for a control frame.
            to: `server` or `client`.
            fin: the message ends with it.
            rsv: the reserved bits, 0 to 7, RSV1 being 4.
            force: allow what no peer can accept: reserved bits and opcodes, odd control frames.
        """
        number, data, from_client = checks.opcode_of(opcode), checks.bytes_of(payload), checks.to_server(to)
        if not force:
            checks.legal_frame(number, data, fin, rsv)
        if fin and not rsv:
            self._link().inject(from_client, number, data, self._owner.by)
            return
        frame = encode_frame(number, data, fin=fin, rsv=rsv, mask=_MASK if from_client else b"")
        self._link().inject(from_client, number, frame, self._owner.by, raw=True)

    def send_raw(self, data: bytes, to: checks.Side = "server") -> None:
        """Send bytes as they are, whatever they are: frames, half of one, or none at all."""
        self._link().inject(checks.to_server(to), 0, checks.bytes_of(data), self._owner.by, raw=True)

    def close(
        self,
        code: int | None = 1000,
        reason: str = "",
        to: Literal["server", "client", "both"] = "both",
        *,
        force: bool = False,
    ) -> None:
        """
        Send a Close frame. What a side sends after it got one is still relayed.

        Args:
            code: 1000 to 1014 (without 1004 to 1006) or 3000 to 4999; None for an empty frame.
            reason: at most 123 bytes in UTF-8.
            to: `server`, `client` or `both`.
            force: allow other codes, and longer reasons.
        """
        payload = checks.close_payload(code, reason, force)
        if to not in ("server", "client", "both"):
            raise ValueError(f"a connection is closed to 'server', 'client' or 'both', not {to!r}")
        link = self._link()
        for side, from_client in (("server", True), ("client", False)):
            if to in (side, "both"):
                link.inject(from_client, Opcode.CLOSE, payload, self._owner.by)

    def cut(self) -> None:
        """End it without a Close frame, on both sides: they see 1006."""
        self._link().cut(self._owner.by)

    def later(self, seconds: float, call: Call) -> Timer:
        """
        Call something once, after some time, if the connection is still open then.

        Args:
            seconds: 0 or more.
            call: without arguments, plain or async.
        """
        return self._timer(seconds, call, again=False)

    def every(self, seconds: float, call: Call) -> Timer:
        """
        Call something again and again, until the connection is closed or the addon reloaded.

        Args:
            seconds: between two calls, more than 0; the first comes after that time.
            call: without arguments, plain or async.
        """
        if not seconds > 0:
            raise ValueError(f"every {seconds!r} seconds is too often")
        return self._timer(seconds, call, again=True)

    def tell(self, sentence: str) -> None:
        """Say something to the people at the proxy, in its log."""
        self._link(closed=True).tell(sentence)

    def redact(self, regex: str | re.Pattern[str], replacement: str = "…") -> None:
        """
        Keep something out of the capture: it has `replacement` in place of what matches, in URL and heads.

        What is sent is not changed. In `ws_handshake` only, before anything was written.

        Raises:
            re.error: this is no regular expression.
            TooLate: the handshake has been written.
        """
        if self._facts.id:
            raise TooLate("the handshake is in the capture already; redact it in ws_handshake")
        pattern = re.compile(regex)

        def replace(said: bytes) -> bytes:
            text = said.decode("utf-8", "surrogateescape")
            return pattern.sub(replacement, text).encode("utf-8", "surrogateescape")

        self._facts.redact(replace)

    def redirect(self, url: str) -> None:
        """
        Ask another server in place of the one the client wants; nothing of this goes to that one.

        The request stays as it is, path and `Host` too. The capture has the URL that was asked for, and a
        word about where it went. In `ws_handshake` only.

        Args:
            url: `ws://host:port` or `wss://host:port`.

        Raises:
            ValueError: it is no such URL.
            TooLate: the request has been sent.
        """
        if self._facts.id:
            raise TooLate("the request has been sent; redirect it in ws_handshake")
        self._facts.destination = checks.destination_of(url)

    def __repr__(self) -> str:
        return f"<Connection {self.id} {self.url}>"

    def _link(self, closed: bool = False) -> Link:
        """For messages too: what acts on it. Raises TooLate."""
        facts = self._facts
        if facts.link is None or not (facts.is_open or closed):
            raise TooLate("the connection is closed" if facts.closure else "the connection is not open")
        return facts.link

    def _timer(self, seconds: float, call: Call, again: bool) -> Timer:
        if not 0 <= seconds < float("inf"):
            raise ValueError(f"{seconds!r} is no time to wait")
        timer, facts, owner = Timer(), self._facts, self._owner
        link = self._link()

        async def wait(result: Any) -> None:
            try:
                await result
            except RAISED as error:
                owner.failed(error, "a timer")

        def due() -> None:
            if timer.is_cancelled or not facts.is_open or not owner.is_current:
                return
            try:
                result = call()
            except RAISED as error:
                owner.failed(error, "a timer")
            else:
                if result is not None:
                    link.spawn(wait(result))
            if again:
                link.later(seconds, due)

        link.later(seconds, due)
        return timer
